//! One request: when it was due, how it went, and what became of it.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The target did what was asked.
    Admitted,
    /// A 429.
    Limited,
    /// Anything else: another status, no answer, a broken connection.
    Error,
}

impl Outcome {
    /// Every outcome, the good one first.
    pub const ALL: [Self; 3] = [Self::Admitted, Self::Limited, Self::Error];

    /// The word for it, as in reports and in the names of interval logs.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Admitted => "admitted",
            Self::Limited => "limited",
            Self::Error => "error",
        }
    }
}

/// What became of one ticket.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    /// When the request was due, counted from the start of the run.
    pub(crate) due: Duration,
    /// The request; `None` where it was dropped, for the lane was waiting what a 429 had told it to.
    pub(crate) sent: Option<Sent>,
}

/// A request that was sent.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    /// How it ended.
    pub(crate) outcome: Outcome,
    /// How long after its due time it was sent, by our own doing.
    pub(crate) lag: Duration,
    /// How long it waited because the target held every slot, besides.
    pub(crate) held: Duration,
    /// From sending to the end of the answer.
    pub(crate) service: Duration,
    /// Events in it.
    pub(crate) events: u32,
    /// Events the target says it accepted.
    pub(crate) accepted: u32,
    /// What was wrong with it: of an error, or of a 429 that is not the documented one.
    pub(crate) fault: Option<String>,
}
