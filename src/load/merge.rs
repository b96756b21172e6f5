//! Shards into one run.
//!
//! A shard has whole keys to itself, so its lanes stand as they are; what is shown of several lanes
//! together is added up window by window and bucket by bucket. A climb alone ends differently: each shard stops when one
//! of its own keys misses, so what counts of all of them is what came before the first of these.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};

use super::climb::end_with_first_miss;
use super::record::RunRecord;
use super::store::{StoreError, read_back};

/// Why shards do not make one run.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// There are none.
    #[error("no directory is given; name the one of every shard")]
    Nothing,
    /// A directory holds no run.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A directory holds a whole run.
    #[error("{} holds a whole run, not a shard; leave it out, or run it with --shard", directory.display())]
    Whole {
        /// The directory.
        directory: PathBuf,
    },
    /// A shard that cannot be.
    #[error("{} holds shard {index} of {of}, which there is not; run it again", directory.display())]
    Impossible {
        /// The directory.
        directory: PathBuf,
        /// Its number.
        index: u32,
        /// How many there would be.
        of: u32,
    },
    /// Two directories hold the same shard.
    #[error(
        "{} and {} both hold shard {index} of {of}; leave one of them out",
        first.display(), second.display()
    )]
    Doubled {
        /// One directory.
        first: PathBuf,
        /// The other.
        second: PathBuf,
        /// The shard's number.
        index: u32,
        /// How many there are.
        of: u32,
    },
    /// Some shards are not there.
    #[error(
        "shard {} of {of} is missing among {}; add {}, or run what is missing again",
        list(missing), paths(directories), if missing.len() == 1 { "its directory" } else { "their directories" }
    )]
    Missing {
        /// The numbers that are missing.
        missing: Vec<u32>,
        /// How many there are.
        of: u32,
        /// What was given.
        directories: Vec<PathBuf>,
    },
    /// Two directories hold shards of different runs.
    #[error(
        "{} and {} are no shards of one run: {what} `{one}` in the first and `{other}` in the second; \
         merge only shards that were started alike",
        first.display(), second.display()
    )]
    Unlike {
        /// One directory.
        first: PathBuf,
        /// The other.
        second: PathBuf,
        /// What differs, with its verb: `the profile is`.
        what: &'static str,
        /// What it is in the first.
        one: String,
        /// What it is in the second.
        other: String,
    },
    /// Two shards have the same lane.
    #[error(
        "{} and {} both have the lane {lane}, and a key belongs to one shard; run them again with one \
         version of trenchcheck",
        first.display(), second.display()
    )]
    SharedLane {
        /// One directory.
        first: PathBuf,
        /// The other.
        second: PathBuf,
        /// The lane.
        lane: String,
    },
}

fn list(numbers: &[u32]) -> String {
    numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
}

fn paths(all: &[PathBuf]) -> String {
    all.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// Reads shards and makes one run of them: the same that one machine would have left behind.
///
/// # Errors
/// [`MergeError`] where they are not all the shards of one run, each once.
pub fn merge(directories: &[PathBuf]) -> Result<RunRecord, MergeError> {
    let read = |directory: &PathBuf| Ok((directory.clone(), read_back(directory)?));
    let shards: Vec<(PathBuf, RunRecord)> =
        directories.iter().map(read).collect::<Result<_, MergeError>>()?;
    merge_records(shards)
}

/// Merges shards that were read, each with the directory it came from.
pub(super) fn merge_records(shards: Vec<(PathBuf, RunRecord)>) -> Result<RunRecord, MergeError> {
    let Some((first_directory, first)) = shards.first() else { return Err(MergeError::Nothing) };
    let mut seen: BTreeMap<u32, &Path> = BTreeMap::new();
    let mut count = 0;
    for (directory, shard) in &shards {
        let directory = directory.clone();
        let Some((index, of)) = shard.shard else { return Err(MergeError::Whole { directory }) };
        if index == 0 || index > of {
            return Err(MergeError::Impossible { directory, index, of });
        }
        if let Some((what, one, other)) = difference(first, shard) {
            return Err(MergeError::Unlike {
                first: first_directory.clone(),
                second: directory,
                what,
                one,
                other,
            });
        }
        count = of;
    }
    for (directory, shard) in &shards {
        let index = shard.shard.map_or(0, |(index, _)| index);
        if let Some(before) = seen.insert(index, directory) {
            let (first, second) = (before.to_owned(), directory.clone());
            return Err(MergeError::Doubled { first, second, index, of: count });
        }
    }
    // One number too many is enough to know; a count out of a broken file may be anything.
    let missing: Vec<u32> = (1..=count).filter(|index| !seen.contains_key(index)).take(LISTED).collect();
    if !missing.is_empty() {
        let directories = shards.iter().map(|(directory, _)| directory.clone()).collect();
        return Err(MergeError::Missing { missing, of: count, directories });
    }
    shared_lane(&shards)?;
    let mut shards = shards.into_iter().map(|(_, shard)| shard);
    let mut whole = shards.next().ok_or(MergeError::Nothing)?;
    shards.for_each(|shard| join(&mut whole, shard));
    whole.shard = None;
    whole.lanes.sort_by_key(|lane| lane.place);
    end_with_first_miss(&mut whole);
    Ok(whole)
}

/// How many missing shards are named.
const LISTED: usize = 20;

/// The first thing in which two shards differ, and must not.
fn difference(one: &RunRecord, other: &RunRecord) -> Option<(&'static str, String, String)> {
    let of = |run: &RunRecord| run.shard.map_or(0, |(_, of)| of).to_string();
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
                let (first, second) = (before.clone(), directory.clone());
                return Err(MergeError::SharedLane { first, second, lane: lane.name.clone() });
            }
        }
    }
    Ok(())
}

/// Adds a shard that belongs to it: from the first beginning to the last end.
fn join(whole: &mut RunRecord, shard: RunRecord) {
    let end = end(whole).max(end(&shard));
    whole.started_at = whole.started_at.min(shard.started_at);
    whole.took = (end - whole.started_at).to_std().unwrap_or_default();
    whole.interrupted |= shard.interrupted;
    whole.lanes.extend(shard.lanes);
}

fn end(run: &RunRecord) -> DateTime<Utc> {
    let took = TimeDelta::from_std(run.took).ok();
    took.and_then(|took| run.started_at.checked_add_signed(took)).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

#[cfg(test)]
#[path = "merge_tests.rs"]
mod tests;
