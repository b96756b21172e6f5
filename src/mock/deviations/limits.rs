//! Requests counted wrongly.

use std::time::Duration;

use crate::contract::{Endpoint, Limits, Tier};
use crate::mock::limiter::Kind;
use crate::mock::reply;
use crate::mock::request::RequestContext;

use super::aspects::Aspect::*;
use super::change::{NamedChange, key_and, legal, must, should};

/// The longest delay of `jitter`, in milliseconds.
const JITTER: u64 = 400;

pub(super) const ENTRIES: &[NamedChange] = &[
    must("standard-limit-59", "Standard gets 59 requests.")
        .breaks(&["rate.standard"], &[Standard])
        .by(|b| b.limits.push(|_, tier, limits| granted(limits, tier == Tier::Standard, 59))),
    must("standard-limit-61", "Standard gets 61 requests.")
        .breaks(&["rate.standard"], &[Standard])
        .by(|b| b.limits.push(|_, tier, limits| granted(limits, tier == Tier::Standard, 61))),
    must("premium-limit-299", "Premium gets 299 requests.")
        .breaks(&["rate.premium"], &[Premium])
        .by(|b| b.limits.push(|_, tier, limits| granted(limits, tier == Tier::Premium, 299))),
    must("premium-limit-301", "Premium gets 301 requests.")
        .breaks(&["rate.premium"], &[Premium])
        .by(|b| b.limits.push(|_, tier, limits| granted(limits, tier == Tier::Premium, 301))),
    must("premium-is-standard", "Premium gets what Standard gets.")
        .breaks(&["rate.premium"], &[Premium])
        .by(|b| b.limits.push(|_, tier, limits| granted(limits, tier == Tier::Premium, 60))),
    must("ingestion-limit-999", "Ingestion gets 999 requests.")
        .breaks(&["rate.ingestion"], &[Ingestion])
        .by(|b| b.limits.push(|_, tier, limits| granted(limits, tier == Tier::Ingestion, 999))),
    must("ingestion-limit-1001", "Ingestion gets 1,001 requests.")
        .breaks(&["rate.ingestion"], &[Ingestion])
        .by(|b| b.limits.push(|_, tier, limits| granted(limits, tier == Tier::Ingestion, 1_001))),
    must("ingestion-not-automatic", "A key that ingests stays on its plan.")
        .breaks(&["rate.ingestion"], &[Ingestion, Events])
        .by(|b| {
            b.limits.push(
                |_, tier, limits| if tier == Tier::Ingestion { Tier::Standard.limits() } else { limits },
            )
        }),
    must("everybody-on-ingestion", "Every key gets what Ingestion gets.")
        .breaks(&["rate.standard", "rate.premium"], &[Status429, Standard, Premium, Events])
        .by(|b| b.limits.push(|_, _, _| Tier::Ingestion.limits())),
    must("no-limit", "Nothing is limited.")
        .breaks(
            &["rate.standard", "rate.premium", "rate.bound"],
            &[Status429, Standard, Premium, Ingestion, Events],
        )
        .by(|b| b.limits.push(|_, _, _| Limits { requests: u32::MAX, events: None })),
    must("tier-by-route", "Reading is limited like Standard, whatever the key's tier.")
        .breaks(&["rate.tier-by-key", "rate.premium"], &[Standard, Premium, Ingestion, TierByKey])
        .by(|b| b.limits.push(|context, _, limits| granted(limits, context.reads(), 60))),
    must("leak", "Every twentieth request over the limit is let through.")
        .breaks(&["rate.standard", "rate.premium", "rate.ingestion"], &[Standard, Premium, Ingestion])
        .by(|b| b.rules.push(|rules| rules.leak_every = 20)),
    must("per-connection", "Every connection has the key's limit to itself.")
        .breaks(&["rate.connections"], &[Status429, Unit])
        .by(|b| b.unit = |context| key_and(context, context.request.connection)),
    must("http2-uncounted", "Requests in HTTP/2 are not counted.")
        .breaks(&["rate.connections"], &[CountedHttp2])
        .by(|b| b.free.push(|context| context.request.http2)),
    must("wrong-keys-refill", "A 401 begins the window of every key anew.")
        .breaks(&["rate.stays-used-up"], &[Unit, BadKeys])
        .by(|b| b.bad_keys_refill = true),
    must("per-endpoint", "Every endpoint has the key's limit to itself.")
        .breaks(&["rate.across-endpoints"], &[Unit, Counted])
        .by(|b| b.unit = |context| key_and(context, context.route.endpoint().map_or("", Endpoint::name))),
    must("tools-uncounted", "Requests for tool analytics are not counted.")
        .breaks(&["rate.across-endpoints", "rate.every-endpoint"], &[Counted])
        .by(|b| b.free.push(|context| context.goes_to(Endpoint::Tools))),
    should("scores-uncounted", "Evaluation scores are not counted.")
        .breaks(&["rate.every-endpoint-scores"], &[CountedScores])
        .by(|b| b.free.push(|context| context.goes_to(Endpoint::Scores))),
    must("one-row-uncounted", "Requests that ask for one row only are not counted.")
        .breaks(&["rate.every-endpoint", "rate.url-variants"], &[Counted])
        .by(|b| b.free.push(|context| context.request.parameter("limit").as_deref() == Some("1"))),
    must("per-query-string", "Every query string has the key's limit to itself.")
        .breaks(&["rate.url-variants"], &[Unit])
        .by(|b| b.unit = |context| key_and(context, context.request.query)),
    should("slash-uncounted", "Requests with a slash at the end of the path are not counted.")
        .breaks(&["rate.url-variants-path"], &[CountedSpelled])
        .by(|b| b.free.push(|context| context.request.path.ends_with('/'))),
    should("head-uncounted", "HEAD requests are not counted.")
        .breaks(&["rate.url-variants-head"], &[CountedHead])
        .by(|b| b.free.push(|context| context.request.method == "HEAD")),
    must("per-forwarded-for", "Every client named by a proxy's header has the key's limit to itself.")
        .breaks(&["rate.not-by-client"], &[Unit])
        .by(|b| {
            b.unit = |context| {
                let headers = ["x-forwarded-for", "forwarded", "x-real-ip"];
                let client = headers.iter().find_map(|name| context.request.header_text(name));
                key_and(context, client.unwrap_or_default())
            }
        }),
    must("per-user-agent", "Every User-Agent has the key's limit to itself.")
        .breaks(&["rate.not-by-client"], &[Unit])
        .by(|b| {
            b.unit = |context| key_and(context, context.request.header_text("user-agent").unwrap_or_default())
        }),
    must("per-address", "Requests are counted for the address they come from instead of the key.")
        .breaks(&["rate.per-key"], &[Unit, PerKey])
        .also(&["rate.per-key-same-owner", "events.per-key"])
        .by(|b| {
            b.unit = |context| Some(context.request.peer.map_or_else(String::new, |peer| peer.to_string()))
        }),
    must("shared-by-all-keys", "All keys of an account share one count.")
        .breaks(&["rate.per-key", "rate.per-key-same-owner"], &[Unit, PerKey])
        .also(&["events.per-key"])
        .by(|b| b.unit = |_| Some("account".to_owned())),
    must("shared-by-tier", "All keys of a tier share one count.")
        .breaks(&["rate.per-key"], &[Unit, PerKey])
        .also(&["rate.per-key-same-owner", "events.per-key"])
        .by(|b| b.unit = |context| context.key.as_ref().map(|key| key.tier.to_string())),
    must("shared-by-premium-keys", "Premium keys share one count.")
        .breaks(&["rate.per-key"], &[Unit, PerKey])
        .by(|b| b.unit = |context| shared_by(context, Tier::Premium)),
    must("shared-by-ingestion-keys", "Ingestion keys share one count.")
        .breaks(&["rate.per-key"], &[Unit, PerKey])
        .also(&["events.per-key"])
        .by(|b| b.unit = |context| shared_by(context, Tier::Ingestion)),
    must("bad-keys-drain", "Every 401 takes a request from every key.")
        .breaks(&["rate.bad-keys-drain-nobody"], &[Unit, BadKeys])
        .by(|b| b.bad_keys_drain = true),
    must("window-30s", "A window lasts 30 seconds.")
        .breaks(&["rate.window-length"], &[Window])
        .also(&["events.window"])
        .by(|b| b.rules.push(|rules| rules.window_ms = 30_000)),
    must("window-10s", "A window lasts 10 seconds.")
        .breaks(&["rate.window-length"], &[Window])
        .also(&["events.window"])
        .by(|b| b.rules.push(|rules| rules.window_ms = 10_000)),
    must("window-57s", "A window lasts 57 seconds.")
        .breaks(&["rate.window-length"], &[Window])
        .also(&["events.window"])
        .by(|b| b.rules.push(|rules| rules.window_ms = 57_000)),
    must("window-90s", "A window lasts 90 seconds.")
        .breaks(&["limit.retry-after-range"], &[RetryAfterValue, Window])
        .by(|b| b.rules.push(|rules| rules.window_ms = 90_000)),
    must("token-bucket", "The limit refills all the time, so that a minute holds more than it.")
        .breaks(&["rate.window-length"], &[RetryAfterValue, Standard, Premium, Ingestion, Window])
        .by(|b| b.limiter = Kind::TokenBucket),
    must("idle-expiry", "A window ends a minute after the last request instead of the first.")
        .breaks(&["rate.paced"], &[Window])
        .by(|b| b.rules.push(|rules| rules.idle_expiry = true)),
    must("later-windows-one-less", "Every window but the first grants one request less.")
        .breaks(&["rate.recovers", "rate.second-window"], &[Standard, Premium, Ingestion, Window])
        .by(|b| b.rules.push(|rules| rules.later_windows = -1)),
    must("later-windows-one-more", "Every window but the first grants one request more.")
        .breaks(&["rate.recovers", "rate.second-window"], &[Standard, Premium, Ingestion, Window])
        .by(|b| b.rules.push(|rules| rules.later_windows = 1)),
    should("refusals-extend-ban", "Every 429 starts the minute anew.")
        .breaks(&["limit.promise-stable"], &[RetryAfterValue, Window])
        .by(|b| b.rules.push(|rules| rules.refusals_extend = true)),
    must("falters", "One answer in twenty is 500.").breaks(&["rate.standard"], &[Reads, Posts]).rewrites(
        |context, answer| {
            if context.ordinal % 20 == 19 {
                *answer = reply::error(500, "INTERNAL", "Something went wrong.");
            }
        },
    ),
    legal("aligned-window", "Windows begin with the minutes of the clock.").by(|b| b.limiter = Kind::Aligned),
    legal("minute-ends-soon", "Windows begin with minutes that end two seconds after a key was made.").by(
        |b| {
            b.limiter = Kind::Aligned;
            b.minute_ends_after = Some(2_300);
        },
    ),
    legal("sliding-log", "Every request is forgotten a minute after it came.")
        .by(|b| b.limiter = Kind::Sliding),
    legal("sliding-counter", "Requests are counted and forgotten by the second.")
        .by(|b| b.limiter = Kind::SlidingCounter),
    legal("invalid-is-free", "A 400 is not counted.").by(|b| b.invalid_is_free = true),
    legal("slow-answers", "Every answer takes 300 ms.")
        .rewrites(|_, reply| reply.delay += Duration::from_millis(300)),
    legal("jitter", "Every answer takes up to 400 ms.").rewrites(|context, reply| {
        // 167 is prime to 401, so the delays of neighbours lie far apart and all of them occur.
        reply.delay += Duration::from_millis((context.ordinal + 1).wrapping_mul(167) % (JITTER + 1));
    }),
    legal("slow-beside-limited", "For a second after a 429 to anybody, every answer takes 250 ms.").rewrites(
        |context, reply| {
            if context.since_429_ms.is_some_and(|ms| ms < 1_000) {
                reply.delay += Duration::from_millis(250);
            }
        },
    ),
    legal("close-after-answer", "The connection is closed after every answer.")
        .rewrites(|_, reply| reply.close = true),
];

/// One count for all keys of a tier, and one each for the others.
fn shared_by(context: &RequestContext<'_>, tier: Tier) -> Option<String> {
    context.key.as_ref().filter(|key| key.tier == tier).map(|_| tier.to_string())
}

fn granted(limits: Limits, is_meant: bool, requests: u32) -> Limits {
    if is_meant { Limits { requests, ..limits } } else { limits }
}
