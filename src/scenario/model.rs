//! The words of the scenario language, as types. What each word means is said here once: the
//! JSON Schema, and so every editor, shows these texts.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

pub use super::expectation::{Agree, Expect, HeaderExpect, Hole, IntegerRange, JsonExpect};
use super::span::Spanned;
use super::words::{Amount, Share, Span, StatusSet, WaitFor};

/// How much a check weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// The page promises it: a failure gates.
    Must,
    /// A user would expect it: a failure gates with `--strict`.
    Should,
    /// HTTP itself asks for it: a failure gates with `--rfc`.
    Rfc,
    /// Reported, never gates.
    Observe,
}

/// One case of a check: the steps with one row of `for_each` filled in.
#[derive(Debug, Clone)]
pub struct Case {
    /// The row, as `name=value` pairs in the order of the file; empty where there is no `for_each`.
    pub row: Vec<(String, String)>,
    /// The role of the key the steps use unless they name another.
    pub key: Option<Spanned<String>>,
    /// Further keys by the name the steps use for them, with their roles.
    pub keys: BTreeMap<String, Spanned<String>>,
    /// Whether all of these keys belong to one account.
    pub one_account: bool,
    /// What is done, in order.
    pub steps: Vec<Spanned<Step>>,
}

/// One thing to do. Exactly one of the actions is given.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Sends one request.
    pub send: Option<Send>,
    /// Sends many requests, released together.
    pub burst: Option<Burst>,
    /// Sends requests evenly over a time.
    pub pace: Option<Pace>,
    /// Asks a used-up key again and again.
    pub poll: Option<Poll>,
    /// Finds out how the limiter counts, and reports it.
    pub fingerprint: Option<Fingerprint>,
    /// Waits until the key has a whole, fresh window in front of it.
    pub align: Option<Align>,
    /// Sends until the key is used up and some 429s have been collected.
    pub exhaust: Option<Exhaust>,
    /// Waits: `promise` (the instant from which on the 429s seen so far promise to let the key in: the earliest of
    /// them, or the last one where each asking was answered with a later one), `promise - 2s`, `first-promise` (the
    /// earliest in any case), a time such as `60s`, or `silent-window` (a whole window in which the key sends nothing).
    pub wait: Option<WaitFor>,
    /// Revokes a key: `own`, or a name from `keys`. Skipped where the target cannot revoke.
    pub revoke: Option<Spanned<String>>,
    /// Looks for the session of an earlier batch in the session list.
    pub find_session: Option<FindSession>,
    /// Judges every answer of the whole run.
    pub review: Option<Review>,
    /// The status that the rest of the check takes for granted; with another one the check is skipped. For what the
    /// page leaves open.
    pub given: Option<StatusSet>,
    /// What must be true of the answer, or of the answers.
    pub expect: Option<Expect>,
    /// A fact to report. `<status>`, `<admitted>`, `<limited>`, `<other>`, `<limit>`, `<seconds>`,
    /// `<message>` and `<header NAME>` stand for what was seen.
    pub observe: Option<String>,
}

/// One request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Send {
    /// The name of a request in `requests.yaml`.
    pub request: Spanned<String>,
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
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Body {
    /// A batch of this many events in the target's envelope.
    pub events: Option<u32>,
    /// Bytes of padding in each of the events, so that the batch is larger and holds no more of them.
    pub padding: Option<u32>,
    /// A batch of this many evaluation scores.
    pub scores: Option<u32>,
    /// This text, whatever it is.
    pub text: Option<String>,
}

