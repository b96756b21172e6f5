//! What goes wrong only when requests come together. Answers are held back a little, so that they do.

use std::time::Duration;

use crate::mock::knobs::{Counting, Knobs, Unit};

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
        |k| race(k, Counting::WhenTheReplyLeaves),
    ),
    must(
        GROUP,
        "racy-streams",
        &["rate.multiplexed"],
        "A request in HTTP/2 is checked when it arrives and counted when it is answered.",
        |k| race(k, Counting::StreamsWhenTheReplyLeaves),
    ),
    must(
        GROUP,
        "racy-events",
        &["events.concurrent", "events.never-over"],
        "Events are checked when a batch arrives and counted when it is answered.",
        |k| race(k, Counting::EventsWhenTheReplyLeaves),
    ),
    must(
        GROUP,
        "one-at-a-time",
        &["rate.concurrent"],
        "A request is answered 429 while another one is under way.",
        |k| race(k, Counting::OneAtATime),
    ),
    must(
        GROUP,
        "two-replicas",
        &["rate.standard", "rate.premium", "rate.ingestion", "events.over"],
        "Two replicas take turns, and each counts for itself.",
        |k| k.unit = |visit| replica(visit, visit.ordinal % 2),
    ),
    must(
        GROUP,
        "replica-by-connection",
        &["rate.connections", "rate.concurrent"],
        "Connections are spread over four replicas, and each counts for itself.",
        |k| k.unit = |visit| replica(visit, visit.request.connection % 4),
    ),
];

fn race(knobs: &mut Knobs, counting: Counting) {
    knobs.counting = counting;
    knobs.rewrite.push(|_, reply| {
        if reply.status < 300 {
            reply.delay += RACE;
        }
    });
}

fn replica(visit: &crate::mock::visit::Visit<'_>, number: u64) -> Unit {
    let key = visit.key.as_ref().map_or("", |key| &key.id);
    Unit::Named(format!("{key} at replica {number}"))
}
