//! The decisions of the engine that a deviation may change. [`Behaviour::default`] is the reference.

use std::borrow::Cow;

use crate::contract::{Endpoint, Limits, Scope, Tier};

use super::ingest::Written;
use super::limiter::{Kind, Rules};
use super::reply::Reply;
use super::request::{Request, RequestContext};

/// A step between a request and its effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Is there a valid key? 401.
    Key,
    /// Is there such an endpoint, with this method? 404, 405.
    Path,
    /// Does the key have the scope? 403.
    Scope,
    /// Is the key within its limits? 429.
    Limit,
    /// Is the body valid? 400, 413.
    Body,
}

/// Finds a key in a request.
pub type Look = for<'a> fn(&'a Request<'a>) -> Option<Cow<'a, [u8]>>;

/// A place besides `X-API-Key` where a key is looked for.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// Finds the key in a request.
    pub look: Look,
    /// Whether it is looked at when `X-API-Key` is there and wrong, instead of when it is missing.
    pub rescues: bool,
}

/// A form under which a key is known besides its own.
#[derive(Debug, Clone, Copy)]
pub struct Form {
    /// The form of a key when it is created.
    pub known: fn(&[u8]) -> Vec<u8>,
    /// The form of what was presented, if it has one.
    pub presented: fn(&[u8]) -> Option<Vec<u8>>,
}

/// What a count belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CountedFor {
    /// To the key, as documented (clause `limit.per-key`).
    Key,
    /// To whatever has this name in the workspace.
    Named(String),
}

/// What happens to a batch that is larger than what is left of the events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Straddle {
    /// It is refused whole.
    Refused,
    /// Its first events are taken, as many as fit, and the others reported as rejected.
    PartlyAccepted,
    /// It is refused, but as many as fit are stored and counted.
    PartlyStored,
    /// It is admitted whole as long as one event is left.
    Admitted,
}

/// How requests that arrive together are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Concurrency {
    /// Checked and counted under one lock.
    Exact,
    /// Checked when the request arrives, counted when its reply leaves.
    WhenTheReplyLeaves,
    /// In HTTP/1.1 exactly, in HTTP/2 when the reply leaves.
    StreamsWhenTheReplyLeaves,
    /// Requests exactly, events when the reply leaves.
    EventsWhenTheReplyLeaves,
    /// A request of a key that has another one under way is refused.
    OneAtATime,
}

