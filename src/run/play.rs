//! A whole run: the survey, every experiment once, those again that left a doubt, and what it all comes to.

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};

use super::allocator::{Condition, KeyAllocator};
use super::early_end::EarlyEnd;
use super::evidence::{Gap, Play};
use super::job::{self, Job, Place};
use super::options::Options;
use super::player::{Played, play_job};
use super::recording::{Ended, Recording};
use super::run_context::RunContext;
use super::run_state::RunState;
use super::runner::Attempt;
use super::schedule::Schedule;
use super::sharing::{Sharing, shares};
use super::waiters::Busy;
use super::{Fault, case, judge, plan};
use crate::amounts::count;
use crate::contract::Tier;
use crate::deployment::{Key, Keys, Target, TargetError};
use crate::report::{CheckResult, Event, ExitCode, RunInfo};
use crate::scenario::Suite;

/// Plays the checks at `selected` places of the suite and tells `events` everything. Ends early, with what was judged until
/// then, when `interrupted` turns true, when the time of the options is over, and at a deployment when it has taken as long as
/// [`TestPlan::at_most`](super::TestPlan::at_most) says.
///
/// # Errors
/// A [`Fault`] when the HTTP client cannot be set up; nothing has been told then.
pub async fn play(
    suite: Arc<Suite>,
    target: Arc<Target>,
    selected: &[usize],
    options: Options,
    events: tokio::sync::mpsc::UnboundedSender<Event>,
    interrupted: watch::Receiver<bool>,
) -> Result<(Vec<CheckResult>, ExitCode), Fault> {
    let (results, exit, _) = record(suite, target, selected, options, events, interrupted).await?;
    Ok((results, exit))
}

/// Plays checks of a suite, all of them where none is named, and gives what each came to: the suite as a test in Rust plays it.
/// A server on this machine that was given keys gets bursts of up to 1,100 requests, and its windows take real minutes.
///
/// ```
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// use trenchcheck::deployment::Embedded;
/// use trenchcheck::report::Verdict;
/// use trenchcheck::scenario::{Source, Suite};
///
/// // In the place of your own server: `Target::on_this_machine("http://127.0.0.1:8080", Keys::Environment(keys))`.
/// let reference = Embedded::start().await?;
/// let target = reference.target(&["accept-bearer".to_owned()], None);
///
/// let suite = Suite::load(&Source::Builtin)?;
/// let results = trenchcheck::run::test(suite, target, &["auth.missing", "auth.no-bearer"]).await?;
/// let failed: Vec<_> = results.iter().filter(|result| result.verdict == Verdict::Fail).collect();
/// assert_eq!(failed.len(), 1);
/// assert_eq!(failed[0].id, "auth.no-bearer");
/// assert_eq!(failed[0].failures[0].what, "the status is 200, not 401");
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// A [`Fault`] when the HTTP client cannot be set up.
///
/// # Panics
/// Where a name is no check of the suite: a test that plays nothing must not pass.
pub async fn test(suite: Suite, target: Target, ids: &[&str]) -> Result<Vec<CheckResult>, Fault> {
    let place = |id: &&str| suite.checks.iter().position(|check| check.id == *id);
    let places: Option<Vec<usize>> = match ids {
        [] => Some((0..suite.checks.len()).collect()),
        ids => ids.iter().map(place).collect(),
    };
    let places = places.unwrap_or_else(|| panic!("one of {ids:?} is no check of the suite"));
    let (events, _nobody) = tokio::sync::mpsc::unbounded_channel();
    let (_never, interrupted) = watch::channel(false);
    let (results, _) =
        play(Arc::new(suite), Arc::new(target), &places, Options::default(), events, interrupted).await?;
    Ok(results)
}

