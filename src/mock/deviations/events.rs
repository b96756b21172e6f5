//! Events counted wrongly.

use crate::contract::{Endpoint, Limits};
use crate::mock::behaviour::{Behaviour, CountedFor, Straddle};
use crate::mock::limiter::Rules;

use super::the_429::{http_date, retry_after};
use super::{Entry, Group, must, should};

const GROUP: Group = Group::Events;

pub(super) const ENTRIES: &[Entry] = &[
    must(GROUP, "events-limit-one-less", &["events.quota"], "A window holds 99,999 events.", |k| {
        k.limits.push(|_, _, limits| quota(limits, |limit| Some(limit - 1)));
    }),
    must(
        GROUP,
        "events-limit-one-more",
        &["events.over", "events.never-over"],
        "A window holds 100,001 events.",
        |k| k.limits.push(|_, _, limits| quota(limits, |limit| Some(limit + 1))),
    ),
    must(GROUP, "events-unlimited", &["events.over", "events.never-over"], "Events are not limited.", |k| {
        k.limits.push(|_, _, limits| quota(limits, |_| None));
    }),
    must(GROUP, "events-counted-by-batch", &["events.over"], "A batch counts as one event.", |k| {
        k.event_cost = |_, _| 1
    }),
    must(
        GROUP,
        "events-counted-by-size",
        &["events.counted-singly"],
        "A batch counts as one event for each 256 bytes.",
        |k| {
            k.event_cost =
                |context, _| u32::try_from(context.request.body.len() / 256).unwrap_or(u32::MAX).max(1)
        },
    ),
    must(
        GROUP,
        "requests-not-apart",
        &["rate.ingestion"],
        "A key that ingests has no limit of requests, only one of events.",
        |k| k.one_budget = true,
    ),
    must(
        GROUP,
        "requests-of-100-events",
        &["events.requests-apart"],
        "A batch costs one request for each 100 events, and events are not counted else.",
        |k| {
            k.one_budget = true;
            k.event_cost = |_, events| events.div_ceil(100) * 100;
        },
    ),
    must(
        GROUP,
        "events-by-session",
        &["events.over"],
        "Every session has the key's limit of events to itself.",
        |k| {
            k.event_unit = Some(|context| {
                let body = String::from_utf8_lossy(context.request.body);
                let session = body.split("\"session_id\":\"").nth(1).and_then(|rest| rest.split('"').next());
                CountedFor::Named(format!("events of the session {}", session.unwrap_or_default()))
            });
        },
    ),
    must(GROUP, "events-by-the-hour", &["events.window"], "A key has 100,000 events an hour.", |k| {
        events_within(k, |rules| rules.window_ms = 3_600_000)
    }),
    must(GROUP, "events-every-10s", &["events.window"], "The events come back every 10 seconds.", |k| {
        events_within(k, |rules| rules.window_ms = 10_000);
    }),
    must(
        GROUP,
        "large-batches-refused",
        &["events.quota", "events.counted-singly"],
        "A batch of more than 500 events is answered 429.",
        |k| k.event_cost = |_, events| if events > 500 { u32::MAX } else { events },
    ),
    must(
        GROUP,
        "straddle-admitted",
        &["events.never-over", "events.straddle"],
        "A batch is admitted whole as long as one event is left.",
        |k| k.straddle = Straddle::Admitted,
    ),
    should(
        GROUP,
        "straddle-partly-accepted",
        &["events.straddle"],
        "Of a batch across the edge, the events that fit are accepted and the others reported as rejected.",
        |k| k.straddle = Straddle::PartlyAccepted,
    ),
    should(
        GROUP,
        "straddle-partly-stored",
        &["events.straddle"],
        "Of a batch answered 429, the events that fit are stored and counted.",
        |k| k.straddle = Straddle::PartlyStored,
    ),
    must(
        GROUP,
        "events-shared-by-all-keys",
        &["events.per-key"],
        "All keys share one count of events.",
        |k| {
            k.event_unit = Some(|_| CountedFor::Named("events of the account".to_owned()));
        },
    ),
    must(
        GROUP,
        "events-429-without-retry-after",
        &["limit.retry-after-present", "events.retry-after"],
        "A 429 to a batch has no Retry-After.",
        |k| {
            k.rewrite.push(|context, reply| {
                if context.goes_to(Endpoint::Events) {
                    retry_after(reply, |_| None);
                }
            });
        },
    ),
    must(
        GROUP,
        "events-429-always-1",
        &["events.retry-after"],
        "A 429 to a batch always promises 1 second.",
        |k| {
            k.rewrite.push(|context, reply| {
                if context.goes_to(Endpoint::Events) {
                    retry_after(reply, |_| Some("1".to_owned()));
                }
            });
        },
    )
    .also(&["limit.message-agrees"]),
    must(
        GROUP,
        "events-429-date",
        &["limit.retry-after-integer", "events.retry-after"],
        "Retry-After to a batch is an HTTP date.",
        |k| {
            k.rewrite.push(|context, reply| {
                if context.goes_to(Endpoint::Events) {
                    let date =
                        http_date(context.wall_ms.saturating_add_unsigned(context.wait_ms.unwrap_or(0)));
                    retry_after(reply, |_| Some(date.clone()));
                }
            });
        },
    ),
    must(
        GROUP,
        "events-429-other-words",
        &["limit.body", "events.retry-after"],
        "A 429 to a batch speaks of an event quota.",
        |k| {
            k.rewrite.push(|context, reply| {
                if context.goes_to(Endpoint::Events) && reply.status == 429 {
                    reply.body = OTHER_WORDS.as_bytes().into();
                }
            });
        },
    ),
    should(
        GROUP,
        "invalid-batches-charged",
        &["events.refused-not-charged"],
        "A batch answered 400 costs a thousand events.",
        |k| k.invalid_cost = |_| 1_000,
    ),
    should(
        GROUP,
        "reads-stop-with-events",
        &["events.reads-survive"],
        "A key that is out of events cannot read either.",
        |k| {
            k.events_bar =
                |context| context.route.endpoint().is_some_and(|endpoint| endpoint.method() == "GET")
        },
    ),
];

/// A 429 as a team writes it that limits events in another place than requests.
const OTHER_WORDS: &str = r#"{"error":{"code":"RATE_LIMITED","message":"Event quota exceeded."}}"#;

/// Counts the events of a key in a window of their own.
fn events_within(behaviour: &mut Behaviour, change: fn(&mut Rules)) {
    behaviour.event_unit = Some(|context| {
        let key = context.key.as_ref().map_or("", |key| &key.id);
        CountedFor::Named(format!("events of {key}"))
    });
    behaviour.event_rules.push(change);
}

fn quota(limits: Limits, change: fn(u32) -> Option<u32>) -> Limits {
    Limits { events: limits.events.and_then(change), ..limits }
}
