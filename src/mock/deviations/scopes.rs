//! Keys that may do more or less than their scopes say, and wrong 403s.

use crate::contract::{Endpoint, Scope};
use crate::mock::behaviour::Stage;

use super::aspects::Aspect::*;
use super::change::{NamedChange, legal, must, replace, request_id, should};

const READ: &str = Scope::ReadAnalytics.as_str();
const WRITE: &str = Scope::WriteEvents.as_str();

pub(super) const ENTRIES: &[NamedChange] = &[
    must("forbidden-names-other-scope", "The 403 body names the other scope.")
        .breaks(&["scope.body-read", "scope.body-write"], &[Body403])
        .rewrites_on(403, |_, reply| {
            let reads = reply.text().contains(READ);
            let (own, other) = if reads { (READ, WRITE) } else { (WRITE, READ) };
            replace(reply, own, other);
        }),
    must("forbidden-names-read-only", "The 403 body always names read:analytics, as in the page's example.")
        .breaks(&["scope.body-write"], &[Body403])
        .rewrites_on(403, |_, reply| replace(reply, WRITE, READ)),
    must("forbidden-names-no-scope", "The 403 body names no scope.")
        .breaks(&["scope.body-read", "scope.body-write"], &[Body403])
        .rewrites_on(403, |_, reply| {
            replace(reply, " scope: read:analytics", " scope");
            replace(reply, " scope: write:events", " scope");
        }),
    must("forbidden-extra-member", "The 403 body has a member more.")
        .breaks(&["scope.body-read", "scope.body-write"], &[Body403])
        .rewrites_on(403, request_id),
    must("forbidden-other-code", "The code in the 403 body is UNAUTHORIZED.")
        .breaks(&["scope.body-read", "scope.body-write", "scope.status-and-code-agree"], &[Body403])
        .rewrites_on(403, |_, reply| replace(reply, "FORBIDDEN", "UNAUTHORIZED")),
    must("forbidden-as-401", "Where 403 belongs, 401 is sent.")
        .breaks(&["scope.sessions-need-read", "scope.events-need-write"], &[Status403])
        .rewrites_on(403, |_, reply| reply.status = 401),
    must("forbidden-as-404", "Where 403 belongs, 404 is sent.")
        .breaks(
            &["scope.sessions-need-read", "scope.overview-need-read", "scope.tools-need-read"],
            &[Status403],
        )
        .rewrites_on(403, |_, reply| reply.status = 404),
    must("errors-as-plain-text", "Error bodies are labelled as plain text.")
        .breaks(&["scope.status-and-code-agree"], &[Body401, Body403, Body429])
        .rewrites(|_, reply| {
            if reply.status >= 400 {
                reply.set("content-type", "text/plain");
            }
        }),
    must("sessions-unscoped", "Sessions need no scope.")
        .breaks(&["scope.sessions-need-read"], &[Grants])
        .by(|b| b.grants = |scopes, endpoint| endpoint == Endpoint::Sessions || documented(scopes, endpoint)),
    must("overview-unscoped", "The overview needs no scope.")
        .breaks(&["scope.overview-need-read"], &[Grants])
        .by(|b| b.grants = |scopes, endpoint| endpoint == Endpoint::Overview || documented(scopes, endpoint)),
    must("tools-unscoped", "Tool analytics need no scope.")
        .breaks(&["scope.tools-need-read"], &[Grants])
        .by(|b| b.grants = |scopes, endpoint| endpoint == Endpoint::Tools || documented(scopes, endpoint)),
    must("events-unscoped", "Posting events needs no scope.")
        .breaks(&["scope.events-need-write"], &[Grants])
        .by(|b| b.grants = |scopes, endpoint| endpoint == Endpoint::Events || documented(scopes, endpoint)),
    must("write-implies-read", "write:events grants reading as well.")
        .breaks(&["scope.sessions-need-read", "scope.overview-need-read", "scope.tools-need-read"], &[Grants])
        .by(|b| {
            b.grants = |scopes, endpoint| scopes.contains(&Scope::WriteEvents) || documented(scopes, endpoint)
        }),
    must("read-implies-write", "read:analytics grants posting as well.")
        .breaks(&["scope.events-need-write"], &[Grants])
        .by(|b| {
            b.grants =
                |scopes, endpoint| scopes.contains(&Scope::ReadAnalytics) || documented(scopes, endpoint)
        }),
    must("all-scopes-needed", "Every endpoint needs both scopes.")
        .breaks(&["scope.write-suffices", "scope.read-suffices"], &[Reads, Posts, Grants])
        .by(|b| b.grants = |scopes, _| has_all(scopes)),
    must("posting-needs-both", "Posting events needs both scopes.")
        .breaks(&["scope.write-suffices"], &[Posts, Grants])
        .by(|b| b.grants = |scopes, endpoint| both_to("POST", scopes, endpoint)),
    must("reading-needs-both", "Reading needs both scopes.")
        .breaks(&["scope.read-suffices"], &[Reads, Grants])
        .by(|b| b.grants = |scopes, endpoint| both_to("GET", scopes, endpoint)),
    must("first-scope-only", "Only the first of a key's scopes is seen.")
        .breaks(&["scope.both", "scope.both-either-order"], &[BothScopes, Grants])
        .by(|b| b.grants = |scopes, endpoint| scopes.first() == Some(&endpoint.scope())),
    must("last-scope-only", "Only the last of a key's scopes is seen.")
        .breaks(&["scope.both", "scope.both-either-order"], &[BothScopes, Grants])
        .by(|b| b.grants = |scopes, endpoint| scopes.last() == Some(&endpoint.scope())),
    must(
        "read-first-loses-write",
        "Of a key's two scopes, the second is seen only where write:events was listed first.",
    )
    .breaks(&["scope.both-either-order"], &[BothScopes, Grants])
    .by(|b| {
        b.grants = |scopes, endpoint| match scopes.first() {
            Some(Scope::ReadAnalytics) => endpoint.scope() == Scope::ReadAnalytics,
            _ => documented(scopes, endpoint),
        }
    }),
    should("scores-unscoped", "Posting scores needs no scope.")
        .breaks(&["scope.scores-need-write"], &[Grants])
        .by(|b| b.grants = |scopes, endpoint| endpoint == Endpoint::Scores || documented(scopes, endpoint)),
    must("body-before-scope", "The body is checked before the scope.")
        .breaks(&["scope.before-body"], &[Order])
        .by(|b| b.order = [Stage::Key, Stage::Path, Stage::Body, Stage::Scope, Stage::Limit]),
    must("slash-unscoped", "A path with a slash at its end needs no scope.")
        .breaks(&["scope.path-spelled"], &[SpelledScope])
        .by(|b| b.unscoped.push(|context| context.request.path.ends_with('/'))),
    should("forbidden-batches-stored", "A batch answered 403 is stored.")
        .breaks(&["scope.no-effect"], &[Effect403])
        .by(|b| b.store_forbidden = true),
    legal("forbidden-counts", "A 403 counts against the limit.").by(|b| b.count_forbidden = true),
    legal("limit-before-scope", "The limit is checked before the scope.")
        .by(|b| b.order = [Stage::Key, Stage::Path, Stage::Limit, Stage::Scope, Stage::Body]),
];

fn documented(scopes: &[Scope], endpoint: Endpoint) -> bool {
    scopes.contains(&endpoint.scope())
}

/// Both scopes where this is the method, and the documented one elsewhere.
fn both_to(method: &str, scopes: &[Scope], endpoint: Endpoint) -> bool {
    documented(scopes, endpoint) && (endpoint.method() != method || has_all(scopes))
}

fn has_all(scopes: &[Scope]) -> bool {
    Scope::ALL.iter().all(|scope| scopes.contains(scope))
}
