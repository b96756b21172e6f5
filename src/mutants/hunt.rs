//! Playing the suite against many mutants side by side.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::judge::{Examined, MutantStatus, judge};
use super::mutant::{Mutant, mutants};
use crate::amounts::whole_millis;
use crate::deployment::{Embedded, Target, TargetError};
use crate::report::{CheckResult, ExitCode};
use crate::run::{JOBS, Options, record};
use crate::scenario::Suite;
use crate::system;

/// How many jobs of a mutant with slow answers are under way at once, where the system allows so many connections.
const MOST_JOBS_BESIDE: usize = 24;

/// Where mutants are played against.
#[derive(Debug)]
pub enum Ground {
    /// Workspaces of one mock, whose clocks are moved.
    Workspaces(Box<Embedded>),
    /// A mock for each of them that is treated like any deployment: all checks share its well-known keys. Minutes are real
    /// ones, or skipped while everybody waits.
    Deployments {
        /// Whether they are skipped.
        skips_waits: bool,
    },
}

impl Ground {
    /// A mock in this process, with clocks that are moved.
    ///
    /// # Errors
    /// [`TargetError::Embedded`] when no port can be had.
    pub async fn workspaces() -> Result<Self, TargetError> {
        Embedded::start().await.map(|mock| Self::Workspaces(Box::new(mock)))
    }

    /// The mutant as a target; the mock behind it lives as long as the second value.
    async fn target(&self, mutant: &Mutant) -> Result<(Target, Option<Embedded>), TargetError> {
        let changes: Vec<String> = mutant.changes.iter().map(|change| change.name.to_owned()).collect();
        match self {
            Self::Workspaces(mock) => Ok((mock.target(&changes, mutant.limiter), None)),
            Self::Deployments { skips_waits } => {
                let (target, mock) = Embedded::deployment(&changes, mutant.limiter, *skips_waits).await?;
                Ok((target, Some(mock)))
            }
        }
    }
}

/// How a hunt goes.
#[derive(Debug, Clone, Default)]
pub struct HuntOptions {
    /// How many mutants that keep a processor busy are played against at once, at least 1. Bursts that share a machine
    /// disturb each other. Those whose answers are slow are played against beside them.
    pub jobs: usize,
    /// Whether every mutant meets every check, also after it was caught; those with several deviations always do.
    pub whole_suite: bool,
    /// The seed that servers with several deviations were chosen by, where it was one.
    pub seed: Option<u64>,
    /// The folder that gets what was sent to each mutant and seen of it, as `judge` reads it, in a file of its name:
    /// where a mutant meets its own checks first, what came last.
    pub evidence: Option<PathBuf>,
}

