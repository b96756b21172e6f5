//! A run in a directory: `run.json`, and an interval log for each series.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::document::{self, SCHEMA};
use super::interval_log::{self, Interval};
use super::record::RunRecord;
use super::series::Series;
use super::stored::StoredRun;
use crate::report::save;

/// The file with the counts. It is written last: where it is, the run is whole.
const COUNTS: &str = "run.json";

/// Why a directory could not be read as a run.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file cannot be read.
    #[error("cannot read {}: {why}; a directory that `trenchcheck load --save` wrote to is expected", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        why: io::Error,
    },
    /// `run.json` is none.
    #[error("{} is no record of a load run: {why}; copy the whole directory again, or run the shard again", path.display())]
    NoRecord {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// `run.json` was written by another version.
    #[error(
        "{} has schema {found} and this trenchcheck reads {SCHEMA}; use one version on all machines",
        path.display()
    )]
    OtherVersion {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: u64,
    },
    /// An interval log cannot be read, or is not the one `run.json` tells of.
    #[error("{} does not go with {COUNTS} beside it: {why}; copy the whole directory again", path.display())]
    BadLog {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
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
    for series in Series::all() {
        save(&log_path(directory, series), &interval_log::write(run, series)?)?;
    }
    save(&counts, document::text(run)?.as_bytes())
}

/// Reads a run from a directory.
///
/// # Errors
/// [`StoreError`] where a file is missing, broken or does not go with the others.
pub fn read_back(directory: &Path) -> Result<RunRecord, StoreError> {
    let path = directory.join(COUNTS);
    let text = read(&path)?;
    let no_record = |why: String| StoreError::NoRecord { path: path.clone(), why };
    let mut document: serde_json::Value =
        serde_json::from_slice(&text).map_err(|error| no_record(error.to_string()))?;
    match document["schema"].as_u64() {
        Some(found) if found == u64::from(SCHEMA) => {}
        Some(found) => return Err(StoreError::OtherVersion { path, found }),
        None => return Err(no_record("it has no `schema`".to_owned())),
    }
    let stored: StoredRun =
        serde_json::from_value(document["run"].take()).map_err(|error| no_record(error.to_string()))?;
    let (mut run, lanes) = stored.into_record().map_err(no_record)?;
    for series in Series::all() {
        let path = log_path(directory, series);
        let bad = |why| StoreError::BadLog { path: path.clone(), why };
        let mut intervals: BTreeMap<u32, Vec<Interval>> = BTreeMap::new();
        for interval in interval_log::read(&read(&path)?).map_err(bad)? {
            let of_lane = intervals.entry(interval.place).or_default();
            if of_lane.iter().any(|before| before.begins == interval.begins) {
                return Err(bad(format!("lane {} is in it twice", interval.place)));
            }
            of_lane.push(interval);
        }
        for (lane, stored) in run.lanes.iter_mut().zip(&lanes) {
            let of_lane = intervals.remove(&stored.place).unwrap_or_default();
            series.put_intervals(lane, run.stop_at_first_miss, of_lane);
            let expected = stored.samples.get(&series.name()).copied().unwrap_or(0);
            let found = series.of(lane).map_or(0, |histogram| histogram.len());
            if found != expected {
                return Err(bad(format!("it holds {found} times of {}, expected {expected}", stored.name)));
            }
        }
        if let Some(place) = intervals.keys().next() {
            return Err(bad(format!("it tells of lane {place}, which {COUNTS} does not know")));
        }
    }
    Ok(run)
}

fn read(path: &Path) -> Result<Vec<u8>, StoreError> {
    fs::read(path).map_err(|why| StoreError::Unreadable { path: path.to_owned(), why })
}

fn log_path(directory: &Path, series: Series) -> PathBuf {
    directory.join(format!("{}.hlog", series.name()))
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
