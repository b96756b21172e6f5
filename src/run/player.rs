//! Playing one case: its tries, its steps, and what came of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::Run;
use super::clock::Moment;
use super::ledger::{KeyState, WINDOW};
use super::plan;
use super::stage::{Cast, OWN, Stage, variables};
use super::steps::IN_FLIGHT;
use super::suspicion::{self, Suspicion};
use super::wire::Connections;
use crate::payload::random_session;
use crate::report::{Event, Exchange, Failure};
use crate::scenario::Check;
use crate::scenario::model::{Case, Pace, RequestDef};
use crate::scenario::span::Spanned;
use crate::target::TargetError;

/// Why a case's steps were not played to their end.
#[derive(Debug)]
pub(crate) enum Stop {
    /// An expectation is broken, and nothing lawful explains it.
    Broken(Vec<Failure>),
    /// An expectation is broken, and something lawful may explain it.
    Suspect(Suspicion, Vec<Failure>),
    /// The positive control failed, or another check names the cause.
    Blocked(String),
    /// Something the case needs is not there.
    Skipped(String),
    /// Nothing follows from what was seen.
    Inconclusive(String),
}

impl From<TargetError> for Stop {
    fn from(error: TargetError) -> Self {
        Self::Blocked(error.to_string())
    }
}

/// What came of a case.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Every expectation held.
    Held,
    /// Some did not.
    Broken(Vec<Failure>),
    /// See [`Stop::Blocked`].
    Blocked(String),
    /// See [`Stop::Skipped`].
    Skipped(String),
    /// See [`Stop::Inconclusive`].
    Inconclusive(String),
}

/// What was spent of a quota.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spent {
    /// When the first request left.
    pub(super) from: Moment,
    /// How many were admitted.
    pub(super) admitted: u32,
}

/// A session that a batch was sent for.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    /// Its id.
    pub(super) id: String,
    /// The time of the batch's first event.
    pub(super) began: Option<DateTime<Utc>>,
}

/// How many requests are under way at once at a target that turns slow when there are more: a server whose queue of
/// waiting connections is short makes the others wait for whole seconds.
pub(super) const FEW_IN_FLIGHT: u32 = 4;

/// A case in play.
pub(crate) struct Player<'a> {
    pub(super) run: &'a Arc<Run>,
    pub(super) check: &'a Check,
    pub(super) case: &'a Case,
    pub(super) stage: &'a Stage,
    pub(super) cast: &'a Cast,
    /// Suspicions of the tries before this one.
    pub(super) tries: Vec<Suspicion>,
    /// Facts to report.
    pub(super) facts: Vec<String>,
    /// How many requests were sent.
    pub(super) sent: AtomicU64,
    /// Sessions that `send` gave a name.
    pub(super) sessions: BTreeMap<String, Session>,
    /// The session of all batches that were not given one of their own.
    pub(super) session: String,
    /// From when on the quota of this try is being spent.
    pub(super) spending_since: Moment,
    /// What of each key's quota was spent since it was fresh, by variable.
    pub(super) spent: BTreeMap<String, Spent>,
    /// How long the key had been silent before that.
    pub(super) silence: Duration,
    /// Whether the next request goes out on a promise: then a 429 is the fault that is looked for.
    pub(super) on_promise: bool,
    /// Whether a key that this run has not used yet is taken for fresh.
    pub(super) trusts: bool,
    /// How long keys are silent before a window that should be fresh, where a shorter silence did not do.
    pub(super) patience: Option<Duration>,
    /// Whether the last fresh window was waited for by the first promise of a 429, which had not moved since.
    pub(super) waited_for_first_promise: bool,
    /// Whether nothing was sent yet in a window that was waited for.
    pub(super) is_at_the_beginning: bool,
    /// Whether bursts should avoid reused connections, after these made noise.
    pub(super) connections: Connections,
    /// The request, and the batch size, that used the key up, as long as it should stay so.
    pub(super) held_used_up: Option<(String, Option<u32>)>,
    /// How many requests the target takes at once without delay, where that was found to be few.
    pub(super) most_in_flight: u32,
}

