//! Deployments that read scopes wrongly.

use wiremock::Request;

use super::{Row, header, to};
use crate::api::{BOTH, BOTH_READ_FIRST, READ, Reply, WRITE, events, forbidden, success, unauthorized};

pub(super) fn rows() -> Vec<Row> {
    let mut rows = too_much();
    rows.extend(too_little());
    rows.extend(nobody_posts());
    rows.extend(wrong_words());
    rows
}

/// A key that opens nothing is named by the check that asks just that; it is not for want of a scope.
fn nobody_posts() -> Vec<Row> {
    let check = "auth.valid-key-accepted-to-post";
    let refused = |status: u16| {
        let change = move |request: &Request, reply: Reply| match reply.status {
            200 if to(request, "/events") => Reply::json(status, "{}"),
            _ => reply,
        };
        let (fault, says) = (format!("posting is {status}"), format!("the status is {status}, not"));
        Row::new(check, fault, says, change).spares(&["auth.unknown", "scope.read-suffices"])
    };
    [401, 500].map(refused).into()
}

fn too_much() -> Vec<Row> {
    let mut rows = Vec::new();
    for (check, path, spares) in [
        ("scope.sessions-need-read", "/sessions", &["scope.overview-need-read", "scope.tools-need-read"]),
        ("scope.overview-need-read", "/overview", &["scope.sessions-need-read", "scope.tools-need-read"]),
        ("scope.tools-need-read", "/tools", &["scope.sessions-need-read", "scope.overview-need-read"]),
        ("scope.events-need-write", "/events", &["scope.scores-need-write", "scope.sessions-need-read"]),
        ("scope.scores-need-write", "/scores", &["scope.events-need-write", "scope.sessions-need-read"]),
    ] {
        let is = move |request: &Request, reply: &Reply| reply.status == 403 && to(request, path);
        let open = move |request: &Request, reply| if is(request, &reply) { success(request) } else { reply };
        let admitted =
            if path == "/scores" { "the status is 201, not 403" } else { "the status is 200, not 403" };
        rows.push(Row::new(check, format!("{path} needs no scope"), admitted, open).spares(spares));
        for (status, shown) in [(401, unauthorized()), (404, Reply::json(404, "{}"))] {
            let change = move |request: &Request, reply| match is(request, &reply) {
                true => shown.clone(),
                false => reply,
            };
            let says = format!("the status is {status}, not 403");
            rows.push(
                Row::new(check, format!("a missing scope for {path} is {status}"), says, change)
                    .spares(spares),
            );
        }
    }
    rows.extend([
        Row::new(
            "scope.before-body",
            "the body is looked at before the scope",
            "the status is 400",
            |request, reply| {
                let invalid = to(request, "/events") && events(&request.body).status == 400;
                if reply.status == 403 && invalid { events(&request.body) } else { reply }
            },
        )
        .spares(&["scope.events-need-write", "auth.before-body"]),
        Row::new(
            "scope.before-body",
            "a large batch without the scope is 413",
            "the status is 413",
            |request, reply| {
                if reply.status == 403 && request.body.len() > 50_000 { reply.status(413) } else { reply }
            },
        )
        .spares(&["scope.events-need-write", "auth.before-body"]),
        Row::new(
            "scope.path-spelled",
            "a slash at the end of a path needs no scope",
            "the status is 200, not 3xx or 4xx",
            |request, reply| match header(request, "x-api-key") == Some(WRITE) && to(request, "/sessions/") {
                true => Reply::json(200, "{}"),
                false => reply,
            },
        )
        .only_with("form=trailing-slash request=list-sessions")
        .spares(&["scope.sessions-need-read", "auth.path-spelled"]),
    ]);
    rows
}

