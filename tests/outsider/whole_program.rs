//! The built program against the server, in real time, with keys in environment variables.

use serde_json::Value;

use crate::control::key_text;
use crate::limiter::Algorithm;
use crate::program::trenchcheck;
use crate::quirk::Quirk;
use crate::server::Outsider;
use crate::site::{Key, Nature};

/// Roles with their scopes and whether their plan is Premium.
const ROLES: [(&str, &[&str], bool); 5] = [
    ("STANDARD", &["read:analytics"], false),
    ("PREMIUM", &["read:analytics"], true),
    ("READ", &["read:analytics"], true),
    ("WRITE", &["write:events"], false),
    ("BOTH", &["write:events", "read:analytics"], false),
];

/// Runs `trenchcheck test` with these words, which ends with `code`; gives the verdicts by id.
async fn run(quirks: &'static [Quirk], words: &[&str], code: i32) -> Vec<(String, String)> {
    let server = Outsider::start(Nature { how: Algorithm::Log, quirks }).await;
    let mut variables = Vec::new();
    for (number, (role, scopes, premium)) in (1_000..).zip(ROLES) {
        let text = key_text(number);
        variables.push((format!("TRENCHCHECK_KEY_{role}"), text.clone()));
        server.open.keys.lock().unwrap().push(Key {
            id: role.to_owned(),
            text,
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            premium,
            revoked_at: None,
        });
    }
    let url = server.url.clone();
    let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    let ran = tokio::task::spawn_blocking(move || {
        let folder = tempfile::tempdir().unwrap();
        let mut arguments = vec!["test", "--target", &url, "--json", "report.json"];
        arguments.extend(words.iter().map(String::as_str));
        let variables: Vec<(&str, &str)> =
            variables.iter().map(|(name, key)| (name.as_str(), key.as_str())).collect();
        let ran = trenchcheck(folder.path(), &arguments, &variables);
        for (_, key) in &variables {
            assert!(!ran.out.contains(key) && !ran.err.contains(key), "a key was shown");
        }
        let report = std::fs::read_to_string(folder.path().join("report.json")).unwrap();
        (ran, serde_json::from_str::<Value>(&report).unwrap())
    });
    let (ran, report) = ran.await.unwrap();
    ran.ended_with(code);
    let checks = report["checks"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    checks.iter().map(|check| (text(&check["id"]), text(&check["verdict"]))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conforming_server_conforms_with_keys_of_its_own() {
    let words = ["auth.*", "scope.*", "--skip", "scope.403-counts", "--skip", "scope.order-with-limit"];
    let verdicts = run(&[], &words, 0).await;
    let others: Vec<_> =
        verdicts.iter().filter(|(_, verdict)| verdict != "pass" && verdict != "skipped").collect();
    assert!(others.is_empty(), "{others:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_is_named_and_gates() {
    let verdicts = run(&[Quirk::KeysIgnoreCase], &["auth.*"], 1).await;
    assert_eq!(of(&verdicts, "fail"), ["auth.near-miss"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_is_too_long_is_seen_in_its_promise() {
    let verdicts = run(&[Quirk::TwoMinutes], &["limit.body", "limit.retry-after-range"], 1).await;
    assert_eq!(of(&verdicts, "fail"), ["limit.retry-after-range"]);
    assert_eq!(of(&verdicts, "pass"), ["limit.body"]);
}

fn of<'v>(verdicts: &'v [(String, String)], wanted: &str) -> Vec<&'v str> {
    verdicts.iter().filter(|(_, verdict)| verdict == wanted).map(|(id, _)| id.as_str()).collect()
}
