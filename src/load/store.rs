//! A run in a directory: `run.json`, and an HdrHistogram V2 interval log for each series, with one tagged interval for
//! each lane, or one for each of its windows where windows are told apart. The usual tools read the logs;
//! `HistogramLogProcessor -alltags` adds up the lanes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{
    IntervalLogIterator, IntervalLogWriterBuilder, IntervalLogWriterError, LogEntry, Tag,
};
use serde::de::DeserializeOwned;

use super::record::{LaneRecord, RunRecord};
use super::report::json::{self, GroupTimes, SCHEMA};
use super::series::{Histograms, Series};
use super::times::Times;
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

/// An interval of a log.
struct Interval {
    /// The place of its lane.
    place: u32,
    /// When it begins, counted from the beginning of the lane.
    begins: Duration,
    /// The times.
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

#[cfg(test)]
mod tests {
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
}