impl<'a> Player<'a> {
    /// A player at the beginning of its case.
    pub(crate) fn new(
        run: &'a Arc<Run>,
        check: &'a Check,
        case: &'a Case,
        stage: &'a Stage,
        cast: &'a Cast,
    ) -> Self {
        Self {
            run,
            check,
            case,
            stage,
            cast,
            tries: Vec::new(),
            facts: Vec::new(),
            sent: AtomicU64::new(0),
            sessions: BTreeMap::new(),
            session: random_session(),
            spending_since: stage.clock.now(),
            spent: BTreeMap::new(),
            silence: Duration::ZERO,
            on_promise: false,
            trusts: false,
            patience: None,
            waited_for_first_promise: false,
            is_at_the_beginning: false,
            connections: Connections::Reused,
            held_used_up: None,
            most_in_flight: if run.is_crowded() { FEW_IN_FLIGHT } else { u32::MAX },
        }
    }

    /// Plays the case, with further tries as long as something lawful may explain what broke.
    pub(crate) async fn play(mut self) -> (Outcome, Vec<String>) {
        loop {
            self.facts.clear();
            let outcome = match self.play_once().await {
                Ok(()) => Outcome::Held,
                Err(Stop::Broken(failures)) => Outcome::Broken(failures),
                Err(Stop::Blocked(why)) => Outcome::Blocked(why),
                Err(Stop::Skipped(why)) => Outcome::Skipped(why),
                Err(Stop::Inconclusive(why)) => Outcome::Inconclusive(why),
                Err(Stop::Suspect(suspicion, failures)) => {
                    self.tries.push(suspicion);
                    match suspicion::weigh(&self.tries) {
                        suspicion::Amount::Proof => Outcome::Broken(self.with_tries(failures)),
                        suspicion::Amount::Undecided(why) => self.one_by_one(failures, why).await,
                        suspicion::Amount::Explained(fact) => {
                            self.fact(fact);
                            Outcome::Held
                        }
                        suspicion::Amount::TryAgain => {
                            self.learn_from_last_try();
                            continue;
                        }
                    }
                }
            };
            return (outcome, self.facts);
        }
    }

    /// The last resort where quota was missing each time, and another amount each time. Somebody else's requests
    /// would be missing when ours go out one by one as well; a limiter that loses count of requests that come
    /// together would not.
    async fn one_by_one(&mut self, mut failures: Vec<Failure>, why: String) -> Outcome {
        let missing =
            self.tries.iter().filter(|suspicion| matches!(suspicion, Suspicion::TooFew { .. })).count();
        if let Some(pace) = self.case.steps.iter().find_map(|step| step.pace.as_ref())
            && missing > 1
        {
            return self.all_at_once(pace, failures, why).await;
        }
        if missing < self.tries.len() {
            return Outcome::Inconclusive(why);
        }
        self.most_in_flight = 1;
        match self.play_once().await {
            Ok(()) => {
                for failure in &mut failures {
                    let tries = self.tries.len();
                    failure.facts.push(format!(
                        "quota was missing in each of {tries} bursts, and none when the requests went out one by one"
                    ));
                }
                Outcome::Broken(failures)
            }
            Err(_) => Outcome::Inconclusive(why),
        }
    }

    /// The last resort where an even pace was refused each time, at another request each time. Somebody else's requests
    /// would be missing when the quota is used all at once as well.
    async fn all_at_once(&mut self, pace: &Pace, mut failures: Vec<Failure>, why: String) -> Outcome {
        let Ok(admitted) = self.whole_quota(pace).await else { return Outcome::Inconclusive(why) };
        let tries = self.tries.len();
        for failure in &mut failures {
            failure.facts.push(format!(
                "refused at this pace in {tries} tries, and {admitted} requests admitted when they went out at once"
            ));
        }
        match self.key(pace.key.as_ref()) {
            Ok(key) if admitted == key.limits.requests => Outcome::Broken(failures),
            _ => Outcome::Inconclusive(why),
        }
    }

