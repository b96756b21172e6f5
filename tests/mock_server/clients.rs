//! What published clients do, as they do it: what the mock makes of it, and what their authors can see.

use std::time::Duration;

use reqwest::{Client, Method, redirect};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use trenchcheck::mock::MockOptions;

use crate::support::{Mock, WRITE, key};

const EVENTS: &str = "/api/v1/events";
const BATCH: &str =
    r#"{"events":[{"event":"tool_use","session_id":"s","ts":"2026-01-01T00:00:00Z","seq":1}]}"#;

/// The reference, and what deployments do that are as strict as the page allows.
async fn both_kinds() -> [Mock; 2] {
    let strict = MockOptions { deviations: vec!["as-deployed".to_owned()], ..MockOptions::default() };
    [Mock::start().await, Mock::with(strict).await]
}

async fn fault(mock: &Mock, fault: Value) {
    let made = mock.control(Method::POST, "workspaces/default/faults", &fault.to_string()).await;
    assert_eq!(made.status, 201, "{}", made.body);
}

/// What the journal says of each request: method, status, outcome.
async fn journal(mock: &Mock) -> Vec<(String, u64, String)> {
    let all = mock.control(Method::GET, "workspaces/default/journal", "").await.json();
    let entries = all["data"]["entries"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    entries
        .iter()
        .map(|entry| (text(&entry["method"]), entry["status"].as_u64().unwrap(), text(&entry["outcome"])))
        .collect()
}

/// Posts a batch until the answer is 200 or 201, three times at most; gives how often that was.
async fn flush(mock: &Mock, client: &Client) -> usize {
    for attempt in 1..=3 {
        let post = client.post(format!("{}{EVENTS}", mock.server.url())).header("X-API-Key", key(WRITE));
        let status = post.body(BATCH).send().await.unwrap().status().as_u16();
        if status == 200 || status == 201 {
            return attempt;
        }
    }
    3
}

fn client(follows: redirect::Policy) -> Client {
    Client::builder().timeout(Duration::from_secs(10)).no_proxy().redirect(follows).build().unwrap()
}

#[tokio::test]
async fn who_takes_any_other_2xx_for_an_error_sends_again_and_both_kinds_take_it() {
    for mock in both_kinds().await {
        fault(&mock, json!({"status": 202, "first": 1})).await;
        assert_eq!(flush(&mock, &client(redirect::Policy::none())).await, 2);
        let seen = journal(&mock).await;
        assert_eq!(seen.iter().map(|entry| entry.2.as_str()).collect::<Vec<_>>(), ["fault", "ok"]);
        assert_eq!(seen[0].1, 202);
    }
}

#[tokio::test]
async fn who_follows_a_redirect_follows_it_with_a_get_and_loses_the_batch() {
    for mock in both_kinds().await {
        fault(&mock, json!({"status": 302, "location": EVENTS, "method": "POST"})).await;
        assert_eq!(flush(&mock, &client(redirect::Policy::limited(3))).await, 3, "it never arrives");
        let seen = journal(&mock).await;
        let seen: Vec<_> = seen.iter().map(|entry| (entry.0.as_str(), entry.1)).collect();
        assert_eq!(seen, [("POST", 302), ("GET", 405)].repeat(3));
    }
    let mock = Mock::start().await;
    fault(&mock, json!({"status": 307, "location": EVENTS, "method": "POST", "first": 1})).await;
    assert_eq!(
        flush(&mock, &client(redirect::Policy::none())).await,
        2,
        "not followed: an error like others"
    );
    assert_eq!(journal(&mock).await.len(), 2);
}

#[tokio::test]
async fn header_names_may_be_written_in_any_case_and_every_connection_closed() {
    for mock in both_kinds().await {
        for (key_name, kind) in
            [("x-api-key", "content-type"), ("X-Api-Key", "CONTENT-TYPE"), ("X-API-KEY", "Content-type")]
        {
            let mut stream =
                TcpStream::connect(mock.server.url().trim_start_matches("http://")).await.unwrap();
            let head = format!(
                "POST {EVENTS} HTTP/1.1\r\nhOST: x\r\n{key_name}: {}\r\n{kind}: application/json\r\nCONNECTION: close\r\ncontent-LENGTH: {}\r\n\r\n{BATCH}",
                key(WRITE),
                BATCH.len()
            );
            stream.write_all(head.as_bytes()).await.unwrap();
            let mut said = String::new();
            stream.read_to_string(&mut said).await.unwrap();
            assert!(said.starts_with("HTTP/1.1 20") && said.contains(r#""accepted":1"#), "{said}");
        }
        let limits = mock.control(Method::GET, "workspaces/default/limits?used=true", "").await.json();
        assert_eq!(limits["data"][0]["requests"]["used"], 3, "connections that end cost no count");
    }
}

#[tokio::test]
async fn a_probe_of_the_events_is_answered_and_costs_nothing() {
    for (mock, body) in both_kinds().await.into_iter().zip([true, false]) {
        let with_key = mock.get(EVENTS, Some(WRITE)).await;
        assert_eq!((with_key.status, with_key.header("allow")), (405, "POST, OPTIONS"));
        assert_eq!(!with_key.body.is_empty(), body);
        assert_eq!(mock.get(EVENTS, None).await.status, 401);
        let seen = journal(&mock).await;
        assert_eq!((seen[0].2.as_str(), seen[1].2.as_str()), ("not-found", "unauthorized"));
        let used = mock.control(Method::GET, "workspaces/default/limits?used=true", "").await.json();
        assert_eq!(used["data"], json!([]));
    }
}
