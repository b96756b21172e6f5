//! `plan` says what `test` would do, and asks nobody.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::net::TcpListener;

use serde_json::Value;

use crate::program::{Ran, trenchcheck};
use crate::target::{KEY, folder, keyless};

/// A deployment that answers nobody, so that whoever asked would wait for ever.
struct Silent {
    listener: TcpListener,
    url: String,
}

impl Silent {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        Self { listener, url }
    }

    /// What the next who connected has sent.
    fn heard(&self) -> Vec<u8> {
        let mut heard = Vec::new();
        self.listener.accept().unwrap().0.read_to_end(&mut heard).unwrap();
        heard
    }
}

fn planned(arguments: &[&str], variables: &[(&str, &str)]) -> Ran {
    trenchcheck(folder().path(), &[&["plan"], arguments].concat(), variables).ended_with(0)
}

fn document(arguments: &[&str], variables: &[(&str, &str)]) -> Value {
    serde_json::from_str(&planned(&[&["--json"], arguments].concat(), variables).out).unwrap()
}

#[test]
fn a_deployment_is_planned_without_being_asked() {
    let with_a_key = [("TRENCHCHECK_KEY_STANDARD", KEY)];
    let silent = Silent::new();
    let ran = planned(&["--target", &silent.url, "rate.standard", "rate.premium"], &with_a_key);
    assert_eq!(silent.heard(), b"");
    assert!(ran.err.is_empty(), "{}", ran.err);
    assert!(ran.out.contains("expected to take"), "{}", ran.out);
    assert!(ran.out.contains(", at most 2 min "), "{}", ran.out);
    let bar = ran.out.lines().find(|line| line.starts_with("TRENCHCHECK_KEY_STANDARD"));
    assert!(bar.is_some_and(|bar| bar.contains('█')), "{}", ran.out);
    assert!(ran.out.contains("rate.premium: no key for the role premium: set TRENCHCHECK_KEY_PREMIUM"));
    assert!(!ran.out.contains(KEY), "{}", ran.out);
}

#[test]
fn the_document_says_when_which_key_is_used() {
    let silent = Silent::new();
    let plan = document(&["--target", &silent.url, "rate.standard"], &[("TRENCHCHECK_KEY_STANDARD", KEY)]);
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/plan.schema.json");
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(schema).unwrap()).unwrap();
    assert!(jsonschema::is_valid(&schema, &plan), "{plan:#}");
    // A key that nobody has used has a whole window in front of it, so the first one costs no wait.
    let expected = plan["expected_seconds"].as_f64().unwrap();
    assert!((0.1..1.0).contains(&expected), "{plan:#}");
    let at_most = plan["at_most_seconds"].as_f64().unwrap();
    assert!(at_most > 2.0 * expected + 60.0 && at_most < 200.0, "{plan:#}");
    let used = &plan["keys"][0]["uses"][0];
    assert_eq!((used["check"].as_str(), used["alone"].as_bool()), (Some("two-windows"), Some(true)));
    assert!(used["with"].as_array().unwrap().iter().any(|check| check == "rate.standard"), "{plan:#}");
}

#[test]
fn the_same_words_choose_the_same_checks_as_in_test() {
    let words = ["auth.*", "--skip", "auth.no-*", "--level", "must"];
    let silent = Silent::new();
    let plan = document(&[&["--target", &silent.url][..], &words].concat(), &[("TRENCHCHECK_KEY_READ", KEY)]);
    let uses = plan["keys"][0]["uses"].as_array().unwrap().iter();
    let mut ids: BTreeSet<String> = uses.map(|one| one["check"].as_str().unwrap().to_owned()).collect();
    let left_out = plan["left_out"].as_array().unwrap().iter();
    ids.extend(left_out.map(|one| one["check"].as_str().unwrap().to_owned()));
    let list = keyless(&["list", "--json", "auth.*", "--level", "must"]).ended_with(0).out;
    let list: Value = serde_json::from_str(&list).unwrap();
    let listed = list.as_array().unwrap().iter().map(|check| check["id"].as_str().unwrap().to_owned());
    assert_eq!(ids, listed.filter(|id| !id.starts_with("auth.no-")).collect());
}

#[test]
fn without_a_target_it_describes_the_built_in_reference() {
    let ran = planned(&[], &[]);
    assert!(ran.out.starts_with("the built-in reference  "), "{}", ran.out);
    assert!(ran.out.contains("virtual time") && !ran.out.contains("at most"), "{}", ran.out);
    assert!(document(&[], &[]).get("at_most_seconds").is_none());
}

#[test]
fn where_nobody_listens_it_says_so_as_a_run_does() {
    let silent = Silent::new();
    let url = silent.url.clone();
    drop(silent);
    let unreachable = format!("error: nobody answers at {url}: connection refused\n");
    for (words, keys) in [
        (&["plan", "auth.missing"][..], &[("TRENCHCHECK_KEY_STANDARD", KEY)][..]),
        (&["plan", "--json", "auth.missing"], &[]),
        (&["plan", "--keys", "mock", "auth.missing"], &[]),
        (&["test", "auth.missing"], &[]),
        (&["test", "--keys", "mock", "auth.missing"], &[]),
    ] {
        let words = [words, &["--target", &url]].concat();
        let ran = trenchcheck(folder().path(), &words, keys).ended_with(3);
        assert_eq!(ran.err, unreachable, "{words:?}");
        assert_eq!(!ran.out.is_empty(), words[0] == "plan", "{words:?}");
    }
    let ran = trenchcheck(folder().path(), &["test", "--target", &url], &[("TRENCHCHECK_KEY_STANDARD", KEY)]);
    ran.ended_with(3);
}

#[test]
fn what_it_cannot_plan_it_says() {
    let ran = keyless(&["plan", "--target", "https://trenchcoat.example"]).ended_with(2);
    assert!(ran.err.contains("TRENCHCHECK_KEY_STANDARD"), "{}", ran.err);
    let ran = keyless(&["plan", "rate.standrd"]).ended_with(2);
    assert!(ran.err.contains("rate.standard"), "{}", ran.err);
}
