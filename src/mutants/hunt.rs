//! Playing against many mutants side by side.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::examine::examine;
use super::ground::Ground;
use super::judge::Examined;
use super::mutant::{Mutant, Nature, mutants};
use crate::scenario::Suite;

/// How a hunt goes.
#[derive(Debug, Clone, Copy)]
pub struct HuntOptions {
    /// How many mutants are played against at once, at least 1. Bursts that share a machine disturb each other.
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
    mut done: impl FnMut(&Examined),
    interrupted: watch::Receiver<bool>,
) -> Result<Hunt, HuntError> {
    let begun = Instant::now();
    let all = mutants();
    let complete = all.iter().all(|mutant| chosen.contains(mutant));
    let virtual_time = ground.is_virtual();
    let ground = Arc::new(ground);
    let mut waiting: VecDeque<Mutant> = chosen.into();
    // Those that meet the whole suite take longest, and should not be left over at the end.
    waiting.make_contiguous().sort_by_key(|mutant| matches!(mutant.nature, Nature::Wrong { .. }));
    let mut playing = JoinSet::new();
    let mut examined = Vec::new();
    let mut was_interrupted = false;
    loop {
        while playing.len() < options.jobs.max(1)
            && !was_interrupted
            && let Some(mutant) = waiting.pop_front()
        {
            let (suite, ground, interrupted) = (Arc::clone(&suite), Arc::clone(&ground), interrupted.clone());
            playing.spawn(async move {
                examine(&mutant, &suite, &ground, options.whole_suite, &interrupted).await
            });
        }
        match playing.join_next().await {
            None => break,
            Some(Ok(Ok(Some(one)))) => {
                done(&one);
                examined.push(one);
            }
            Some(Ok(Ok(None))) => was_interrupted = true,
            Some(Ok(Err(error))) => return Err(error),
            Some(Err(error)) => return Err(HuntError::Broken(error.to_string())),
        }
    }
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
