//! Playing one case: its steps one after the other, and the evidence they leave. Nothing is judged here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::Run;
use super::clock::Instant;
use super::environment::{Environment, KeyBindings, OWN, variables};
use super::evidence::{Fresh, Gap, KeyInfo, Observation, Play};
use super::keys::{KeyState, Spent};
use super::learned::{KeyFacts, NO_REFUSAL};
use super::limiters::{self, Suspicion};
use super::request::Recipe;
use crate::client::Outgoing;
use crate::contract::{Limits, Scope};
use crate::deployment::{Role, TargetError};
use crate::payload::random_session;
use crate::report::Event;
use crate::scenario::model::{Action, Case, Experiment, Fact, RequestDef};
use crate::yaml::Spanned;

/// How many requests are under way at once at a target that turns slow when there are more: a server whose queue of
/// waiting connections is short makes the others wait for whole seconds.
pub(super) const FEW_IN_FLIGHT: u32 = 4;

/// By how much each further play begins at another phase of the minute, where that costs nothing.
pub(super) const PHASE: Duration = Duration::from_secs(17);

/// How a case is played.
#[derive(Debug, Clone, Default)]
pub(crate) struct Attempt {
    /// How often it was played before.
    pub(crate) before: u32,
    /// How long keys are silent before a window that should be fresh, where shorter silences left a doubt.
    pub(crate) silence: Option<Duration>,
    /// What was suspicious before, so that its windows lie apart from that.
    pub(crate) suspicions: Vec<Suspicion>,
    /// How many of its steps are played; all of them where it is not said.
    pub(crate) steps: Option<usize>,
    /// The variables of the keys it is played with again, by the names its steps use: what two keys share is told by the same
    /// two.
    pub(crate) with: BTreeMap<String, String>,
}

/// A session that a batch was sent for.
#[derive(Debug, Clone)]
pub(super) struct Session {
    /// Its id.
    pub(super) id: String,
    /// The time of the batch's first event.
    pub(super) began: Option<DateTime<Utc>>,
}

/// A case in play.
pub(crate) struct Runner<'a> {
    pub(super) run: &'a Arc<Run>,
    pub(super) name: &'a str,
    pub(super) case: &'a Case,
    pub(super) environment: &'a Environment,
    pub(super) bindings: &'a KeyBindings,
    pub(super) attempt: Attempt,
    /// The limits by which bursts are measured out, by the variable of the key: what others learn meanwhile is for the next
    /// play.
    limits: BTreeMap<String, Limits>,
    /// How many requests were sent.
    pub(super) sent: AtomicU64,
    /// Sessions that `send` gave a name.
    pub(super) sessions: BTreeMap<String, Session>,
    /// The session of all batches that were not given one of their own.
    pub(super) session: String,
    /// How the window began that is open now, as long as little of it was used.
    pub(super) fresh: Option<Fresh>,
    /// How long the keys had been silent before that, at the least.
    pub(super) silence: Duration,
    /// Whether the next request goes out on a promise: then a refusal is the fault that is looked for.
    pub(super) on_promise: bool,
    /// The request, and the batch size, that used the key up, as long as it should stay so.
    pub(super) held_used_up: Option<(String, Option<u32>)>,
    /// How long the last burst took.
    pub(super) last_burst: Duration,
    /// How many requests the target takes at once without delay, where that was found to be few.
    pub(super) most_in_flight: u32,
}

impl<'a> Runner<'a> {
    /// A runner at the beginning of its case.
    pub(crate) fn new(
        run: &'a Arc<Run>,
        experiment: &'a Experiment,
        case: &'a Case,
        environment: &'a Environment,
        bindings: &'a KeyBindings,
        attempt: Attempt,
    ) -> Self {
        let limits = bindings.values().map(|key| {
            let (variable, learned) = (&key.key.variable, run.learned.lock());
            (variable.clone(), learned.limits(variable, key.key.tier, key.limits))
        });
        Self {
            limits: limits.collect(),
            run,
            name: &experiment.name,
            case,
            environment,
            bindings,
            attempt,
            sent: AtomicU64::new(0),
            sessions: BTreeMap::new(),
            session: random_session(),
            fresh: None,
            silence: Duration::ZERO,
            on_promise: false,
            held_used_up: None,
            last_burst: Duration::ZERO,
            most_in_flight: if run.is_crowded() { FEW_IN_FLIGHT } else { u32::MAX },
        }
    }