/// A change to a finished reply.
pub type Rewrite = fn(&RequestContext<'_>, &mut Reply);

/// The behaviour. Lists are empty in the reference, so that deviations compose by adding to them.
#[derive(Debug, Clone)]
pub struct Behaviour {
    /// The order of the steps.
    pub order: [Stage; 5],
    /// Answers given before anything is looked at.
    pub instead: Vec<fn(&RequestContext<'_>) -> Option<Reply>>,
    /// Further places for a key.
    pub places: Vec<Place>,
    /// Further forms of a key.
    pub forms: Vec<Form>,
    /// Requests that need no valid key.
    pub open: Vec<fn(&RequestContext<'_>) -> bool>,
    /// Requests that need no scope.
    pub unscoped: Vec<fn(&RequestContext<'_>) -> bool>,
    /// Requests whose valid key is refused.
    pub closed: Vec<fn(&RequestContext<'_>) -> bool>,
    /// Of two lines with different keys, whether the first counts instead of none.
    pub first_line_wins: bool,
    /// How long a revoked key goes on, in milliseconds.
    pub revoked_grace_ms: u64,
    /// Whether a key with these scopes, in this order, may use the endpoint.
    pub grants: fn(&[Scope], Endpoint) -> bool,
    /// Whether a batch answered 403 is stored.
    pub store_forbidden: bool,
    /// Whether a batch answered 429 is stored.
    pub store_limited: bool,
    /// Changes to the limits of a key.
    pub limits: Vec<fn(&RequestContext<'_>, Tier, Limits) -> Limits>,
    /// How requests are counted.
    pub limiter: Kind,
    /// How long after a key was made the clock's minute ends for it, in milliseconds; else with the calendar's.
    pub minute_ends_after: Option<u64>,
    /// Changes to the rules of the limiter.
    pub rules: Vec<fn(&mut Rules)>,
    /// What requests are counted for.
    pub unit: fn(&RequestContext<'_>) -> CountedFor,
    /// What events are counted for, where that differs from the requests.
    pub event_unit: Option<fn(&RequestContext<'_>) -> CountedFor>,
    /// Changes to the rules that events are counted by, where they are counted for something else than the requests.
    pub event_rules: Vec<fn(&mut Rules)>,
    /// What a batch of so many events costs.
    pub event_cost: fn(&RequestContext<'_>, u32) -> u32,
    /// What an invalid body costs in events.
    pub invalid_cost: fn(&RequestContext<'_>) -> u32,
    /// Whether one event costs one request instead of a batch of them.
    pub one_budget: bool,
    /// Requests that are admitted uncounted.
    pub free: Vec<fn(&RequestContext<'_>) -> bool>,
    /// Requests that are refused as long as the key is out of events.
    pub events_bar: fn(&RequestContext<'_>) -> bool,
    /// Whether a 403 is counted.
    pub count_forbidden: bool,
    /// Whether a 400 is not counted.
    pub invalid_is_free: bool,
    /// Whether a 401 takes a request from every key.
    pub bad_keys_drain: bool,
    /// Whether a 401 begins every window anew.
    pub bad_keys_refill: bool,
    /// Whether a connection that showed a valid key needs none.
    pub connections_remember: bool,
    /// Whether the first valid key of a connection stands for those that follow.
    pub connections_keep_their_key: bool,
    /// How events may not be written, each with the member that is said to be missing then.
    pub refused_events: &'static [(Written, &'static str)],
    /// Whether events that repeat others are stored again.
    pub stores_repeated: bool,
    /// What happens at the edge of the events.
    pub straddle: Straddle,
    /// How concurrent requests are counted.
    pub concurrency: Concurrency,
    /// Whole seconds to wait, from milliseconds to wait and the window in milliseconds.
    pub seconds: fn(u64, u64) -> u64,
    /// Changes to replies, each to those with a status or to all.
    pub rewrites: Vec<(Option<u16>, Rewrite)>,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            order: [Stage::Key, Stage::Path, Stage::Scope, Stage::Limit, Stage::Body],
            instead: Vec::new(),
            places: Vec::new(),
            forms: Vec::new(),
            open: Vec::new(),
            unscoped: Vec::new(),
            closed: Vec::new(),
            first_line_wins: false,
            revoked_grace_ms: 0,
            grants: |scopes, endpoint| scopes.contains(&endpoint.scope()),
            store_forbidden: false,
            store_limited: false,
            limits: Vec::new(),
            limiter: Kind::Anchored,
            minute_ends_after: None,
            rules: Vec::new(),
            unit: |_| CountedFor::Key,
            event_unit: None,
            event_rules: Vec::new(),
            event_cost: |_, events| events,
            invalid_cost: |_| 0,
            one_budget: false,
            free: Vec::new(),
            events_bar: |_| false,
            count_forbidden: false,
            invalid_is_free: false,
            bad_keys_drain: false,
            bad_keys_refill: false,
            connections_remember: false,
            connections_keep_their_key: false,
            refused_events: &[],
            stores_repeated: false,
            straddle: Straddle::Refused,
            concurrency: Concurrency::Exact,
            seconds: |wait_ms, window_ms| wait_ms.min(window_ms).div_ceil(1_000).max(1),
            rewrites: Vec::new(),
        }
    }
}

impl Behaviour {
    /// Changes every reply.
    pub fn rewrite(&mut self, rewrite: Rewrite) {
        self.rewrites.push((None, rewrite));
    }

    /// Changes replies with this status.
    pub fn rewrite_on(&mut self, status: u16, rewrite: Rewrite) {
        self.rewrites.push((Some(status), rewrite));
    }

    /// Looks for a key here as well, where `X-API-Key` is missing.
    pub fn look_in(&mut self, look: Look) {
        self.places.push(Place { look, rescues: false });
    }

    /// Looks for a key here as well, where `X-API-Key` is wrong.
    pub fn rescue_with(&mut self, look: Look) {
        self.places.push(Place { look, rescues: true });
    }

    /// Knows keys by a further form.
    pub fn know_as(&mut self, known: fn(&[u8]) -> Vec<u8>, presented: fn(&[u8]) -> Option<Vec<u8>>) {
        self.forms.push(Form { known, presented });
    }
}