/// What came of a hunt.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Hunt {
    /// Every mutant that was played against to its end, in the order they were given.
    #[serde(skip)]
    pub examined: Vec<Examined>,
    /// Whether they are servers with several deviations.
    #[serde(skip)]
    pub composed: bool,
    /// The seed these were chosen by, where it was one.
    #[serde(skip)]
    pub seed: Option<u64>,
    /// Wall time in milliseconds.
    pub took_ms: u64,
    /// Whether waits moved a clock instead of taking real time.
    pub virtual_time: bool,
    /// Whether every mutant was played against.
    pub complete: bool,
    /// Whether Ctrl-C ended it early.
    pub interrupted: bool,
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
    /// What was seen of it could not be kept.
    #[error("what was seen of `{mutant}` could not be written: {why}")]
    Unwritten {
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
    let complete = mutants().iter().all(|mutant| chosen.contains(mutant));
    let virtual_time = !matches!(ground, Ground::Deployments { skips_waits: false });
    let ground = Arc::new(ground);
    let mut waiting: VecDeque<Mutant> = chosen.clone().into();
    // A minute that takes a minute is waited for with any of them.
    let is_beside = |mutant: &Mutant| virtual_time && mutant.is_unhurried();
    // Those that take longest should not be left over at the end: the slow ones, then those that meet the whole suite.
    waiting.make_contiguous().sort_by_key(|mutant| (!is_beside(mutant), mutant.is_wrong()));
    let jobs_beside = jobs_beside(waiting.iter().filter(|mutant| is_beside(mutant)).count());
    let play = |mutant: Mutant, is_beside: bool| {
        let (suite, ground, interrupted) = (Arc::clone(&suite), Arc::clone(&ground), interrupted.clone());
        let jobs = if is_beside { jobs_beside } else { JOBS };
        let options = options.clone();
        async move {
            Runner { mutant: &mutant, suite, ground: &ground, jobs, options: &options, interrupted }
                .examine()
                .await
        }
    };
    let is_open = |one: &Examined| virtual_time && one.outcome == MutantStatus::Undecided;
    let told = |one: &Examined| {
        if !is_open(one) {
            done(one)
        }
    };
    let (mut examined, was_interrupted) = side_by_side(waiting, options.jobs, is_beside, &play, told).await?;
    // What takes too long to be judged beside others need not do so alone.
    let open = examined.iter().filter(|one| is_open(one)).map(|one| one.mutant.clone()).collect();
    let (alone, again) = side_by_side(open, 1, |_| false, play, done).await?;
    let interrupted = was_interrupted || again;
    examined.retain(|one| alone.iter().all(|again| again.mutant != one.mutant));
    examined.extend(alone);
    examined.sort_by_key(|one| chosen.iter().position(|mutant| *mutant == one.mutant));
    Ok(Hunt {
        examined,
        composed: chosen.iter().any(Mutant::is_composed),
        seed: options.seed,
        complete: complete && !interrupted,
        interrupted,
        virtual_time,
        took_ms: whole_millis(begun.elapsed()),
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

/// Plays what is `waiting`, in its order and at most so many at once, and tells `done` of each result as it is there.
/// Those that `is_beside` says take no processor, and are not counted. Once one of them was interrupted, no other one
/// is begun. Gives the results as they came, and whether it was interrupted.
///
/// # Errors
/// The first of `play`, or [`HuntError::Broken`] where one of them panicked.
async fn side_by_side<T, R, F>(
    mut waiting: VecDeque<T>,
    most: usize,
    is_beside: impl Fn(&T) -> bool,
    play: impl Fn(T, bool) -> F,
    mut done: impl FnMut(&R),
) -> Result<(Vec<R>, bool), HuntError>
where
    R: Send + 'static,
    F: Future<Output = Result<Option<R>, HuntError>> + Send + 'static,
{
    let mut playing = JoinSet::new();
    let (mut busy, mut was_interrupted) = (0, false);
    let mut results = Vec::new();
    loop {
        while !was_interrupted
            && let Some(next) = waiting.pop_front_if(|next| is_beside(next) || busy < most.max(1))
        {
            let beside = is_beside(&next);
            busy += usize::from(!beside);
            let played = play(next, beside);
            playing.spawn(async move { (beside, played.await) });
        }
        match playing.join_next().await {
            None => return Ok((results, was_interrupted)),
            Some(Err(error)) => return Err(HuntError::Broken(error.to_string())),
            Some(Ok((was_beside, came_of_it))) => {
                busy -= usize::from(!was_beside);
                match came_of_it? {
                    Some(one) => {
                        done(&one);
                        results.push(one);
                    }
                    None => was_interrupted = true,
                }
            }
        }
    }
}

/// What it takes to play against one mutant.
struct Runner<'a> {
    mutant: &'a Mutant,
    suite: Arc<Suite>,
    ground: &'a Ground,
    /// How many jobs are under way at once.
    jobs: usize,
    options: &'a HuntOptions,
    interrupted: watch::Receiver<bool>,
}

impl Runner<'_> {
    /// Plays against the mutant. A deviation meets the checks that name it first: when one of them fails, nothing more has
    /// to be known, unless the `whole_suite` is asked for. None when the run was interrupted.
    async fn examine(&self) -> Result<Option<Examined>, HuntError> {
        let (begun, mutant) = (Instant::now(), self.mutant);
        let names_it = mutant.checks();
        let is_named = |place: &usize| names_it.contains(&self.suite.checks[*place].id.as_str());
        let in_parts = mutant.is_wrong() && !mutant.is_composed() && !self.options.whole_suite;
        let (first, rest): (Vec<usize>, Vec<usize>) =
            (0..self.suite.checks.len()).partition(|place| !in_parts || is_named(place));
        let Some(mut results) = self.play(&first).await? else { return Ok(None) };
        if in_parts {
            let examined = judge(mutant, &results, false, begun.elapsed());
            if examined.outcome == MutantStatus::Caught {
                return Ok(Some(examined));
            }
            let Some(more) = self.play(&rest).await? else { return Ok(None) };
            results.extend(more);
        }
        Ok(Some(judge(mutant, &results, true, begun.elapsed())))
    }

    /// Plays the checks at these places of the suite. None when the run was interrupted.
    async fn play(&self, places: &[usize]) -> Result<Option<Vec<CheckResult>>, HuntError> {
        if places.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let unplayable = |why: String| HuntError::Unplayable { mutant: self.mutant.name.clone(), why };
        let target = self.ground.target(self.mutant).await;
        let (target, _mock) = target.map_err(|error| unplayable(error.to_string()))?;
        let options = Options { strict: true, rfc: true, jobs: self.jobs, ..Options::default() };
        // Nobody listens: what counts is what it comes to.
        let (events, _) = mpsc::unbounded_channel();
        let (suite, interrupted) = (Arc::clone(&self.suite), self.interrupted.clone());
        let played = record(suite, Arc::new(target), places, options, events, interrupted).await;
        let (results, exit, recording) = played.map_err(|fault| unplayable(fault.to_string()))?;
        if let Some(folder) = &self.options.evidence {
            let mutant = &self.mutant.name;
            recording
                .save(&folder.join(format!("{mutant}.json")))
                .map_err(|error| HuntError::Unwritten { mutant: mutant.clone(), why: error.to_string() })?;
        }
        Ok((exit != ExitCode::Interrupted).then_some(results))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn slow_mutants_get_more_jobs_as_far_as_there_are_files_for_their_connections() {
        assert_eq!(jobs_beside(0), JOBS);
        let alone = jobs_beside(1);
        assert!((JOBS..=MOST_JOBS_BESIDE).contains(&alone));
        assert_eq!(jobs_beside(usize::MAX / 10_000), JOBS);
    }

    #[tokio::test]
    async fn no_more_than_allowed_are_under_way_and_those_beside_are_not_counted() {
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let play = |number: usize, beside: bool| {
            let (now, most) = (Arc::clone(&now), Arc::clone(&most));
            async move {
                if !beside {
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    tokio::task::yield_now().await;
                    now.fetch_sub(1, Ordering::SeqCst);
                }
                Ok(Some(number))
            }
        };
        let mut told = 0;
        let (mut results, interrupted) =
            side_by_side((0..20).collect(), 3, |number| *number < 5, play, |_| told += 1).await.unwrap();
        results.sort_unstable();
        assert_eq!((results, interrupted, told), ((0..20).collect(), false, 20));
        assert_eq!(most.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn after_an_interruption_nothing_is_begun() {
        let play = |number: usize, _| async move { Ok((number != 2).then_some(number)) };
        let played = side_by_side((0..20).collect(), 1, |_| false, play, |_| ()).await;
        assert_eq!(played, Ok((vec![0, 1], true)));
        let broken = |_: usize, _| async { Err::<Option<()>, _>(HuntError::Broken("it".to_owned())) };
        let played = side_by_side((0..20).collect(), 1, |_| false, broken, |_| ()).await;
        assert_eq!(played, Err(HuntError::Broken("it".to_owned())));
    }
}
