//! Reading request bodies: event batches in both envelopes, and scores.

mod batch;
mod lenient;
mod scores;
mod timestamp;

pub(crate) use batch::{Batch, Event, EventType, parse_events};
pub(crate) use scores::{Score, parse_scores};
pub(crate) use timestamp::{DAY_MS, format_timestamp, parse_date};

/// The most entries one request may carry (layer 2).
pub(crate) const MAX_BATCH: usize = 1_000;

/// The most problems one answer lists.
const MAX_DETAILS: usize = 100;
