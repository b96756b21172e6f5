//! What the program knows by itself: the checks, the clauses, the schemas, the completions.

use serde_json::Value;
use trenchcheck::contract::CLAUSES;

use crate::target::keyless;

#[test]
fn every_check_and_every_clause_is_explained() {
    let list: Value = serde_json::from_str(&keyless(&["list", "--json"]).ended_with(0).out).unwrap();
    let checks: Vec<&str> =
        list.as_array().unwrap().iter().map(|check| check["id"].as_str().unwrap()).collect();
    assert!(checks.len() > 60, "{checks:?}");
    for id in checks.into_iter().chain(CLAUSES.iter().map(|clause| clause.id)).chain(["endpoints"]) {
        let ran = keyless(&["explain", id]).ended_with(0);
        assert!(ran.out.lines().count() > 2 && ran.err.is_empty(), "{id}: {}", ran.out);
    }
}

#[test]
fn the_schemas_are_json_schemas() {
    for words in [&["schema"][..], &["schema", "requests"], &["schema", "deviations"]] {
        let schema: Value = serde_json::from_str(&keyless(words).ended_with(0).out).unwrap();
        jsonschema::validator_for(&schema).unwrap();
    }
}

#[test]
fn every_shell_completes_the_commands() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = keyless(&["completions", shell]).ended_with(0);
        assert!(ran.out.contains("explain"), "{shell}: {}", ran.out);
    }
}

#[test]
fn mutants_are_listed_and_a_slip_is_told_before_anything_is_played() {
    let ran = keyless(&["mutants", "--list", "accept-b*"]).ended_with(0);
    assert!(ran.out.contains("authentication, breaks a must: auth.no-bearer"), "{}", ran.out);
    assert!(!ran.out.contains("accept-cookie"), "{}", ran.out);
    let ran = keyless(&["mutants", "accept-baerer"]).ended_with(2);
    assert!(ran.err.contains("did you mean `accept-bearer`?"), "{}", ran.err);
    let ran = keyless(&["mutants", "--group", "limit"]).ended_with(2);
    assert!(ran.err.contains("the-429"), "{}", ran.err);
    let ran = keyless(&["mutants", "--real-time"]).ended_with(2);
    assert!(ran.err.contains("name those you want"), "{}", ran.err);
}
