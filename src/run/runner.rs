//! A case in play: its keys, what is known of their windows, and what every step needs of both.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::case::is_about_being_let_in;
use super::environment::{Environment, KeyBindings, OWN, variables};
use super::evidence::{Fresh, Gap};
use super::instant::Instant;
use super::keys::{KeyState, Spent};
use super::learned::KeyFacts;
use super::limiters::Suspicion;
use super::request::{Recipe, granted};
use super::run_context::RunContext;
use crate::client::Outgoing;
use crate::contract::{Limits, Scope};
use crate::deployment::{Role, TargetError};
use crate::payload::random_session;
use crate::report::Event;
use crate::scenario::model::{Case, Experiment, RequestDef};
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
    pub(super) run: &'a Arc<RunContext>,
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
    /// The keys, by the names steps use, whose window began with a promise: where a limiter slides, that is about a part of the
    /// quota only.
    pub(super) promised: BTreeSet<String>,
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
        run: &'a Arc<RunContext>,
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
            promised: BTreeSet::new(),
            on_promise: false,
            held_used_up: None,
            last_burst: Duration::ZERO,
            most_in_flight: if run.is_crowded() { FEW_IN_FLIGHT } else { u32::MAX },
        }
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
        let candidates: Vec<_> = granted(requests, &scopes)
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
        match self.run.learned.lock().is_silent(name) && !is_about_being_let_in(self.case) {
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

impl From<TargetError> for Gap {
    fn from(error: TargetError) -> Self {
        Self::Blocked(error.to_string())
    }
}
