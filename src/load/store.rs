//! A run in a directory: `run.json`, and an HdrHistogram V2 interval log for each series, with one tagged interval for
//! each lane, or one for each of its windows where windows are told apart. The usual tools read the logs;
//! `HistogramLogProcessor -alltags` adds up the lanes.
//!
//! Directories of shards become one run. A shard has whole keys to itself, so its lanes stand as they are; what is shown of
//! several lanes together is added up window by window and bucket by bucket. Where a run is to end with its first miss, each
//! shard stops when one of its own keys misses, so what counts of all of them is what came before the first of these.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{
    IntervalLogIterator, IntervalLogWriterBuilder, IntervalLogWriterError, LogEntry, Tag,
};
use serde::de::DeserializeOwned;

use super::record::{LaneRecord, Part, RunRecord, Shard, listed, missing_shards};
use super::report::json;
use super::report::json::{GroupTimes, SCHEMA};
use super::series::{Histograms, Series, Times};
use super::verdict::end_with_first_miss;
use crate::report::save;

/// The file with the counts. It is written last: where it is, the run is whole.
const COUNTS: &str = "run.json";

/// Why a directory could not be read as a run.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file cannot be read.
    #[error("cannot read {path}: {1}; a directory that `trenchcheck load --save` wrote to is expected", path = .0.display())]
    Unreadable(PathBuf, io::Error),
    /// `run.json` is none, for this reason.
    #[error(
        "{path} is no record of a load run: {1}; copy the whole directory again, or run the shard again",
        path = .0.display()
    )]
    NoRecord(PathBuf, String),
    /// `run.json` has a schema of another version.
    #[error("{path} has schema {1} and this trenchcheck reads {SCHEMA}; use one version on all machines", path = .0.display())]
    OtherVersion(PathBuf, u64),
    /// An interval log cannot be read, or is not the one `run.json` tells of.
    #[error("{path} does not go with {COUNTS} beside it: {1}; copy the whole directory again", path = .0.display())]
    BadLog(PathBuf, String),
}

/// Leaves a run in a directory, which is made where it is missing.
///
/// # Errors
/// Those of the file system; they name the file.
pub fn store(run: &RunRecord, directory: &Path) -> io::Result<()> {
    let named = |error: io::Error| {
        io::Error::new(error.kind(), format!("cannot save the run in {}: {error}", directory.display()))
    };
    fs::create_dir_all(directory).map_err(named)?;
    let counts = directory.join(COUNTS);
    // The counts of a run before must never stand beside the times of this one.
    match fs::remove_file(&counts) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(named(error)),
        _ => {}
    }
    for series in Series::ALL {
        save(&log_path(directory, series), &write_log(run, series)?)?;
    }
    save(&counts, json::text(run)?.as_bytes())
}

/// Reads a run from a directory.
///
/// # Errors
/// [`StoreError`] where a file is missing, broken or does not go with the others.
pub fn read_back(directory: &Path) -> Result<RunRecord, StoreError> {
    let path = directory.join(COUNTS);
    let mut document = document(&path)?;
    let samples: Vec<serde_json::Value> = document["run"]["lanes"]
        .as_array_mut()
        .map(|lanes| lanes.iter_mut().map(|lane| lane["samples"].take()).collect())
        .unwrap_or_default();
    let mut run: RunRecord = part(&path, &mut document, "run")?;
    let told_apart = run.stop_at_first_miss;
    for series in Series::ALL {
        let path = log_path(directory, series);
        let bad = |why| StoreError::BadLog(path.clone(), why);
        let mut intervals: BTreeMap<u32, Vec<Interval>> = BTreeMap::new();
        for interval in read_log(&read(&path)?).map_err(bad)? {
            let of_lane = intervals.entry(interval.place).or_default();
            if of_lane.iter().any(|before| before.begins == interval.begins) {
                return Err(bad(format!("lane {} is in it twice", interval.place)));
            }
            of_lane.push(interval);
        }
        for (lane, samples) in run.lanes.iter_mut().zip(&samples) {
            for interval in intervals.remove(&lane.place).unwrap_or_default() {
                take_in(lane, series, told_apart, interval);
            }
            let (found, expected) = (lane.times[series].len(), samples[series.name()].as_u64().unwrap_or(0));
            if found != expected {
                return Err(bad(format!("it holds {found} times of {}, expected {expected}", lane.name)));
            }
        }
        if let Some(place) = intervals.keys().next() {
            return Err(bad(format!("it tells of lane {place}, which {COUNTS} does not know")));
        }
    }
    Ok(run)
}

/// A JSON report: its run, whose lanes have no times, the word for its verdict, and the times of each group.
pub(super) fn read_report(path: &Path) -> Result<(RunRecord, String, Vec<GroupTimes>), StoreError> {
    let mut document = document(path)?;
    let word = part(path, &mut document["verdict"], "word")?;
    Ok((part(path, &mut document, "run")?, word, part(path, &mut document, "times")?))
}

