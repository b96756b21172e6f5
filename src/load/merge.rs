//! Shards into one run.
//!
//! A shard has whole keys to itself, so its lanes stand as they are; what is shown of several lanes
//! together is added up window by window and bucket by bucket. A climb alone ends differently: each shard stops when one
//! of its own keys misses, so what counts of all of them is what came before the first of these.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::record::{Part, RunRecord, Shard, listed, missing_shards};
use super::store::{StoreError, read_back};
use super::verdict::end_with_first_miss;

/// Why shards do not make one run. Shards are named by their directories.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// There are none.
    #[error("no directory is given; name the one of every shard")]
    Nothing,
    /// A directory holds no run.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A directory holds a whole run.
    #[error("{} holds a whole run, not a shard; leave it out, or run it with --shard", .0.display())]
    Whole(PathBuf),
    /// A shard that cannot be.
    #[error("{} holds shard {} of {}, which there is not; run it again", .0.display(), .1.index, .1.of)]
    Impossible(PathBuf, Shard),
    /// Two directories hold the same shard.
    #[error(
        "{} and {} both hold shard {} of {}; leave one of them out",
        .0.display(), .1.display(), .2.index, .2.of
    )]
    Doubled(PathBuf, PathBuf, Shard),
    /// These shards of so many are not there.
    #[error(
        "shard {} of {} is missing among {}; add {}, run what is missing again, or see with --partial what the others came to",
        listed(.0), .1, paths(.2), if .0.len() == 1 { "its directory" } else { "their directories" }
    )]
    Missing(Vec<u32>, u32, Vec<PathBuf>),
    /// Two directories hold shards of different runs; what differs, with its verb, and what it is in each.
    #[error(
        "{} and {} are no shards of one run: {} `{}` in the first and `{}` in the second; merge only shards \
         that were started alike",
        .0.display(), .1.display(), .2, .3, .4
    )]
    Unlike(PathBuf, PathBuf, &'static str, String, String),
    /// Two shards have the same lane.
    #[error(
        "{} and {} both have the lane {}, and a key belongs to one shard; run them again with one version of \
         trenchcheck",
        .0.display(), .1.display(), .2
    )]
    SharedLane(PathBuf, PathBuf, String),
}

