//! Deviations that only a Premium or an Ingestion key shows, or only many requests at once.

use super::{Row, row};

pub(super) const ROWS: &[Row] = &[
    row("rate.every-endpoint-scores", "scores-uncounted", "the status is 20")
        .spares(&["rate.standard", "rate.every-endpoint"]),
    row("limit.not-executed", "limited-batches-stored", "a refused batch was ingested"),
    row("rate.premium", "premium-limit-301", "a key gets 301 requests in a window, not 300")
        .spares(&["rate.standard"]),
    row("rate.premium", "premium-limit-299", "a key gets 299 requests in a window, not 300")
        .spares(&["rate.standard"]),
    row("rate.premium", "premium-is-standard", "a key gets 60 requests in a window, not 300")
        .spares(&["rate.standard"]),
    row("rate.ingestion", "ingestion-limit-1001", "a key gets 1001 requests in a window, not 1000")
        .spares(&["rate.standard"]),
    row("rate.ingestion", "ingestion-not-automatic", "a key gets 60 requests in a window, not 1000")
        .spares(&["rate.standard"]),
    row("rate.tier-by-key", "tier-by-route", "of 900 requests 60 were admitted"),
    row("rate.concurrent", "one-at-a-time", "were admitted"),
    row("rate.concurrent", "racy-counter", "were admitted"),
    // Wrong for batches only, so the other rows of the check hold.
    row("limit.retry-after-present", "events-429-without-retry-after", "[tier=ingestion"),
    row("events.quota", "events-limit-one-less", "a key gets 99000 to 99999 events in a window, not 100000"),
    row("events.over", "events-limit-one-more", "the status is 200, not 429").spares(&["events.quota"]),
    row("events.over", "events-unlimited", "the status is 200, not 429"),
    row("events.over", "events-by-session", "the status is 200, not 429").spares(&["events.quota"]),
    row("events.over", "events-counted-by-batch", "the status is 200, not 429"),
    row("events.counted-singly", "events-counted-by-size", "of 105511 events 46127 were accepted"),
    row("events.counted-singly", "large-batches-refused", "of 111023 events 511 were accepted"),
    row("events.requests-apart", "requests-not-apart", "of 201 requests 200 were admitted"),
    row("events.requests-apart", "requests-of-100-events", "of 99 requests 20 were admitted").spares(&[
        "events.quota",
        "events.over",
        "rate.ingestion",
    ]),
    row("events.never-over", "straddle-admitted", "of 109900 events 100")
        .spares(&["events.quota", "events.over"]),
    row("events.never-over", "events-limit-one-more", "the status is 200, not 429"),
    row("events.straddle", "straddle-admitted", "the status is 200, not 429"),
    row("events.straddle", "straddle-partly-stored", "a refused batch was ingested"),
    row("events.straddle-fits", "straddle-partly-stored", "then 500 events - status 429"),
    // It is conforming, if not what one would expect: no check of a promise is broken by it.
    row("events.straddle", "straddle-partly-accepted", "the status is 200, not 429").spares(&[
        "events.never-over",
        "events.over",
        "events.concurrent",
        "events.counted-singly",
    ]),
    row("events.concurrent", "racy-events", "were accepted"),
    row(
        "events.per-key",
        "events-shared-by-all-keys",
        "gets no events after TRENCHCHECK_KEY_INGESTION used up those of a window",
    )
    .spares(&["events.quota", "events.over"]),
    row("events.retry-after", "events-429-without-retry-after", "Retry-After is missing")
        .spares(&["events.over"]),
    row("events.retry-after", "events-429-always-1", "the status is 429, not 2xx"),
    row("events.retry-after", "events-429-date", "Retry-After is not a whole number")
        .spares(&["events.over"]),
    row("events.retry-after", "events-429-other-words", "the body is not the documented object"),
    row("events.refused-not-charged", "invalid-batches-charged", "of 100 requests 99 were admitted")
        .spares(&["events.quota"]),
    row("events.reads-survive", "reads-stop-with-events", "the status is 429, not 2xx"),
    row("events.window", "events-by-the-hour", "nothing was admitted when"),
    row("events.window", "events-every-10s", "came back").spares(&["events.quota"]),
];
