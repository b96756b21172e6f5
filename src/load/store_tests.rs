use super::*;
use crate::load::samples::{GOOD, buckets, lane, run};
use crate::load::{WindowCounts, judge};

fn shard() -> RunRecord {
    let few = WindowCounts { admitted: 50, limited: 9, errors: 1, wrong_429: 2, ..GOOD };
    let mut second = lane(5, &[GOOD, few]);
    second.warm_up_windows = 1;
    second.faults.insert("the connection was reset".to_owned(), 1);
    second.thresholds = serde_json::from_str(r#"{"limited": 9}"#).unwrap();
    let mut record =
        run(vec![lane(1, &[GOOD]), second], r#"{"admitted": "limit - 1", "achieved_rate": 0.99}"#);
    record.shard = Some((2, 4));
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
    assert_eq!(document::text(&before).unwrap(), document::text(&after).unwrap());
    assert_eq!(judge(&before), judge(&after));
    assert_eq!((before.started_at, before.took), (after.started_at, after.took));
    for series in Series::all() {
        for (before, after) in before.lanes.iter().zip(&after.lanes) {
            let of = |lane| series.of(lane).map(buckets).unwrap_or_default();
            assert_eq!(of(before), of(after), "{}", series.name());
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
