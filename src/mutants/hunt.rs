//! Playing against many mutants side by side.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::crew::side_by_side;
use super::examine::{JOBS, examine};
use super::ground::Ground;
use super::judge::Examined;
use super::mutant::{Mutant, Nature, mutants};
use crate::scenario::Suite;
use crate::system;

/// How many jobs of a mutant with slow answers are under way at once, where the system allows so many connections.
const MOST_JOBS_BESIDE: usize = 24;

/// How a hunt goes.
#[derive(Debug, Clone, Copy)]
pub struct HuntOptions {
    /// How many mutants that keep a processor busy are played against at once, at least 1. Bursts that share a machine
    /// disturb each other. Those whose answers are slow are played against beside them.
    pub jobs: usize,
    /// Whether every mutant meets every check, also after it was caught.
    pub whole_suite: bool,
}

/// What came of a hunt.
#[derive(Debug, Clone)]
pub struct Hunt {
    /// Every mutant that was played against to its end, in the order of [`mutants`].
    pub examined: Vec<Examined>,
    /// Whether these are all mutants there are.
    pub complete: bool,
    /// Whether Ctrl-C ended it early.
    pub interrupted: bool,
    /// Whether waits moved a clock instead of taking real time.
    pub virtual_time: bool,
    /// Wall time.
    pub took: Duration,
}

/// Why a hunt had to be given up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HuntError {
    /// The mock, or the client, could not be set up.
    #[error("`{mutant}` could not be played against: {why}")]
    Unplayable {
        /// The mutant.
        mutant: String,
        /// Why not.
        why: String,
    },
    /// A fault of our own.
    #[error("a fault in trenchcheck: {0}")]
    Broken(String),
}

/// Plays the suite against the mutants, and tells `done` of each as it is through. Ends early, with what is known until
/// then, when `interrupted` turns true.
///
/// # Errors
/// [`HuntError`].
pub async fn hunt(
    suite: Arc<Suite>,
    chosen: Vec<Mutant>,
    ground: Ground,
    options: HuntOptions,
    done: impl FnMut(&Examined),
    interrupted: watch::Receiver<bool>,
) -> Result<Hunt, HuntError> {
    let begun = Instant::now();
    let all = mutants();
    let complete = all.iter().all(|mutant| chosen.contains(mutant));
    let virtual_time = ground.is_virtual();
    let ground = Arc::new(ground);
    let mut waiting: VecDeque<Mutant> = chosen.into();
    // A minute that takes a minute is waited for with any of them.
    let is_beside = |mutant: &Mutant| virtual_time && mutant.is_unhurried();
    // Those that take longest should not be left over at the end: the slow ones, then those that meet the whole suite.
    waiting
        .make_contiguous()
        .sort_by_key(|mutant| (!is_beside(mutant), matches!(mutant.nature, Nature::Wrong { .. })));
    let jobs_beside = jobs_beside(waiting.iter().filter(|mutant| is_beside(mutant)).count());
    let play = |mutant: Mutant, is_beside: bool| {
        let (suite, ground, interrupted) = (Arc::clone(&suite), Arc::clone(&ground), interrupted.clone());
        let (whole_suite, jobs) = (options.whole_suite, if is_beside { jobs_beside } else { JOBS });
        async move { examine(&mutant, &suite, &ground, whole_suite, jobs, &interrupted).await }
    };
    let (mut examined, was_interrupted) = side_by_side(waiting, options.jobs, is_beside, play, done).await?;
    let place = |one: &Examined| all.iter().position(|mutant| *mutant == one.mutant);
    examined.sort_by_key(place);
    Ok(Hunt {
        examined,
        complete: complete && !was_interrupted,
        interrupted: was_interrupted,
        virtual_time,
        took: begun.elapsed(),
    })
}

/// How many jobs of each of so many mutants with slow answers may be under way: a job has up to 64 connections, and both
/// ends of them are in this process.
fn jobs_beside(mutants: usize) -> usize {
    const FILES_OF_A_JOB: usize = 2 * 64;
    if mutants == 0 {
        return JOBS;
    }
    let of_each = mutants * FILES_OF_A_JOB;
    let wanted = u64::try_from(of_each * MOST_JOBS_BESIDE).unwrap_or(u64::MAX);
    let room = usize::try_from(system::raise_descriptors(wanted)).unwrap_or(usize::MAX);
    (room / of_each).clamp(JOBS, MOST_JOBS_BESIDE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_mutants_get_more_jobs_as_far_as_there_are_files_for_their_connections() {
        assert_eq!(jobs_beside(0), JOBS);
        let alone = jobs_beside(1);
        assert!((JOBS..=MOST_JOBS_BESIDE).contains(&alone));
        assert_eq!(jobs_beside(usize::MAX / 10_000), JOBS);
    }
}
