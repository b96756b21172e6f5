//! Deviations that only a Premium or an Ingestion key shows, or only many requests at once.

use super::{Row, row};

pub(super) const ROWS: &[Row] = &[
    row("limit.not-executed", "limited-batches-stored", "a refused batch was ingested"),
    row("rate.premium", "premium-limit-301", "of 400 requests 301 were admitted and 99 answered 429")
        .spares(&["rate.standard"]),
    row("rate.premium", "premium-limit-299", "of 400 requests 299 were admitted and 101 answered 429")
        .spares(&["rate.standard"]),
    row("rate.premium", "premium-is-standard", "of 400 requests 60 were admitted").spares(&["rate.standard"]),
    row("rate.ingestion", "ingestion-limit-1001", "of 1100 requests 1001 were admitted and 99 answered 429")
        .spares(&["rate.standard"]),
    row("rate.ingestion", "ingestion-not-automatic", "of 1100 requests 60 were admitted")
        .spares(&["rate.standard"]),
    row("rate.concurrent", "one-at-a-time", "were admitted"),
    row("rate.concurrent", "racy-counter", "were admitted"),
    // Wrong for batches only, so the other rows of the check hold.
    row("limit.retry-after-present", "events-429-without-retry-after", "[tier=ingestion"),
    row("limit.retry-after-honest", "events-429-always-1", "[tier=ingestion"),
    row("events.quota", "events-limit-one-less", "of 100 requests 99 were admitted and 1 answered 429"),
    row("events.over", "events-limit-one-more", "the status is 200, not 429").spares(&["events.quota"]),
    row("events.over", "events-unlimited", "the status is 200, not 429"),
];
