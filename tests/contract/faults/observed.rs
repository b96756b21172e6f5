//! What a deployment may decide for itself: the check passes, and reports what it saw.

use super::{Row, header};
use crate::api::{Reply, as_if_sent};

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row::new(
            "auth.duplicate-header",
            "the first of two keys counts",
            "the valid key first, an unknown one second - status 200",
            |request, reply| match reply.status {
                401 => as_if_sent(request, header(request, "x-api-key")),
                _ => reply,
            },
        ),
        Row::new(
            "auth.duplicate-header",
            "the last of two keys counts",
            "an unknown key first, the valid one second - status 200",
            |request, _| {
                let last = request.headers.get_all("x-api-key").iter().next_back();
                as_if_sent(request, last.and_then(|value| value.to_str().ok()))
            },
        ),
        Row::new("auth.duplicate-header", "two keys break it", "the status is 500", |request, reply| {
            match request.headers.get_all("x-api-key").iter().count() {
                2 => Reply::json(500, "{}"),
                _ => reply,
            }
        }),
        Row::new(
            "auth.options",
            "a preflight is answered",
            "OPTIONS without a key - status 204",
            |request, reply| match request.method == "OPTIONS" {
                true => Reply { body: String::new(), ..reply.status(204) },
                false => reply,
            },
        )
        .spares(&["auth.missing", "auth.head"]),
        Row::new(
            "auth.unknown-path",
            "what is not there is not there for anybody",
            "an undocumented path without a key - status 404",
            |request, reply| match request.url.path() {
                "/api/v1/no-such-thing" => Reply::json(404, "{}"),
                _ => reply,
            },
        )
        .spares(&["auth.missing", "auth.no-echo"]),
        Row::new(
            "limit.ratelimit-fields",
            "a used-up key is told more",
            "X-RateLimit-Limit: 61, X-RateLimit-Remaining: 0",
            |_, reply| match reply.status {
                429 => reply.with("x-ratelimit-limit", "61").with("x-ratelimit-remaining", "0"),
                _ => reply,
            },
        ),
        Row::new(
            "limit.ratelimit-fields",
            "who is let in is told more",
            "with status 200 - RateLimit: (none), RateLimit-Policy: (none), X-RateLimit-Limit: 61",
            |_, reply| match reply.status {
                200 => reply.with("x-ratelimit-limit", "61"),
                _ => reply,
            },
        ),
    ]
}
