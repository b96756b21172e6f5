//! Requests counted wrongly.

use crate::contract::{Endpoint, Limits, Tier};
use crate::mock::behaviour::{Behaviour, CountedFor};
use crate::mock::context::RequestContext;
use crate::mock::limiter::Kind;

use super::{Entry, Group, must, should};

const GROUP: Group = Group::Limits;

pub(super) const ENTRIES: &[Entry] = &[
    must(GROUP, "standard-limit-59", &["rate.standard"], "Standard gets 59 requests.", |k| {
        tier(k, |_, tier, limits| if tier == Tier::Standard { requests(limits, 59) } else { limits });
    }),
    must(GROUP, "standard-limit-61", &["rate.standard"], "Standard gets 61 requests.", |k| {
        tier(k, |_, tier, limits| if tier == Tier::Standard { requests(limits, 61) } else { limits });
    }),
    must(GROUP, "premium-limit-299", &["rate.premium"], "Premium gets 299 requests.", |k| {
        tier(k, |_, tier, limits| if tier == Tier::Premium { requests(limits, 299) } else { limits });
    }),
    must(GROUP, "premium-limit-301", &["rate.premium"], "Premium gets 301 requests.", |k| {
        tier(k, |_, tier, limits| if tier == Tier::Premium { requests(limits, 301) } else { limits });
    }),
    must(GROUP, "premium-is-standard", &["rate.premium"], "Premium gets what Standard gets.", |k| {
        tier(k, |_, tier, limits| if tier == Tier::Premium { requests(limits, 60) } else { limits });
    }),
    must(GROUP, "ingestion-limit-999", &["rate.ingestion"], "Ingestion gets 999 requests.", |k| {
        tier(k, |_, tier, limits| if tier == Tier::Ingestion { requests(limits, 999) } else { limits });
    }),
    must(GROUP, "ingestion-limit-1001", &["rate.ingestion"], "Ingestion gets 1,001 requests.", |k| {
        tier(k, |_, tier, limits| if tier == Tier::Ingestion { requests(limits, 1_001) } else { limits });
    }),
    must(
        GROUP,
        "ingestion-not-automatic",
        &["rate.ingestion"],
        "A key that ingests stays on its plan.",
        |k| tier(k, |_, tier, limits| if tier == Tier::Ingestion { Tier::Standard.limits() } else { limits }),
    ),
    must(
        GROUP,
        "everybody-on-ingestion",
        &["rate.standard", "rate.premium"],
        "Every key gets what Ingestion gets.",
        |k| tier(k, |_, _, _| Tier::Ingestion.limits()),
    ),
    must(GROUP, "no-limit", &["rate.standard", "rate.premium", "rate.bound"], "Nothing is limited.", |k| {
        tier(k, |_, _, _| Limits { requests: u32::MAX, events: None })
    }),
    must(
        GROUP,
        "tier-by-route",
        &["rate.tier-by-key", "rate.premium"],
        "Reading is limited like Standard, whatever the key's tier.",
        |k| {
            tier(k, |context, _, limits| {
                let reads = context.route.endpoint().is_some_and(|endpoint| endpoint.method() == "GET");
                if reads { requests(limits, 60) } else { limits }
            });
        },
    ),
    must(
        GROUP,
        "leak",
        &["rate.standard", "rate.premium", "rate.ingestion"],
        "Every twentieth request over the limit is let through.",
        |k| k.rules.push(|rules| rules.leak_every = 20),
    ),
    must(
        GROUP,
        "per-connection",
        &["rate.connections", "rate.concurrent"],
        "Every connection has the key's limit to itself.",
        |k| k.unit = |context| named(context, &context.request.connection.to_string()),
    ),
    must(GROUP, "http2-uncounted", &["rate.connections"], "Requests in HTTP/2 are not counted.", |k| {
        k.free.push(|context| context.request.http2)
    }),
    must(
        GROUP,
        "wrong-keys-refill",
        &["rate.stays-used-up"],
        "A 401 begins the window of every key anew.",
        |k| k.bad_keys_refill = true,
    ),
    must(
        GROUP,
        "per-endpoint",
        &["rate.across-endpoints"],
        "Every endpoint has the key's limit to itself.",
        |k| {
            k.unit = |context| named(context, context.route.endpoint().map_or("", Endpoint::name));
        },
    ),
    must(
        GROUP,
        "tools-uncounted",
        &["rate.across-endpoints", "rate.every-endpoint"],
        "Requests for tool analytics are not counted.",
        |k| k.free.push(|context| context.goes_to(Endpoint::Tools)),
    ),
    should(
        GROUP,
        "scores-uncounted",
        &["rate.every-endpoint-scores"],
        "Evaluation scores are not counted.",
        |k| k.free.push(|context| context.goes_to(Endpoint::Scores)),
    ),
    must(
        GROUP,
        "one-row-uncounted",
        &["rate.every-endpoint", "rate.url-variants"],
        "Requests that ask for one row only are not counted.",
        |k| k.free.push(|context| context.request.parameter("limit").as_deref() == Some("1")),
    ),
    must(
        GROUP,
        "per-query-string",
        &["rate.url-variants"],
        "Every query string has the key's limit to itself.",
        |k| k.unit = |context| named(context, context.request.query),
    ),
    should(
        GROUP,
        "slash-uncounted",
        &["rate.url-variants-path"],
        "Requests with a slash at the end of the path are not counted.",
        |k| k.free.push(|context| context.request.path.ends_with('/')),
    ),
    should(GROUP, "head-uncounted", &["rate.url-variants-head"], "HEAD requests are not counted.", |k| {
        k.free.push(|context| context.request.method == "HEAD");
    }),
    must(
        GROUP,
        "per-forwarded-for",
        &["rate.not-by-client"],
        "Every client named by a proxy's header has the key's limit to itself.",
        |k| {
            k.unit = |context| {
                let headers = ["x-forwarded-for", "forwarded", "x-real-ip"];
                let client = headers.iter().find_map(|name| context.request.header_text(name));
                named(context, client.unwrap_or_default())
            };
        },
    ),
    must(
        GROUP,
        "per-user-agent",
        &["rate.not-by-client"],
        "Every User-Agent has the key's limit to itself.",
        |k| k.unit = |context| named(context, context.request.header_text("user-agent").unwrap_or_default()),
    ),
    must(
        GROUP,
        "per-address",
        &["rate.per-key"],
        "Requests are counted for the address they come from instead of the key.",
        |k| {
            k.unit = |context| {
                CountedFor::Named(context.request.peer.map_or_else(String::new, |peer| peer.to_string()))
            };
        },
    )
    .also(&["rate.per-key-same-owner", "events.per-key"]),
    must(
        GROUP,
        "shared-by-all-keys",
        &["rate.per-key", "rate.per-key-same-owner"],
        "All keys of an account share one count.",
        |k| k.unit = |_| CountedFor::Named("account".to_owned()),
    )
    .also(&["events.per-key"]),
    must(GROUP, "shared-by-tier", &["rate.per-key"], "All keys of a tier share one count.", |k| {
        k.unit = |context| {
            CountedFor::Named(context.key.as_ref().map_or_else(String::new, |key| key.tier.to_string()))
        };
    })
    .also(&["rate.per-key-same-owner", "events.per-key"]),
    must(
        GROUP,
        "bad-keys-drain",
        &["rate.bad-keys-drain-nobody"],
        "Every 401 takes a request from every key.",
        |k| k.bad_keys_drain = true,
    ),
    must(GROUP, "window-30s", &["rate.window-length"], "A window lasts 30 seconds.", |k| {
        k.rules.push(|rules| rules.window_ms = 30_000)
    })
    .also(&["events.window"]),
    must(GROUP, "window-10s", &["rate.window-length"], "A window lasts 10 seconds.", |k| {
        k.rules.push(|rules| rules.window_ms = 10_000)
    })
    .also(&["events.window"]),
    must(GROUP, "window-45s", &["rate.window-length"], "A window lasts 45 seconds.", |k| {
        k.rules.push(|rules| rules.window_ms = 45_000)
    })
    .also(&["events.window"]),
    must(
        GROUP,
        "window-90s",
        &["rate.recovers", "limit.retry-after-range"],
        "A window lasts 90 seconds.",
        |k| k.rules.push(|rules| rules.window_ms = 90_000),
    ),
    must(
        GROUP,
        "token-bucket",
        &["rate.window-length"],
        "The limit refills all the time, so that a minute holds more than it.",
        |k| k.rules.push(|rules| rules.kind = Kind::TokenBucket),
    ),
    must(
        GROUP,
        "idle-expiry",
        &["rate.paced"],
        "A window ends a minute after the last request instead of the first.",
        |k| k.rules.push(|rules| rules.idle_expiry = true),
    ),
    must(
        GROUP,
        "later-windows-one-less",
        &["rate.recovers", "rate.second-window"],
        "Every window but the first grants one request less.",
        |k| k.rules.push(|rules| rules.later_windows = -1),
    ),
    must(
        GROUP,
        "later-windows-one-more",
        &["rate.recovers", "rate.second-window"],
        "Every window but the first grants one request more.",
        |k| k.rules.push(|rules| rules.later_windows = 1),
    ),
    should(
        GROUP,
        "refusals-extend-ban",
        &["limit.promise-stable"],
        "Every 429 starts the minute anew.",
        |k| k.rules.push(|rules| rules.refusals_extend = true),
    ),
];

fn tier(behaviour: &mut Behaviour, change: fn(&RequestContext<'_>, Tier, Limits) -> Limits) {
    behaviour.limits.push(change);
}

fn requests(limits: Limits, requests: u32) -> Limits {
    Limits { requests, ..limits }
}

fn named(context: &RequestContext<'_>, part: &str) -> CountedFor {
    let key = context.key.as_ref().map_or("", |key| &key.id);
    CountedFor::Named(format!("{key} {part}"))
}