/// [`play`], and all that was sent and seen.
///
/// # Errors
/// A [`Fault`] when the HTTP client cannot be set up; nothing has been told then.
pub async fn record(
    suite: Arc<Suite>,
    target: Arc<Target>,
    selected: &[usize],
    options: Options,
    events: tokio::sync::mpsc::UnboundedSender<Event>,
    interrupted: watch::Receiver<bool>,
) -> Result<(Vec<CheckResult>, ExitCode, Recording), Fault> {
    let begun = std::time::Instant::now();
    let run = Arc::new(RunContext::new(suite, target, options, events)?);
    let info = RunInfo {
        target: run.target.base_url.clone(),
        keys: match &run.target.keys {
            Keys::Environment(keys) => format!("environment ({})", count(keys.len() as u64, "key")),
            Keys::Mock(_) => "a mock's control API".to_owned(),
        },
        virtual_time: matches!(run.target.keys, Keys::Mock(_)),
        checks: selected.iter().map(|index| run.suite.checks[*index].id.clone()).collect(),
        strict: run.options.strict,
        rfc: run.options.rfc,
        started_at: chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
        again: run.options.again.clone().unwrap_or_else(|| {
            RunInfo::plays((!run.target.built_in).then_some(run.target.base_url.as_str()))
        }),
    };
    run.target.reach.secrets().iter().for_each(|secret| run.emit(Event::Secret(secret.clone())));
    run.emit(Event::Started(info.clone()));
    let mut state = RunState::new(&run, selected, interrupted);
    state.survey().await;
    state.rounds().await;
    state.gather();
    let learned = run.learned.lock().told();
    let ended = Ended {
        info,
        took: begun.elapsed(),
        requests: run.requests.load(Ordering::Relaxed),
        interrupted: state.ended_early == Some(EarlyEnd::Interrupted),
        facts: learned
            .into_iter()
            .chain(state.dead_beside())
            .chain(run.trace.told_of_failing())
            .chain(run.told_of_bursts())
            .collect(),
        evidence: state.evidence,
    };
    let recording = Recording::of(&run, selected, ended);
    let (results, exit) = recording.conclude(&run.suite, selected, &run.options, |event| run.emit(event));
    Ok((results, exit, recording))
}

/// What came of a job, and who was busy with it until that is heard.
type PlayedBusily = (Played, Option<Busy>);

impl RunState {
    /// Plays everything once, and again what left a doubt.
    async fn rounds(&mut self) {
        let places = job::places(&self.run.suite, &self.selected);
        let mut next: Vec<(Place, Attempt)> = places
            .into_iter()
            .map(|place| {
                let steps = case::steps_needed(place.of(&self.run.suite), &self.selected);
                (place, Attempt { steps: Some(steps), ..Attempt::default() })
            })
            .collect();
        let mut is_first = true;
        while !next.is_empty() {
            self.round(next, is_first).await;
            if self.ended_early.is_some() || self.run.options.fail_fast && self.has_failed() {
                break;
            }
            let judged = self.judge();
            next = self.doubts(&judged);
            if next.is_empty() || self.is_to_play_apart() {
                self.play_apart(std::mem::take(&mut next)).await;
                next = self.not_shared_after_all();
            }
            is_first = false;
        }
    }

    /// Plays these cases, each once.
    pub(super) async fn round(&mut self, places: Vec<(Place, Attempt)>, is_first: bool) {
        let (places, left_out) = self.playable(places);
        let wanted: Vec<(Place, usize)> =
            places.iter().map(|(place, _)| (*place, self.plays_of(*place))).collect();
        if is_first {
            self.play_with_dead_keys(&left_out).await;
        }
        self.evidence.not_played.extend(left_out);
        let mut jobs = self.give_out(places);
        let mut allocator = None;
        if let Some((_, keys)) = &self.ground {
            let keys: Vec<Key> = keys.iter().map(|key| key.key.clone()).collect();
            let (suite, info) = (&self.run.suite, self.run.target.info());
            let (arranged, schedule, requests) =
                plan::arrange(suite, &info, &keys, jobs, self.run.options.jobs);
            jobs = arranged;
            if !is_first {
                // The plan takes keys for unused; by now whichever is ready first is the best.
                jobs.iter_mut().for_each(|job| job.planned = None);
            } else if !jobs.is_empty() {
                self.bound(schedule.takes, requests);
                self.run.emit(Event::Planned(schedule));
            }
            allocator = Some(KeyAllocator::new(keys, &jobs));
        }
        let mut schedule = Schedule::new(jobs, allocator, self.run.options.jobs);
        if !is_first {
            schedule.waits_for_sharing.clear();
        }
        self.drive(&mut schedule).await;
        self.account_for(&wanted);
    }

    /// Jobs of these cases, which are played once more by that.
    fn give_out(&mut self, places: Vec<(Place, Attempt)>) -> Vec<Job> {
        for (place, _) in &places {
            *self.given_out.entry(*place).or_default() += 1;
        }
        job::jobs(&self.run.suite, places)
    }

