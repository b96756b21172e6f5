//! Playing the suite against servers with several deviations.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::compose::Composition;
use super::judge::{ExaminedComposition, judge};
use crate::mutants::crew::side_by_side;
use crate::mutants::examine::{JOBS, play_places};
use crate::mutants::ground::Ground;
use crate::mutants::hunt::HuntError;
use crate::scenario::Suite;

/// How servers with several deviations are played against.
#[derive(Debug, Clone, Copy)]
pub struct CompositionOptions {
    /// How many at once, at least 1.
    pub jobs: usize,
    /// The seed they were chosen by, where it was one.
    pub seed: Option<u64>,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct CompositionHunt {
    /// Every server that was played against to its end, in the order they were given.
    pub examined: Vec<ExaminedComposition>,
    /// The seed they were chosen by, where it was one.
    pub seed: Option<u64>,
    /// Whether Ctrl-C ended it early.
    pub interrupted: bool,
    /// Whether waits moved a clock instead of taking real time.
    pub virtual_time: bool,
    /// Wall time.
    pub took: Duration,
}

/// Plays the whole suite against each of them, and tells `done` of each as it is through. Ends early, with what is
/// known until then, when `interrupted` turns true.
///
/// # Errors
/// [`HuntError`].
pub async fn hunt_compositions(
    suite: Arc<Suite>,
    chosen: Vec<Composition>,
    ground: Ground,
    options: CompositionOptions,
    done: impl FnMut(&ExaminedComposition),
    interrupted: watch::Receiver<bool>,
) -> Result<CompositionHunt, HuntError> {
    let begun = Instant::now();
    let virtual_time = ground.is_virtual();
    let ground = Arc::new(ground);
    let every: Arc<[usize]> = (0..suite.checks.len()).collect();
    let play = |composition: Composition, _: bool| {
        let (suite, ground, every) = (Arc::clone(&suite), Arc::clone(&ground), Arc::clone(&every));
        let interrupted = interrupted.clone();
        async move {
            let begun = Instant::now();
            let server = composition.server();
            let results = play_places(&server, &suite, &ground, &every, JOBS, &interrupted).await?;
            Ok(results.map(|results| judge(&composition, &results, begun.elapsed())))
        }
    };
    let (mut examined, was_interrupted) =
        side_by_side(chosen.clone().into(), options.jobs, |_| false, play, done).await?;
    examined.sort_by_key(|one| chosen.iter().position(|composition| *composition == one.composition));
    Ok(CompositionHunt {
        examined,
        seed: options.seed,
        interrupted: was_interrupted,
        virtual_time,
        took: begun.elapsed(),
    })
}
