//! Shards into one run.
//!
//! A shard has whole keys to itself, so its lanes stand as they are; what is shown of several lanes
//! together is added up window by window and bucket by bucket. A climb alone ends differently: each shard stops when one
//! of its own keys misses, so what counts of all of them is what came before the first of these.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::record::{Part, RunRecord, Shard};
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
        list(.0), .1, paths(.2), if .0.len() == 1 { "its directory" } else { "their directories" }
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

pub(super) fn list(numbers: &[u32]) -> String {
    numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
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

/// How many missing shards are named.
pub(super) const LISTED: usize = 20;

/// The first of the shards that are not among the parts of a run.
pub(super) fn missing_shards(parts: &[Part]) -> Vec<u32> {
    // One number too many is enough to know; a count out of a broken file may be anything.
    let of = parts.first().map_or(0, |part| part.shard.of);
    (1..=of).filter(|index| parts.iter().all(|part| part.shard.index != *index)).take(LISTED).collect()
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
#[path = "merge_tests.rs"]
mod tests;