fn paths(all: &[PathBuf]) -> String {
    all.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// Reads shards and makes one run of them: the same that one machine would have left behind. Where they need not be `all`,
/// the run is made of those that are there, and is invalid.
///
/// # Errors
/// [`MergeError`] where they are not the shards of one run, each once.
pub fn merge(directories: &[PathBuf], all: bool) -> Result<RunRecord, MergeError> {
    let read = |directory: &PathBuf| Ok((directory.clone(), read_back(directory)?));
    let shards: Vec<(PathBuf, RunRecord)> =
        directories.iter().map(read).collect::<Result<_, MergeError>>()?;
    merge_records(shards, all)
}

/// Merges shards that were read, each with the directory it came from.
pub(super) fn merge_records(shards: Vec<(PathBuf, RunRecord)>, all: bool) -> Result<RunRecord, MergeError> {
    let Some((first_directory, first)) = shards.first() else { return Err(MergeError::Nothing) };
    let mut seen: BTreeMap<u32, &Path> = BTreeMap::new();
    let mut doubled = None;
    for (directory, shard) in &shards {
        let Some(part) = shard.shard else { return Err(MergeError::Whole(directory.clone())) };
        if part.index == 0 || part.index > part.of {
            return Err(MergeError::Impossible(directory.clone(), part));
        }
        if let Some((what, one, other)) = difference(first, shard) {
            return Err(MergeError::Unlike(first_directory.clone(), directory.clone(), what, one, other));
        }
        if let Some(before) = seen.insert(part.index, directory) {
            doubled.get_or_insert_with(|| MergeError::Doubled(before.to_owned(), directory.clone(), part));
        }
    }
    doubled.map_or(Ok(()), Err)?;
    let parts: Vec<Part> = shards.iter().filter_map(|(_, shard)| part(shard)).collect();
    let missing = missing_shards(&parts);
    if let (Some(part), false, true) = (parts.first(), missing.is_empty(), all) {
        let directories = shards.iter().map(|(directory, _)| directory.clone()).collect();
        return Err(MergeError::Missing(missing, part.shard.of, directories));
    }
    shared_lane(&shards)?;
    let mut shards = shards.into_iter().map(|(_, shard)| shard);
    let mut whole = shards.next().ok_or(MergeError::Nothing)?;
    whole.parts.extend(part(&whole));
    shards.for_each(|shard| join(&mut whole, shard));
    whole.parts.sort_by_key(|part| part.shard.index);
    whole.started_at = whole.parts.iter().map(|part| part.started_at).min().unwrap_or(whole.started_at);
    let end = whole.parts.iter().map(Part::end).max().unwrap_or(whole.started_at);
    whole.took = (end - whole.started_at).to_std().unwrap_or_default();
    whole.shard = None;
    whole.lanes.sort_by_key(|lane| lane.place);
    end_with_first_miss(&mut whole);
    Ok(whole)
}

/// The first thing in which two shards differ, and must not.
fn difference(one: &RunRecord, other: &RunRecord) -> Option<(&'static str, String, String)> {
    let of = |run: &RunRecord| run.shard.map_or(0, |shard| shard.of).to_string();
    let asked = |run: &RunRecord| serde_json::to_string(&run.thresholds).unwrap_or_default();
    let pairs = [
        ("the number of shards is", of(one), of(other)),
        ("the profile is", one.profile.clone(), other.profile.clone()),
        ("the profile's fingerprint is", one.profile_hash.clone(), other.profile_hash.clone()),
        ("the target is", one.target.clone(), other.target.clone()),
        ("the thresholds are", asked(one), asked(other)),
    ];
    pairs.into_iter().find(|(_, one, other)| one != other)
}

fn shared_lane(shards: &[(PathBuf, RunRecord)]) -> Result<(), MergeError> {
    let (mut by_place, mut by_name) = (BTreeMap::new(), BTreeMap::new());
    for (directory, shard) in shards {
        for lane in &shard.lanes {
            let before = [by_place.insert(lane.place, directory), by_name.insert(&lane.name, directory)];
            if let Some(before) = before.into_iter().flatten().next() {
                return Err(MergeError::SharedLane(before.clone(), directory.clone(), lane.name.clone()));
            }
        }
    }
    Ok(())
}

/// Adds a shard that belongs to it: from the first beginning to the last end.
fn join(whole: &mut RunRecord, shard: RunRecord) {
    whole.parts.extend(part(&shard));
    whole.interrupted |= shard.interrupted;
    whole.lanes.extend(shard.lanes);
    for timeline in shard.timelines {
        match whole.timelines.iter_mut().find(|known| known.group == timeline.group) {
            Some(known) => known.add(timeline),
            None => whole.timelines.push(timeline),
        }
    }
}

/// What is kept of a shard as one.
fn part(run: &RunRecord) -> Option<Part> {
    let &RunRecord { started_at, took, interrupted, .. } = run;
    run.shard.map(|shard| Part { shard, started_at, took, interrupted })
}

#[cfg(test)]
mod tests {
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
        assert_eq!(json::text(one).unwrap(), json::text(other).unwrap());
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
        let mut shards = four();
        drop(shards.drain(1..3));
        shards[0].1.interrupted = true;
        let verdict = judge(&merge_records(shards, false).unwrap());
        assert!(
            verdict.reasons()[0].starts_with("shard 1 was interrupted, and shards 2, 3 are missing; "),
            "{:?}",
            verdict.reasons()
        );
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
            (
                PathBuf::from(number.to_string()),
                RunRecord { shard: Some(Shard { index: number, of: 2 }), ..run },
            )
        };
        let merged = merge_records(vec![shard(second, 2), shard(first, 1)], true).unwrap();
        let verdict = judge(&merged);
        let words = "standard-1 broke at 300 requests (30,000 events) a minute, in window 3; it held 200 requests (20,000 \
                 events) a minute";
        assert_eq!(verdict.climb(&merged).unwrap().to_string(), words);
        assert_eq!(verdict.reasons().len(), 1, "{:?}", verdict.reasons());
        assert_eq!((merged.lanes[1].whole_windows, merged.lanes[1].windows.len()), (3, 5));
    }
}