    /// Plays the steps. Where one cannot be done, those after it leave nothing either.
    pub(crate) async fn play(mut self) -> Play {
        let begun = std::time::Instant::now();
        let steps = &self.case.steps[..self.attempt.steps.unwrap_or(usize::MAX).min(self.case.steps.len())];
        let mut seen = Vec::with_capacity(steps.len());
        let mut gap = self.obstacle().await.err();
        let sharing = self.shows_sharing();
        for (place, step) in steps.iter().enumerate() {
            let came_of_it = match &gap {
                Some(gap) => Err(gap.clone()),
                None => self.step(place, &step.value.action).await,
            };
            seen.push(came_of_it.unwrap_or_else(|why| {
                gap = Some(why.clone());
                Observation::Missing(why)
            }));
            // Whatever else the case asks gets no answer either.
            if matches!(seen.last(), Some(Observation::Burst(burst)) if burst.ends_unanswered())
                && self.run.learned.lock().silent_refusals
            {
                gap = Some(Gap::NeverLimited(NO_REFUSAL.to_owned()));
            }
            if sharing == Some(place) {
                let short = matches!(seen.last(), Some(Observation::Burst(burst))
                    if burst.is_refused_from_the_first()
                        && !burst.had_as_much_as_another(&seen)
                        && had_their_own(&seen[..place]));
                if let Some(tier) = super::job::learns_sharing(self.case) {
                    self.run.sharing.send_modify(|told| {
                        told.insert(tier, short);
                        self.run.learned.lock().sharing = told.values().any(|shares| *shares);
                    });
                }
            }
        }
        let key = |(name, key): (&String, &Arc<KeyState>)| {
            let info = KeyInfo {
                variable: key.key.variable.clone(),
                tier: key.key.tier,
                limits: self.limits(key),
                documented: key.limits,
            };
            (name.clone(), info)
        };
        Play {
            experiment: self.name.to_owned(),
            row: self.case.row.clone(),
            silence: self.attempt.silence,
            keys: self.bindings.iter().map(key).collect(),
            seen,
            requests: self.sent.load(Ordering::Relaxed),
            took: begun.elapsed(),
        }
    }

    /// The step that shows whether keys share a quota, where this case has one.
    fn shows_sharing(&self) -> Option<usize> {
        let shows = self.case.readings.iter().find(|reading| reading.learns == Some(Fact::Sharing))?;
        shows.items.iter().flat_map(|item| item.steps.iter().copied()).max()
    }

    /// What stands in the way of the whole case; and room for what it sends, where it measures nothing.
    async fn obstacle(&self) -> Result<(), Gap> {
        if let Some(why) = self.run.learned.lock().unreachable.clone() {
            return Err(Gap::Blocked(why));
        }
        self.check_offers()?;
        self.check_versions()?;
        if self.attempt.before > 0 {
            // What is sent now should lie apart from what made an earlier play suspicious.
            let now = self.environment.clock.now();
            let offset = if self.environment.clock.is_virtual() {
                PHASE * self.attempt.before
            } else {
                Duration::ZERO
            };
            let apart = offset + limiters::shift(&self.attempt.suspicions, now + offset);
            if !matches!(self.case.steps.first().map(|step| &step.value.action), Some(Action::Wait(_))) {
                self.wait_until(now + apart, "another phase of the minute").await?;
            }
        }
        if super::job::needs_no_room(self.case) {
            return Ok(());
        }
        let sends = u32::try_from(self.case.steps.len()).unwrap_or(u32::MAX);
        for key in self.bindings.values() {
            self.make_room(key, sends).await?;
        }
        Ok(())
    }

    /// The limits by which bursts of this key are measured out.
    pub(super) fn limits(&self, key: &KeyState) -> Limits {
        self.limits.get(&key.key.variable).copied().unwrap_or(key.limits)
    }

    /// What was spent of the window's quota, and since when.
    pub(super) fn spent(&self, key: &KeyState) -> Spent {
        let now = self.environment.clock.now();
        key.spent().unwrap_or(Spent { since: now, requests: 0, events: 0, unsure: false })
    }

    /// Whether nobody else can have the keys.
    pub(super) fn is_private(&self) -> bool {
        self.environment.workspace.is_some()
    }

    /// The name steps use for the key.
    pub(super) fn key_name(&self, name: Option<&Spanned<String>>) -> String {
        let name = name.map_or(OWN, |name| name.as_str());
        if self.bindings.contains_key(name) {
            return name.to_owned();
        }
        self.bindings.keys().next().cloned().unwrap_or_default()
    }

    /// The key a step names.
    pub(super) fn key(&self, name: Option<&Spanned<String>>) -> Result<Arc<KeyState>, Gap> {
        let key = self.bindings.get(&self.key_name(name));
        key.cloned().ok_or_else(|| Gap::Skipped("the check names no key".to_owned()))
    }

