//! Deviations that a Standard key shows as well as any other.

use super::{Row, row};

const OF_THE_HEADER: &[&str] = &["limit.body", "limit.not-cacheable", "rate.standard"];
const OF_THE_BODY: &[&str] =
    &["limit.retry-after-present", "limit.retry-after-integer", "limit.retry-after-range"];
const OF_THE_FORM: &[&str] =
    &["limit.body", "limit.message-agrees", "limit.retry-after-present", "limit.retry-after-integer"];

pub(super) const ROWS: &[Row] = &[
    // Revoked keys.
    row("auth.revoked", "revoked-keys-live-on", "the status is 200, not 401").spares(&["auth.unknown"]),
    row("auth.revoked", "revoked-keys-cached", "the status is 200, not 401").spares(&["auth.unknown"]),
    row("auth.body-uniform-revoked", "revoked-key-told-apart", "the body is another one than")
        .spares(&["auth.body", "auth.body-uniform"]),
    // What a refused batch leaves behind.
    row("scope.no-effect", "forbidden-batches-stored", "a refused batch was ingested")
        .spares(&["scope.events-need-write", "scope.body-write"]),
    // Observed only: the check passes, and the fact is another one.
    row("scope.order-with-limit", "limit-before-scope", "a used-up key without the scope - status 429"),
    row(
        "scope.403-counts",
        "forbidden-counts",
        "after 30 answers of 403, 970 of 1000 requests were admitted",
    ),
    row("limit.body-literal", "retry-after-half", "Retry after 30 seconds."),
    row("limit.retry-after-tight", "window-30s+constant-60", "s before the promised instant - status 200"),
    // Requests.
    row("rate.standard", "standard-limit-61", "a key gets 61 requests in a window, not 60")
        .spares(&["limit.body", "limit.retry-after-honest"]),
    row("rate.standard", "standard-limit-59", "a key gets 59 requests in a window, not 60")
        .spares(&["limit.body", "limit.retry-after-honest"]),
    row("rate.standard", "leak", "a key over its limit is let in now and then"),
    row("rate.standard", "limited-as-503", "over its limit a key is answered 503, not 429"),
    row("rate.per-key", "shared-by-tier", "of 60 requests 0 were admitted and 60 answered 429")
        .spares(&["rate.standard", "rate.recovers"]),
    row("rate.per-key-same-owner", "shared-by-tier", "of 60 requests 0 were admitted and 60 answered 429"),
    row("limit.retry-after-kept", "retry-after-always-59", "the status is 429, not 2xx").spares(&[
        "limit.retry-after-range",
        "rate.standard",
        "rate.per-key",
    ]),
    row("limit.retry-after-late", "retry-after-late-half", "later 429 had moved forward").spares(&[
        "limit.retry-after-kept",
        "limit.retry-after-range",
        "rate.standard",
    ]),
    row("rate.stays-used-up", "wrong-keys-refill", "the status is 200, not 429").spares(&["rate.standard"]),
    row("auth.every-request", "connections-remember", "the status is 200, not 401").spares(&["auth.missing"]),
    row("scope.every-request", "connections-keep-their-key", "the status is"),
    row("rate.per-key", "per-address", "of 60 requests 0 were admitted and 60 answered 429"),
    row("rate.recovers", "later-windows-one-more", "requests 61 were admitted"),
    row("rate.recovers", "later-windows-one-less", "requests 59 were admitted"),
    row("rate.recovers", "window-90s", "nothing was admitted when"),
    // Requests of one key, whatever else they are.
    row("rate.across-endpoints", "per-endpoint", "of 100 requests 79 were admitted")
        .spares(&["rate.standard"]),
    row("rate.across-endpoints", "tools-uncounted", "were admitted").spares(&["rate.standard"]),
    row("rate.every-endpoint", "tools-uncounted", "the status is 200, not 429")
        .spares(&["rate.standard", "rate.url-variants"]),
    row("rate.every-endpoint", "one-row-uncounted", "the status is 200, not 400 or 422 or 429")
        .spares(&["rate.standard"]),
    row("rate.bad-keys-drain-nobody", "bad-keys-drain", "of 40 requests 0 were admitted")
        .spares(&["rate.standard"]),
    row("rate.url-variants", "per-query-string", "the status is 200, not 400 or 422 or 429")
        .spares(&["rate.standard", "rate.not-by-client"]),
    row("rate.url-variants-path", "slash-uncounted", "the status is 200, not")
        .spares(&["rate.url-variants", "rate.url-variants-head"]),
    row("rate.url-variants-head", "head-uncounted", "the status is 200, not")
        .spares(&["rate.url-variants", "rate.url-variants-path"]),
    row("rate.not-by-client", "per-forwarded-for", "header=X-Forwarded-For")
        .spares(&["rate.standard", "rate.url-variants"]),
    row("rate.not-by-client", "per-user-agent", "header=User-Agent")
        .spares(&["rate.standard", "rate.url-variants"]),
    row(
        "rate.connections",
        "per-connection",
        "three quotas were admitted within a window, and no end was seen",
    )
    .spares(&["rate.multiplexed"]),
    row("rate.connections", "replica-by-connection", "of 301 requests 240 were admitted")
        .spares(&["rate.multiplexed"]),
    row("rate.standard", "split-by-connection", "is let in on others"),
    row("rate.connections", "http2-uncounted", "requests in HTTP/2 are let in").spares(&["rate.standard"]),
    row("rate.multiplexed", "racy-streams", "were admitted").spares(&["rate.connections", "rate.concurrent"]),
    // Windows.
    row("rate.window-length", "window-10s+constant-60", "the whole quota came back at")
        .spares(&["rate.standard"]),
    row("rate.window-length", "window-30s+constant-60", "the whole quota came back at")
        .spares(&["rate.standard"]),
    row("rate.window-length", "window-57s+constant-60", "the whole quota came back at")
        .spares(&["rate.standard"]),
    row("rate.window-length", "window-30s+aligned-window", "the whole quota came back at"),
    row("rate.window-length", "token-bucket", "requests came back").spares(&["rate.standard"]),
    row("rate.second-window", "later-windows-one-more", "of 160 requests 61 were admitted"),
    row("rate.second-window", "later-windows-one-less", "of 160 requests 59 were admitted"),
    row("rate.paced", "idle-expiry", "were admitted and 54 answered 429").spares(&["rate.standard"]),
    row("rate.bound", "no-limit", "requests in less than a minute"),
    // Observed only.
    row("rate.hammering", "refusals-extend-ban", ", 0 of 60 were admitted at the instant promised first"),
    row("rate.fingerprint", "sliding-log", "the limiter looks like a sliding window"),
    row(
        "rate.429-counts",
        "refusals-extend-ban",
        "after 40 refused requests 60 of the next 60 were refused too",
    ),
    // The 429's body.
    row("limit.body", "limited-extra-member", "error.request_id is not on the page").spares(OF_THE_BODY),
    row("limit.body", "limited-extra-member", "is not on the page").spares(&["limit.message-agrees"]),
    row("limit.body", "limited-message-fraction", "a whole number belongs where").spares(OF_THE_BODY),
    row("limit.body", "limited-empty", "the body is not JSON").spares(OF_THE_BODY),
    row("limit.message-agrees", "message-disagrees", "the number in the body is not the one in Retry-After")
        .spares(&["limit.body", "limit.retry-after-honest", "limit.retry-after-range"]),
    // Its header.
    row("limit.every-429", "retry-after-sometimes-missing", "Retry-After is missing").spares(&["limit.body"]),
    row(
        "limit.every-message-agrees",
        "message-disagrees",
        "the number in the body is not the one in Retry-After",
    )
    .spares(&["limit.body", "limit.every-429"]),
    row("limit.not-cacheable", "limited-cacheable", "Cache-Control holds what it must not")
        .spares(OF_THE_FORM),
    row("limit.retry-after-present", "retry-after-missing", "Retry-After is missing").spares(OF_THE_HEADER),
    row("limit.retry-after-present", "retry-after-sometimes-missing", "Retry-After is missing")
        .spares(OF_THE_HEADER),
    row("limit.retry-after-integer", "retry-after-fraction", "Retry-After is not a whole number")
        .spares(&["limit.body", "limit.retry-after-present"]),
    row("limit.retry-after-integer", "retry-after-date", "Retry-After is not a whole number")
        .spares(&["limit.body", "limit.retry-after-present"]),
    row("limit.retry-after-integer", "retry-after-twice", "Retry-After stands there 2 times, not 1")
        .spares(&["limit.body", "limit.retry-after-present"]),
    row("limit.retry-after-range", "retry-after-zero", "Retry-After is not between 1 and 60")
        .spares(OF_THE_FORM),
    row("limit.retry-after-range", "retry-after-61", "Retry-After is not between 1 and 60")
        .spares(OF_THE_FORM),
    // Its promise.
    row("limit.promise-stable", "retry-after-jumps", "the promised instant moves by").spares(OF_THE_FORM),
    row("limit.retry-after-honest", "retry-after-rounded-down", "the status is 429, not 2xx")
        .spares(OF_THE_FORM),
    row("limit.retry-after-honest", "retry-after-rounded-to-nearest", "the status is 429, not 2xx")
        .spares(OF_THE_FORM),
    row("limit.retry-after-honest", "retry-after-one-less", "the status is 429, not 2xx").spares(OF_THE_FORM),
    row("limit.retry-after-honest", "retry-after-always-1", "the status is 429, not 2xx").spares(OF_THE_FORM),
    row("limit.promise-stable", "refusals-extend-ban", "the status is 429, not 2xx")
        .spares(&["limit.retry-after-honest"]),
];
