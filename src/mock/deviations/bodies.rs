//! Wrong error bodies for 401 and 403.

use crate::mock::message::Reply;

use super::{Entry, Group, must};

const AUTH: Group = Group::Authentication;
const SCOPES: Group = Group::Scopes;

pub(super) const ENTRIES: &[Entry] = &[
    must(AUTH, "unauthorized-extra-member", &["auth.body"], "The 401 body has a member more.", |k| {
        k.rewrite.push(|_, reply| extra_member(reply, 401));
    }),
    must(AUTH, "unauthorized-other-message", &["auth.body"], "The 401 body has another sentence.", |k| {
        k.rewrite.push(|_, reply| replace(reply, 401, "Missing or invalid API key.", "Unauthorized"));
    }),
    must(
        AUTH,
        "unauthorized-other-code",
        &["auth.body", "scope.status-and-code-agree"],
        "The code in the 401 body is FORBIDDEN.",
        |k| k.rewrite.push(|_, reply| replace(reply, 401, "UNAUTHORIZED", "FORBIDDEN")),
    ),
    must(AUTH, "unauthorized-flat", &["auth.body"], "The 401 body lacks the `error` around it.", |k| {
        k.rewrite.push(|_, reply| flat(reply, 401));
    }),
    must(
        AUTH,
        "unauthorized-plain-text",
        &["auth.body", "scope.status-and-code-agree"],
        "The 401 is plain text.",
        |k| k.rewrite.push(|_, reply| plain(reply, 401, "Unauthorized")),
    ),
    must(AUTH, "unauthorized-empty", &["auth.body"], "The 401 has no body.", |k| {
        k.rewrite.push(|_, reply| plain(reply, 401, ""));
    }),
    must(
        AUTH,
        "unauthorized-as-403",
        &["auth.missing", "auth.unknown"],
        "Where 401 belongs, 403 is sent.",
        |k| {
            k.rewrite.push(|_, reply| status(reply, 401, 403));
        },
    ),
    must(
        AUTH,
        "unknown-key-told-apart",
        &["auth.body-uniform", "auth.body"],
        "The 401 body tells an unknown key from a missing one.",
        |k| {
            k.rewrite.push(|context, reply| {
                if context.presented != crate::mock::context::Presented::Missing {
                    replace(reply, 401, "Missing or invalid API key.", "Unknown API key.");
                }
            });
        },
    ),
    must(
        AUTH,
        "revoked-key-told-apart",
        &["auth.body-uniform-revoked"],
        "The 401 body tells a revoked key from others.",
        |k| {
            k.rewrite.push(|context, reply| {
                if context.revoked {
                    replace(reply, 401, "Missing or invalid API key.", "This API key has been revoked.");
                }
            });
        },
    ),
    must(
        SCOPES,
        "forbidden-names-other-scope",
        &["scope.body-read", "scope.body-write"],
        "The 403 body names the other scope.",
        |k| {
            k.rewrite.push(|_, reply| {
                let body = reply.text();
                let (own, other) = if body.contains("read:analytics") {
                    ("read:analytics", "write:events")
                } else {
                    ("write:events", "read:analytics")
                };
                replace(reply, 403, own, other);
            });
        },
    ),
    must(
        SCOPES,
        "forbidden-names-read-only",
        &["scope.body-write"],
        "The 403 body always names read:analytics, as in the page's example.",
        |k| k.rewrite.push(|_, reply| replace(reply, 403, "write:events", "read:analytics")),
    ),
    must(
        SCOPES,
        "forbidden-names-no-scope",
        &["scope.body-read", "scope.body-write"],
        "The 403 body names no scope.",
        |k| {
            k.rewrite.push(|_, reply| {
                replace(reply, 403, " the required scope: read:analytics", " the required scope");
                replace(reply, 403, " the required scope: write:events", " the required scope");
            });
        },
    ),
    must(
        SCOPES,
        "forbidden-extra-member",
        &["scope.body-read", "scope.body-write"],
        "The 403 body has a member more.",
        |k| k.rewrite.push(|_, reply| extra_member(reply, 403)),
    ),
    must(
        SCOPES,
        "forbidden-other-code",
        &["scope.body-read", "scope.body-write", "scope.status-and-code-agree"],
        "The code in the 403 body is UNAUTHORIZED.",
        |k| k.rewrite.push(|_, reply| replace(reply, 403, "FORBIDDEN", "UNAUTHORIZED")),
    ),
    must(
        SCOPES,
        "forbidden-as-401",
        &["scope.sessions-need-read", "scope.events-need-write"],
        "Where 403 belongs, 401 is sent.",
        |k| k.rewrite.push(|_, reply| status(reply, 403, 401)),
    ),
    must(
        SCOPES,
        "forbidden-as-404",
        &["scope.sessions-need-read", "scope.overview-need-read", "scope.tools-need-read"],
        "Where 403 belongs, 404 is sent.",
        |k| k.rewrite.push(|_, reply| status(reply, 403, 404)),
    ),
    must(
        SCOPES,
        "errors-as-plain-text",
        &["scope.status-and-code-agree"],
        "Error bodies are labelled as plain text.",
        |k| {
            k.rewrite.push(|_, reply| {
                if reply.status >= 400 {
                    reply.set("content-type", "text/plain");
                }
            });
        },
    ),
];

/// Replaces a part of the body of replies with this status.
pub(super) fn replace(reply: &mut Reply, status: u16, from: &str, to: &str) {
    if reply.status == status {
        let body = reply.text().replace(from, to);
        reply.body = body.into_bytes().into();
    }
}

/// Adds a member to the error object of replies with this status.
pub(super) fn extra_member(reply: &mut Reply, status: u16) {
    replace(reply, status, "\"}}", "\",\"request_id\":\"req_1\"}}");
}

/// Takes the `error` around code and message away.
pub(super) fn flat(reply: &mut Reply, status: u16) {
    replace(reply, status, "{\"error\":{", "{");
    replace(reply, status, "}}", "}");
}

/// Makes replies with this status plain text.
pub(super) fn plain(reply: &mut Reply, status: u16, body: &'static str) {
    if reply.status == status {
        reply.body = body.as_bytes().into();
        reply.set("content-type", "text/plain");
    }
}

/// Gives replies with one status another one.
pub(super) fn status(reply: &mut Reply, from: u16, to: u16) {
    if reply.status == from {
        reply.status = to;
    }
}
