//! Faults as a client meets them.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{BOTH, Mock, READ, STANDARD, WRITE, key, send};

const SESSIONS: &str = "/api/v1/sessions";

async fn fault(mock: &Mock, fault: Value) -> String {
    let made = mock.control(Method::POST, "workspaces/default/faults", &fault.to_string()).await;
    assert_eq!(made.status, 201, "{}", made.body);
    made.json()["data"]["id"].as_str().unwrap().to_owned()
}

async fn statuses(mock: &Mock, count: usize) -> Vec<u16> {
    let mut statuses = Vec::new();
    for _ in 0..count {
        statuses.push(mock.get(SESSIONS, Some(READ)).await.status);
    }
    statuses
}

/// What is said to one request over a connection of its own, and how the connection ended.
async fn raw(mock: &Mock, variable: &str) -> (String, Result<(), std::io::ErrorKind>) {
    let mut stream = TcpStream::connect(mock.server.url().trim_start_matches("http://")).await.unwrap();
    let head = format!("GET {SESSIONS} HTTP/1.1\r\nHost: x\r\nX-API-Key: {}\r\n\r\n", key(variable));
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut said = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(5), async {
        loop {
            match stream.read_buf(&mut said).await {
                Ok(0) => break Ok(()),
                Ok(_) => {}
                Err(error) => break Err(error.kind()),
            }
        }
    });
    let ended = ended.await.unwrap();
    (String::from_utf8(said).unwrap(), ended)
}

#[tokio::test]
async fn a_status_comes_in_place_of_the_api_which_hears_nothing_of_it() {
    let mock = Mock::start().await;
    fault(&mock, json!({"status": 503, "retry_after": 7, "first": 2, "path": "/api/v1/events"})).await;
    let body = r#"{"events":[{"event":"session_start","session_id":"s","ts":"2026-01-01T00:00:00Z"}]}"#;
    for status in [503, 503, 200] {
        let answer = mock.post("/api/v1/events", Some(BOTH), body).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("retry-after"), if status == 503 { "7" } else { "" });
    }
    let used = mock.control(Method::GET, "workspaces/default/limits", "").await.json();
    let used = used["data"].as_array().unwrap().iter().find(|key| key["name"] == BOTH).unwrap().clone();
    assert_eq!(used["events"]["used"], 1, "what a fault answered is not counted");
    let entries = mock.control(Method::GET, "workspaces/default/journal", "").await.json();
    let entry = &entries["data"]["entries"][0];
    assert_eq!((&entry["outcome"], &entry["faults"]), (&json!("fault"), &json!(["fault_1"])));
    let listed = mock.control(Method::GET, "workspaces/default/faults", "").await.json();
    assert_eq!((&listed["data"][0]["matched"], &listed["data"][0]["met"]), (&json!(3), &json!(2)));
}

