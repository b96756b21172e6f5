//! The vocabulary of the vendor's *Authentication* page: keys, scopes, tiers, endpoints, error bodies, clauses.
//!
//! Everyone may know these words; they know nobody. No I/O, no clock.
//! The judge ([`crate::run`]) and the judged ([`crate::mock`]) share this module and nothing else,
//! and the judge takes expected bodies from `fixtures/`, never from here.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::system::{hex, letters_and_digits};
use crate::words::words;

/// A key of the Trenchcoat API (clause `key.format`): `ct_live_` and a random string.
///
/// It has no `Display` and no `Serialize`, and `Debug` shows a fingerprint, so that a key reaches
/// an output only through [`ApiKey::reveal`], which is easy to search for.
///
/// ```
/// let key = trenchcheck::contract::ApiKey::new("ct_live_a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6")?;
/// assert_eq!(format!("{key:?}"), "ct_live_…(047ed3)");
/// # Ok::<(), trenchcheck::contract::InvalidApiKey>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ApiKey(String);

/// Why a text cannot be sent as a key. It never quotes the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidApiKey {
    /// There is nothing in it.
    #[error("the key is blank")]
    Blank,
    /// HTTP would cut off what stands around it.
    #[error("there are spaces or line breaks around the key; was it copied with its line end?")]
    Padded,
    /// It stands in the quotes of the file it comes from.
    #[error("the key is wrapped in quotes, as if its file had been read without a shell")]
    Quoted,
    /// It is not UTF-8.
    #[error("the key is not UTF-8")]
    NotText,
    /// A header value cannot carry it.
    #[error("the key holds a control character or a line break")]
    NotAHeaderValue,
}

impl ApiKey {
    /// What every key starts with (clause `key.format`).
    pub const PREFIX: &'static str = "ct_live_";

    /// A key of the documented form that nobody had before.
    pub fn random() -> Self {
        Self(format!("{}{}", Self::PREFIX, letters_and_digits(32)))
    }

    /// Takes a key as the user or the mock gave it. The documented prefix is not demanded: a
    /// deployment that hands out other keys is judged, not refused.
    ///
    /// # Errors
    /// [`InvalidApiKey`] when an HTTP header could not carry the text.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidApiKey> {
        let text = text.into();
        if text.trim().is_empty() {
            return Err(InvalidApiKey::Blank);
        }
        if text.trim() != text {
            return Err(InvalidApiKey::Padded);
        }
        if text.chars().any(char::is_control) {
            return Err(InvalidApiKey::NotAHeaderValue);
        }
        Ok(Self(text))
    }

    /// The plaintext, for the wire only.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The part after the documented prefix, or all of a key that lacks it.
    pub fn random_part(&self) -> &str {
        self.0.strip_prefix(Self::PREFIX).unwrap_or(&self.0)
    }

    /// Whether the key has the documented form: the prefix, then letters and digits (clause `key.format`).
    pub fn is_documented_form(&self) -> bool {
        self.0.strip_prefix(Self::PREFIX).is_some_and(|random| {
            !random.is_empty() && random.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
    }

    /// Six hexadecimal digits that tell two keys apart and give neither away.
    pub fn fingerprint(&self) -> String {
        hex(&Sha256::digest(self.0.as_bytes())[..3])
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}…({})", Self::PREFIX, self.fingerprint())
    }
}

words! {
    /// A permission of a key (clauses `scope.write-events`, `scope.read-analytics`). One never implies the other.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, JsonSchema)]
    pub enum Scope: as_str + Display {
        /// `write:events`: post events.
        #[serde(rename = "write:events")]
        WriteEvents => "write:events",
        /// `read:analytics`: read session lists and analytics.
        #[serde(rename = "read:analytics")]
        ReadAnalytics => "read:analytics",
    }
}

/// A word that names no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no scope is called `{0}`; the scopes are write:events and read:analytics")]
pub struct UnknownScope(pub String);

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.as_str() == text)
            .ok_or_else(|| UnknownScope(text.to_owned()))
    }
}

/// The length of the documented window: limits are per minute.
pub const WINDOW_SECONDS: u64 = 60;

words! {
    /// A rate-limit tier (clauses `limit.standard`, `limit.premium`, `limit.ingestion-requests`).
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "lowercase")]
    pub enum Tier: as_str + Display {
        /// 60 requests a minute.
        Standard => "standard",
        /// 300 requests a minute.
        Premium => "premium",
        /// 1,000 requests and 100,000 events a minute.
        Ingestion => "ingestion",
    }
}

