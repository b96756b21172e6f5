//! What the engine says about an answer besides the answer: to whom, why, and how much was taken.

use std::sync::Arc;

use crate::contract::{Endpoint, Scope};

use super::errors::Detail;
use super::keys::KeyEntry;
use super::limiter::Budget;

/// The most details of a 400 that are noted.
const MAX_DETAILS: usize = 20;

/// A summary to an answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Summary {
    /// The key the request is known by, also one that has been revoked.
    pub(crate) key: Option<Arc<KeyEntry>>,
    /// Where it went.
    pub(crate) endpoint: Option<Endpoint>,
    /// Why it was refused; nothing if it was not.
    pub(crate) why: Option<Reason>,
    /// How the events of its batch were written.
    pub(crate) envelopes: Envelopes,
    /// How many events or scores were taken.
    pub(crate) accepted: u32,
    /// How many of them repeated earlier ones and changed nothing.
    pub(crate) repeated: u32,
}

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reason {
    /// 401: it presented no key.
    NoKey,
    /// 401: nobody has this key here.
    UnknownKey,
    /// 401: lines with different keys.
    SeveralKeys,
    /// 401: the key has been revoked.
    RevokedKey,
    /// 403: the key lacks this scope.
    LacksScope(Scope),
    /// 429: this is used up until then, in milliseconds of the workspace's clock since 1970.
    UsedUp(Budget, i64),
    /// 400: what is wrong with the body or the parameters.
    Invalid(&'static str, Vec<Detail>),
    /// 404.
    NoSuchPath,
    /// 404: the path names no workspace.
    NoSuchWorkspace,
    /// 405.
    WrongMethod,
    /// 413.
    TooLarge,
    /// 408.
    TooSlow,
    /// The client went away in the middle of its body.
    BrokeOff,
}

impl Reason {
    /// Of a long list of details only the first are kept.
    pub(crate) fn invalid(message: &'static str, details: &[Detail]) -> Self {
        Self::Invalid(message, details.iter().take(MAX_DETAILS).cloned().collect())
    }
}

/// How many events of a batch were written in which envelope.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Envelopes {
    /// `event_type`, `session_id`, `timestamp`.
    pub(crate) documented: u32,
    /// `event`, `session_id`, `ts`.
    pub(crate) wire: u32,
}
