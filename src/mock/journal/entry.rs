//! One request and what became of it.

use std::sync::Arc;

use crate::mock::summary::{Reason, Summary};

use super::keep::Kept;

/// An entry; its texts are cut and masked already, and nothing else is formatted.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Its number in the journal.
    pub(crate) id: u64,
    /// When it arrived, in milliseconds since 1970 by the workspace's clock.
    pub(crate) at: i64,
    /// What was requested, and what was answered.
    pub(crate) kept: Kept,
    /// The status of the answer; 0 if there was none.
    pub(crate) status: u16,
    /// What the engine noted.
    pub(crate) summary: Summary,
    /// The faults it met, by id.
    pub(crate) faults: Vec<Arc<str>>,
    pub(crate) ending: Ending,
    /// How long it took until the answer left, in microseconds.
    pub(crate) took_us: u64,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// With an answer, perhaps a damaged one.
    Answered,
    /// A fault cut the connection.
    Cut,
    /// The client went away before it was answered.
    Abandoned,
}

/// In a word, what became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It was answered as it wished.
    Ok,
    /// 401.
    Unauthorized,
    /// 403.
    Forbidden,
    /// 429.
    RateLimited,
    /// 400, 408, 413: something is wrong with what was sent.
    Invalid,
    /// 404 and 405: it went nowhere.
    NotFound,
    /// A fault answered, or cut the connection, in place of the API.
    Fault,
    /// The client went away before it was answered.
    Abandoned,
    /// Another status, which only a deviation gives.
    Other,
}

impl Entry {
    /// About how many bytes it takes.
    pub(crate) fn size(&self) -> usize {
        let details = match &self.summary.why {
            Some(Reason::Invalid(_, details)) => {
                details.iter().map(|detail| 48 + detail.field.len() + detail.message.len()).sum()
            }
            _ => 0,
        };
        size_of::<Self>() + self.kept.size() + details
    }

    /// What became of it.
    pub(crate) fn outcome(&self) -> Outcome {
        match (&self.summary.why, self.status) {
            _ if self.ending == Ending::Cut => Outcome::Fault,
            _ if self.ending == Ending::Abandoned => Outcome::Abandoned,
            (None, 200..=399) => Outcome::Ok,
            (None, _) if !self.faults.is_empty() => Outcome::Fault,
            (None, _) => Outcome::Other,
            (Some(why), _) => match why {
                Reason::NoKey | Reason::UnknownKey | Reason::SeveralKeys | Reason::RevokedKey => {
                    Outcome::Unauthorized
                }
                Reason::LacksScope(_) => Outcome::Forbidden,
                Reason::UsedUp(..) => Outcome::RateLimited,
                Reason::Invalid(..) | Reason::TooLarge | Reason::TooSlow | Reason::BrokeOff => {
                    Outcome::Invalid
                }
                Reason::NoSuchPath | Reason::NoSuchWorkspace | Reason::WrongMethod => Outcome::NotFound,
            },
        }
    }
}
