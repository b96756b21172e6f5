//! Wrong 429s, and promises in Retry-After that are not kept.

use super::aspects::Aspect::*;
use super::change::{
    NamedChange, flat, http_date, legal, must, plain, replace, request_id, retry_after, rfc, seconds, should,
};

pub(super) const ENTRIES: &[NamedChange] = &[
    must("retry-after-missing", "429 has no Retry-After.")
        .breaks(&["limit.retry-after-present", "limit.every-429"], &[RetryAfterForm])
        .rewrites(|_, reply| retry_after(reply, |_| None)),
    must("retry-after-sometimes-missing", "Every tenth 429 has no Retry-After.")
        .breaks(&["limit.retry-after-present"], &[RetryAfterForm])
        .rewrites(|context, reply| {
            if context.refusal % 10 == 9 {
                retry_after(reply, |_| None);
            }
        }),
    must("retry-after-date", "Retry-After is an HTTP date.")
        .breaks(&["limit.retry-after-integer"], &[RetryAfterForm])
        .rewrites_on(429, |context, reply| reply.set("retry-after", http_date(context.free_at_ms()))),
    must("retry-after-fraction", "Retry-After has a fraction.")
        .breaks(&["limit.retry-after-integer"], &[RetryAfterForm])
        .rewrites(|_, reply| retry_after(reply, |seconds| Some(format!("{seconds}.5")))),
    must("retry-after-unit", "Retry-After has a unit.")
        .breaks(&["limit.retry-after-integer"], &[RetryAfterForm])
        .rewrites(|_, reply| retry_after(reply, |seconds| Some(format!("{seconds}s")))),
    must("retry-after-sign", "Retry-After has a plus sign.")
        .breaks(&["limit.retry-after-integer"], &[RetryAfterForm])
        .rewrites(|_, reply| retry_after(reply, |seconds| Some(format!("+{seconds}")))),
    must("retry-after-negative", "Retry-After is negative.")
        .breaks(&["limit.retry-after-integer"], &[RetryAfterForm])
        .rewrites(|_, reply| retry_after(reply, |_| Some("-1".to_owned()))),
    must("retry-after-list", "Retry-After is a list.")
        .breaks(&["limit.retry-after-integer"], &[RetryAfterForm])
        .rewrites(|_, reply| retry_after(reply, |seconds| Some(format!("{seconds}, 60")))),
    must("retry-after-twice", "There are two lines of Retry-After.")
        .breaks(&["limit.retry-after-integer"], &[RetryAfterForm])
        .rewrites_on(429, |_, reply| reply.push("retry-after", "60")),
    must("retry-after-zero", "Retry-After is 0.")
        .breaks(&["limit.retry-after-range"], &[RetryAfterValue])
        .by(|b| b.seconds = |_, _| 0),
    must("retry-after-61", "Retry-After is one second too long.")
        .breaks(&["limit.retry-after-range"], &[RetryAfterValue])
        .by(|b| b.seconds = |_, _| 61),
    must("retry-after-hour", "Retry-After is an hour.")
        .breaks(&["limit.retry-after-range"], &[RetryAfterValue])
        .by(|b| b.seconds = |_, _| 3_600),
    must("retry-after-milliseconds", "Retry-After counts milliseconds.")
        .breaks(&["limit.retry-after-range"], &[RetryAfterValue])
        .by(|b| b.seconds = |wait_ms, _| wait_ms),
    must("retry-after-rounded-down", "Retry-After is rounded down.")
        .breaks(&["limit.retry-after-honest"], &[RetryAfterValue])
        .by(|b| b.seconds = |wait_ms, _| (wait_ms / 1_000).max(1)),
    must("retry-after-rounded-to-nearest", "Retry-After is rounded to the nearest second.")
        .breaks(&["limit.retry-after-honest"], &[RetryAfterValue])
        .by(|b| b.seconds = |wait_ms, _| ((wait_ms + 500) / 1_000).max(1)),
    must("retry-after-one-less", "Retry-After is a second too short.")
        .breaks(&["limit.retry-after-honest"], &[RetryAfterValue])
        .by(|b| b.seconds = |wait_ms, _| (wait_ms.div_ceil(1_000) - 1).max(1)),
    must("retry-after-always-59", "Retry-After is always 59, a second too short at first.")
        .breaks(&["limit.retry-after-kept"], &[RetryAfterValue, RetryAfterMinute])
        .also(&["events.retry-after", "limit.promise-stable"])
        .by(|b| b.seconds = |_, _| 59),
    must("retry-after-always-1", "Retry-After is always 1.")
        .breaks(&["limit.retry-after-honest"], &[RetryAfterValue])
        .also(&["limit.retry-after-kept"])
        .by(|b| b.seconds = |_, _| 1),
    must("retry-after-half", "Retry-After is half of the wait.")
        .breaks(&["limit.retry-after-honest", "limit.retry-after-kept"], &[RetryAfterValue])
        .by(|b| b.seconds = |wait_ms, _| wait_ms.div_ceil(2_000).max(1)),
    must("retry-after-late-half", "Later than ten seconds into a window Retry-After is half of the wait.")
        .breaks(&["limit.retry-after-late"], &[RetryAfterValue, RetryAfterMinute])
        .also(&["limit.retry-after-honest", "limit.retry-after-kept"])
        .by(|b| {
            b.seconds = |wait_ms, window_ms| {
                let late = wait_ms + 10_000 < window_ms;
                wait_ms.div_ceil(if late { 2_000 } else { 1_000 }).max(1)
            }
        }),
    should("retry-after-jumps", "Every second Retry-After is up to ten seconds too long.")
        .breaks(&["limit.promise-stable"], &[RetryAfterValue])
        .rewrites_on(429, |context, reply| {
            if context.refusal % 2 == 1
                && let Some(seconds) = seconds(reply)
            {
                let more = (seconds + 10).min(60);
                replace(reply, &format!("after {seconds} "), &format!("after {more} "));
                retry_after(reply, |_| Some(more.to_string()));
            }
        }),
    should("message-disagrees", "The number in the message is one more than Retry-After.")
        .breaks(&["limit.message-agrees", "limit.every-message-agrees"], &[MessageNumber])
        .rewrites_on(429, |_, reply| {
            if let Some(seconds) = seconds(reply) {
                let more = format!("after {} seconds", seconds + 1);
                replace(reply, &format!("after {seconds} seconds"), &more);
            }
        }),
    must("limited-extra-member", "The 429 body has a member more.")
        .breaks(&["limit.body"], &[Body429])
        .rewrites_on(429, request_id),
    must("limited-other-code", "The code in the 429 body is TOO_MANY_REQUESTS.")
        .breaks(&["limit.body", "scope.status-and-code-agree"], &[Body429])
        .rewrites_on(429, |_, reply| replace(reply, "RATE_LIMITED", "TOO_MANY_REQUESTS")),
    must("limited-other-message", "The 429 body has another sentence.")
        .breaks(&["limit.body"], &[Body429])
        .rewrites_on(429, |_, reply| replace(reply, "Rate limit exceeded. Retry", "Slow down. Retry")),
    must("limited-message-without-number", "The 429 message has no number.")
        .breaks(&["limit.body"], &[Body429, MessageNumber])
        .rewrites_on(429, |_, reply| {
            if let Some(seconds) = seconds(reply) {
                replace(reply, &format!(" Retry after {seconds} seconds."), " Retry later.");
            }
        }),
    must("limited-message-fraction", "The number in the 429 message has a fraction.")
        .breaks(&["limit.body"], &[Body429])
        .rewrites_on(429, |_, reply| replace(reply, " seconds.", ".0 seconds.")),
    must("limited-flat", "The 429 body lacks the `error` around it.")
        .breaks(&["limit.body"], &[Body429])
        .rewrites_on(429, |_, reply| flat(reply)),
    must("limited-plain-text", "The 429 is plain text, as from a proxy.")
        .breaks(&["limit.body", "scope.status-and-code-agree"], &[Body429])
        .rewrites_on(429, |_, reply| plain(reply, "Too Many Requests")),
    must("limited-empty", "The 429 has no body.")
        .breaks(&["limit.body"], &[Body429])
        .rewrites_on(429, |_, reply| plain(reply, "")),
    must("limited-as-503", "Where 429 belongs, 503 is sent.")
        .breaks(&["rate.standard", "rate.premium", "rate.ingestion"], &[Status429])
        .rewrites_on(429, |_, reply| reply.status = 503),
    must("limited-as-200", "Where 429 belongs, 200 is sent, with the error in the body.")
        .breaks(&["rate.standard", "rate.premium", "rate.ingestion"], &[Status429])
        .rewrites_on(429, |_, reply| reply.status = 200),
    should("limited-batches-stored", "A batch answered 429 is stored.")
        .breaks(&["limit.not-executed"], &[Effect429, Events])
        .by(|b| b.store_limited = true),
    rfc("limited-cacheable", "A 429 may be cached by anybody for a minute.")
        .breaks(&["limit.not-cacheable"], &[Cache429])
        .rewrites_on(429, |_, reply| reply.set("cache-control", "public, max-age=60")),
    legal("constant-60", "Retry-After is always 60.").by(|b| b.seconds = |_, _| 60),
];
