//! A deployment with many faults at once: each is named by the checks that are there for it, and what it does right
//! is held against nobody.

use std::collections::BTreeSet;

use trenchcheck::deployment::Embedded;
use trenchcheck::mock::find;
use trenchcheck::report::Verdict;

use crate::playing::{SUITE, play_suite, said};

/// What it does right, for all its words.
const SPARED: &[&str] = &[
    "auth.missing",
    "auth.unknown",
    "auth.near-miss",
    "auth.malformed",
    "auth.no-bearer",
    "auth.no-query",
    "auth.every-request",
    "scope.sessions-need-read",
    "scope.events-need-write",
    "scope.both",
    "scope.status-and-code-agree",
    "rate.standard",
    "rate.per-key",
    "events.quota",
];

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_a_lax_startup_is_named() {
    let mock = Embedded::start().await.unwrap();
    let results = play_suite(mock.target(&["lax-startup".to_owned()], None), &SUITE).await;
    let failed: BTreeSet<&str> = results
        .iter()
        // What another one explains is named by that.
        .filter(|result| result.verdict == Verdict::Fail || result.cause.is_some())
        .map(|result| result.id.as_str())
        .collect();
    let checks = find("lax-startup").unwrap().checks;
    let silent: Vec<_> = checks.iter().filter(|id| !failed.contains(*id)).collect();
    let loud: Vec<_> = results
        .iter()
        .filter(|result| result.verdict == Verdict::Fail && SPARED.contains(&&*result.id))
        .map(|result| &result.id)
        .collect();
    let shown: Vec<String> =
        results.iter().filter(|result| SPARED.contains(&&*result.id)).map(said).collect();
    assert!(silent.is_empty() && loud.is_empty(), "silent {silent:?}, loud {loud:?}: {}", shown.join("\n"));
}
