//! Choosing checks by id, glob, level and tag, leaving some out, and stopping early.

use serde_json::Value;

use crate::program::trenchcheck;
use crate::target::{folder, keyless, open_door, run};

/// The ids that `test` plays with these arguments, from its report.
fn played(arguments: &[&str]) -> Vec<String> {
    let folder = folder();
    let words = [&["test", "--json", "report.json"], arguments].concat();
    trenchcheck(folder.path(), &words, &[]).ended_with(0);
    let text = std::fs::read_to_string(folder.path().join("report.json")).unwrap();
    let report: Value = serde_json::from_str(&text).unwrap();
    // The report is in the order in which checks came to an end.
    let mut ids = ids(&report["checks"]);
    ids.sort();
    ids
}

/// The ids that `list` prints with these arguments.
fn listed(arguments: &[&str]) -> Vec<String> {
    let ran = keyless(&[&["list", "--json"], arguments].concat()).ended_with(0);
    ids(&serde_json::from_str(&ran.out).unwrap())
}

fn ids(checks: &Value) -> Vec<String> {
    checks.as_array().unwrap().iter().map(|check| check["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_id_and_a_glob() {
    assert_eq!(played(&["auth.missing"]), ["auth.missing"]);
    assert_eq!(played(&["auth.body", "*.body"]), ["auth.body", "limit.body"]);
}

#[test]
fn levels_and_tags_are_those_of_the_list() {
    for filter in [
        &["auth.*", "--level", "must"][..],
        &["auth.*", "--level", "rfc", "--level", "observe"],
        &["auth.*", "--level", "rfc,observe"],
        &["auth.*", "scope.b*", "--tag", "scopes"],
    ] {
        let ids = played(filter);
        assert!(!ids.is_empty());
        assert_eq!(ids, listed(filter));
    }
}

#[test]
fn what_is_skipped_is_not_played() {
    let all = played(&["auth.no-*"]);
    let some = played(&["auth.no-*", "--skip", "auth.no-b*", "--skip", "auth.no-query"]);
    let expected: Vec<String> =
        all.into_iter().filter(|id| !id.starts_with("auth.no-b") && id != "auth.no-query").collect();
    assert_eq!(some, expected);
}

/// A wrong target fails many checks; with --fail-fast the rest is left out, and said to be.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_failure_stops_the_run() {
    let server = open_door().await;
    let (whole, short) = (["test", "--target", &server.url(), "auth.*", "--level", "must"], "--fail-fast");
    let all = run(&whole).await.ended_with(1);
    assert!(!all.out.contains("left out after the first"), "{}", all.out);
    let some = run(&[&whole[..], &[short]].concat()).await.ended_with(1);
    assert!(some.out.contains("left out after the first"), "{}", some.out);
}
