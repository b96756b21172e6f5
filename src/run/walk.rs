//! A walk through a case on paper: what each step costs, and what it leaves behind on its keys.

use std::collections::BTreeMap;
use std::time::Duration;

use super::credentials::counts_against_key;
use super::keys::is_little;
use super::limiters::WINDOW;
use super::request::{granted, scope_of};
use crate::contract::{Limits, Scope};
use crate::scenario::model::{Body, Case, Credentials, RequestDef};
use crate::yaml::Spanned;

/// How long an answer to one request is assumed to take.
pub(super) const ALONE: Duration = Duration::from_millis(5);

/// How long each of many requests is assumed to take.
pub(super) const TOGETHER: Duration = Duration::from_micros(800);

/// How long an event in a batch is assumed to take.
const EVENT: Duration = Duration::from_micros(10);

/// How long so many requests with so many events in all are assumed to take together.
pub(super) fn together(requests: usize, events: u32) -> Duration {
    TOGETHER * u32::try_from(requests).unwrap_or(u32::MAX) + EVENT * events
}

/// What playing a case takes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Cost {
    /// Requests sent.
    pub(crate) requests: u64,
    /// Events in them.
    pub(crate) events: u64,
    /// When it is over.
    pub(crate) until: Duration,
    /// When it does nothing but wait.
    pub(crate) waits: Vec<(Duration, Duration)>,
}

/// The requests that cases name.
pub(crate) type Requests = BTreeMap<String, Spanned<RequestDef>>;

/// A key as an estimate sees it: a fixed window that opens with the first request. Times count from the beginning of the
/// run.
#[derive(Debug, Clone)]
pub(crate) struct KeyModel {
    pub(super) limits: Limits,
    pub(super) scopes: Vec<Scope>,
    /// When the open window ends, if one is open.
    pub(super) ends: Option<Duration>,
    requests: u32,
    events: u32,
    /// When the last request was answered.
    pub(super) last: Option<Duration>,
    /// Whether something was refused since the window opened, so that nobody can tell what was spent of it.
    unsure: bool,
}

impl KeyModel {
    /// A key that nobody has used.
    pub(crate) fn new(limits: Limits, scopes: &[Scope]) -> Self {
        let scopes = scopes.to_vec();
        Self { limits, scopes, ends: None, requests: 0, events: 0, last: None, unsure: false }
    }

    /// Whether hardly anything was sent with it, and that only now.
    pub(crate) fn hardly_used(&self, now: Duration) -> bool {
        let ago = now.saturating_sub(self.began(now));
        let little = !self.unsure && !self.used_up(now) && is_little(self.requests, self.limits, ago);
        self.last.is_none() || little
    }

    /// The end of the window that is open at `now`.
    pub(crate) fn ends(&self, now: Duration) -> Option<Duration> {
        self.ends.filter(|ends| *ends > now)
    }

    /// Whether `more` requests fit at `now`.
    pub(crate) fn has_room(&self, more: u32, now: Duration) -> bool {
        !self.used_up(now) && self.left(now).0 >= more
    }

    pub(super) fn began(&self, now: Duration) -> Duration {
        self.ends(now).map_or(now, |ends| ends.saturating_sub(WINDOW))
    }

    /// Whether the key is answered 429 at `now`.
    pub(super) fn used_up(&self, now: Duration) -> bool {
        self.ends(now).is_some() && (self.left(now).0 == 0 || self.left(now).1 == 0)
    }

    /// The requests and events that the key has left at `now`.
    pub(super) fn left(&self, now: Duration) -> (u32, u32) {
        let events = self.limits.events.unwrap_or(u32::MAX);
        match self.ends(now) {
            Some(_) => {
                (self.limits.requests.saturating_sub(self.requests), events.saturating_sub(self.events))
            }
            None => (self.limits.requests, events),
        }
    }

    /// Takes note of requests of so many events each that leave at `from` and are answered by `to`.
    pub(super) fn spend(&mut self, requests: u32, events_each: u32, from: Duration, to: Duration) {
        if self.ends(from).is_none() {
            (self.ends, self.requests, self.events, self.unsure) = (Some(from + WINDOW), 0, 0, false);
        }
        let (requests_left, events_left) = self.left(from);
        let fitting = events_left.checked_div(events_each).unwrap_or(u32::MAX);
        let admitted = requests.min(requests_left).min(fitting);
        self.requests += admitted;
        self.events = self.events.saturating_add(admitted.saturating_mul(events_each));
        // Whatever is left of the events is no use to batches of this size.
        if admitted < requests && requests_left > admitted {
            self.events = self.limits.events.unwrap_or(u32::MAX);
        }
        self.last = self.last.max(Some(to));
    }
}

/// A walk through a case's steps.
pub(super) struct Walk<'a> {
    pub(super) case: &'a Case,
    pub(super) requests: &'a Requests,
    pub(super) keys: &'a mut BTreeMap<String, KeyModel>,
    pub(super) now: Duration,
    pub(super) is_virtual: bool,
    pub(super) last_burst: Duration,
    /// Whether what the step sends is refused, and not for want of quota.
    pub(super) refused: bool,
    /// The key that the next step sends with.
    pub(super) next: &'a str,
    pub(super) cost: Cost,
}

impl Walk<'_> {
    /// Uses a key up and collects refusals.
    pub(super) fn use_up(&mut self, name: &str, request: Option<&str>, collect: u32) {
        let Some(key) = self.keys.get(name) else { return };
        let quota = if key.used_up(self.now) { 0 } else { key.limits.requests };
        if quota > 0 || collect > 1 {
            self.requests(name, request, quota.saturating_add(collect.max(1)), None, None, TOGETHER);
        }
        self.requests(name, request, 1, None, None, ALONE);
    }

    /// Waits until what the case sends fits into what every key has left.
    pub(super) fn make_room(&mut self) {
        let sends = u32::try_from(self.case.steps.len()).unwrap_or(u32::MAX);
        let without = self.keys.values().filter(|key| !key.has_room(sends, self.now));
        let there_is = without.filter_map(|key| key.ends(self.now)).max();
        self.wait_until(there_is.unwrap_or(self.now));
    }

    /// Waits, where the moment is still to come.
    pub(super) fn wait_until(&mut self, moment: Duration) {
        if moment > self.now {
            self.cost.waits.push((self.now, moment));
            self.now = moment;
        }
    }

    /// Requests of one kind; with `events`, batches of so many instead of the request's own body.
    pub(super) fn requests(
        &mut self,
        name: &str,
        request: Option<&str>,
        count: u32,
        events: Option<u32>,
        credentials: Option<&Credentials>,
        each: Duration,
    ) {
        let Some(key) = self.keys.get_mut(name) else { return };
        let usual = || granted(self.requests, &key.scopes).next().map(|(_, def)| def);
        let def = match request {
            Some(request) => self.requests.get(request).map(|def| &def.value),
            None => usual(),
        };
        let own = def.and_then(|def| def.body.as_ref()).and_then(Body::events);
        let events = events.filter(|events| *events > 0).or(own).unwrap_or(0);
        self.cost.requests += u64::from(count);
        self.cost.events += u64::from(count) * u64::from(events);
        let from = self.now;
        self.now += (each + EVENT * events) * count;
        let granted = def.and_then(scope_of).is_none_or(|scope| key.scopes.contains(&scope));
        if count > 0 && counts_against_key(credentials) {
            if granted {
                key.spend(count, events, from, self.now);
            } else {
                key.last = key.last.max(Some(self.now));
            }
            key.unsure |= self.refused || !granted;
        }
    }
}
