//! `trenchcheck merge` as a program, on shards that the library left behind.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail loudly")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use assert_cmd::Command;
use trenchcheck::contract::Tier;
use trenchcheck::load::{
    Histograms, LaneRecord, Outcome, RunRecord, Series, Shard, Thresholds, WindowCounts, store,
};

/// One premium key for three windows; the answers of key `place` take `place` + 1 to `place` + 300 ms.
fn lane(place: u32, admitted: u64) -> LaneRecord {
    let counts =
        WindowCounts { planned: 300, sent: 300, admitted, limited: 300 - admitted, ..Default::default() };
    let mut lane = LaneRecord {
        place,
        name: format!("premium-{}", place + 1),
        group: "premium".to_owned(),
        tier: Some(Tier::Premium),
        requests_limit: 300,
        events_limit: None,
        window: Duration::from_secs(60),
        rest: Duration::ZERO,
        warm_up_windows: 0,
        whole_windows: 3,
        windows: vec![counts; 3],
        window_times: Vec::new(),
        times: Histograms::default(),
        times_by_window: Vec::new(),
        in_flight: 12,
        in_flight_suffices: true,
        held_up: false,
        faults: BTreeMap::new(),
        planned_rate_per_minute: 300.0,
        window_rates: vec![(300, 300); 3],
        events_per_request: 0,
        thresholds: Thresholds::default(),
    };
    for at in (0..300).cycle().take(900) {
        let outcome = if at < admitted { Outcome::Admitted } else { Outcome::Limited };
        let service = Duration::from_millis(u64::from(place) + at + 1);
        lane.times.record(outcome, service + Duration::from_micros(80), service);
        lane.times[Series::SendLag].record(Duration::from_micros(80));
    }
    lane
}

fn run(lanes: Vec<LaneRecord>, shard: Option<Shard>) -> RunRecord {
    RunRecord {
        profile: "sustain-premium".to_owned(),
        profile_hash: "77aa".to_owned(),
        target: "http://127.0.0.1:8080".to_owned(),
        started_at: "2026-09-21T14:13:20Z".parse().unwrap(),
        took: Duration::from_secs(180),
        shard,
        parts: Vec::new(),
        interrupted: false,
        stop_at_first_miss: false,
        lanes,
        timelines: Vec::new(),
        thresholds: serde_json::from_str(r#"{"admitted": "limit", "limited": 0}"#).unwrap(),
    }
}

/// Saves a run of `admitted.len()` keys as four shards; key by key, so many requests were admitted.
fn four_shards(folder: &Path, admitted: &[u64]) -> Vec<PathBuf> {
    let save = |index: u32| {
        let lanes = admitted.iter().zip(0..).filter(|(_, place)| place % 4 == index - 1);
        let lanes = lanes.map(|(admitted, place)| lane(place, *admitted)).collect();
        let directory = folder.join(index.to_string());
        store(&run(lanes, Some(Shard { index, of: 4 })), &directory).unwrap();
        directory
    };
    (1..=4).map(save).collect()
}

/// A file of a run, without what only a merged one knows: its parts, and whether they ran together.
fn without_parts(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let Ok(mut report) = serde_json::from_str::<serde_json::Value>(&text) else { return text };
    report["run"]["parts"].take();
    let thresholds = report["thresholds"].as_array_mut().unwrap();
    thresholds.retain(|finding| finding["lane"] != "all shards");
    report.to_string()
}

/// Runs the program: its exit code, and what it wrote to either stream.
fn merge(args: &[impl AsRef<std::ffi::OsStr>]) -> (i32, String, String) {
    let output = Command::cargo_bin("trenchcheck").unwrap().arg("merge").args(args).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn four_shards_come_to_what_the_single_run_comes_to() {
    let folder = tempfile::tempdir().unwrap();
    let mut args: Vec<PathBuf> = four_shards(folder.path(), &[300; 9]);
    args.reverse();
    let (json, junit, save) =
        (folder.path().join("load.json"), folder.path().join("load.xml"), folder.path().join("whole"));
    for (flag, path) in [("--json", &json), ("--junit", &junit), ("--save", &save)] {
        args.extend([flag.into(), path.clone()]);
    }
    let (code, out, err) = merge(&args);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert!(
        out.starts_with("sustain-premium  against http://127.0.0.1:8080, 9 keys for 3 min 0 s\n"),
        "{out}"
    );
    assert!(out.ends_with("\nmet: every threshold held (exit code 0)\n"), "{out}");

    let single = folder.path().join("single");
    store(&run((0..9).map(|place| lane(place, 300)).collect(), None), &single).unwrap();
    for file in std::fs::read_dir(&single).unwrap() {
        let name = file.unwrap().file_name();
        let read = |directory: &Path| without_parts(&directory.join(&name));
        assert!(read(&single) == read(&save), "{} differs", name.display());
    }
    assert_eq!(without_parts(&json), without_parts(&single.join("run.json")));
    assert!(std::fs::read_to_string(&junit).unwrap().contains(r#"tests="46""#));
}

#[test]
fn a_key_that_missed_on_one_machine_is_named_by_all_of_them_together() {
    let folder = tempfile::tempdir().unwrap();
    let (code, out, _) = merge(&four_shards(folder.path(), &[300, 300, 299, 300, 300]));
    assert_eq!(code, 6, "{out}");
    let reason = "premium-3, window 1: admitted 299, expected exactly 300 (limit); and in 2 more windows";
    assert!(out.contains(reason), "{out}");
}

#[test]
fn shards_that_make_no_run_are_refused_with_the_mend() {
    let folder = tempfile::tempdir().unwrap();
    let all = four_shards(folder.path(), &[300; 4]);
    let refusal = |directories: &[PathBuf]| {
        let (code, out, err) = merge(directories);
        assert_eq!((code, out.as_str()), (2, ""));
        err.replace(folder.path().to_str().unwrap(), "RUNS")
    };
    assert_eq!(
        refusal(&all[..3]),
        "error: shard 4 of 4 is missing among RUNS/1, RUNS/2, RUNS/3; add its directory, run what is \
         missing again, or see with --partial what the others came to\n"
    );
    let (code, out, _) = merge(&[&[PathBuf::from("--partial")], &all[..3]].concat());
    assert_eq!(code, 7, "{out}");
    assert!(out.contains("all shards: merged without shard 4, expected all 4"), "{out}");
    let doubled = [&all[..], &all[1..2]].concat();
    assert_eq!(refusal(&doubled), "error: RUNS/2 and RUNS/2 both hold shard 2 of 4; leave one of them out\n");
    let mut other = run(vec![lane(3, 300)], Some(Shard { index: 4, of: 4 }));
    other.profile_hash = "77ab".to_owned();
    store(&other, &all[3]).unwrap();
    assert_eq!(
        refusal(&all),
        "error: RUNS/1 and RUNS/4 are no shards of one run: the profile's fingerprint is `77aa` in the first \
         and `77ab` in the second; merge only shards that were started alike\n"
    );
}
