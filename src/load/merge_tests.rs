use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::load::record::groups;
use crate::load::report::json;
use crate::load::samples::{GOOD, climbing, lane, run};
use crate::load::store::store;
use crate::load::{Histograms, LaneRecord, WindowCounts, findings, judge};
use crate::report::ExitCode;

const SUSTAIN: &str = r#"{"admitted": "limit", "response": {"admitted": {"p99_ms": 60}}}"#;

/// What each of `of` machines leaves behind of a run: lane after lane goes to the next machine.
fn shards(whole: &RunRecord, of: u32) -> Vec<(PathBuf, RunRecord)> {
    let shard = |index: u32| {
        let lanes: Vec<LaneRecord> =
            whole.lanes.iter().filter(|lane| lane.place % of == index - 1).cloned().collect();
        let shard = RunRecord { shard: Some(Shard { index, of }), lanes, ..whole.clone() };
        (PathBuf::from(format!("runs/{index}")), shard)
    };
    (1..=of).map(shard).collect()
}

fn refusal(shards: Vec<(PathBuf, RunRecord)>) -> String {
    merge_records(shards, true).unwrap_err().to_string()
}

fn four() -> Vec<(PathBuf, RunRecord)> {
    shards(&run((0..6).map(|place| lane(place, &[GOOD; 3])).collect(), SUSTAIN), 4)
}

/// A merged run is the single one, but that it knows its parts.
fn assert_same(merged: &RunRecord, other: &RunRecord) {
    let one = &RunRecord { parts: Vec::new(), ..merged.clone() };
    assert!(!merged.parts.is_empty());
    assert_eq!(json(one).unwrap(), json(other).unwrap());
    assert_eq!(findings(one), findings(other));
    assert_eq!(judge(one), judge(other));
    let [ones, others] = [one, other].map(|run| groups(&run.lanes));
    assert_eq!(ones.len(), others.len());
    for (one, other) in ones.iter().zip(&others) {
        assert_eq!(one.sum.windows, other.sum.windows);
        assert!(one.sum.times == other.sum.times);
    }
}

#[test]
fn four_shards_through_the_disk_are_the_single_run() {
    let few = WindowCounts { admitted: 55, limited: 4, errors: 1, ..GOOD };
    let mut lanes: Vec<LaneRecord> = (0..9).map(|place| lane(place, &[GOOD, few, GOOD])).collect();
    for premium in &mut lanes[6..] {
        premium.group = "premium".to_owned();
    }
    let single = run(lanes, SUSTAIN);
    let folder = tempfile::tempdir().unwrap();
    let directories: Vec<PathBuf> = shards(&single, 4)
        .into_iter()
        .map(|(name, shard)| {
            let directory = folder.path().join(name);
            store(&shard, &directory).unwrap();
            directory
        })
        .collect();
    assert_same(&merge(&directories, true).unwrap(), &single);
}