    /// How much of a fresh quota is admitted when nothing but that is asked for.
    async fn whole_quota(&mut self, pace: &Pace) -> Result<u32, Stop> {
        let key = self.key(pace.key.as_ref())?;
        self.needs_silence(suspicion::LONG_SILENCE);
        self.spend_anew();
        self.align().await?;
        let requests = vec![0; key.limits.requests as usize];
        let requests = self.batches(self.request(&pace.request)?, &key, &requests)?;
        let volley = self.fire(Some(&key), requests, IN_FLIGHT, Connections::Fresh).await;
        Ok(volley.admitted())
    }

    async fn play_once(&mut self) -> Result<(), Stop> {
        self.on_promise = false;
        self.held_used_up = None;
        // A batch that was let in out of turn must not be mistaken for the one of this try.
        self.sessions.clear();
        self.spend_anew();
        self.check_offers().await?;
        for key in self.cast.values() {
            if !self.measures_itself() {
                self.find_room(key).await?;
            }
            match self.control(key).await {
                // The key worked at the first try. A target that has no 429 refuses a used-up key in words of its own,
                // so it is asked again when its minute is over.
                Err(Stop::Blocked(_)) if !self.tries.is_empty() => {
                    let silent = self.stage.clock.now() + WINDOW;
                    self.wait_until(silent, &format!("a silence of {}", key.key.variable)).await?;
                    self.control(key).await?;
                }
                other => other?,
            }
        }
        self.find_envelope().await?;
        self.control_bursts().await?;
        for step in &self.case.steps {
            self.step(step).await?;
        }
        Ok(())
    }

    /// From now on the quotas of a fresh window are spent.
    pub(super) fn spend_anew(&mut self) {
        self.spending_since = self.stage.clock.now();
        self.spent.clear();
    }

    /// The keys whose quota the case counts; with the others it sends a few requests.
    pub(super) fn measured(&self) -> impl Iterator<Item = &'a Arc<KeyState>> + use<'a> {
        let (cast, case) = (self.cast, self.case);
        cast.iter().filter(move |(name, _)| plan::is_measured(case, name)).map(|(_, key)| key)
    }

    /// See [`plan::needs_no_room`].
    pub(super) fn measures_itself(&self) -> bool {
        plan::needs_no_room(self.case)
    }

    /// Waits until the case's own requests fit into the quota; after a 429 out of turn, until the key was silent for
    /// so long that no lawful limiter remembers anything.
    async fn find_room(&mut self, key: &KeyState) -> Result<(), Stop> {
        let last = key.last_answer();
        if let (Some(Suspicion::Limited { .. }), Some(last)) = (self.tries.last(), last) {
            let silence = key.silence().unwrap_or(WINDOW);
            self.wait_until(last + silence, &format!("a silence of {}", key.key.variable)).await?;
        } else {
            let sends = self.case.steps.iter().filter(|step| step.send.is_some()).count();
            self.make_room(key, u32::try_from(sends).unwrap_or(u32::MAX)).await?;
        }
        self.silence = last.map_or(Duration::ZERO, |last| self.stage.clock.now() - last);
        Ok(())
    }