    /// Begins jobs as their keys come free, until all are over.
    async fn drive(&mut self, schedule: &mut Schedule) {
        /// What there is to do.
        enum Woken {
            Played(Option<Box<Result<PlayedBusily, JoinError>>>),
            Sharing,
            Ended(EarlyEnd),
        }
        let mut playing: JoinSet<PlayedBusily> = JoinSet::new();
        let mut sharing = self.run.sharing.subscribe();
        let apart = schedule.waits_for_sharing.clone();
        let mut slides = self.run.learned.lock().slides;
        let mut end = pin!(self.early_end());
        if self.ended_early.is_none() {
            self.ended_early = end.as_mut().now_or_never();
        }
        while self.ended_early.is_none() {
            while let Some((job, leased)) = schedule.begin(&|key, job| self.condition(key, job)) {
                let (run, ground, busy) = (Arc::clone(&self.run), self.ground.clone(), self.clock.busy());
                playing.spawn(async move { (play_job(run, ground, job, leased).await, busy) });
            }
            self.busy = None;
            let woken = tokio::select! {
                joined = playing.join_next() => Woken::Played(joined.map(Box::new)),
                Ok(()) = sharing.changed(), if !schedule.waits_for_sharing.is_empty() => Woken::Sharing,
                ended = &mut end => Woken::Ended(ended),
            };
            self.busy = self.clock.busy();
            match woken {
                Woken::Played(joined) => match joined.map(|joined| *joined) {
                    None => return,
                    Some(Ok(((job, leased, plays), _busy))) => {
                        // What tells nothing once it is over keeps nobody waiting.
                        if let Some(tier) = job.learns_sharing {
                            self.run.sharing.send_if_modified(|seen| {
                                seen.entry(tier).or_insert(Sharing::Apart);
                                false
                            });
                        }
                        self.heed_sharing(schedule, &apart);
                        schedule.end(&job, &leased);
                        self.keep(&job, plays);
                        if !std::mem::replace(&mut slides, self.run.learned.lock().slides) && slides {
                            schedule.forget_plan();
                        }
                        // What left a doubt is played again on keys that no other job was planned with.
                        if job.measures() && self.ground.is_some() && !self.is_to_play_apart() {
                            let judged = self.judge();
                            let again = self.doubts(&judged);
                            schedule.add(self.give_out(again));
                        }
                    }
                    Some(Err(error)) => {
                        let why = Gap::Inconclusive(format!("a fault in trenchcheck: {error}"));
                        let pending = schedule.give_up(|_| true);
                        pending.iter().for_each(|job| self.give_up(job, &why));
                    }
                },
                Woken::Sharing => self.heed_sharing(schedule, &apart),
                Woken::Ended(ended) => match self.more_time(ended) {
                    true => end.set(self.early_end()),
                    false => self.ended_early = Some(ended),
                },
            }
            if self.run.options.fail_fast && self.has_failed() {
                return;
            }
        }
    }

    /// Gives up what measures the keys of a tier that turned out to share a quota, or of one of which nothing will be known.
    /// `apart` are the tiers that are looked at each for itself.
    fn heed_sharing(&mut self, schedule: &mut Schedule, apart: &BTreeSet<Tier>) {
        let told = shares(&self.run.sharing.borrow(), &schedule.waits_for_sharing);
        for (shared, shares) in told {
            if !schedule.waits_for_sharing.remove(&shared) || !shares {
                continue;
            }
            let why = format!("the {shared} keys share a quota, so what others send is counted, too");
            let in_doubt = |tier: Tier| tier == shared || !apart.contains(&tier);
            let given_up = schedule.give_up(|job| {
                job.learns_sharing.is_none()
                    && Tier::ALL.iter().any(|tier| in_doubt(*tier) && job.may_measure(*tier))
            });
            given_up.iter().for_each(|job| self.give_up_shared(job, &why));
        }
    }

    /// What is known of a key.
    fn condition(&self, key: usize, job: &Job) -> Condition {
        let Some((environment, keys)) = &self.ground else {
            return Condition { room: true, fresh_at: Duration::ZERO, unused: true };
        };
        let (key, now) = (&keys[key], environment.clock.now());
        Condition {
            room: key.room_for(job.counted, now) <= now,
            fresh_at: key.likely_fresh_at(now).0,
            unused: key.last_answer().is_none() || key.hardly_used(now),
        }
    }

