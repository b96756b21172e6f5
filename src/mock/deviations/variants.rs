//! What a deployment may do differently without breaking a promise.

use std::time::Duration;

use crate::contract::Endpoint;
use crate::mock::behaviour::Stage;
use crate::mock::errors;
use crate::mock::limiter::Kind;
use crate::mock::message::Reply;

use super::the_429::http_date;
use super::{Entry, Group, legal};

/// How far the clock of `date-five-minutes-off` is behind, in milliseconds.
const FIVE_MINUTES: i64 = 300_000;

/// The longest delay of `jitter`, in milliseconds.
const JITTER: u64 = 400;

pub(super) const ENTRIES: &[Entry] = &[
    legal(Group::Limits, "aligned-window", "Windows begin with the minutes of the clock.", |k| {
        k.rules.push(|rules| rules.kind = Kind::Aligned);
    }),
    legal(Group::Limits, "sliding-log", "Every request is forgotten a minute after it came.", |k| {
        k.rules.push(|rules| rules.kind = Kind::Sliding);
    }),
    legal(Group::Limits, "sliding-counter", "Requests are counted and forgotten by the second.", |k| {
        k.rules.push(|rules| rules.kind = Kind::SlidingCounter);
    }),
    legal(Group::Limits, "invalid-is-free", "A 400 is not counted.", |k| k.invalid_is_free = true),
    legal(Group::Limits, "slow-answers", "Every answer takes 300 ms.", |k| {
        k.rewrite.push(|_, reply| reply.delay += Duration::from_millis(300));
    }),
    legal(Group::Limits, "jitter", "Every answer takes up to 400 ms.", |k| {
        k.rewrite.push(|context, reply| {
            // 167 is prime to 401, so the delays of neighbours lie far apart and all of them occur.
            reply.delay += Duration::from_millis((context.ordinal + 1).wrapping_mul(167) % (JITTER + 1));
        });
    }),
    legal(
        Group::Limits,
        "slow-beside-limited",
        "For a second after a 429 to anybody, every answer takes 250 ms.",
        |k| {
            k.rewrite.push(|context, reply| {
                if context.since_429_ms.is_some_and(|ms| ms < 1_000) {
                    reply.delay += Duration::from_millis(250);
                }
            });
        },
    ),
    legal(Group::Limits, "close-after-answer", "The connection is closed after every answer.", |k| {
        k.rewrite.push(|_, reply| reply.close = true);
    }),
    legal(Group::The429, "constant-60", "Retry-After is always 60.", |k| k.seconds = |_, _| 60),
    legal(Group::Scopes, "forbidden-counts", "A 403 counts against the limit.", |k| k.count_forbidden = true),
    legal(Group::Scopes, "limit-before-scope", "The limit is checked before the scope.", |k| {
        k.order = [Stage::Key, Stage::Path, Stage::Limit, Stage::Scope, Stage::Body];
    }),
    legal(Group::Events, "created-on-ingest", "A batch is answered 201.", |k| {
        k.rewrite.push(|context, reply| {
            if reply.status == 200 && context.goes_to(Endpoint::Events) {
                reply.status = 201;
            }
        });
    }),
    legal(
        Group::Events,
        "insists-on-seq",
        "Events are taken only in the envelope of published clients, each with its `seq`.",
        |k| k.insists_on_seq = true,
    ),
    legal(
        Group::Authentication,
        "members-reordered",
        "Error bodies name the message before the code.",
        |k| {
            k.rewrite.push(|_, reply| reorder(reply));
        },
    ),
    legal(Group::Authentication, "json-indented", "JSON is indented.", |k| {
        k.rewrite.push(|_, reply| indent(reply));
    }),
    legal(Group::Authentication, "json-charset", "The content type names its charset.", |k| {
        k.rewrite.push(|_, reply| {
            if reply.header("content-type") == Some("application/json") {
                reply.set("content-type", "application/json; charset=utf-8");
            }
        });
    }),
    legal(Group::Authentication, "extra-headers", "Answers carry headers the page does not mention.", |k| {
        k.rewrite.push(|context, reply| {
            reply.push("x-request-id", format!("req_{}", context.ordinal));
            reply.push("vary", "Origin");
            reply.push("cache-control", "no-store");
        });
    }),
    legal(
        Group::Authentication,
        "date-five-minutes-off",
        "The server's calendar is five minutes behind.",
        |k| {
            k.rewrite.push(|context, reply| reply.set("date", http_date(context.wall_ms - FIVE_MINUTES)));
        },
    ),
    legal(
        Group::Authentication,
        "unknown-path-before-key",
        "An unknown path is 404 also without a key.",
        |k| {
            k.order = [Stage::Path, Stage::Key, Stage::Scope, Stage::Limit, Stage::Body];
        },
    ),
    legal(Group::Authentication, "other-challenge", "WWW-Authenticate has other words.", |k| {
        k.rewrite.push(|_, reply| {
            if reply.status == 401 {
                reply.set("www-authenticate", "X-API-Key realm=\"api\"");
            }
        });
    }),
    legal(Group::Authentication, "first-key-line-wins", "Of two X-API-Key lines, the first counts.", |k| {
        k.first_line_wins = true;
    }),
    legal(Group::Authentication, "preflight-needs-key", "OPTIONS is answered 401.", |k| {
        k.instead.push(|context| (context.request.method == "OPTIONS").then(errors::unauthorized));
    }),
];

fn reorder(reply: &mut Reply) {
    let Ok(body) = serde_json::from_slice::<serde_json::Value>(&reply.body) else {
        return;
    };
    let error = &body["error"];
    if error["details"].is_null() && error["code"].is_string() {
        let body = format!(r#"{{"error":{{"message":{},"code":{}}}}}"#, error["message"], error["code"]);
        reply.body = body.into_bytes().into();
    }
}

fn indent(reply: &mut Reply) {
    let body = serde_json::from_slice::<serde_json::Value>(&reply.body);
    if let Ok(indented) = body.and_then(|body| serde_json::to_vec_pretty(&body)) {
        reply.body = indented.into();
    }
}
