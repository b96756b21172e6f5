//! Keys that may do more or less than their scopes say.

use crate::contract::{Endpoint, Scope};
use crate::mock::behaviour::Stage;

use super::{Entry, Group, must, should};

const GROUP: Group = Group::Scopes;

pub(super) const ENTRIES: &[Entry] = &[
    must(GROUP, "sessions-unscoped", &["scope.sessions-need-read"], "Sessions need no scope.", |k| {
        k.grants = |scopes, endpoint| endpoint == Endpoint::Sessions || documented(scopes, endpoint);
    }),
    must(GROUP, "overview-unscoped", &["scope.overview-need-read"], "The overview needs no scope.", |k| {
        k.grants = |scopes, endpoint| endpoint == Endpoint::Overview || documented(scopes, endpoint);
    }),
    must(GROUP, "tools-unscoped", &["scope.tools-need-read"], "Tool analytics need no scope.", |k| {
        k.grants = |scopes, endpoint| endpoint == Endpoint::Tools || documented(scopes, endpoint);
    }),
    must(GROUP, "events-unscoped", &["scope.events-need-write"], "Posting events needs no scope.", |k| {
        k.grants = |scopes, endpoint| endpoint == Endpoint::Events || documented(scopes, endpoint);
    }),
    must(
        GROUP,
        "write-implies-read",
        &["scope.sessions-need-read", "scope.overview-need-read", "scope.tools-need-read"],
        "write:events grants reading as well.",
        |k| {
            k.grants = |scopes, endpoint| scopes.contains(&Scope::WriteEvents) || documented(scopes, endpoint)
        },
    ),
    must(
        GROUP,
        "read-implies-write",
        &["scope.events-need-write"],
        "read:analytics grants posting as well.",
        |k| {
            k.grants =
                |scopes, endpoint| scopes.contains(&Scope::ReadAnalytics) || documented(scopes, endpoint)
        },
    ),
    must(
        GROUP,
        "all-scopes-needed",
        &["scope.write-suffices", "scope.read-suffices"],
        "Every endpoint needs both scopes.",
        |k| k.grants = |scopes, _| Scope::ALL.iter().all(|scope| scopes.contains(scope)),
    ),
    must(GROUP, "posting-needs-both", &["scope.write-suffices"], "Posting events needs both scopes.", |k| {
        k.grants = |scopes, endpoint| {
            documented(scopes, endpoint) && (endpoint.method() == "GET" || scopes.len() == Scope::ALL.len())
        };
    }),
    must(GROUP, "reading-needs-both", &["scope.read-suffices"], "Reading needs both scopes.", |k| {
        k.grants = |scopes, endpoint| {
            documented(scopes, endpoint) && (endpoint.method() == "POST" || scopes.len() == Scope::ALL.len())
        };
    }),
    must(
        GROUP,
        "first-scope-only",
        &["scope.both", "scope.both-either-order"],
        "Only the first of a key's scopes is seen.",
        |k| k.grants = |scopes, endpoint| scopes.first() == Some(&endpoint.scope()),
    ),
    must(
        GROUP,
        "last-scope-only",
        &["scope.both", "scope.both-either-order"],
        "Only the last of a key's scopes is seen.",
        |k| k.grants = |scopes, endpoint| scopes.last() == Some(&endpoint.scope()),
    ),
    must(
        GROUP,
        "read-first-loses-write",
        &["scope.both-either-order"],
        "Of a key's two scopes, the second is seen only where write:events was listed first.",
        |k| {
            k.grants = |scopes, endpoint| match scopes.first() {
                Some(Scope::ReadAnalytics) => endpoint.scope() == Scope::ReadAnalytics,
                _ => documented(scopes, endpoint),
            };
        },
    ),
    should(GROUP, "scores-unscoped", &["scope.scores-need-write"], "Posting scores needs no scope.", |k| {
        k.grants = |scopes, endpoint| endpoint == Endpoint::Scores || documented(scopes, endpoint);
    }),
    must(GROUP, "body-before-scope", &["scope.before-body"], "The body is checked before the scope.", |k| {
        k.order = [Stage::Key, Stage::Path, Stage::Body, Stage::Scope, Stage::Limit]
    }),
    must(
        GROUP,
        "slash-unscoped",
        &["scope.path-spelled"],
        "A path with a slash at its end needs no scope.",
        |k| k.unscoped.push(|context| context.request.path.ends_with('/')),
    ),
    should(GROUP, "forbidden-batches-stored", &["scope.no-effect"], "A batch answered 403 is stored.", |k| {
        k.store_forbidden = true;
    }),
];

fn documented(scopes: &[Scope], endpoint: Endpoint) -> bool {
    scopes.contains(&endpoint.scope())
}
