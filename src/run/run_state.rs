//! How far a run has come, and until when it may go on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::clock::Clock;
use super::early_end::{Deadline, EarlyEnd, early_end};
use super::environment::Environment;
use super::evidence::{Deployment, Evidence, Gap};
use super::instant::Instant;
use super::job::{Job, Place};
use super::keys::KeyState;
use super::plan;
use super::run_context::RunContext;
use super::waiters::Busy;
use super::walk::ALONE;
use crate::deployment::Keys;
use crate::report::Event;

/// How much more time a run gets where a limiter slides: two more windows of each of its silences.
const FOR_SLIDING: Duration = Duration::from_secs(240);

/// How far a run has come.
pub(super) struct RunState {
    pub(super) run: Arc<RunContext>,
    pub(super) selected: Vec<usize>,
    /// The time since the run began: at a deployment, that of all its cases.
    pub(super) clock: Arc<Clock>,
    /// Held while the run does something else than to wait for what it plays.
    pub(super) busy: Option<Busy>,
    pub(super) interrupted: watch::Receiver<bool>,
    pub(super) deadline: Option<Deadline>,
    pub(super) ended_early: Option<EarlyEnd>,
    /// The keys of a deployment that work, and where they are used; none at a mock, where every job has keys of its own.
    pub(super) ground: Option<(Environment, Vec<Arc<KeyState>>)>,
    /// The keys that open nothing, and what was answered.
    pub(super) dead: Vec<(Arc<KeyState>, String)>,
    pub(super) evidence: Evidence,
    /// The cases that were given up because keys share a quota.
    pub(super) shared: Vec<Place>,
    /// Whether cases are played one after the other, because keys share a quota.
    pub(super) plays_apart: bool,
    /// How often each case was given out to be played.
    pub(super) given_out: BTreeMap<Place, u32>,
    /// Whether it was given the time that a limiter that slides takes.
    pub(super) has_time_to_slide: bool,
    /// For how much of the time that bursts took longer than planned it was given as much.
    pub(super) late: Duration,
}

impl RunState {
    pub(super) fn new(run: &Arc<RunContext>, selected: &[usize], interrupted: watch::Receiver<bool>) -> Self {
        let ground = match &run.target.keys {
            Keys::Environment(keys) => {
                let states =
                    keys.iter().map(|key| Arc::new(KeyState::unused(key.clone(), &run.target))).collect();
                keys.iter().for_each(|key| run.emit(Event::Secret(key.secret.clone())));
                Some((Environment::deployed(&run.target), states))
            }
            Keys::Mock(_) => None,
        };
        let clock = match &ground {
            Some((environment, _)) => Arc::clone(&environment.clock),
            None => Arc::new(Clock::real()),
        };
        let deployment = Deployment {
            base_url: run.target.base_url.clone(),
            extra_members_allowed: run.target.extra_members_allowed,
            virtual_time: ground.is_none(),
            built_in: run.target.built_in,
        };
        Self {
            run: Arc::clone(run),
            selected: selected.to_vec(),
            busy: clock.busy(),
            clock,
            interrupted,
            deadline: None,
            ended_early: None,
            ground,
            dead: Vec::new(),
            evidence: Evidence { deployment, ..Evidence::default() },
            shared: Vec::new(),
            plays_apart: false,
            given_out: BTreeMap::new(),
            has_time_to_slide: false,
            late: Duration::ZERO,
        }
    }

    /// Waits until the run is to end early.
    pub(super) fn early_end(&self) -> impl Future<Output = EarlyEnd> + use<> {
        early_end(self.interrupted.clone(), Arc::clone(&self.clock), self.deadline)
    }

    /// Sets the time at which the run is over, whatever it has found by then.
    pub(super) fn set_deadline(&mut self, at_most: Option<Duration>) {
        let within = self.run.options.within.map(|within| (Instant(within), EarlyEnd::Within));
        let at_most = at_most.map(|at_most| (Instant(at_most), EarlyEnd::AtMost));
        self.deadline = within.into_iter().chain(at_most).min_by_key(|(at, _)| *at);
    }

    /// Bounds a run that was planned to take so long. A slow deployment gets what its answers take beyond the plan.
    pub(super) fn bound(&mut self, planned: Duration, requests: u32) {
        /// An answer that takes longer is no usual one.
        const SLOWEST: Duration = Duration::from_secs(1);
        let slower = self.run.usual_latency().min(SLOWEST).saturating_sub(ALONE);
        let answers = slower * requests / self.run.side_by_side();
        self.set_deadline(Some(plan::at_most(planned + answers)));
    }

    /// Gives a run more time, where all that was judged by then passed: a limiter that slides remembers two minutes, and a slow
    /// deployment is right all the same. What was found wrong by then is wrong.
    pub(super) fn more_time(&mut self, ended: EarlyEnd) -> bool {
        /// Less is not worth another look.
        const WORTH_IT: Duration = Duration::from_secs(5);
        if ended != EarlyEnd::AtMost || self.has_failed() {
            return false;
        }
        let slides = self.run.learned.lock().slides && !std::mem::replace(&mut self.has_time_to_slide, true);
        let late = self.run.late();
        let slow = late.saturating_sub(std::mem::replace(&mut self.late, late));
        let more = slow + if slides { FOR_SLIDING } else { Duration::ZERO };
        let Some((at, _)) = self.deadline.filter(|_| more >= WORTH_IT) else { return false };
        self.set_deadline(Some(at.0 + more));
        true
    }

    /// How often a case was played.
    pub(super) fn plays_of(&self, place: Place) -> usize {
        let experiment = &self.run.suite.experiments[place.experiment].name;
        self.evidence.plays_of(experiment, &place.of(&self.run.suite).row).count()
    }

    pub(super) fn give_up(&mut self, job: &Job, why: &Gap) {
        for (place, _) in &job.cases {
            let left = self.not_played(*place, why.clone());
            self.evidence.not_played.push(left);
        }
    }
}