/// What a key is granted in one window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Requests a minute.
    pub requests: u32,
    /// Events a minute; `None` where the page states none.
    pub events: Option<u32>,
}

impl Tier {
    /// The documented limits.
    pub const fn limits(self) -> Limits {
        match self {
            Self::Standard => Limits { requests: 60, events: None },
            Self::Premium => Limits { requests: 300, events: None },
            Self::Ingestion => Limits { requests: 1_000, events: Some(100_000) },
        }
    }

    /// The tier a key with these scopes is on (clause `limit.ingestion-automatic`): one that may
    /// post events is on Ingestion, any other is on the tier its plan gives.
    pub fn of(scopes: &[Scope], plan: Self) -> Self {
        if scopes.contains(&Scope::WriteEvents) { Self::Ingestion } else { plan }
    }

    /// The tier that has so many requests in a window.
    pub fn with_requests(requests: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|tier| tier.limits().requests == requests)
    }
}

/// The types of events on the page and in the published clients.
pub const EVENT_TYPES: [&str; 11] = [
    "session_start",
    "session_end",
    "tool_use",
    "tool_result",
    "subagent_stop",
    "assistant_stop",
    "prompt_submit",
    "subagent_start",
    "pre_compact",
    "skill_use",
    "error",
];

words! {
    /// An endpoint below `/api/v1`.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum Endpoint: name {
        /// `POST /api/v1/events`.
        Events => "events",
        /// `POST /api/v1/evals/scores` (layer 2).
        Scores => "scores",
        /// `GET /api/v1/sessions`.
        Sessions => "sessions",
        /// `GET /api/v1/analytics/overview`.
        Overview => "overview",
        /// `GET /api/v1/analytics/tools`.
        Tools => "tools",
    }
}

impl Endpoint {
    /// The documented method.
    pub const fn method(self) -> &'static str {
        match self {
            Self::Events | Self::Scores => "POST",
            Self::Sessions | Self::Overview | Self::Tools => "GET",
        }
    }

    /// The documented path.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Events => "/api/v1/events",
            Self::Scores => "/api/v1/evals/scores",
            Self::Sessions => "/api/v1/sessions",
            Self::Overview => "/api/v1/analytics/overview",
            Self::Tools => "/api/v1/analytics/tools",
        }
    }

    /// The scope the endpoint requires (clauses `scope.write-events`, `scope.read-analytics`).
    pub const fn scope(self) -> Scope {
        match self {
            Self::Events | Self::Scores => Scope::WriteEvents,
            Self::Sessions | Self::Overview | Self::Tools => Scope::ReadAnalytics,
        }
    }
}

words! {
    /// The `code` of an error body, with the status it belongs to (clauses `error.401`, `error.403`, `error.429`).
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub enum ErrorCode: as_str {
        /// 401: the key is missing or does not exist.
        Unauthorized => "UNAUTHORIZED",
        /// 403: the key lacks the scope.
        Forbidden => "FORBIDDEN",
        /// 429: the key is over a limit.
        RateLimited => "RATE_LIMITED",
    }
}

impl ErrorCode {
    /// The status that carries the code.
    pub const fn status(self) -> u16 {
        match self {
            Self::Unauthorized => 401,
            Self::Forbidden => 403,
            Self::RateLimited => 429,
        }
    }

    /// The documented 401 sentence.
    pub const UNAUTHORIZED_MESSAGE: &'static str = "Missing or invalid API key.";

    /// The documented 403 sentence, naming the scope the endpoint requires.
    pub fn forbidden_message(scope: Scope) -> String {
        format!("This API key does not have the required scope: {scope}")
    }

    /// The documented 429 sentence, with the whole seconds to wait.
    pub fn rate_limited_message(seconds: u64) -> String {
        format!("Rate limit exceeded. Retry after {seconds} seconds.")
    }
}

/// Why a Retry-After cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryAfterFault {
    /// There is none.
    Missing,
    /// There are several.
    Several,
    /// It is no whole number of seconds.
    NoNumber,
}

