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

/// A form under which a key is known besides its own.
#[derive(Debug, Clone, Copy)]
pub struct Form {
    /// The form of a key when it is created.
    pub known: fn(&[u8]) -> Vec<u8>,
    /// The form of what was presented, if it has one.
    pub presented: fn(&[u8]) -> Option<Vec<u8>>,
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

/// Declares the decisions, each with what the reference decides.
macro_rules! behaviour {
    ($($(#[$about:meta])* $name:ident: $type:ty = $reference:expr,)*) => {
        /// The behaviour. Lists are empty in the reference, so that deviations compose by adding to them.
        #[derive(Debug, Clone)]
        pub struct Behaviour {
            $($(#[$about])* pub $name: $type,)*
        }

        impl Default for Behaviour {
            fn default() -> Self {
                Self { $($name: $reference,)* }
            }
        }
    };
}

behaviour! {
    /// The order of the steps.
    order: [Stage; 5] = [Stage::Key, Stage::Path, Stage::Scope, Stage::Limit, Stage::Body],
    /// Answers given before anything is looked at.
    instead: Vec<fn(&RequestContext<'_>) -> Option<Reply>> = Vec::new(),
    /// Further places for a key, where `X-API-Key` is missing.
    places: Vec<Look> = Vec::new(),
    /// Further places for a key, where `X-API-Key` is there and wrong.
    rescues: Vec<Look> = Vec::new(),
    /// Further forms of a key.
    forms: Vec<Form> = Vec::new(),
    /// Requests that need no valid key.
    open: Vec<fn(&RequestContext<'_>) -> bool> = Vec::new(),
    /// Requests that need no scope.
    unscoped: Vec<fn(&RequestContext<'_>) -> bool> = Vec::new(),
    /// Requests whose valid key is refused.
    closed: Vec<fn(&RequestContext<'_>) -> bool> = Vec::new(),
    /// Of two lines with different keys, whether the first counts instead of none.
    first_line_wins: bool = false,
    /// How long a revoked key goes on, in milliseconds.
    revoked_grace_ms: u64 = 0,
    /// Whether a key with these scopes, in this order, may use the endpoint.
    grants: fn(&[Scope], Endpoint) -> bool = |scopes, endpoint| scopes.contains(&endpoint.scope()),
    /// Whether a batch answered 403 is stored.
    store_forbidden: bool = false,
    /// Whether a batch answered 429 is stored.
    store_limited: bool = false,
    /// Changes to the limits of a key.
    limits: Vec<fn(&RequestContext<'_>, Tier, Limits) -> Limits> = Vec::new(),
    /// How requests are counted.
    limiter: Kind = Kind::Anchored,
    /// How long after a key was made the clock's minute ends for it, in milliseconds; else with the calendar's.
    minute_ends_after: Option<u64> = None,
    /// Changes to the rules of the limiter.
    rules: Vec<fn(&mut Rules)> = Vec::new(),
    /// The name under which requests are counted in the workspace; none where they are counted for the key, as
    /// documented (clause `limit.per-key`).
    unit: fn(&RequestContext<'_>) -> Option<String> = |_| None,
    /// The name under which events are counted, where that differs from the requests.
    event_unit: Option<fn(&RequestContext<'_>) -> String> = None,
    /// Changes to the rules that events are counted by, where they are counted for something else than the requests.
    event_rules: Vec<fn(&mut Rules)> = Vec::new(),
    /// What a batch of so many events costs.
    event_cost: fn(&RequestContext<'_>, u32) -> u32 = |_, events| events,
    /// What an invalid body costs in events.
    invalid_cost: fn(&RequestContext<'_>) -> u32 = |_| 0,
    /// Whether one event costs one request instead of a batch of them.
    one_budget: bool = false,
    /// Requests that are admitted uncounted.
    free: Vec<fn(&RequestContext<'_>) -> bool> = Vec::new(),
    /// Requests that are refused as long as the key is out of events.
    events_bar: fn(&RequestContext<'_>) -> bool = |_| false,
    /// Whether a 403 is counted.
    count_forbidden: bool = false,
    /// Whether a 400 is not counted.
    invalid_is_free: bool = false,
    /// Whether a 401 takes a request from every key.
    bad_keys_drain: bool = false,
    /// Whether a 401 begins every window anew.
    bad_keys_refill: bool = false,
    /// Whether a connection that showed a valid key needs none.
    connections_remember: bool = false,
    /// Whether the first valid key of a connection stands for those that follow.
    connections_keep_their_key: bool = false,
    /// How events may not be written, each with the member that is said to be missing then.
    refused_events: &'static [(Written, &'static str)] = &[],
    /// Whether events that repeat others are stored again.
    stores_repeated: bool = false,
    /// What happens at the edge of the events.
    straddle: Straddle = Straddle::Refused,
    /// How concurrent requests are counted.
    concurrency: Concurrency = Concurrency::Exact,
    /// Whole seconds to wait, from milliseconds to wait and the window in milliseconds.
    seconds: fn(u64, u64) -> u64 = |wait_ms, window_ms| wait_ms.min(window_ms).div_ceil(1_000).max(1),
    /// Changes to replies, each to those with a status or to all.
    rewrites: Vec<(Option<u16>, Rewrite)> = Vec::new(),
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

    /// Knows keys by a further form.
    pub fn know_as(&mut self, known: fn(&[u8]) -> Vec<u8>, presented: fn(&[u8]) -> Option<Vec<u8>>) {
        self.forms.push(Form { known, presented });
    }
}
