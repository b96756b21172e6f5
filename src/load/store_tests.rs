use super::*;
use crate::load::samples::{GOOD, lane, run};
use crate::load::{Outcome, Shard, WindowCounts, judge};

fn shard() -> RunRecord {
    let few = WindowCounts { admitted: 50, limited: 9, errors: 1, wrong_429: 2, ..GOOD };
    let mut second = lane(5, &[GOOD, few]);
    second.warm_up_windows = 1;
    second.faults.insert("the connection was reset".to_owned(), 1);
    second.thresholds = serde_json::from_str(r#"{"limited": 9}"#).unwrap();
    let mut record =
        run(vec![lane(1, &[GOOD]), second], r#"{"admitted": "limit - 1", "achieved_rate": 0.99}"#);
    record.shard = Some(Shard { index: 2, of: 4 });
    record
}

/// A directory with a saved run, spoilt by `spoil`, and why it cannot be read.
fn refusal(spoil: impl FnOnce(&Path)) -> String {
    let folder = tempfile::tempdir().unwrap();
    store(&shard(), folder.path()).unwrap();
    spoil(folder.path());
    read_back(folder.path()).unwrap_err().to_string().replace(folder.path().to_str().unwrap(), "DIR")
}

/// Replaces one text by another in a file.
fn edit(path: PathBuf, from: &str, to: &str) {
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(path, text.replacen(from, to, 1)).unwrap();
}

#[test]
fn a_run_comes_back_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("made/on/the/way");
    let before = shard();
    store(&before, &directory).unwrap();
    let after = read_back(&directory).unwrap();
    assert_eq!(json(&before).unwrap(), json(&after).unwrap());
    assert_eq!(judge(&before), judge(&after));
    assert_eq!((before.started_at, before.took), (after.started_at, after.took));
    for series in Series::ALL {
        for (before, after) in before.lanes.iter().zip(&after.lanes) {
            assert_eq!(before.times[series], after.times[series], "{}", series.name());
        }
    }
}

#[test]
fn a_second_run_replaces_the_first() {
    let folder = tempfile::tempdir().unwrap();
    store(&shard(), folder.path()).unwrap();
    let second = run(vec![lane(0, &[GOOD])], "{}");
    store(&second, folder.path()).unwrap();
    assert_eq!(read_back(folder.path()).unwrap().lanes.len(), 1);
}

#[test]
fn a_directory_that_is_no_run_is_named_with_the_mend() {
    assert_eq!(
        refusal(|folder| fs::remove_file(folder.join(COUNTS)).unwrap()),
        "cannot read DIR/run.json: No such file or directory (os error 2); a directory that `trenchcheck load \
         --save` wrote to is expected"
    );
    let text = refusal(|folder| fs::write(folder.join(COUNTS), "{").unwrap());
    assert!(text.starts_with("DIR/run.json is no record of a load run: EOF"), "{text}");
    let text = refusal(|folder| fs::write(folder.join(COUNTS), r#"{"schema": 1}"#).unwrap());
    assert!(text.starts_with("DIR/run.json is no record of a load run: invalid type: null"), "{text}");
    let text = refusal(|folder| edit(folder.join(COUNTS), "2026-09-21T", "yesterday T"));
    assert!(text.contains("`started_at` is `yesterday T"), "{text}");
    assert_eq!(
        refusal(|folder| edit(folder.join(COUNTS), "\"schema\": 1", "\"schema\": 9")),
        "DIR/run.json has schema 9 and this trenchcheck reads 1; use one version on all machines"
    );
}

#[test]
fn times_that_do_not_go_with_the_counts_are_refused() {
    let log = |folder: &Path| folder.join("admitted.response.hlog");
    let text = refusal(|folder| fs::remove_file(log(folder)).unwrap());
    assert!(text.starts_with("cannot read DIR/admitted.response.hlog"), "{text}");
    assert_eq!(
        refusal(|folder| {
            let text = fs::read_to_string(log(folder)).unwrap();
            let without_last: Vec<&str> = text.lines().filter(|line| !line.starts_with("Tag=5:")).collect();
            fs::write(log(folder), without_last.join("\n") + "\n").unwrap();
        }),
        "DIR/admitted.response.hlog does not go with run.json beside it: it holds 0 times of standard-6, expected \
         110; copy the whole directory again"
    );
    let text = refusal(|folder| edit(log(folder), "Tag=5:", "Tag=6:"));
    assert!(text.contains("it holds 0 times of standard-6, expected 110"), "{text}");
    let text = refusal(|folder| {
        let text = fs::read_to_string(log(folder)).unwrap();
        let line = text.lines().last().unwrap();
        fs::write(log(folder), format!("{text}{line}\n")).unwrap();
    });
    assert!(text.contains("lane 5 is in it twice"), "{text}");
    let text = refusal(|folder| {
        let text = fs::read_to_string(log(folder)).unwrap();
        let line = text.lines().last().unwrap().replace("Tag=5:", "Tag=77:");
        fs::write(log(folder), format!("{text}{line}\n")).unwrap();
    });
    assert!(text.contains("it tells of lane 77, which run.json does not know"), "{text}");
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = store(&shard(), &file.join("run")).unwrap_err().to_string();
    assert!(error.starts_with("cannot save the run in ") && error.contains("file/run"), "{error}");
}

const ADMITTED: Series = Series::Response(Outcome::Admitted);

#[test]
fn every_bucket_comes_back() {
    let mut strange = lane(7, &[GOOD, GOOD]);
    strange.name = "a lane, with\nstrange marks".to_owned();
    let record = run(vec![lane(0, &[GOOD]), strange], "{}");
    for series in Series::ALL {
        let read = read_log(&write_log(&record, series).unwrap()).unwrap();
        let lanes = record.lanes.iter().map(|lane| (lane.place, &lane.times[series]));
        let lanes = lanes.filter(|(_, histogram)| !histogram.is_empty());
        let before: Vec<_> =
            lanes.map(|(place, histogram)| (place, histogram.buckets().collect::<Vec<_>>())).collect();
        let after: Vec<_> = read
            .iter()
            .map(|interval| (interval.place, interval.times.buckets().collect::<Vec<_>>()))
            .collect();
        assert_eq!(before, after, "{}", series.name());
    }
}

#[test]
fn the_head_says_what_it_is_and_since_when() {
    let text = String::from_utf8(write_log(&run(vec![lane(3, &[GOOD])], "{}"), ADMITTED).unwrap()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[..4],
        [
            "#[Histogram log format version 1.3]",
            "#trenchcheck load, admitted.response: microseconds; a tag is PLACE:LANE",
            "#[StartTime: 1790000000.000 (seconds since epoch)]",
            "#[BaseTime: 1790000000.000 (seconds since epoch)]"
        ]
    );
    // The compressed V2 encoding, by its cookie.
    assert!(lines[4].starts_with("Tag=3:standard-4,0.000,180.250,60063.000,HISTFAAA"), "{}", lines[4]);
}

#[test]
fn a_broken_log_says_what_is_wrong() {
    let whole = String::from_utf8(write_log(&run(vec![lane(0, &[GOOD])], "{}"), ADMITTED).unwrap()).unwrap();
    let error = |text: &str| read_log(text.as_bytes()).err().unwrap();
    let cut = error(&whole[..whole.find("HISTFAAA").unwrap() + 40]);
    assert_eq!(cut, "a line is no interval");
    let spoilt = error(&whole.replace("HISTFAAA", "AAAAAAAA"));
    assert!(spoilt.contains("`0:standard-1` is broken"), "{spoilt}");
    assert_eq!(error(&whole.replace("Tag=0:standard-1,", "")), "the tag `` names no lane");
}
