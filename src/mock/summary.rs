//! What the engine says about an answer besides the answer: to whom, why, and how much was taken.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;

use crate::contract::{Endpoint, Scope};

use super::keys::KeyEntry;
use super::limiter::Budget;

/// The most details of a 400 that are noted.
const MAX_DETAILS: usize = 20;

/// What is to be known about an answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Summary {
    /// The key the request is known by, also one that has been revoked.
    pub(crate) key: Option<Arc<KeyEntry>>,
    pub(crate) endpoint: Option<Endpoint>,
    /// Why it was refused; nothing if it was not.
    pub(crate) reason: Option<Reason>,
    /// How the events of its batch were written.
    pub(crate) envelopes: Envelopes,
    pub(crate) accepted: u32,
    /// How many of them repeated earlier ones and changed nothing.
    pub(crate) repeated: u32,
    /// Whether it took several events, and all of one timestamp.
    pub(crate) one_timestamp: bool,
    /// Whether a fault answered in place of the API.
    pub(crate) injected: bool,
    /// The faults it met, by id.
    pub(crate) faults: Vec<Arc<str>>,
}

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reason {
    NoKey,
    /// 401: what looks like a key stands here, where nobody looks for one.
    KeyElsewhere(&'static str),
    /// 401: nobody has this key here.
    UnknownKey,
    /// 401: lines with different keys.
    SeveralKeys,
    RevokedKey,
    LacksScope(Scope),
    /// 429: this is used up until then, in milliseconds of the workspace's clock since 1970.
    UsedUp(Budget, i64),
    /// 400: what is wrong with the body or the parameters.
    Invalid(&'static str, Vec<Detail>),
    NoSuchPath,
    NoSuchWorkspace,
    WrongMethod,
    TooLarge,
    TooSlow,
    BrokeOff,
}

impl Reason {
    /// Of a long list of details only the first are kept.
    pub(crate) fn invalid(message: &'static str, details: &[Detail]) -> Self {
        Self::Invalid(message, details.iter().take(MAX_DETAILS).cloned().collect())
    }
}

/// How many events were written in which envelope.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "EnvelopesView")]
pub struct Envelopes {
    /// `event_type`, `session_id`, `timestamp`.
    pub documented: u32,
    /// `event`, `session_id`, `ts`, as published clients send.
    pub wire: u32,
}

impl Envelopes {
    /// `documented`, `wire`, `both`, or nothing where no events were read.
    pub(crate) fn in_a_word(self) -> Option<&'static str> {
        match (self.documented, self.wire) {
            (0, 0) => None,
            (_, 0) => Some("documented"),
            (0, _) => Some("wire"),
            _ => Some("both"),
        }
    }
}

/// One thing that is wrong with a request body or a parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Detail {
    /// Where, such as `events[0].session_id`.
    pub field: String,
    /// What, in a sentence.
    pub message: String,
}

/// Why a request is answered 400.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Invalid {
    pub(crate) message: &'static str,
    pub(crate) details: Vec<Detail>,
    /// How the events of a batch were written, as far as they were read.
    pub(crate) envelopes: Envelopes,
}

impl Invalid {
    /// A body that is wrong in the places named.
    pub(crate) fn body(details: Vec<Detail>) -> Self {
        Self { message: "Request body is invalid.", details, envelopes: Envelopes::default() }
    }

    /// A query parameter that is wrong.
    pub(crate) fn parameter(name: &str, message: impl Into<String>) -> Self {
        let detail = Detail { field: name.to_owned(), message: message.into() };
        Self {
            message: "Request parameters are invalid.",
            details: vec![detail],
            envelopes: Envelopes::default(),
        }
    }
}
