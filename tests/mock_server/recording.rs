//! What clients sent is recorded without a key in it, and sent again with others.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::program::{PROGRAM, Program};
use crate::support::{READ, WRITE, key, send};

const EVENTS: &str = "/api/v1/events";
const BATCH: &str = r#"{"events":[{"event":"tool_use","session_id":"s","ts":"2026-01-01T00:00:00Z"}]}"#;

/// Records what a few clients send.
async fn recorded(file: &Path) -> Vec<Value> {
    let program = Program::start(&["--record", file.to_str().unwrap()]);
    let post = |key: &str| program.request(Method::POST, EVENTS).header("X-API-Key", key);
    send(post(key(WRITE)).header("X-Trace", "7").body(BATCH)).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    send(post(key(READ)).body(BATCH)).await;
    send(post("ct_live_nobodysOwnKey").body(format!("{{\"mine\":\"{}\"}}", key(READ)))).await;
    send(program.request(Method::GET, &format!("/api/v1/sessions?limit=3&key={}", key(READ)))).await;
    send(post(key(WRITE)).body(vec![0xff, 0xfe])).await;
    send(program.request(Method::GET, "/_mock/health")).await;
    program.terminate();
    assert_eq!(program.ended().0, Some(0));
    let text = std::fs::read_to_string(file).unwrap();
    assert!(
        !text.contains(&key(READ)[8..]) && !text.contains(&key(WRITE)[8..]) && !text.contains("nobodysOwn")
    );
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn replay(file: &Path, url: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = Command::new(PROGRAM)
        .args(["replay", file.to_str().unwrap(), "--target", url, "--keys", "mock"])
        .args(arguments)
        .output()
        .unwrap();
    (status.code(), String::from_utf8([stdout, stderr].concat()).unwrap())
}

/// The requests in the newest workspace of a mock.
async fn seen(program: &Program) -> Vec<Value> {
    let workspaces = send(program.request(Method::GET, "/_mock/workspaces")).await.json();
    let id = workspaces["data"].as_array().unwrap().last().unwrap()["id"].as_str().unwrap().to_owned();
    let journal = send(program.request(Method::GET, &format!("/_mock/workspaces/{id}/journal"))).await.json();
    journal["data"]["entries"].as_array().unwrap().clone()
}

#[tokio::test]
async fn what_was_recorded_is_sent_again_with_other_keys_at_its_pace_and_answered_alike() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("traffic.jsonl");
    let lines = recorded(&file).await;
    let statuses: Vec<&Value> = lines.iter().map(|line| &line["status"]).collect();
    assert_eq!(statuses, [200, 403, 401, 401, 400]);
    assert_eq!(lines[0]["key"], json!({"name": WRITE, "tier": "ingestion", "reads": false, "writes": true}));
    assert_eq!((&lines[0]["body"], &lines[4]["body_base64"]), (&json!(BATCH), &json!("//4=")));

    let again = Program::start(&[]);
    let (code, said) = replay(&file, again.url(), &[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("5 requests with 2 keys") && said.contains("every answer is as it was"), "{said}");
    let entries = seen(&again).await;
    let ms = |entry: &Value| {
        let at = entry["at"].as_str().unwrap().split_once('T').unwrap().1.trim_end_matches('Z').to_owned();
        at.split([':', '.']).fold(0, |sum, part| {
            sum * if part.len() == 3 { 1_000 } else { 60 } + part.parse::<i64>().unwrap()
        })
    };
    assert!(ms(&entries[1]) - ms(&entries[0]) >= 250, "{entries:?}");
    assert!(entries[0]["headers"].as_array().unwrap().contains(&json!(["x-trace", "7"])));
    assert_eq!(entries[0]["accepted"], 1);
    // Those that came together may come in another order.
    assert!(entries.iter().any(|entry| entry["body"]["bytes"] == 2), "{entries:?}");
    let masked = "limit=3&key=…";
    assert!(
        entries.iter().any(|entry| entry["query"] == masked),
        "a parameter that held a key is there without it"
    );

    let strict = Program::start(&["--deviate", "insists-on-seq"]);
    let workspace = r#"{"deviations":["insists-on-seq"]}"#;
    send(strict.request(Method::POST, "/_mock/workspaces").body(workspace)).await;
    let begun = std::time::Instant::now();
    let environment = Command::new(PROGRAM)
        .args([
            "replay",
            file.to_str().unwrap(),
            "--target",
            strict.url(),
            "--keys",
            "environment",
            "--speed",
            "1000",
        ])
        .envs([WRITE, READ].map(|variable| (variable, key(variable))))
        .output()
        .unwrap();
    let said = String::from_utf8(environment.stdout).unwrap();
    assert_eq!(environment.status.code(), Some(1), "{said}");
    assert!(
        said.contains("POST /api/v1/events: 200 then, 400 now")
            && said.contains("1 of 5 are answered otherwise"),
        "{said}"
    );
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn what_cannot_be_replayed_is_told_with_its_place_and_the_mend() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("traffic.jsonl");
    recorded(&file).await;
    let program = Program::start(&[]);
    let with = |variables: &[(&str, &str)], target: &str| {
        let output = Command::new(PROGRAM)
            .args(["replay", file.to_str().unwrap(), "--keys", "environment", "--target", target])
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, said) = with(&[(READ, key(READ))], program.url());
    assert!(
        code == Some(2)
            && said.contains(&format!("no key can stand for `{WRITE}`"))
            && said.contains("set TRENCHCHECK_KEY_WRITE"),
        "{said}"
    );
    let (code, said) = with(&[(WRITE, key(WRITE))], "https://trenchcoat.example");
    assert!(code == Some(2) && said.contains("allow it with --allow-host trenchcoat.example"), "{said}");
    let url = program.url().to_owned();
    drop(program);
    let (code, said) = with(&[(WRITE, key(WRITE)), (READ, key(READ))], &url);
    assert!(code == Some(3) && said.contains("does not answer"), "{said}");
    std::fs::write(&file, "{\"at_ms\":1}\n").unwrap();
    let (code, said) = with(&[(WRITE, key(WRITE))], &url);
    assert!(code == Some(2) && said.contains("traffic.jsonl:1: not a line that"), "{said}");
    let unwritable = Program::start(&["--record", "/no/such/folder/traffic.jsonl"]).ended();
    assert!(unwritable.0 == Some(2) && unwritable.1.contains("cannot write /no/such/folder/traffic.jsonl"));
}
