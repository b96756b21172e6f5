//! What goes wrong only when requests come together, and several deviations at once.

use std::time::Duration;

use crate::contract::{Limits, Tier};
use crate::mock::behaviour::{Behaviour, Concurrency};
use crate::mock::request::Presented;

use super::aspects::Aspect::*;
use super::change::{NamedChange, key_and, must, replace, request_id};
use super::events;

/// Answers are held back a little, so that requests come together: long enough for dozens of them to arrive in the
/// meantime, short enough not to be noticed otherwise.
const RACE: Duration = Duration::from_millis(8);

pub(super) const CONCURRENCY: &[NamedChange] = &[
    must("racy-counter", "A request is checked when it arrives and counted when it is answered.")
        .breaks(&["rate.concurrent"], &[Unit, Counting, Standard, Premium, Ingestion])
        .by(|b| race(b, Concurrency::WhenTheReplyLeaves)),
    must("racy-streams", "A request in HTTP/2 is checked when it arrives and counted when it is answered.")
        .breaks(&["rate.multiplexed"], &[Counting, CountedHttp2])
        .by(|b| race(b, Concurrency::StreamsWhenTheReplyLeaves)),
    must("racy-events", "Events are checked when a batch arrives and counted when it is answered.")
        .breaks(&["events.concurrent", "events.never-over"], &[Counting, Events])
        .by(|b| race(b, Concurrency::EventsWhenTheReplyLeaves)),
    must("one-at-a-time", "A request is answered 429 while another one is under way.")
        .breaks(&["rate.concurrent"], &[RetryAfterValue, Unit, Counting, Standard, Premium, Ingestion])
        .by(|b| race(b, Concurrency::OneAtATime)),
    must("two-replicas", "Two replicas take turns, and each counts for itself.")
        .breaks(&["rate.standard", "rate.premium", "rate.ingestion"], &[Unit, Events])
        .by(|b| b.unit = |context| key_and(context, context.ordinal % 2)),
    must("replica-by-connection", "Connections are spread over four replicas, and each counts for itself.")
        .breaks(&["rate.connections"], &[Status429, Unit])
        .by(|b| b.unit = |context| key_and(context, context.request.connection % 4)),
];

/// Longer than anybody waits, in milliseconds: a year.
const NEVER_MS: u64 = 365 * 24 * 3_600 * 1_000;

pub(super) const COMPOSED: &[NamedChange] = &[
    must("lax-startup", "A young service that outgrew its page: a 401 for every cause, another 403, a bare 429, request ids in all errors, \
     200 requests a minute by route on both upper tiers, no limit of events.").breaks(&[
        "auth.body",
        "auth.body-uniform",
        "auth.body-uniform-revoked",
        "scope.body-read",
        "scope.body-write",
        "limit.body",
        "rate.across-endpoints",
        "limit.retry-after-present",
        "rate.premium",
        "rate.ingestion",
        "events.over",
    ], &[]).by(lax_startup),
    must(
        "split-by-connection",
        "Connections are spread over two replicas, and each grants half of a key's limit.",
    )
    .breaks(&["rate.standard", "rate.premium", "rate.ingestion"], &[])
    .by(|b| {
        b.unit = |context| key_and(context, context.request.connection % 2);
        b.limits.push(|_, _, limits| Limits {
            requests: limits.requests / 2,
            events: limits.events.map(|events| events / 2),
        });
    }),
    must(
        "windows-never-end",
        "A key that used up its quota never gets another one, whatever a 429 promises.",
    )
    .breaks(&["rate.recovers"], &[])
    .also(&["limit.retry-after-honest", "limit.retry-after-kept"])
    .by(|b| {
        b.rules.push(|rules| rules.window_ms = NEVER_MS);
        b.seconds = |_, _| 60;
    }),
    must(
        "two-replicas-by-connection",
        "Connections are spread over two replicas, and each counts for itself.",
    )
    .breaks(&["rate.connections"], &[])
    .by(|b| b.unit = |context| key_and(context, context.request.connection % 2)),
    must("ids-in-errors", "Every error names its request: its object has a member `request_id`.")
        .breaks(WITH_IDS, &[])
        .rewrites(request_id),
    must("as-deployed", "What strict deployments do: events only from published clients and with `seq`, answered 201; request ids in all \
     errors, a 405 without a body, a 404 in HTML.")
        .breaks(WITH_IDS, &[])
        .by(as_deployed),
];

const WITH_IDS: &[&str] = &["auth.body", "scope.body-read", "scope.body-write", "limit.body"];

fn race(behaviour: &mut Behaviour, concurrency: Concurrency) {
    behaviour.concurrency = concurrency;
    behaviour.rewrite(|_, reply| {
        if reply.status < 300 {
            reply.delay += RACE;
        }
    });
}

/// The requests a minute that both upper tiers are given, whatever the page says.
const UPPER: u32 = 200;

fn lax_startup(behaviour: &mut Behaviour) {
    behaviour.limits.push(|_, tier, limits| match tier {
        Tier::Standard => limits,
        Tier::Premium | Tier::Ingestion => Limits { requests: UPPER, events: None },
    });
    behaviour.unit = |context| key_and(context, context.request.path);
    behaviour.rewrite_on(401, |context, reply| {
        let cause = match context.presented {
            Presented::Missing => "No API key was sent.",
            _ if context.revoked => "This API key has been revoked.",
            Presented::Key(_) | Presented::Conflicting(_) => "This API key does not exist.",
        };
        replace(reply, "Missing or invalid API key.", cause);
    });
    behaviour.rewrite_on(403, |_, reply| {
        let words = "Insufficient permissions, required scope";
        replace(reply, "This API key does not have the required scope", words);
    });
    behaviour.rewrite_on(429, |_, reply| {
        reply.remove("retry-after");
        let message = reply
            .text()
            .split("\"message\":\"")
            .nth(1)
            .and_then(|rest| rest.split('"').next())
            .map(str::to_owned);
        replace(reply, &message.unwrap_or_default(), "Too many requests");
    });
    behaviour.rewrite(request_id);
}

fn as_deployed(behaviour: &mut Behaviour) {
    let parts = ["created-on-ingest", "insists-on-seq", "ids-in-errors"];
    let entries = events::ENTRIES.iter().chain(COMPOSED);
    entries.filter(|entry| parts.contains(&entry.name)).for_each(|part| part.apply(behaviour));
    behaviour.rewrite_on(405, |_, reply| {
        reply.remove("content-type");
        reply.body = Default::default();
    });
    behaviour.rewrite_on(404, |_, reply| {
        reply.set("content-type", "text/html; charset=utf-8");
        reply.body = b"<!doctype html>\n<title>404</title>\n<h1>Page not found</h1>\n".as_slice().into();
    });
}
