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
fn every_shell_is_told_to_ask_the_program() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = keyless(&["completions", shell]).ended_with(0);
        assert!(ran.out.contains("_TRENCHCHECK_COMPLETE"), "{shell}: {}", ran.out);
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
    let ran = keyless(&["mutants", "--list", "window-30s"]).ended_with(0);
    assert!(ran.out.contains("may fail as well: events.window"), "{}", ran.out);
}

#[test]
fn a_seed_chooses_the_same_servers_and_the_same_share_again() {
    let said = |words: &[&str]| keyless(&[&["mutants", "--list"], words].concat()).ended_with(0).out;
    let servers = said(&["--pairs", "5", "--seed", "3"]);
    assert_eq!(servers, said(&["--pairs", "5", "--seed", "3"]));
    assert_ne!(servers, said(&["--pairs", "5"]));
    let names = servers.lines().filter(|line| !line.starts_with(' ')).collect::<Vec<_>>();
    assert_eq!(names.len(), 5, "{servers}");
    assert!(servers.starts_with(&said(&[names[0]])), "{servers}");
    let quarter = said(&["--share", "1/4", "--seed", "3"]);
    assert_eq!(quarter, said(&["--share", "1/4", "--seed", "3"]));
    assert_ne!(quarter, said(&["--share", "2/4", "--seed", "3"]));
}

#[test]
fn what_cannot_be_composed_or_shared_out_is_refused() {
    for (words, why) in [
        (&["no-limit+retry-after-missing"][..], "`no-limit` changes Status429"),
        (&["accept-bearer+accept-baerer"], "did you mean `accept-bearer`?"),
        (&["accept-bearer+window-30s", "accept-cookie"], "`accept-cookie` is a single mutant"),
        (&["--group", "limits", "accept-bearer+window-30s"], "about single mutants"),
        (&["--pairs", "3", "accept-bearer"], "cannot be used with"),
        (&["--pairs", "3", "--real-time"], "name those you want"),
        (&["--share", "5/4"], "a share is written"),
        (&["--seed", "5"], "--seed is for --pairs and --share"),
    ] {
        let ran = keyless(&[&["mutants"], words].concat()).ended_with(2);
        assert!(ran.err.contains(why), "{words:?}: {}", ran.err);
    }
}
