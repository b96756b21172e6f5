//! Wrong 429s, and promises in Retry-After that are not kept.

use chrono::DateTime;

use crate::mock::message::Reply;

use super::bodies::{extra_member, flat, plain, replace, status};
use super::{Entry, Group, must, rfc, should};

const GROUP: Group = Group::The429;

pub(super) const ENTRIES: &[Entry] = &[
    must(
        GROUP,
        "retry-after-missing",
        &["limit.retry-after-present", "limit.every-429"],
        "429 has no Retry-After.",
        |k| {
            k.rewrite.push(|_, reply| retry_after(reply, |_| None));
        },
    ),
    must(
        GROUP,
        "retry-after-sometimes-missing",
        &["limit.retry-after-present"],
        "Every tenth 429 has no Retry-After.",
        |k| {
            k.rewrite.push(|context, reply| {
                if context.refusal % 10 == 9 {
                    retry_after(reply, |_| None);
                }
            });
        },
    ),
    must(GROUP, "retry-after-date", &["limit.retry-after-integer"], "Retry-After is an HTTP date.", |k| {
        k.rewrite.push(|context, reply| {
            let at = context.wall_ms.saturating_add_unsigned(context.wait_ms.unwrap_or(0));
            let date = http_date(at);
            if reply.status == 429 {
                reply.set("retry-after", date);
            }
        });
    }),
    must(GROUP, "retry-after-fraction", &["limit.retry-after-integer"], "Retry-After has a fraction.", |k| {
        k.rewrite.push(|_, reply| retry_after(reply, |seconds| Some(format!("{seconds}.5"))));
    }),
    must(GROUP, "retry-after-unit", &["limit.retry-after-integer"], "Retry-After has a unit.", |k| {
        k.rewrite.push(|_, reply| retry_after(reply, |seconds| Some(format!("{seconds}s"))));
    }),
    must(GROUP, "retry-after-sign", &["limit.retry-after-integer"], "Retry-After has a plus sign.", |k| {
        k.rewrite.push(|_, reply| retry_after(reply, |seconds| Some(format!("+{seconds}"))));
    }),
    must(GROUP, "retry-after-negative", &["limit.retry-after-integer"], "Retry-After is negative.", |k| {
        k.rewrite.push(|_, reply| retry_after(reply, |_| Some("-1".to_owned())));
    }),
    must(GROUP, "retry-after-list", &["limit.retry-after-integer"], "Retry-After is a list.", |k| {
        k.rewrite.push(|_, reply| retry_after(reply, |seconds| Some(format!("{seconds}, 60"))));
    }),
    must(
        GROUP,
        "retry-after-twice",
        &["limit.retry-after-integer"],
        "There are two lines of Retry-After.",
        |k| {
            k.rewrite.push(|_, reply| {
                if reply.status == 429 {
                    reply.push("retry-after", "60");
                }
            });
        },
    ),
    must(GROUP, "retry-after-zero", &["limit.retry-after-range"], "Retry-After is 0.", |k| {
        k.seconds = |_, _| 0;
    }),
    must(GROUP, "retry-after-61", &["limit.retry-after-range"], "Retry-After is one second too long.", |k| {
        k.seconds = |_, _| 61;
    }),
    must(GROUP, "retry-after-hour", &["limit.retry-after-range"], "Retry-After is an hour.", |k| {
        k.seconds = |_, _| 3_600;
    }),
    must(
        GROUP,
        "retry-after-milliseconds",
        &["limit.retry-after-range"],
        "Retry-After counts milliseconds.",
        |k| {
            k.seconds = |wait_ms, _| wait_ms;
        },
    ),
    must(
        GROUP,
        "retry-after-rounded-down",
        &["limit.retry-after-honest"],
        "Retry-After is rounded down.",
        |k| {
            k.seconds = |wait_ms, _| (wait_ms / 1_000).max(1);
        },
    ),
    must(
        GROUP,
        "retry-after-rounded-to-nearest",
        &["limit.retry-after-honest"],
        "Retry-After is rounded to the nearest second.",
        |k| k.seconds = |wait_ms, _| ((wait_ms + 500) / 1_000).max(1),
    ),
    must(
        GROUP,
        "retry-after-one-less",
        &["limit.retry-after-honest"],
        "Retry-After is a second too short.",
        |k| {
            k.seconds = |wait_ms, _| (wait_ms.div_ceil(1_000) - 1).max(1);
        },
    ),
    must(
        GROUP,
        "retry-after-always-59",
        &["limit.retry-after-kept"],
        "Retry-After is always 59, a second too short at first.",
        |k| k.seconds = |_, _| 59,
    ),
    must(GROUP, "retry-after-always-1", &["limit.retry-after-honest"], "Retry-After is always 1.", |k| {
        k.seconds = |_, _| 1;
    }),
    must(
        GROUP,
        "retry-after-half",
        &["limit.retry-after-honest", "limit.retry-after-kept"],
        "Retry-After is half of the wait.",
        |k| {
            k.seconds = |wait_ms, _| wait_ms.div_ceil(2_000).max(1);
        },
    ),
    must(
        GROUP,
        "retry-after-late-half",
        &["limit.retry-after-late"],
        "Later than ten seconds into a window Retry-After is half of the wait.",
        |k| {
            k.seconds = |wait_ms, window_ms| {
                let late = wait_ms + 10_000 < window_ms;
                wait_ms.div_ceil(if late { 2_000 } else { 1_000 }).max(1)
            };
        },
    ),
    should(
        GROUP,
        "retry-after-jumps",
        &["limit.promise-stable"],
        "Every second Retry-After is up to ten seconds too long.",
        |k| {
            k.rewrite.push(|context, reply| {
                if context.refusal % 2 == 1
                    && reply.status == 429
                    && let Some(seconds) = seconds(reply)
                {
                    let more = (seconds + 10).min(60);
                    replace(reply, 429, &format!("after {seconds} "), &format!("after {more} "));
                    retry_after(reply, |_| Some(more.to_string()));
                }
            });
        },
    ),
    should(
        GROUP,
        "message-disagrees",
        &["limit.message-agrees", "limit.every-message-agrees"],
        "The number in the message is one more than Retry-After.",
        |k| {
            k.rewrite.push(|_, reply| {
                if let Some(seconds) = seconds(reply) {
                    let more = format!("after {} seconds", seconds + 1);
                    replace(reply, 429, &format!("after {seconds} seconds"), &more);
                }
            });
        },
    ),
    must(GROUP, "limited-extra-member", &["limit.body"], "The 429 body has a member more.", |k| {
        k.rewrite.push(|_, reply| extra_member(reply, 429));
    }),
    must(
        GROUP,
        "limited-other-code",
        &["limit.body", "scope.status-and-code-agree"],
        "The code in the 429 body is TOO_MANY_REQUESTS.",
        |k| k.rewrite.push(|_, reply| replace(reply, 429, "RATE_LIMITED", "TOO_MANY_REQUESTS")),
    ),
    must(GROUP, "limited-other-message", &["limit.body"], "The 429 body has another sentence.", |k| {
        k.rewrite.push(|_, reply| replace(reply, 429, "Rate limit exceeded. Retry", "Slow down. Retry"));
    }),
    must(GROUP, "limited-message-without-number", &["limit.body"], "The 429 message has no number.", |k| {
        k.rewrite.push(|_, reply| without_number(reply));
    }),
    must(
        GROUP,
        "limited-message-fraction",
        &["limit.body"],
        "The number in the 429 message has a fraction.",
        |k| {
            k.rewrite.push(|_, reply| replace(reply, 429, " seconds.", ".0 seconds."));
        },
    ),
    must(GROUP, "limited-flat", &["limit.body"], "The 429 body lacks the `error` around it.", |k| {
        k.rewrite.push(|_, reply| flat(reply, 429));
    }),
    must(
        GROUP,
        "limited-plain-text",
        &["limit.body", "scope.status-and-code-agree"],
        "The 429 is plain text, as from a proxy.",
        |k| k.rewrite.push(|_, reply| plain(reply, 429, "Too Many Requests")),
    ),
    must(GROUP, "limited-empty", &["limit.body"], "The 429 has no body.", |k| {
        k.rewrite.push(|_, reply| plain(reply, 429, ""));
    }),
    must(
        GROUP,
        "limited-as-503",
        &["rate.standard", "rate.premium", "rate.ingestion"],
        "Where 429 belongs, 503 is sent.",
        |k| k.rewrite.push(|_, reply| status(reply, 429, 503)),
    ),
    must(
        GROUP,
        "limited-as-200",
        &["rate.standard", "rate.premium", "rate.ingestion"],
        "Where 429 belongs, 200 is sent, with the error in the body.",
        |k| k.rewrite.push(|_, reply| status(reply, 429, 200)),
    ),
    should(
        GROUP,
        "limited-batches-stored",
        &["limit.not-executed"],
        "A batch answered 429 is stored.",
        |k| {
            k.store_limited = true;
        },
    ),
    rfc(
        GROUP,
        "limited-cacheable",
        &["limit.not-cacheable"],
        "A 429 may be cached by anybody for a minute.",
        |k| {
            k.rewrite.push(|_, reply| {
                if reply.status == 429 {
                    reply.set("cache-control", "public, max-age=60");
                }
            });
        },
    ),
];

/// The seconds promised, if the reply promises some.
fn seconds(reply: &Reply) -> Option<u64> {
    reply.header("retry-after")?.parse().ok()
}

/// Writes Retry-After anew, from the seconds it promised.
pub(super) fn retry_after(reply: &mut Reply, write: impl Fn(u64) -> Option<String>) {
    let Some(promised) = seconds(reply) else {
        return;
    };
    match write(promised) {
        Some(value) => reply.set("retry-after", value),
        None => reply.remove("retry-after"),
    }
}

fn without_number(reply: &mut Reply) {
    if let Some(seconds) = seconds(reply) {
        replace(reply, 429, &format!(" Retry after {seconds} seconds."), " Retry later.");
    }
}

/// An instant in the format of HTTP header fields.
pub(super) fn http_date(at: i64) -> String {
    DateTime::from_timestamp_millis(at).unwrap_or_default().format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
