//! The words for steps that send more than one request, or none.

use schemars::JsonSchema;
use serde::Deserialize;

use super::request::{Credentials, HttpVersion};
use super::span::Spanned;
use super::words::{Amount, Share, Span};

/// Many requests, released together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Burst {
    /// The name of a request in `requests.yaml`. Without it: one that the key is admitted to, the cheapest of them.
    pub request: Option<Spanned<String>>,
    /// Further requests, sent in turn with it. Those that the key has no scope for are left out, and so are those that
    /// the deployment does not offer; without any that is left the check is skipped.
    #[serde(default)]
    pub in_turn_with: Vec<Spanned<String>>,
    /// Which key: `own` (the default) or a name from `keys`.
    pub key: Option<Spanned<String>>,
    /// How the key travels; see `send`.
    pub credentials: Option<Credentials>,
    /// How many requests: a number, `limit`, or `left + 100`: what is left of the window's quota, and so many more. Not
    /// given where `events` is.
    pub count: Option<Amount>,
    /// How many events in all: a number, `limit`, `left`; split into requests of `batch`.
    pub events: Option<Amount>,
    /// Events a request, 1 to 1,000. Each batch is of a session of its own, so that no limit by session passes for
    /// one by key.
    pub batch: Option<u32>,
    /// Bytes of padding in each of the events, so that a batch is larger and holds no more of them.
    pub padding: Option<u32>,
    /// How many requests may be under way at once. Without it as few as do for the burst to be over in some seconds: one,
    /// where the target answers quickly.
    pub in_flight: Option<u32>,
    /// Opens a connection for every request instead of reusing them.
    #[serde(default)]
    pub fresh_connections: bool,
    /// The versions of HTTP that are spoken, in turn: `http1`, `http2`. HTTP/2 is left out, with a fact that says so,
    /// where the target does not offer it, and the check is skipped where nothing else is asked for. Without it:
    /// whatever the target prefers.
    #[serde(default)]
    pub http: Vec<HttpVersion>,
}

/// Requests sent evenly over a time: each when its turn has come, whatever became of the others.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pace {
    /// The name of a request in `requests.yaml`. Without it: one that the key is admitted to, the cheapest of them.
    pub request: Option<Spanned<String>>,
    /// Which key: `own` (the default) or a name from `keys`.
    pub key: Option<Spanned<String>>,
    /// How many requests: a number, `limit`. Not given where `share` is.
    pub count: Option<Amount>,
    /// As many requests as this share of the limit allows over that time, such as `95%`.
    pub share: Option<Share>,
    /// Over how long, such as `1s` or `60s`.
    pub over: Span,
    /// Events a request, 1 to 1,000.
    pub batch: Option<u32>,
}

/// Asking a key that a `burst` used up: every so often, and at every instant a 429 promises. What comes back is used up
/// again at once. That the whole quota comes back once is conforming, for a limiter may count by the minutes of its clock;
/// from there on the time counts anew.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Poll {
    /// The name of a request in `requests.yaml`. Without it: one that the key is admitted to, the cheapest of them.
    pub request: Option<Spanned<String>>,
    /// Which key: `own` (the default) or a name from `keys`.
    pub key: Option<Spanned<String>>,
    /// How often, such as `2s`.
    pub every: Span,
    /// For how long since the window began, such as `59s`.
    pub over: Span,
}

/// Telling limiters apart: half of the quota is used, twenty seconds later the rest, and then it is seen when, and how
/// much of it, comes back. Nothing is expected: every conforming way is right.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fingerprint {
    /// The name of a request in `requests.yaml`. Without it: one that the key is admitted to, the cheapest of them.
    pub request: Option<Spanned<String>>,
    /// Which key: `own` (the default) or a name from `keys`.
    pub key: Option<Spanned<String>>,
}

/// Using a key up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exhaust {
    /// The name of a request in `requests.yaml`. Without it: one that the key is admitted to, the cheapest of them.
    pub request: Option<Spanned<String>>,
    /// Which key: `own` (the default) or a name from `keys`.
    pub key: Option<Spanned<String>>,
    /// How many 429s are collected at the least. Default 1.
    pub collect: Option<u32>,
}

/// A look into the session list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FindSession {
    /// The name a `send` gave its batch's session.
    pub session: Spanned<String>,
    /// The request that lists sessions, where it is not the cheapest one that the key is admitted with.
    pub request: Option<Spanned<String>>,
    /// Which key reads: `own` (the default) or a name from `keys`.
    pub key: Option<Spanned<String>>,
    /// Whether it must be there. `present` that is not found makes the check inconclusive: then nothing follows
    /// from another one's absence.
    #[serde(default)]
    pub is: Presence,
}

/// Whether a session must be in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Presence {
    /// It must be there, or nothing can be concluded.
    #[default]
    Present,
    /// It must not be there.
    Absent,
}

impl Burst {
    /// The requests that are sent in turn, as far as they are named.
    pub fn requests(&self) -> impl Iterator<Item = &Spanned<String>> {
        self.request.iter().chain(&self.in_turn_with)
    }
}