fn window() -> impl Strategy<Value = WindowCounts> {
    (0..70_u64, 0..8_u64, 0..3_u64, 0..2_u64, 0..2_u64).prop_map(
        |(admitted, limited, errors, wrong_429, unsent)| {
            let sent = admitted + limited + errors;
            WindowCounts {
                planned: sent + unsent,
                sent,
                admitted,
                limited,
                errors,
                wrong_429: wrong_429.min(limited),
                events_sent: sent * 100,
                events_admitted: admitted * 100,
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_verdict_on_merged_shards_is_that_on_the_single_run(
        windows in prop::collection::vec(prop::collection::vec(window(), 0..4), 1..7),
        of in 1..6_u32,
        order in any::<prop::sample::Index>(),
        asked in prop::sample::select(vec![
            "{}", SUSTAIN, r#"{"admitted": "all", "errors": 2, "wrong_429": 1, "achieved_rate": 0.5}"#,
        ]),
    ) {
        let lanes = windows.iter().zip(0..).map(|(windows, place)| lane(place, windows)).collect();
        let single = run(lanes, asked);
        let mut shards = shards(&single, of);
        let turn = order.index(shards.len());
        shards.rotate_left(turn);
        assert_same(&merge_records(shards, true).unwrap(), &single);
    }
}

#[test]
fn a_merged_run_lasts_from_the_first_beginning_to_the_last_end() {
    let mut shards = four();
    let begin = shards[0].1.started_at;
    shards[2].1.started_at = begin + Duration::from_secs(2);
    shards[1].1.interrupted = true;
    let whole = merge_records(shards, true).unwrap();
    assert_eq!((whole.started_at, whole.took), (begin, Duration::from_millis(182_250)));
    assert!(whole.interrupted && whole.shard.is_none());
    let verdict = judge(&whole);
    assert_eq!(verdict.exit(), ExitCode::Interrupted);
    assert!(verdict.reasons()[0].starts_with("shard 2 was interrupted"), "{:?}", verdict.reasons());
}

#[test]
fn of_some_shards_all_is_told_but_that_they_are_a_run() {
    let mut shards = four();
    drop(shards.drain(1..3));
    let some = merge_records(shards, false).unwrap();
    assert_eq!(some.lanes.len(), 3);
    let verdict = judge(&some);
    let why = "all shards: merged without shards 2, 3, expected all 4";
    assert_eq!((verdict.word(), verdict.reasons()), ("invalid", vec![why.to_owned()]));
    assert_ne!(judge(&merge_records(four(), false).unwrap()).word(), "invalid");
}

#[test]
fn shards_that_did_not_run_together_are_no_run() {
    let mut shards = four();
    let begin = shards[0].1.started_at;
    shards[3].1.started_at = begin + Duration::from_secs(10);
    assert_ne!(judge(&merge_records(shards.clone(), true).unwrap()).word(), "invalid");
    shards[3].1.started_at = begin + Duration::from_secs(200);
    let verdict = judge(&merge_records(shards, true).unwrap());
    assert_eq!(
        (verdict.word(), verdict.reasons()),
        (
            "invalid",
            vec![
                "all shards: ran together for 0 ms, as shard 4 began 3 min 20 s after shard 1; give all of them one \
                 --start-at, expected for nine tenths of 3 min 0 s"
                    .to_owned()
            ]
        )
    );
}

#[test]
fn missing_shards_are_named() {
    let mut shards = four();
    shards.remove(1);
    assert_eq!(
        refusal(shards.clone()),
        "shard 2 of 4 is missing among runs/1, runs/3, runs/4; add its directory, run what is missing again, or see \
         with --partial what the others came to"
    );
    shards.remove(0);
    assert_eq!(
        refusal(shards),
        "shard 1, 2 of 4 is missing among runs/3, runs/4; add their directories, run what is missing again, or see \
         with --partial what the others came to"
    );
    assert_eq!(refusal(vec![]), "no directory is given; name the one of every shard");
}

#[test]
fn a_shard_that_is_there_twice_is_refused() {
    let mut shards = four();
    let (_, second) = shards[1].clone();
    shards.push(("copy".into(), second));
    assert_eq!(refusal(shards), "runs/2 and copy both hold shard 2 of 4; leave one of them out");
}

#[test]
fn what_is_no_shard_is_refused() {
    let mut shards = four();
    shards[3].1.shard = None;
    assert_eq!(
        refusal(shards.clone()),
        "runs/4 holds a whole run, not a shard; leave it out, or run it with --shard"
    );
    for index in [0, 5] {
        shards[3].1.shard = Some(Shard { index, of: 4 });
        assert_eq!(
            refusal(shards.clone()),
            format!("runs/4 holds shard {index} of 4, which there is not; run it again")
        );
    }
}

#[test]
fn shards_of_different_runs_are_refused_with_what_differs() {
    let refusal_after = |change: fn(&mut RunRecord)| {
        let mut shards = four();
        change(&mut shards[2].1);
        let text = refusal(shards);
        assert!(text.starts_with("runs/1 and runs/3 are no shards of one run: "), "{text}");
        assert!(text.ends_with("; merge only shards that were started alike"), "{text}");
        text
    };
    let says = |text: String, what: &str| assert!(text.contains(what), "{text}");
    says(
        refusal_after(|run| run.shard = Some(Shard { index: 3, of: 5 })),
        "the number of shards is `4` in the first and `5` in the",
    );
    says(refusal_after(|run| run.profile = "obey".to_owned()), "the profile is `sustain-standard`");
    says(refusal_after(|run| run.profile_hash = "77".to_owned()), "the profile's fingerprint is `5f3a`");
    says(refusal_after(|run| run.target = "http://other".to_owned()), "and `http://other` in the second");
    says(refusal_after(|run| run.thresholds.limited = Some(3)), r#""limited":3"#);
}

#[test]
fn a_lane_belongs_to_one_shard() {
    let mut shards = four();
    let lane = shards[0].1.lanes[0].clone();
    shards[3].1.lanes.push(lane);
    let text = refusal(shards);
    assert!(text.starts_with("runs/1 and runs/4 both have the lane standard-1, and a key"), "{text}");
}

#[test]
fn windows_told_apart_stay_apart_through_the_disk() {
    let mut whole = climbing();
    whole.lanes[0].warm_up_windows = 1;
    // The warm-up is in the windows and not in the whole.
    let lane = &mut whole.lanes[0];
    lane.times = Histograms::default();
    lane.times_by_window[1..].iter().for_each(|window| lane.times += window);
    let folder = tempfile::tempdir().unwrap();
    let shard = RunRecord { shard: Some(Shard { index: 1, of: 1 }), ..whole.clone() };
    store(&shard, folder.path()).unwrap();
    let merged = merge(&[folder.path().to_owned()], true).unwrap();
    assert_same(&merged, &whole);
    assert_eq!(judge(&merged).climb(&merged), judge(&whole).climb(&whole));
    assert!(merged.lanes[0].times_by_window == whole.lanes[0].times_by_window);
    assert_eq!(merged.lanes[0].times_by_window.len(), 3);
}

#[test]
fn a_climb_in_shards_ends_where_the_first_key_misses() {
    // The other key goes on for two windows and misses in the second of them.
    let (first, mut second) = (climbing(), climbing());
    let lane = &mut second.lanes[0];
    (lane.place, lane.name, lane.whole_windows) = (1, "standard-2".to_owned(), 5);
    lane.windows.extend([GOOD, WindowCounts { admitted: 50, limited: 10, ..GOOD }]);
    lane.window_rates.extend([(400, 400), (500, 500)]);
    lane.times_by_window = vec![lane.times_by_window[0].clone(); 5];
    let alone = judge(&second);
    assert!(alone.climb(&second).unwrap().to_string().contains("in window 5"), "{alone:?}");
    let shard = |run: RunRecord, number: u32| {
        (PathBuf::from(number.to_string()), RunRecord { shard: Some(Shard { index: number, of: 2 }), ..run })
    };
    let merged = merge_records(vec![shard(second, 2), shard(first, 1)], true).unwrap();
    let verdict = judge(&merged);
    let words = "standard-1 broke at 300 requests (30,000 events) a minute, in window 3; it held 200 requests (20,000 \
                 events) a minute";
    assert_eq!(verdict.climb(&merged).unwrap().to_string(), words);
    assert_eq!(verdict.reasons().len(), 1, "{:?}", verdict.reasons());
    assert_eq!((merged.lanes[1].whole_windows, merged.lanes[1].windows.len()), (3, 5));
}
