//! When the window of a key is fresh: learnt by using the key up and taking its 429 at its word.

use std::time::{Duration, Instant};

use super::client::Exchange;
use super::plan::LanePlan;
use super::record::Outcome;
use crate::contract::{Tier, WINDOW_SECONDS};

/// What is known of a key that is being used up.
#[derive(Debug, Default)]
pub(crate) struct Freshness {
    promise: Option<Instant>,
    last_429: Option<Instant>,
}

impl Freshness {
    /// Takes note of an answer.
    pub(crate) fn learn(&mut self, exchange: &Exchange) {
        if exchange.reading.outcome != Outcome::Limited {
            return;
        }
        self.last_429 = self.last_429.max(Some(exchange.answered));
        let promise = exchange.reading.retry_after.map(|wait| exchange.answered + wait);
        self.promise = match (self.promise, promise) {
            (Some(known), Some(new)) => Some(known.min(new)),
            (known, new) => known.or(new),
        };
    }

    /// Whether a 429 has come.
    pub(crate) const fn is_used_up(&self) -> bool {
        self.last_429.is_some()
    }

    /// When its window is fresh: at the earliest promise; where the 429s promise nothing that can be, after a
    /// minute of silence. `None` where no 429 has come, and so no window is known to have begun.
    pub(crate) fn from(&self) -> Option<Instant> {
        self.promise.or_else(|| Some(self.last_429? + Duration::from_secs(WINDOW_SECONDS)))
    }
}

/// After how many requests a key whose limit cannot be found is left alone: the run will show it.
pub(crate) fn most_to_use_up(lane: &LanePlan) -> u32 {
    // Of a key that may be on any tier, the limit is that of the largest.
    let record = &lane.record;
    let limit = if record.tier.is_some() { record.requests_limit } else { Tier::Ingestion.limits().requests };
    limit.saturating_mul(2).saturating_add(32)
}