    /// The shared request of this name. Loading has made sure that it is there.
    pub(super) fn request(&self, name: &str) -> Result<&'a RequestDef, Gap> {
        match self.run.suite.requests.get(name) {
            Some(def) => Ok(&def.value),
            None => Err(Gap::Blocked(format!("no request is called `{name}`"))),
        }
    }

    /// The request a step names, or else the cheapest one that the key is admitted with; a slow one only where there is no
    /// other.
    pub(super) fn usual_request(
        &self,
        given: Option<&Spanned<String>>,
        key_name: Option<&Spanned<String>>,
    ) -> Result<(&'a str, &'a RequestDef), Gap> {
        let requests = &self.run.suite.requests;
        if let Some(given) = given {
            let found = requests.get_key_value(given.as_str());
            let (name, def) =
                found.ok_or_else(|| Gap::Blocked(format!("no request is called `{}`", **given)))?;
            return Ok((name, &def.value));
        }
        let key = self.key(key_name)?;
        let name = self.key_name(key_name);
        let named = if name == OWN { self.case.key.as_ref() } else { self.case.keys.get(&name) };
        let role = named.and_then(|role| Role::from_name(role));
        let scopes: Vec<Scope> = match role {
            None | Some(Role::Any) => key.key.scopes.clone(),
            Some(role) => role.scopes(),
        };
        let facts = self.run.facts_of(&key.key);
        // One that was over its limit just then is admitted at another time.
        let may_admit = |facts: &KeyFacts, name: &str| facts.admits(name) || facts.was_limited(name);
        let candidates: Vec<_> = super::survey::granted(requests, &scopes)
            .filter(|(name, _)| facts.as_ref().is_none_or(|facts| may_admit(facts, name)))
            .collect();
        let quick = candidates.iter().find(|(_, def)| self.run.is_slow(def).is_none());
        let found = quick.or_else(|| candidates.first()).copied();
        found.ok_or_else(|| {
            let told = facts.map_or_else(String::new, |facts| facts.told());
            Gap::NotAdmitted(format!(
                "{} is admitted nowhere ({told}), so no quota can be measured with it",
                key.key.variable
            ))
        })
    }

    /// The same, for requests whose numbers count: one with which the key is not admitted shows nothing.
    pub(super) fn measured_request(
        &self,
        given: Option<&Spanned<String>>,
        key_name: Option<&Spanned<String>>,
    ) -> Result<(&'a str, &'a RequestDef), Gap> {
        let (name, def) = self.usual_request(given, key_name)?;
        let key = self.key(key_name)?;
        let facts = self.run.facts_of(&key.key);
        let refused =
            facts.filter(|facts| given.is_some() && !facts.admits(name) && !facts.was_limited(name));
        match refused {
            Some(facts) => Err(Gap::NotAdmitted(format!(
                "no quota can be measured with {name}, which does not admit {} ({})",
                key.key.variable,
                facts.told()
            ))),
            None => Ok((name, def)),
        }
    }

    /// Makes sure that a request is not waited for again and again where no key gets an answer.
    pub(super) fn is_answered(&self, name: &str) -> Result<(), Gap> {
        match self.run.learned.lock().is_silent(name) && !super::job::is_about_being_let_in(self.case) {
            true => Err(Gap::NotAdmitted(format!("{name} gives no answer"))),
            false => Ok(()),
        }
    }

    /// A request, ready to leave.
    pub(super) fn make(&self, recipe: &Recipe<'_>) -> Result<Outgoing, Gap> {
        recipe
            .make(&self.environment.base_url, &self.run.target, &self.run.payloads)
            .map_err(|unfit| Gap::Skipped(unfit.to_string()))
    }

    /// Makes sure that the deployment offers the endpoints of this case that the contract does not demand.
    fn check_offers(&self) -> Result<(), Gap> {
        for name in self.case.steps.iter().filter_map(|step| super::steps::of(&step.value.action).request()) {
            if !self.request(name)?.optional {
                continue;
            }
            let status = self.run.learned.lock().offers.get(name).copied();
            if let Some(status) = status.filter(|status| matches!(status, 404 | 405 | 501)) {
                return Err(Gap::Skipped(format!("the deployment does not offer {name}: {status}")));
            }
        }
        Ok(())
    }

    /// Waits until `more` requests fit into what the key has left, so that a check about something else does not
    /// run into the limit.
    pub(super) async fn make_room(&self, key: &KeyState, more: u32) -> Result<(), Gap> {
        let now = self.environment.clock.now();
        if self.environment.clock.is_virtual() && !key.used_up_at(now) {
            return Ok(());
        }
        self.wait_until(key.room_for(more, now), &format!("quota of {}", key.key.variable)).await
    }

    /// Waits until `moment`, telling what for where it takes real time worth telling.
    pub(super) async fn wait_until(&self, moment: Instant, what: &str) -> Result<(), Gap> {
        const WORTH_TELLING: Duration = Duration::from_millis(300);
        let left = moment - self.environment.clock.now();
        let tell = !self.environment.clock.is_virtual() && left > WORTH_TELLING;
        if tell {
            let (id, keys) = (self.name.to_owned(), variables(self.bindings));
            self.run.emit(Event::Waiting { id, keys, what: what.to_owned(), how_long: left });
        }
        self.environment.clock.wait_until(moment).await?;
        if tell {
            self.run.emit(Event::Resumed { id: self.name.to_owned(), keys: variables(self.bindings) });
        }
        Ok(())
    }
}

/// Whether those that were used up had a good part of their quota: else something else than these keys takes it.
fn had_their_own(seen: &[Observation]) -> bool {
    seen.iter().all(|seen| match seen {
        Observation::Burst(burst) => burst.admitted() >= burst.all() / 4,
        _ => true,
    })
}

impl From<TargetError> for Gap {
    fn from(error: TargetError) -> Self {
        Self::Blocked(error.to_string())
    }
}
