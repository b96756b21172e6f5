//! What the ledger is told of each request: when it was due, and how it went.

use std::time::Duration;

use super::series::Outcome;

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