    /// Keeps what a job brought to light, and tells the checks that are known to pass by that.
    fn keep(&mut self, job: &Job, plays: Result<Vec<Play>, TargetError>) {
        match plays {
            Ok(plays) => self.evidence.plays.extend(plays),
            Err(error) => self.give_up(job, &Gap::Blocked(error.to_string())),
        }
    }

    /// Puts together what was seen by now and what it teaches, and tells that of the deployment as a whole.
    pub(super) fn gather(&mut self) -> judge::Taught {
        self.evidence.looks = self.run.trace.looks();
        self.evidence.run = self.run.trace.wide();
        self.evidence.learned = self.run.learned.lock().clone();
        let taught = judge::learn(&self.run.suite, &mut self.evidence);
        let mut learned = self.run.learned.lock();
        learned.requests.clone_from(&self.evidence.learned.requests);
        learned.requests_of.clone_from(&self.evidence.learned.requests_of);
        learned.events.clone_from(&self.evidence.learned.events);
        learned.events_of.clone_from(&self.evidence.learned.events_of);
        taught
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deployment::Embedded;
    use crate::run::instant::Instant;
    use crate::scenario::Source;

    /// A run of one check, with an hour as the time it was given.
    fn state(target: Target, check: &str) -> RunState {
        let suite = Arc::new(Suite::load(&Source::Builtin).unwrap());
        let selected = suite.checks.iter().position(|one| one.id == check).unwrap();
        let options = Options { jobs: 2, within: Some(Duration::from_secs(3_600)), ..Options::default() };
        let (events, _) = tokio::sync::mpsc::unbounded_channel();
        let run = Arc::new(RunContext::new(suite, Arc::new(target), options, events).unwrap());
        let (sender, interrupted) = watch::channel(false);
        // The run takes a dropped sender for Ctrl-C.
        std::mem::forget(sender);
        RunState::new(&run, &[selected], interrupted)
    }

    #[tokio::test]
    async fn a_run_at_a_deployment_is_over_when_its_plan_says_so() {
        let (target, _mock) = Embedded::deployment(&[], None, false).await.unwrap();
        let mut state = state(target, "rate.standard");
        state.bound(Duration::from_secs(60), 160);
        let (Instant(bound), end) = state.deadline.unwrap();
        assert_eq!(end, EarlyEnd::AtMost);
        assert!(bound > Duration::from_secs(60) && bound < Duration::from_secs(600), "{bound:?}");
    }

    #[tokio::test]
    async fn a_silence_of_all_keys_is_over_when_the_run_is() {
        let (target, _mock) = Embedded::deployment(&[], None, false).await.unwrap();
        let mut state = state(target, "rate.standard");
        let (environment, keys) = state.ground.clone().unwrap();
        let now = environment.clock.now();
        keys[0].note_lost(now, now);
        state.deadline = Some((state.clock.now(), EarlyEnd::AtMost));
        let waits = state.wait_for_silence_of_all(Duration::ZERO);
        assert!(tokio::time::timeout(Duration::from_secs(5), waits).await.is_ok());
        assert_eq!(state.ended_early, Some(EarlyEnd::AtMost));
    }

    #[tokio::test]
    async fn when_the_time_is_over_nothing_is_begun_and_what_is_open_says_so() {
        let mock = Embedded::start().await.unwrap();
        let mut state = state(mock.target(&[], None), "auth.missing");
        state.deadline = Some((state.clock.now(), EarlyEnd::AtMost));
        state.rounds().await;
        assert!(state.evidence.plays.is_empty() && !state.evidence.not_played.is_empty());
        for left in &state.evidence.not_played {
            assert_eq!(left.why, EarlyEnd::AtMost.gap(false));
        }
        assert_eq!(state.run.requests.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn a_case_that_waits_for_another_play_says_why_it_gets_none() {
        let mock = Embedded::start().await.unwrap();
        let mut state = state(mock.target(&[], None), "auth.missing");
        state.rounds().await;
        let plays = state.evidence.plays.len();
        state.deadline = Some((state.clock.now(), EarlyEnd::AtMost));
        let places = job::places(&state.run.suite, &state.selected);
        state.round(places.into_iter().map(|place| (place, Attempt::default())).collect(), false).await;
        assert_eq!((state.evidence.plays.len(), state.evidence.not_played.len()), (plays, plays));
        assert_eq!(state.evidence.not_played[0].why, EarlyEnd::AtMost.gap(true));
    }
}