/// Reads the lines of a Retry-After (clause `error.retry-after`): one, with a whole number of seconds.
///
/// # Errors
/// [`RetryAfterFault`].
pub fn retry_after<'a>(lines: impl IntoIterator<Item = &'a [u8]>) -> Result<Duration, RetryAfterFault> {
    let mut lines = lines.into_iter();
    let line = lines.next().ok_or(RetryAfterFault::Missing)?;
    if lines.next().is_some() {
        return Err(RetryAfterFault::Several);
    }
    let digits = std::str::from_utf8(line).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let seconds = digits.and_then(|text| text.parse().ok()).ok_or(RetryAfterFault::NoNumber)?;
    Ok(Duration::from_secs(seconds))
}

/// One promise of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clause {
    /// Stable id, as scenarios name it.
    pub id: &'static str,
    /// What the page promises, in a sentence.
    pub promise: &'static str,
    /// Whether anything sent over the API can show it broken.
    pub coverage: Coverage,
}

/// Whether a clause can be checked from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coverage {
    /// Checks exist.
    Checked,
    /// Nothing sent over the API can show it; the text says why.
    NotObservable(&'static str),
}

const fn checked(id: &'static str, promise: &'static str) -> Clause {
    Clause { id, promise, coverage: Coverage::Checked }
}

/// Every clause, in the page's order.
pub const CLAUSES: &[Clause] = &[
    checked("key.format", "A key is `ct_live_` followed by a random string."),
    Clause {
        id: "key.shown-once",
        promise: "The plaintext of a key is shown once, at creation, and never again.",
        coverage: Coverage::NotObservable("keys are made in the dashboard; the API never shows one"),
    },
    checked("key.scopes", "A key has one or more scopes, chosen at creation."),
    checked("auth.header", "The key travels in the X-API-Key header of every request."),
    checked(
        "auth.only-header",
        "There is no other mechanism: not Authorization, not the query, not a cookie.",
    ),
    checked("auth.everywhere", "The header is required on every endpoint."),
    checked("scope.write-events", "`write:events` grants POST /api/v1/events."),
    checked("scope.read-analytics", "`read:analytics` grants session lists and analytics."),
    checked("scope.separate", "One scope never implies the other."),
    checked("limit.per-key", "Limits are per API key."),
    checked("limit.429", "Going over a limit is answered with 429."),
    checked("limit.standard", "A Standard key has 60 requests a minute."),
    checked("limit.premium", "A Premium key has 300 requests a minute."),
    checked("limit.ingestion-requests", "An Ingestion key has 1,000 requests a minute."),
    checked("limit.ingestion-events", "An Ingestion key has 100,000 events a minute."),
    checked(
        "limit.ingestion-automatic",
        "A key that has `write:events` is on the Ingestion tier by itself; others are on Standard or Premium by plan.",
    ),
    checked("error.401", "A missing or unknown key is answered with 401 and exactly the documented body."),
    checked(
        "error.403",
        "A key without the endpoint's scope is answered with 403; the body names that scope.",
    ),
    checked("error.429", "A key over its limit is answered with 429 and the documented body."),
    checked("error.retry-after", "A 429 carries Retry-After: the seconds to wait before retrying."),
];

/// The clause with this id.
pub fn clause(id: &str) -> Option<&'static Clause> {
    CLAUSES.iter().find(|clause| clause.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_gives_nothing_away() {
        let key = ApiKey::new("ct_live_a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6").unwrap();
        let shown = format!("{key:?} {:?}", Some(&key));
        assert!(!shown.contains("a1b2"), "{shown}");
    }

    #[test]
    fn what_a_header_cannot_carry_is_refused() {
        for blank in ["", " ", "\n"] {
            assert_eq!(ApiKey::new(blank), Err(InvalidApiKey::Blank));
        }
        for padded in ["ct_live_x\n", " ct_live_x", "ct_live_x\t"] {
            assert_eq!(ApiKey::new(padded), Err(InvalidApiKey::Padded));
        }
        assert_eq!(ApiKey::new("ct_live\u{7f}_x"), Err(InvalidApiKey::NotAHeaderValue));
    }

    #[test]
    fn the_documented_form_is_prefix_letters_and_digits() {
        let form = |text: &str| ApiKey::new(text).unwrap().is_documented_form();
        assert!(form("ct_live_abc123"));
        assert!(!form("ct_live_"));
        assert!(!form("ct_test_abc"));
        assert!(!form("ct_live_a-b"));
    }
}