/// The document in a file, of the version that is known.
fn document(path: &Path) -> Result<serde_json::Value, StoreError> {
    let no_record = |why: String| StoreError::NoRecord(path.to_owned(), why);
    let document: serde_json::Value =
        serde_json::from_slice(&read(path)?).map_err(|error| no_record(error.to_string()))?;
    match document["schema"].as_u64() {
        Some(found) if found == u64::from(SCHEMA) => Ok(document),
        Some(found) => Err(StoreError::OtherVersion(path.to_owned(), found)),
        None => Err(no_record("it has no `schema`".to_owned())),
    }
}

/// What stands under a name in a document.
fn part<T: DeserializeOwned>(path: &Path, of: &mut serde_json::Value, name: &str) -> Result<T, StoreError> {
    let no_record = |why: String| StoreError::NoRecord(path.to_owned(), why);
    let part = of.get_mut(name).ok_or_else(|| no_record(format!("it has no `{name}`")))?;
    serde_json::from_value(part.take()).map_err(|error| no_record(error.to_string()))
}

/// Gives a lane what its log holds: a window, where they are told apart, or the whole of it.
fn take_in(
    lane: &mut LaneRecord,
    series: Series,
    told_apart: bool,
    Interval { begins, times, .. }: Interval,
) {
    let window = (begins.as_secs_f64() / lane.window.as_secs_f64().max(1e-9)).round() as usize;
    if !told_apart || window >= lane.warm_up_windows as usize {
        lane.times[series] += &times;
    }
    if series.has_windows() && told_apart {
        // As many as there are counts of, and no more, whatever a log says.
        lane.times_by_window.resize(lane.windows.len(), Histograms::default());
        if let Some(by_window) = lane.times_by_window.get_mut(window) {
            by_window[series] = times;
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, StoreError> {
    fs::read(path).map_err(|why| StoreError::Unreadable(path.to_owned(), why))
}

fn log_path(directory: &Path, series: Series) -> PathBuf {
    directory.join(format!("{}.hlog", series.name()))
}

/// Writes one series of every lane that has it.
fn write_log(run: &RunRecord, series: Series) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    let mut serializer = V2DeflateSerializer::new();
    let mut log = IntervalLogWriterBuilder::new()
        .add_comment("[Histogram log format version 1.3]")
        .add_comment(&format!("trenchcheck load, {}: microseconds; a tag is PLACE:LANE", series.name()))
        .with_start_time(run.started_at.into())
        .with_base_time(run.started_at.into())
        .begin_log_with(&mut out, &mut serializer)?;
    for lane in &run.lanes {
        let name =
            lane.name.replace(|mark: char| mark == ',' || mark.is_whitespace() || mark.is_control(), "_");
        let tag = format!("{}:{name}", lane.place);
        let mut intervals: Vec<(Duration, Duration, &Times)> = (0..lane.times_by_window.len())
            .filter_map(|at| Some((at, lane.of_window(series, at)?)))
            .map(|(at, times)| (lane.window * u32::try_from(at).unwrap_or(u32::MAX), lane.window, times))
            .filter(|(.., times)| !times.is_empty())
            .collect();
        if intervals.is_empty() && !lane.times[series].is_empty() {
            intervals.push((Duration::ZERO, run.took, &lane.times[series]));
        }
        for (begins, length, times) in intervals {
            log.write_histogram(&times.to_histogram(), begins, length, Tag::new(&tag)).map_err(|error| {
                match error {
                    IntervalLogWriterError::IoError(error) => error,
                    IntervalLogWriterError::SerializeError(error) => io::Error::other(error),
                }
            })?;
        }
    }
    Ok(out)
}

struct Interval {
    /// The place of its lane.
    place: u32,
    /// When it begins, counted from the beginning of the lane.
    begins: Duration,
    times: Times,
}

/// Reads one series. The error says what is wrong with the text.
fn read_log(text: &[u8]) -> Result<Vec<Interval>, String> {
    let mut found = Vec::new();
    for entry in IntervalLogIterator::new(text) {
        let interval = match entry {
            Ok(LogEntry::Interval(interval)) => interval,
            Ok(LogEntry::StartTime(_) | LogEntry::BaseTime(_)) => continue,
            Err(_) => return Err("a line is no interval".to_owned()),
        };
        let tag = interval.tag().map(|tag| tag.as_str()).unwrap_or_default();
        let place = tag.split(':').next().and_then(|place| place.parse().ok());
        let place = place.ok_or_else(|| format!("the tag `{tag}` names no lane"))?;
        let times = Times::from_text(interval.encoded_histogram())
            .map_err(|error| format!("the histogram tagged `{tag}` is broken: {error}"))?;
        found.push(Interval { place, begins: interval.start_timestamp(), times });
    }
    Ok(found)
}

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
    merge_records(directories.iter().map(read).collect::<Result<_, MergeError>>()?, all)
}

/// Merges shards that were read, each with the directory it came from.
fn merge_records(shards: Vec<(PathBuf, RunRecord)>, all: bool) -> Result<RunRecord, MergeError> {
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
    let parts: Vec<Part> = shards.iter().filter_map(|(_, shard)| shard_part(shard)).collect();
    let missing = missing_shards(&parts);
    if let (Some(part), false, true) = (parts.first(), missing.is_empty(), all) {
        let directories = shards.iter().map(|(directory, _)| directory.clone()).collect();
        return Err(MergeError::Missing(missing, part.shard.of, directories));
    }
    shared_lane(&shards)?;
    let mut shards = shards.into_iter().map(|(_, shard)| shard);
    let mut whole = shards.next().ok_or(MergeError::Nothing)?;
    whole.parts.extend(shard_part(&whole));
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

/// Refuses shards of which two have the same lane.
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
    whole.parts.extend(shard_part(&shard));
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
fn shard_part(run: &RunRecord) -> Option<Part> {
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
    use crate::load::{Histograms, LaneRecord, Outcome, Shard, WindowCounts, findings, judge};
    use crate::report::ExitCode;

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
        assert_eq!(json::text(&before).unwrap(), json::text(&after).unwrap());
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
                let without_last: Vec<&str> =
                    text.lines().filter(|line| !line.starts_with("Tag=5:")).collect();
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
        let text =
            String::from_utf8(write_log(&run(vec![lane(3, &[GOOD])], "{}"), ADMITTED).unwrap()).unwrap();
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
        let whole =
            String::from_utf8(write_log(&run(vec![lane(0, &[GOOD])], "{}"), ADMITTED).unwrap()).unwrap();
        let error = |text: &str| read_log(text.as_bytes()).err().unwrap();
        let cut = error(&whole[..whole.find("HISTFAAA").unwrap() + 40]);
        assert_eq!(cut, "a line is no interval");
        let spoilt = error(&whole.replace("HISTFAAA", "AAAAAAAA"));
        assert!(spoilt.contains("`0:standard-1` is broken"), "{spoilt}");
        assert_eq!(error(&whole.replace("Tag=0:standard-1,", "")), "the tag `` names no lane");
    }

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

    fn merge_refusal(shards: Vec<(PathBuf, RunRecord)>) -> String {
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
            merge_refusal(shards.clone()),
            "shard 2 of 4 is missing among runs/1, runs/3, runs/4; add its directory, run what is missing again, or see \
         with --partial what the others came to"
        );
        shards.remove(0);
        assert_eq!(
            merge_refusal(shards),
            "shard 1, 2 of 4 is missing among runs/3, runs/4; add their directories, run what is missing again, or see \
         with --partial what the others came to"
        );
        assert_eq!(merge_refusal(vec![]), "no directory is given; name the one of every shard");
    }

    #[test]
    fn a_shard_that_is_there_twice_is_refused() {
        let mut shards = four();
        let (_, second) = shards[1].clone();
        shards.push(("copy".into(), second));
        assert_eq!(merge_refusal(shards), "runs/2 and copy both hold shard 2 of 4; leave one of them out");
    }

    #[test]
    fn what_is_no_shard_is_refused() {
        let mut shards = four();
        shards[3].1.shard = None;
        assert_eq!(
            merge_refusal(shards.clone()),
            "runs/4 holds a whole run, not a shard; leave it out, or run it with --shard"
        );
        for index in [0, 5] {
            shards[3].1.shard = Some(Shard { index, of: 4 });
            assert_eq!(
                merge_refusal(shards.clone()),
                format!("runs/4 holds shard {index} of 4, which there is not; run it again")
            );
        }
    }

    #[test]
    fn shards_of_different_runs_are_refused_with_what_differs() {
        let refusal_after = |change: fn(&mut RunRecord)| {
            let mut shards = four();
            change(&mut shards[2].1);
            let text = merge_refusal(shards);
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
        let text = merge_refusal(shards);
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
        assert_eq!(judge(&merged).breaking_point(&merged), judge(&whole).breaking_point(&whole));
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
        assert!(alone.breaking_point(&second).unwrap().to_string().contains("in window 5"), "{alone:?}");
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
        assert_eq!(verdict.breaking_point(&merged).unwrap().to_string(), words);
        assert_eq!(verdict.reasons().len(), 1, "{:?}", verdict.reasons());
        assert_eq!((merged.lanes[1].whole_windows, merged.lanes[1].windows.len()), (3, 5));
    }
}