fn too_little() -> Vec<Row> {
    vec![
        Row::new(
            "scope.write-suffices",
            "posting needs both scopes",
            "the status is 403",
            |request, reply| {
                if sent_with(request, WRITE) && reply.status == 200 {
                    forbidden("read:analytics")
                } else {
                    reply
                }
            },
        )
        .spares(&["scope.read-suffices", "scope.both", "scope.sessions-need-read"]),
        Row::new("scope.read-suffices", "tools need both scopes", "the status is 403", |request, reply| {
            if sent_with(request, READ) && to(request, "/tools") { forbidden("write:events") } else { reply }
        })
        .only_with("request=tools")
        .spares(&["scope.write-suffices", "scope.both", "scope.events-need-write"]),
        Row::new(
            "scope.both",
            "of two scopes, writing is forgotten",
            "the status is 403",
            |request, reply| {
                if sent_with(request, BOTH) && to(request, "/events") {
                    forbidden("write:events")
                } else {
                    reply
                }
            },
        )
        .spares(&["scope.write-suffices", "scope.read-suffices"]),
        Row::new(
            "scope.both",
            "of two scopes, reading is forgotten",
            "the status is 403",
            |request, reply| {
                if sent_with(request, BOTH) && to(request, "/sessions") {
                    forbidden("read:analytics")
                } else {
                    reply
                }
            },
        )
        .spares(&["scope.write-suffices", "scope.read-suffices"]),
        Row::new(
            "scope.both-either-order",
            "only the first scope counts",
            "the status is 403",
            |request, reply| match sent_with(request, BOTH_READ_FIRST) && to(request, "/events") {
                true => forbidden("write:events"),
                false => reply,
            },
        )
        .spares(&["scope.write-suffices", "scope.read-suffices"]),
        Row::new(
            "scope.both-either-order",
            "only the last scope counts",
            "the status is 403",
            |request, reply| match sent_with(request, BOTH_READ_FIRST) && to(request, "/sessions") {
                true => forbidden("read:analytics"),
                false => reply,
            },
        )
        .spares(&["scope.write-suffices", "scope.read-suffices"]),
    ]
}

fn wrong_words() -> Vec<Row> {
    vec![
        Row::new(
            "scope.body-read",
            "the 403 of tools names the other scope",
            "write:events",
            |request, reply| match to(request, "/tools") {
                true => reply.saying("scope: read:analytics", "scope: write:events"),
                false => reply,
            },
        )
        .only_with("request=tools")
        .spares(&["scope.body-write", "scope.tools-need-read"]),
        Row::new("scope.body-read", "the 403 says more", "error.scope is not on the page", |_, reply| {
            reply.saying("read:analytics\"}", "read:analytics\",\"scope\":\"read:analytics\"}")
        })
        .spares(&["scope.body-write", "scope.tools-need-read", "scope.status-and-code-agree"]),
        Row::new("scope.body-write", "the 403 always names read:analytics", "read:analytics", |_, reply| {
            reply.saying("scope: write:events", "scope: read:analytics")
        })
        .spares(&["scope.body-read", "scope.events-need-write"]),
        Row::new("scope.body-write", "the 403 names no scope", "error.message is", |_, reply| {
            reply.saying(" the required scope: write:events", " a required scope.")
        })
        .spares(&["scope.body-read", "scope.events-need-write"]),
        Row::new(
            "scope.status-and-code-agree",
            "a 403 has the code of a 401",
            "status 403 comes with the code UNAUTHORIZED",
            |_, reply| reply.saying("FORBIDDEN", "UNAUTHORIZED"),
        )
        .spares(&["auth.body", "scope.events-need-write"]),
        Row::new(
            "scope.status-and-code-agree",
            "the 401 of sessions has no code",
            "status 401 comes without a code",
            |request, reply| match to(request, "/sessions") && reply.status == 401 {
                true => Reply { body: "{}".to_owned(), ..reply },
                false => reply,
            },
        )
        .spares(&["auth.missing", "scope.body-read"]),
        Row::new(
            "scope.status-and-code-agree",
            "a 403 calls itself a page",
            "status 403 does not say that it is JSON",
            |_, reply| if reply.status == 403 { reply.with("content-type", "text/html") } else { reply },
        )
        .spares(&["scope.body-read", "scope.body-write", "auth.body"]),
    ]
}

fn sent_with(request: &Request, key: &str) -> bool {
    header(request, "x-api-key") == Some(key)
}