    /// After noise, connections are no longer reused; after quota was missing, silences get longer.
    fn learn_from_last_try(&mut self) {
        match self.tries.last() {
            Some(Suspicion::Noise(_)) => {
                self.connections = Connections::Fresh;
                self.most_in_flight = FEW_IN_FLIGHT;
            }
            Some(Suspicion::TooSlow(_)) if self.run.is_crowded() => self.most_in_flight = FEW_IN_FLIGHT,
            Some(Suspicion::CameBack { .. }) => self.needs_silence(suspicion::LONG_SILENCE),
            Some(Suspicion::TooFew { .. } | Suspicion::Limited { .. }) => {
                let before = self
                    .tries
                    .iter()
                    .filter(|other| matches!(other, Suspicion::TooFew { .. } | Suspicion::Limited { .. }));
                let silence = if before.count() > 1 {
                    suspicion::LONG_SILENCE
                } else {
                    WINDOW + Duration::from_secs(1)
                };
                self.needs_silence(silence);
            }
            _ => {}
        }
    }

    /// From now on the keys are given so long a silence before a quota is measured.
    pub(super) fn needs_silence(&self, silence: Duration) {
        for key in self.cast.values() {
            key.needs_silence(silence);
            if self.stage.workspace.is_none() {
                self.run.note_silence(&key.key.variable, silence);
            }
        }
    }

    fn with_tries(&self, mut failures: Vec<Failure>) -> Vec<Failure> {
        if self.tries.len() > 1 {
            let tried = format!("seen in {} tries; no lawful limiter explains all of them", self.tries.len());
            for failure in &mut failures {
                failure.facts.push(tried.clone());
            }
        }
        failures
    }

    /// The key a step names.
    pub(super) fn key(&self, name: Option<&Spanned<String>>) -> Result<Arc<KeyState>, Stop> {
        let name = name.map_or(OWN, |name| name.as_str());
        match self.cast.get(name).or_else(|| self.cast.values().next()) {
            Some(key) => Ok(Arc::clone(key)),
            None => Err(Stop::Skipped("the check names no key".to_owned())),
        }
    }

    /// The shared request of this name. Loading has made sure that it is there.
    pub(super) fn request(&self, name: &str) -> Result<&'a RequestDef, Stop> {
        match self.run.suite.requests.get(name) {
            Some(def) => Ok(&def.value),
            None => Err(Stop::Blocked(format!("no request is called `{name}`"))),
        }
    }

    /// Waits until `moment`, telling what for where it takes real time worth telling.
    pub(super) async fn wait_until(&self, moment: Moment, what: &str) -> Result<(), Stop> {
        const WORTH_TELLING: Duration = Duration::from_millis(300);
        let left = moment - self.stage.clock.now();
        let tell = !self.stage.clock.is_virtual() && left > WORTH_TELLING;
        if tell {
            let (id, keys) = (self.check.id.clone(), variables(self.cast));
            self.run.emit(Event::Waiting { id, keys, what: what.to_owned(), how_long: left });
        }
        self.stage.clock.wait_until(moment).await?;
        if tell {
            self.run.emit(Event::Resumed { id: self.check.id.clone(), keys: variables(self.cast) });
        }
        Ok(())
    }

    /// The row of this case, for people.
    pub(super) fn row(&self) -> String {
        self.case.row.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
    }

    /// A failure of the step at `line`.
    pub(super) fn failure(&self, line: u32, finding: super::judge::Finding) -> Failure {
        Failure {
            case: self.row(),
            what: finding.what,
            expected: finding.expected,
            actual: finding.actual,
            line,
            facts: Vec::new(),
            exchange: None,
            curl: None,
        }
    }

    /// Shows an exchange to those who want to see every one.
    pub(super) fn tell(&self, exchange: impl FnOnce() -> Exchange) {
        if self.run.options.verbose {
            self.run.emit(Event::Exchange { id: self.check.id.clone(), exchange: exchange() });
        }
    }

    /// Counts requests that left.
    pub(super) fn count_requests(&self, how_many: usize) {
        let how_many = u64::try_from(how_many).unwrap_or(u64::MAX);
        self.sent.fetch_add(how_many, Ordering::Relaxed);
        self.run.requests.fetch_add(how_many, Ordering::Relaxed);
        self.run.count_for(&self.check.id, how_many);
    }
}