#[tokio::test]
async fn a_status_is_answered_as_the_api_would_unless_told_otherwise_and_marked() {
    let mock = Mock::start().await;
    let limited = |seconds| {
        format!(
            r#"{{"error":{{"code":"RATE_LIMITED","message":"Rate limit exceeded. Retry after {seconds} seconds."}}}}"#
        )
    };
    let forbidden = r#"{"error":{"code":"FORBIDDEN","message":"This API key does not have the required scope: write:events"}}"#;
    let unauthorized = mock.post("/api/v1/events", None, "{}").await;
    assert_eq!(unauthorized.header("x-mock-fault"), "");
    for (number, (asked, body, field)) in [
        (json!({"status": 429}), limited(60), ("retry-after", "60")),
        (json!({"status": 429, "retry_after": 7}), limited(7), ("retry-after", "7")),
        (json!({"status": 429, "body": "busy"}), "busy".to_owned(), ("retry-after", "")),
        (json!({"status": 401}), unauthorized.body, ("www-authenticate", "ApiKey header=\"X-API-Key\"")),
        (json!({"status": 403}), forbidden.to_owned(), ("content-type", "application/json")),
        (
            json!({"status": 400}),
            r#"{"error":{"code":"VALIDATION_ERROR","message":"Request body is invalid."}}"#.to_owned(),
            ("retry-after", ""),
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let id = fault(&mock, asked.clone()).await;
        let answer = mock.post("/api/v1/events", Some(WRITE), "{}").await;
        assert_eq!(
            (json!(answer.status), answer.header(field.0)),
            (asked["status"].clone(), field.1),
            "{asked}"
        );
        assert_eq!(
            (answer.body.as_str(), answer.header("x-mock-fault")),
            (body.as_str(), id.as_str()),
            "{number}"
        );
        mock.control(Method::DELETE, &format!("workspaces/default/faults/{id}"), "").await;
    }
    let id = fault(&mock, json!({"latency_ms": 1})).await;
    assert_eq!(
        mock.get(SESSIONS, Some(READ)).await.header("x-mock-fault"),
        id,
        "a real answer that met a fault"
    );
}

#[tokio::test]
async fn a_fault_is_for_a_key_on_its_turn_and_ends_by_the_clock() {
    let mock = Mock::start().await;
    fault(&mock, json!({"status": 500, "every": 3, "key": READ, "for_ms": 600_000})).await;
    assert_eq!(statuses(&mock, 6).await, [200, 200, 500, 200, 200, 500]);
    assert_eq!(mock.get(SESSIONS, Some(BOTH)).await.status, 200);
    mock.control(Method::POST, "workspaces/default/clock/advance", r#"{"ms":600000}"#).await;
    assert_eq!(statuses(&mock, 3).await, [200, 200, 200]);
}

#[tokio::test]
async fn a_reset_is_a_reset_with_or_without_the_effect() {
    let mock = Mock::start().await;
    let id = fault(&mock, json!({"reset": "before"})).await;
    assert_eq!(raw(&mock, READ).await, (String::new(), Err(std::io::ErrorKind::ConnectionReset)));
    mock.control(Method::DELETE, &format!("workspaces/default/faults/{id}"), "").await;
    fault(&mock, json!({"reset": "after", "method": "POST"})).await;
    let body = r#"{"events":[{"event":"session_start","session_id":"s","ts":"2026-01-01T00:00:00Z"}]}"#;
    let lost = mock.request(Method::POST, "/api/v1/events").header("X-API-Key", key(WRITE)).body(body);
    lost.send().await.unwrap_err();
    assert_eq!(mock.get(SESSIONS, Some(READ)).await.json()["data"]["total"], 1, "it was stored all the same");
    let entries = mock.control(Method::GET, "workspaces/default/journal?status=0", "").await.json();
    let accepted: Vec<&Value> =
        entries["data"]["entries"].as_array().unwrap().iter().map(|entry| &entry["accepted"]).collect();
    assert_eq!(accepted, [0, 1]);
}

#[tokio::test]
async fn a_reset_over_http_2_ends_the_stream_and_not_the_connection() {
    let mock = Mock::start().await;
    fault(&mock, json!({"reset": "before", "first": 1})).await;
    let client = reqwest::Client::builder().http2_prior_knowledge().no_proxy().build().unwrap();
    let get = || client.get(format!("{}{SESSIONS}", mock.server.url())).header("X-API-Key", key(READ));
    let held = get().send();
    held.await.unwrap_err();
    assert_eq!(get().send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_truncated_body_promises_more_than_it_gives() {
    let mock = Mock::start().await;
    fault(&mock, json!({"truncate": 10})).await;
    let (said, ended) = raw(&mock, READ).await;
    let (head, body) = said.split_once("\r\n\r\n").unwrap();
    assert_eq!(body, r#"{"data":{""#);
    assert!(head.starts_with("HTTP/1.1 200") && !head.contains("content-length: 10\r\n"), "{head}");
    assert!(head.to_lowercase().contains("content-length: "), "{head}");
    assert_eq!(ended, Ok(()));
    assert!(mock.request(Method::GET, SESSIONS).send().await.unwrap().bytes().await.is_err());
}

#[tokio::test]
async fn a_slow_body_comes_whole_and_late_and_so_does_a_late_answer() {
    let mock = Mock::start().await;
    let expected = mock.get(SESSIONS, Some(READ)).await.body;
    for slow in [json!({"slow_body_ms": 300}), json!({"latency_ms": 300})] {
        let id = fault(&mock, slow).await;
        let begun = Instant::now();
        let answer = send(mock.request(Method::GET, SESSIONS).header("X-API-Key", key(READ))).await;
        assert_eq!(answer.body, expected);
        assert!(begun.elapsed() >= Duration::from_millis(300));
        mock.control(Method::DELETE, &format!("workspaces/default/faults/{id}"), "").await;
    }
}

#[tokio::test]
async fn faults_that_make_no_sense_are_refused_with_the_reason() {
    let mock = Mock::start().await;
    for (body, words) in [
        (r#"{"first":3}"#, "needs one of"),
        (r#"{"status":500,"reset":"before"}"#, "exclude each other"),
        (r#"{"latency_ms":1,"share":2}"#, "0.0 to 1.0"),
        (r#"{"latency":1}"#, "latency_ms"),
    ] {
        let refused = mock.control(Method::POST, "workspaces/default/faults", body).await;
        assert_eq!(refused.status, 400, "{body}");
        assert!(refused.body.contains(words), "{}", refused.body);
    }
}

/// How many of so many requests with a key are let in.
async fn admitted(mock: &Mock, variable: &str, count: usize) -> usize {
    let mut admitted = 0;
    for _ in 0..count {
        admitted += usize::from(mock.get(SESSIONS, Some(variable)).await.status == 200);
    }
    admitted
}

#[tokio::test]
async fn a_deviation_is_for_a_key_and_for_a_while_and_counts_apart() {
    let mock = Mock::start().await;
    assert_eq!(admitted(&mock, READ, 10).await, 10);
    fault(&mock, json!({"deviate": ["standard-limit-61"], "key": READ, "for_ms": 30_000})).await;
    // It has a window of its own, which the requests before are not in.
    assert_eq!(admitted(&mock, READ, 70).await, 61);
    assert_eq!(admitted(&mock, STANDARD, 70).await, 60);
    let limits = mock.control(Method::GET, "workspaces/default/limits", "").await.json();
    let limits = limits["data"].as_array().unwrap().clone();
    let shown = |name: &str| limits.iter().find(|key| key["name"] == name).unwrap()["requests"].clone();
    assert_eq!((&shown(READ)["used"], &shown(READ)["limit"]), (&json!(61), &json!(61)));
    assert_eq!((&shown(STANDARD)["used"], &shown(STANDARD)["limit"]), (&json!(60), &json!(60)));
    mock.control(Method::POST, "workspaces/default/clock/advance", r#"{"ms":30000}"#).await;
    assert_eq!(admitted(&mock, READ, 70).await, 50, "its own window goes on where it was");
    let entries = mock.control(Method::GET, "workspaces/default/journal?limit=500", "").await.json();
    assert!(entries.to_string().contains(r#""faults":["fault_1"]"#));
}

#[tokio::test]
async fn deviations_for_all_add_up_and_can_be_taken_away() {
    let mock = Mock::start().await;
    let bearer = format!("Bearer {}", key(READ));
    let asked =
        || async { send(mock.request(Method::GET, SESSIONS).header("Authorization", &bearer)).await.status };
    assert_eq!(asked().await, 401);
    let id = fault(&mock, json!({"deviate": ["accept-bearer", "no-challenge"]})).await;
    assert_eq!(asked().await, 200);
    assert!(mock.get(SESSIONS, None).await.header("www-authenticate").is_empty());
    mock.control(Method::DELETE, &format!("workspaces/default/faults/{id}"), "").await;
    assert_eq!(asked().await, 401);
    assert!(!mock.get(SESSIONS, None).await.header("www-authenticate").is_empty());
}

#[tokio::test]
async fn a_deviation_that_cannot_be_switched_on_is_refused_with_the_mend() {
    let mock = Mock::start().await;
    for (body, words) in [
        (json!({"deviate": ["accept-baerer"]}), "did you mean `accept-bearer`?"),
        (json!({"deviate": ["key-case-ignored"]}), "set it for a workspace"),
        (json!({"deviate": ["accept-bearer"], "status": 503}), "exclude each other"),
        (json!({"deviate": []}), "needs one of"),
    ] {
        let refused = mock.control(Method::POST, "workspaces/default/faults", &body.to_string()).await;
        assert_eq!(refused.status, 400);
        assert!(refused.body.contains(words), "{}", refused.body);
    }
}
