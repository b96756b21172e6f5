//! What goes wrong only when requests come together. Answers are held back a little, so that they do.

use std::time::Duration;

use crate::mock::behaviour::{Behaviour, Concurrency, CountedFor};

use super::{Entry, Group, must};

const GROUP: Group = Group::Concurrency;

/// Long enough for dozens of requests to arrive in the meantime, short enough not to be noticed otherwise.
const RACE: Duration = Duration::from_millis(8);

pub(super) const ENTRIES: &[Entry] = &[
    must(
        GROUP,
        "racy-counter",
        &["rate.concurrent"],
        "A request is checked when it arrives and counted when it is answered.",
        |k| race(k, Concurrency::WhenTheReplyLeaves),
    ),
    must(
        GROUP,
        "racy-streams",
        &["rate.multiplexed"],
        "A request in HTTP/2 is checked when it arrives and counted when it is answered.",
        |k| race(k, Concurrency::StreamsWhenTheReplyLeaves),
    ),
    must(
        GROUP,
        "racy-events",
        &["events.concurrent", "events.never-over"],
        "Events are checked when a batch arrives and counted when it is answered.",
        |k| race(k, Concurrency::EventsWhenTheReplyLeaves),
    ),
    must(
        GROUP,
        "one-at-a-time",
        &["rate.concurrent"],
        "A request is answered 429 while another one is under way.",
        |k| race(k, Concurrency::OneAtATime),
    ),
    must(
        GROUP,
        "two-replicas",
        &["rate.standard", "rate.premium", "rate.ingestion", "events.over"],
        "Two replicas take turns, and each counts for itself.",
        |k| k.unit = |context| replica(context, context.ordinal % 2),
    ),
    must(
        GROUP,
        "replica-by-connection",
        &["rate.connections", "rate.concurrent"],
        "Connections are spread over four replicas, and each counts for itself.",
        |k| k.unit = |context| replica(context, context.request.connection % 4),
    ),
];

fn race(behaviour: &mut Behaviour, counting: Concurrency) {
    behaviour.counting = counting;
    behaviour.rewrite.push(|_, reply| {
        if reply.status < 300 {
            reply.delay += RACE;
        }
    });
}

fn replica(context: &crate::mock::context::RequestContext<'_>, number: u64) -> CountedFor {
    let key = context.key.as_ref().map_or("", |key| &key.id);
    CountedFor::Named(format!("{key} at replica {number}"))
}
