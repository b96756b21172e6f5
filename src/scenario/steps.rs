//! The words for steps, and for the requests they send.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::words::{Amount, Share, Span};
use crate::yaml::Spanned;

/// One request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Send {
    /// The name of a request in `requests.yaml`. Without it: one that the key is admitted to, the cheapest of them.
    pub request: Option<Spanned<String>>,
    /// Which key: `own` (the default) or a name from `keys`.
    pub key: Option<Spanned<String>>,
    /// How the key travels. Without it: the key as it is, in X-API-Key. `{}` sends no key at all.
    pub credentials: Option<Credentials>,
    /// Another method than the request's own.
    pub method: Option<Spanned<String>>,
    /// Another way to write the request's path.
    pub path: Option<PathForm>,
    /// Query parameters added to the request's own.
    #[serde(default)]
    pub query: BTreeMap<String, String>,
    /// Header fields added to the request's own.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Another body than the request's own.
    pub body: Option<Body>,
    /// Gives the batch's session a name for `find_session`.
    pub session: Option<Spanned<String>>,
    /// Whether it travels on a connection that was used before, where there is one; else each has one of its own.
    #[serde(default)]
    pub used_connection: bool,
}

/// Where the key, or something like it, is put. Every field that is given is sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Credentials {
    /// In the X-API-Key header.
    pub x_api_key: Option<KeyForm>,
    /// In a second X-API-Key field line, after the first.
    pub x_api_key_again: Option<KeyForm>,
    /// Another spelling of the X-API-Key header's name, with the key as it is in it.
    pub spelled: Option<String>,
    /// In `Authorization: Bearer …`.
    pub bearer: Option<KeyForm>,
    /// In `Authorization: ApiKey …`.
    pub api_key_scheme: Option<KeyForm>,
    /// In `Authorization`, as it is, after this word.
    pub scheme: Option<String>,
    /// In `Authorization: Basic …`, as user name and as password.
    pub basic: Option<KeyForm>,
    /// In the named header, as it is.
    pub header: Option<String>,
    /// In the named query parameter, as it is.
    pub query: Option<String>,
    /// In the named cookie, as it is.
    pub cookie: Option<String>,
    /// In the named member of the JSON body, as it is.
    pub body: Option<String>,
}

/// What is sent in a key's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KeyForm {
    /// The key itself.
    Valid,
    /// Nothing: an empty value.
    Empty,
    /// One blank.
    Blank,
    /// A well-formed key that was never given out.
    Unknown,
    /// The key with its last character changed.
    LastChanged,
    /// The key with the case of one letter flipped.
    CaseFlipped,
    /// The key without its last character.
    OneLess,
    /// The key with one character more.
    OneMore,
    /// The first half of the key's random part.
    FirstHalf,
    /// The key's random part without `ct_live_`.
    NoPrefix,
    /// The key's random part after `ct_test_`.
    OtherPrefix,
    /// `ct_live_` and nothing else.
    PrefixAlone,
    /// `Bearer ` and the key.
    BearerInside,
    /// A key of 8 KiB.
    Huge,
    /// Bytes above 127.
    NonAscii,
    /// Quotes and other marks that code might trip over.
    Quotes,
    /// `ct_live_%`: every key, to who looks keys up by a pattern.
    Wildcard,
    /// `ct_live_*`: the same in another notation.
    Star,
}

/// A way to write a path that careless code takes for another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PathForm {
    /// With a slash at the end.
    TrailingSlash,
    /// With its last slash doubled.
    DoubleSlash,
    /// With its first slash doubled.
    LeadingDoubleSlash,
    /// With its last part in capitals.
    UpperCase,
    /// With a parameter after its last part, such as `;v=1`, which some frameworks cut off.
    Parameter,
    /// With `.json` at the end, which some frameworks take for the wanted format.
    Suffix,
    /// With the first letter of its last part percent-encoded, which means the same (RFC 3986, 6.2.2.2).
    PercentEncoded,
}

/// A version of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum HttpVersion {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2: agreed on with TLS, and with prior knowledge where there is no TLS.
    Http2,
}

/// A request body.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Body {
    /// A batch of this many events in the target's envelope.
    Events(u32),
    /// A batch of this many evaluation scores.
    Scores(u32),
    /// This text, whatever it is.
    Text(String),
}

impl Body {
    /// How many events it holds, if it is a batch of them.
    pub fn events(&self) -> Option<u32> {
        if let Self::Events(events) = self { Some(*events) } else { None }
    }
}

/// A request that checks share, from `requests.yaml`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestDef {
    /// The endpoint, whose path a target file may change; see `trenchcheck explain endpoints`.
    pub endpoint: Option<Spanned<String>>,
    /// A path of its own, for what is no documented endpoint.
    pub path: Option<String>,
    /// The method; without it the endpoint's documented one.
    pub method: Option<String>,
    /// Whether a deployment may lack it; checks about it are then skipped.
    #[serde(default)]
    pub optional: bool,
    /// Query parameters.
    #[serde(default)]
    pub query: BTreeMap<String, String>,
    /// The body; without it none.
    pub body: Option<Body>,
}

impl RequestDef {
    /// Whether it carries a batch of events, which is written in the target's envelope.
    pub fn posts_events(&self) -> bool {
        self.body.as_ref().is_some_and(|body| body.events().is_some())
    }
}

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
    /// Where it is events that ran out: what comes back is used up again in batches of so many.
    pub batch: Option<u32>,
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