/// Many requests, released together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Burst {
    /// The name of a request in `requests.yaml`.
    pub request: Spanned<String>,
    /// Further requests, sent in turn with it. Those that the key has no scope for are left out, and so are those that
    /// the deployment does not offer; without any that is left the check is skipped.
    #[serde(default)]
    pub in_turn_with: Vec<Spanned<String>>,
    /// Which key: `own` (the default) or a name from `keys`.
    pub key: Option<Spanned<String>>,
    /// How the key travels; see `send`.
    pub credentials: Option<Credentials>,
    /// How many requests: a number, `limit`, `limit + 100`. Not given where `events` is.
    pub count: Option<Amount>,
    /// How many events in all: a number, `limit`; split into requests of `batch`.
    pub events: Option<Amount>,
    /// Events a request, 1 to 1,000. Each batch is of a session of its own, so that no limit by session passes for
    /// one by key.
    pub batch: Option<u32>,
    /// Bytes of padding in each of the events; see `body`.
    pub padding: Option<u32>,
    /// How many requests may be under way at once. Default 32.
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
    /// The name of a request in `requests.yaml`.
    pub request: Spanned<String>,
    /// Which key: `own` (the default) or a name from `keys`.
    pub key: Option<Spanned<String>>,
    /// How many requests: a number, `limit`. Not given where `share` is.
    pub count: Option<Amount>,
    /// As many requests as this share of the limit allows over that time, such as `95%`.
    pub share: Option<Share>,
    /// Over how long, such as `1s` or `60s`.
    pub over: Option<Span>,
    /// Events a request, 1 to 1,000.
    pub batch: Option<u32>,
}

/// Asking a key that a `burst` used up: every so often, and at every instant a 429 promises. What comes back is used up
/// again at once. That the whole quota comes back once is lawful, for a limiter may count by the minutes of its clock;
/// from there on the time counts anew.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Poll {
    /// The name of a request in `requests.yaml`.
    pub request: Spanned<String>,
    /// Which key: `own` (the default) or a name from `keys`.
    pub key: Option<Spanned<String>>,
    /// How often, such as `2s`.
    pub every: Option<Span>,
    /// For how long since the window began, such as `59s`.
    pub over: Option<Span>,
}

/// Telling limiters apart: half of the quota is used, twenty seconds later the rest, and then it is seen when, and how
/// much of it, comes back. Nothing is expected: every lawful way is right.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fingerprint {
    /// The name of a request in `requests.yaml`.
    pub request: Spanned<String>,
    /// Which key: `own` (the default) or a name from `keys`.
    pub key: Option<Spanned<String>>,
}

/// A state of the key's window to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Align {
    /// Nothing of the key's quota is used, and almost a whole window lies ahead.
    FreshWindow,
}

/// Using a key up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exhaust {
    /// The name of a request in `requests.yaml`.
    pub request: Spanned<String>,
    /// Which key: `own` (the default) or a name from `keys`.
    pub key: Option<Spanned<String>>,
    /// How many 429s are collected at the least. Default 1.
    pub collect: Option<u32>,
    /// Events a request, 1 to 1,000, where it is events that shall run out.
    pub batch: Option<u32>,
}

/// A look into the session list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FindSession {
    /// The name a `send` gave its batch's session.
    pub session: Spanned<String>,
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

/// A rule that every answer of the run is held against; the check runs last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Review {
    /// 401 goes with UNAUTHORIZED, 403 with FORBIDDEN, 429 with RATE_LIMITED, both ways.
    StatusAndCodeAgree,
    /// Every 401, 403 and 429 says that it is JSON.
    ErrorsAreJson,
    /// No answer holds a key or a key's random part.
    NoKeyEchoed,
    /// Every 429 of the run is held against what the step expects of `each_429`.
    #[serde(rename = "every-429")]
    Every429,
    /// Within less than a minute no key was admitted more than twice its limit: as much as two windows hold. How many
    /// it was at the most is reported.
    TwoQuotasAMinute,
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
        self.body.as_ref().is_some_and(|body| body.events.is_some())
    }
}

impl Burst {
    /// The requests that are sent in turn.
    pub fn requests(&self) -> impl Iterator<Item = &Spanned<String>> {
        std::iter::once(&self.request).chain(&self.in_turn_with)
    }
}

impl Span {
    /// The time as a duration.
    pub fn duration(self) -> Duration {
        self.0
    }
}
