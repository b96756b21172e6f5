//! The words of the scenario language, as types. What each word means is said here once: the
//! JSON Schema, and so every editor, shows these texts.

pub(super) mod suite;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::words::{Amount, Span, StatusSet};
use crate::words::words;
use crate::yaml::Spanned;

pub use super::file::Action;
pub use super::steps::{
    Body, Burst, Credentials, Exhaust, FindSession, Fingerprint, HttpVersion, KeyForm, Pace, PathForm, Poll,
    Presence, RequestDef, Send,
};
pub(crate) use suite::told_row;
pub use suite::{Case, Experiment, Item, Reading, Step};

words! {
    /// How much a check weighs.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "lowercase")]
    pub enum Level: word {
        /// The page promises it: a failure gates.
        Must => "must",
        /// A user would expect it: a failure gates with `--strict`.
        Should => "should",
        /// HTTP itself asks for it: a failure gates with `--rfc`.
        Rfc => "rfc",
        /// Reported, never gates.
        Observe => "observe",
    }
}

/// What a run learns of a deployment from one check, and uses in all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Fact {
    /// How many requests a key of this tier is granted in a window.
    Requests,
    /// How many events a key of this tier is granted in a window, or that they have an end.
    Events,
    /// Whether keys share a quota.
    Sharing,
    /// Whether keys share the events of a window.
    EventsSharing,
    /// Whether a key that was used up gets a quota again.
    Recovery,
    /// Whether a key that was used up stays so until then.
    Hold,
    /// Whether who waits as long as told is let in.
    Promise,
}

/// What must be true. Of one answer after `send`; of every 429 inside `each_429`; of the counts after `burst` and `pace`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// The status: `401`, a class `2xx`, or a list of them.
    pub status: Option<StatusSet>,
    /// The body as JSON.
    pub json: Option<JsonExpect>,
    /// Header fields by name.
    #[serde(default)]
    pub headers: BTreeMap<String, HeaderExpect>,
    /// A number in the body that must be the one in a header.
    pub agree: Option<Agree>,
    /// The body must be the same object as the first one seen under this name in the check, over all its cases.
    pub same_body_as: Option<String>,
    /// How many were admitted (2xx): a number, `left` (what was left of the window's quota), `all`.
    pub admitted: Option<Amount>,
    /// How many events were accepted: a number, `left` (of the window's quota of events), `all`. A batch answered 2xx counts whole, unless
    /// its answer says that fewer were accepted. Where whole batches do not add up to it, the last one may be refused.
    pub accepted: Option<Amount>,
    /// About how many events were accepted: what is missing, or too many, is no more than a batch.
    pub accepted_about: Option<Amount>,
    /// How many were answered 429: a number, `all`, `rest` (those that were not to be admitted).
    pub limited: Option<Amount>,
    /// How many were answered otherwise.
    pub other: Option<Amount>,
    /// How far the instants promised by the 429s may lie apart, such as `1s`.
    pub promise_moves_at_most: Option<Span>,
    /// That a `poll` was not refused after an instant that a 429 of it had promised. What a limiter may do to who asks
    /// again, which is to promise a later instant every time, breaks nothing.
    pub promises_kept: Option<bool>,
    /// What must be true of each 429 among the answers.
    pub each_429: Option<Box<Expect>>,
    /// Of the evidence of the whole `run`: rules that every answer is held against.
    #[serde(default)]
    pub holds: Vec<Rule>,
}

/// A JSON body.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JsonExpect {
    /// The file below `fixtures/` that holds the expected body. `{name}` in one of its strings is a hole.
    pub file: Spanned<String>,
    /// The one member that is looked at, such as `error.message`. Where it is not as in the file, nothing is judged:
    /// the check of the whole body names that.
    pub only: Option<String>,
    /// What may stand in each hole.
    #[serde(default)]
    pub holes: BTreeMap<String, Hole>,
}

/// What may stand in a hole of an expected body.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Hole {
    /// Exactly this text.
    Text(String),
    /// A whole number, written in digits, in this range.
    Integer(IntegerRange),
}

/// A range of whole numbers; both ends belong to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IntegerRange {
    /// The least, where there is one.
    pub min: Option<u64>,
    /// The greatest, where there is one.
    pub max: Option<u64>,
}

/// What must be true of a header. Where it is missing, only `present` has something to judge.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HeaderExpect {
    /// At least one field line of it is there.
    pub present: Option<bool>,
    /// How many field lines there are.
    pub lines: Option<u32>,
    /// A regular expression its value must not match. A missing header is fine.
    pub lacks: Option<String>,
    /// It is written in digits only and lies in this range.
    pub integer: Option<IntegerRange>,
}

/// A relation between a header and a hole of the body.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Agree {
    /// The header's name.
    pub header: String,
    /// The hole's name in the expected body of the same `expect`.
    pub hole: Spanned<String>,
}

/// A rule that every answer of the run is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// 401 goes with UNAUTHORIZED, 403 with FORBIDDEN, 429 with RATE_LIMITED, both ways.
    StatusAndCodeAgree,
    /// Every 401, 403 and 429 says that it is JSON.
    ErrorsAreJson,
    /// No answer holds a key or a key's random part.
    NoKeyEchoed,
    /// Within less than a minute no key was admitted more than twice its limit: as much as two windows hold. How many
    /// it was at the most is reported.
    TwoQuotasAMinute,
}
