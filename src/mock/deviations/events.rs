//! Events counted wrongly.

use crate::contract::{Endpoint, Limits};
use crate::mock::behaviour::{Behaviour, Straddle};
use crate::mock::ingest::Written;
use crate::mock::limiter::Rules;
use crate::mock::reply::Reply;
use crate::mock::request::RequestContext;

use super::aspects::Aspect::*;
use super::change::{NamedChange, http_date, legal, must, retry_after, should};

pub(super) const ENTRIES: &[NamedChange] = &[
    must("events-limit-one-less", "A window holds 99,999 events.")
        .breaks(&["events.quota"], &[Events])
        .by(|b| b.limits.push(|_, _, limits| quota(limits, |limit| Some(limit - 1)))),
    must("events-limit-one-more", "A window holds 100,001 events.")
        .breaks(&["events.over", "events.never-over"], &[Events])
        .by(|b| b.limits.push(|_, _, limits| quota(limits, |limit| Some(limit + 1)))),
    must("events-limit-half", "A window holds 50,000 events.")
        .breaks(&["events.quota"], &[EventLimit])
        .by(|b| b.limits.push(|_, _, limits| quota(limits, |limit| Some(limit / 2)))),
    must("events-limit-double", "A window holds 200,000 events.")
        .breaks(&["events.over"], &[EventLimit])
        .by(|b| b.limits.push(|_, _, limits| quota(limits, |limit| Some(limit * 2)))),
    must("events-unlimited", "Events are not limited.")
        .breaks(&["events.over", "events.never-over"], &[Events])
        .by(|b| b.limits.push(|_, _, limits| quota(limits, |_| None))),
    must("events-counted-by-batch", "A batch counts as one event.")
        .breaks(&["events.over"], &[Events])
        .by(|b| b.event_cost = |_, _| 1),
    must("events-counted-by-size", "A batch counts as one event for each 256 bytes.")
        .breaks(&["events.counted-singly"], &[Events])
        .by(|b| {
            b.event_cost =
                |context, _| u32::try_from(context.request.body.len() / 256).unwrap_or(u32::MAX).max(1)
        }),
    must("requests-not-apart", "A key that ingests has no limit of requests, only one of events.")
        .breaks(&["rate.ingestion"], &[Status429, Ingestion, Events])
        .by(|b| b.one_budget = true),
    must(
        "requests-of-100-events",
        "A batch costs one request for each 100 events, and events are not counted else.",
    )
    .breaks(&["events.requests-apart"], &[Ingestion, Events])
    .by(|b| {
        b.one_budget = true;
        b.event_cost = |_, events| events.div_ceil(100) * 100;
    }),
    must("events-by-session", "Every session has the key's limit of events to itself.")
        .breaks(&["events.over"], &[Events])
        .by(|b| {
            b.event_unit = Some(|context| {
                let body = String::from_utf8_lossy(context.request.body);
                let session = body.split("\"session_id\":\"").nth(1).and_then(|rest| rest.split('"').next());
                format!("events of the session {}", session.unwrap_or_default())
            })
        }),
    must("events-by-the-hour", "A key has 100,000 events an hour.")
        .breaks(&["events.window"], &[Events])
        .by(|b| events_within(b, |rules| rules.window_ms = 3_600_000)),
    must("events-every-10s", "The events come back every 10 seconds.")
        .breaks(&["events.window"], &[Events])
        .by(|b| events_within(b, |rules| rules.window_ms = 10_000)),
    must("large-batches-refused", "A batch of more than 500 events is answered 429.")
        .breaks(&["events.quota", "events.counted-singly"], &[Events])
        .by(|b| b.event_cost = |_, events| if events > 500 { u32::MAX } else { events }),
    must("straddle-admitted", "A batch is admitted whole as long as one event is left.")
        .breaks(&["events.never-over", "events.straddle"], &[Straddle])
        .by(|b| b.straddle = Straddle::Admitted),
    should(
        "straddle-partly-accepted",
        "Of a batch across the edge, the events that fit are accepted and the others reported as rejected.",
    )
    .breaks(&["events.straddle"], &[Straddle])
    .by(|b| b.straddle = Straddle::PartlyAccepted),
    should("straddle-partly-stored", "Of a batch answered 429, the events that fit are stored and counted.")
        .breaks(&["events.straddle"], &[Straddle])
        .by(|b| b.straddle = Straddle::PartlyStored),
    must("events-shared-by-all-keys", "All keys share one count of events.")
        .breaks(&["events.per-key"], &[Events])
        .by(|b| b.event_unit = Some(|_| "events of the account".to_owned())),
    must("events-429-without-retry-after", "A 429 to a batch has no Retry-After.")
        .breaks(&["limit.retry-after-present", "events.retry-after"], &[Refusal429])
        .rewrites(|context, reply| to_a_batch(context, reply, None)),
    must("events-429-always-1", "A 429 to a batch always promises 1 second.")
        .breaks(&["events.retry-after"], &[MessageNumber, Refusal429])
        .also(&["limit.message-agrees"])
        .rewrites(|context, reply| to_a_batch(context, reply, Some("1".to_owned()))),
    must("events-429-date", "Retry-After to a batch is an HTTP date.")
        .breaks(&["limit.retry-after-integer", "events.retry-after"], &[MessageNumber, Refusal429])
        .rewrites(|context, reply| to_a_batch(context, reply, Some(http_date(context.free_at_ms())))),
    must("events-429-other-words", "A 429 to a batch speaks of an event quota.")
        .breaks(&["limit.body", "events.retry-after"], &[Refusal429])
        .rewrites_on(429, |context, reply| {
            if context.goes_to(Endpoint::Events) {
                reply.body = OTHER_WORDS.as_bytes().into()
            }
        }),
    should("invalid-batches-charged", "A batch answered 400 costs a thousand events.")
        .breaks(&["events.refused-not-charged"], &[InvalidBatches])
        .by(|b| b.invalid_cost = |_| 1_000),
    should("reads-stop-with-events", "A key that is out of events cannot read either.")
        .breaks(&["events.reads-survive"], &[ReadsWithoutEvents])
        .by(|b| b.events_bar = |context| context.reads()),
    legal("created-on-ingest", "A batch is answered 201.").rewrites(|context, reply| {
        if reply.status == 200 && context.goes_to(Endpoint::Events) {
            reply.status = 201;
        }
    }),
    legal(
        "insists-on-seq",
        "Events are taken only in the envelope of published clients, each with its `seq`.",
    )
    .by(|b| b.refused_events = &[(Written::Documented, "event"), (Written::Wire, "seq")]),
    legal("wire-envelope-only", "Events are taken only in the envelope of published clients.")
        .by(|b| b.refused_events = &[(Written::Documented, "event")]),
    legal("documented-envelope-only", "Events are taken only in the envelope of the page.").by(|b| {
        b.refused_events = &[(Written::Wire, "event_type"), (Written::Numbered, "event_type")];
    }),
    legal("no-deduplication", "Events that repeat others are stored again.").by(|b| b.stores_repeated = true),
];

/// Writes the Retry-After to a batch anew.
fn to_a_batch(context: &RequestContext<'_>, reply: &mut Reply, value: Option<String>) {
    if context.goes_to(Endpoint::Events) {
        retry_after(reply, |_| value.clone());
    }
}

/// A 429 as a team writes it that limits events in another place than requests.
const OTHER_WORDS: &str = r#"{"error":{"code":"RATE_LIMITED","message":"Event quota exceeded."}}"#;

/// Counts the events of a key in a window of their own.
fn events_within(behaviour: &mut Behaviour, change: fn(&mut Rules)) {
    behaviour.event_unit = Some(|context| format!("events of {}", context.key_id()));
    behaviour.event_rules.push(change);
}

fn quota(limits: Limits, change: fn(u32) -> Option<u32>) -> Limits {
    Limits { events: limits.events.and_then(change), ..limits }
}
