//! The journal over HTTP: asked, waited for, followed; and no key in it.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Mock, READ, WRITE, key, send};

const EVENT: &str = r#"{"events":[{"event":"session_start","session_id":"s","ts":"2026-01-01T00:00:00Z"}]}"#;

async fn journal(mock: &Mock, query: &str) -> Value {
    mock.control(Method::GET, &format!("workspaces/default/journal{query}"), "").await.json()["data"].clone()
}

#[tokio::test]
async fn an_author_sees_what_was_sent_and_why_it_was_refused() {
    let mock = Mock::start().await;
    mock.post("/api/v1/events?trace=1", Some(WRITE), EVENT).await;
    mock.post("/api/v1/events", Some(WRITE), EVENT).await;
    mock.post("/api/v1/events", Some(READ), EVENT).await;
    let all = journal(&mock, "").await;
    let first = &all["entries"][0];
    assert_eq!(
        (&first["method"], &first["path"], &first["query"]),
        (&json!("POST"), &json!("/api/v1/events"), &json!("trace=1"))
    );
    assert_eq!(
        (&first["status"], &first["outcome"], &first["why"]),
        (&json!(200), &json!("ok"), &Value::Null)
    );
    assert_eq!(first["key"]["name"], WRITE);
    assert_eq!((&first["envelopes"]["wire"], &first["envelopes"]["documented"]), (&json!(1), &json!(0)));
    assert_eq!((&first["accepted"], &first["repeated"]), (&json!(1), &json!(0)));
    assert_eq!(first["body"], json!({"text": EVENT, "bytes": EVENT.len(), "truncated": false}));
    assert_eq!(first["answer"]["text"], r#"{"data":{"accepted":1,"rejected":0}}"#);
    assert_eq!(all["entries"][1]["repeated"], 1);
    assert_eq!(all["entries"][2]["why"]["message"], "The key lacks the scope write:events.");
    assert!(!all.to_string().contains(&key(WRITE)[8..]) && !all.to_string().contains(&key(READ)[8..]));
    assert!(first["headers"].as_array().unwrap().contains(&json!(["x-api-key", "ct_live_… (40 bytes)"])));

    for (query, ids) in [
        ("?status=403", vec![2]),
        ("?status=2xx&limit=1", vec![1]),
        (&format!("?key={READ}"), vec![2]),
        ("?path=/api/v1/sessions", vec![]),
        ("?after=1", vec![2]),
    ] {
        let found = journal(&mock, query).await;
        let got: Vec<u64> =
            found["entries"].as_array().unwrap().iter().map(|entry| entry["id"].as_u64().unwrap()).collect();
        assert_eq!(got, ids, "{query}");
    }
    let count = mock.control(Method::GET, "workspaces/default/journal/count?status=2xx", "").await.json();
    assert_eq!(count["data"], json!({"count": 2, "next": 3}));
    let wrong = mock.control(Method::GET, "workspaces/default/journal?statu=200", "").await;
    assert_eq!(wrong.status, 400);
    assert!(wrong.body.contains("did you mean `status`?"), "{}", wrong.body);
    assert_eq!(mock.control(Method::DELETE, "workspaces/default/journal", "").await.status, 204);
    assert_eq!(journal(&mock, "").await["total"], 0);
}

#[tokio::test]
async fn a_key_in_the_wrong_place_is_told_where_it_belongs() {
    let mock = Mock::start().await;
    let read = key(READ);
    let target = "/api/v1/sessions";
    for (request, place) in [
        (mock.request(Method::GET, target).bearer_auth(read), "A bearer token"),
        (mock.request(Method::GET, target).basic_auth("user", Some(read)), "The header Authorization"),
        (mock.request(Method::GET, &format!("{target}?api_key={read}")), "The query"),
        (mock.request(Method::GET, target).header("Cookie", format!("key={read}")), "A cookie"),
        (mock.request(Method::GET, target).header("Api-Key", read), "Another header"),
        (mock.request(Method::POST, "/api/v1/events").body(format!("{{\"key\":\"{read}\"}}")), "The body"),
    ] {
        assert_eq!(send(request).await.status, 401);
        let last = journal(&mock, "?limit=1").await["entries"][0].clone();
        let told = format!("{place} is not a way in; send the key as X-API-Key.");
        assert_eq!((&last["why"]["message"], &last["outcome"]), (&json!(told), &json!("unauthorized")));
    }
    mock.get(target, None).await;
    let last = journal(&mock, "?limit=1").await["entries"][0].clone();
    assert_eq!(last["why"]["message"], "The request has no X-API-Key header.");
}

#[tokio::test]
async fn a_client_whose_events_all_carry_one_timestamp_is_told() {
    let mock = Mock::start().await;
    let event =
        |second| format!(r#"{{"event":"tool_use","session_id":"s","ts":"2026-01-01T00:00:0{second}Z"}}"#);
    for (seconds, repeated, told) in [([1, 1, 1], 2, true), ([2, 2, 3], 1, false), ([4, 5, 6], 0, false)] {
        let body = format!(r#"{{"events":[{}]}}"#, seconds.map(event).join(","));
        mock.post("/api/v1/events", Some(WRITE), &body).await;
        let last = journal(&mock, "?limit=1").await["entries"][0].clone();
        assert_eq!((&last["repeated"], last["hint"].is_string()), (&json!(repeated), told), "{seconds:?}");
    }
    mock.post("/api/v1/events", Some(WRITE), &format!(r#"{{"events":[{}]}}"#, event(7))).await;
    assert_eq!(journal(&mock, "?limit=1").await["entries"][0]["hint"], Value::Null, "one event has but one");
}

#[tokio::test]
async fn waiting_ends_with_the_last_request_that_is_wanted() {
    let mock = Mock::start().await;
    mock.get("/api/v1/sessions", Some(READ)).await;
    let wait =
        mock.control(Method::GET, "workspaces/default/journal/wait?count=3&status=200&timeout_ms=30000", "");
    let requests = async {
        mock.get("/api/v1/sessions", None).await;
        mock.get("/api/v1/sessions", Some(READ)).await;
        mock.get("/api/v1/sessions", Some(READ)).await;
    };
    let (answer, ()) = tokio::join!(wait, requests);
    let data = &answer.json()["data"];
    assert_eq!((&data["complete"], &data["count"]), (&json!(true), &json!(3)));

    let begun = Instant::now();
    let answer =
        mock.control(Method::GET, "workspaces/default/journal/wait?count=9&timeout_ms=50", "").await.json();
    assert_eq!((&answer["data"]["complete"], &answer["data"]["count"]), (&json!(false), &json!(4)));
    assert!(begun.elapsed() >= Duration::from_millis(50));
}

#[tokio::test]
async fn a_stream_tells_each_request_as_it_comes_and_ends_with_the_server() {
    let mock = Mock::start().await;
    mock.get("/api/v1/sessions", Some(READ)).await;
    let target = "/_mock/workspaces/default/journal/stream";
    let mut live = mock.request(Method::GET, target).send().await.unwrap();
    assert!(live.chunk().await.unwrap().unwrap().starts_with(b": "));
    mock.get("/api/v1/sessions", None).await;
    let told = String::from_utf8(live.chunk().await.unwrap().unwrap().to_vec()).unwrap();
    assert!(told.starts_with("event: request\nid: 1\ndata: {\"id\":1,"), "{told}");
    assert!(told.ends_with("\n\n") && told.contains("\"status\":401"), "{told}");

    let from_the_start = mock.request(Method::GET, &format!("{target}?status=200&after=0"));
    let mut resumed = from_the_start.header("Last-Event-ID", "0").send().await.unwrap();
    assert!(resumed.chunk().await.unwrap().unwrap().starts_with(b": "));
    mock.get("/api/v1/sessions", Some(READ)).await;
    let told = String::from_utf8(resumed.chunk().await.unwrap().unwrap().to_vec()).unwrap();
    assert!(told.contains("id: 2\n") && !told.contains("id: 0\n"), "{told}");

    let begun = Instant::now();
    mock.server.stop().await;
    assert!(begun.elapsed() < Duration::from_secs(5), "who follows does not hold the server up");
    while live.chunk().await.is_ok_and(|chunk| chunk.is_some()) {}
}

#[tokio::test]
async fn who_goes_away_before_the_answer_is_in_the_journal() {
    let mock = Mock::start().await;
    mock.control(Method::POST, "workspaces/default/faults", r#"{"latency_ms":60000}"#).await;
    let request = mock.request(Method::GET, "/api/v1/sessions").header("X-API-Key", key(READ));
    request.timeout(Duration::from_millis(100)).send().await.unwrap_err();
    let wait = "workspaces/default/journal/wait?status=0";
    let entry = mock.control(Method::GET, wait, "").await.json()["data"]["entries"][0].clone();
    assert_eq!((&entry["outcome"], &entry["key"]["name"]), (&json!("abandoned"), &json!(READ)));
}

#[tokio::test]
async fn a_journal_of_none_keeps_nothing() {
    let options = trenchcheck::mock::MockOptions { journal: 0, ..Default::default() };
    let mock = Mock::with(options).await;
    send(mock.request(Method::GET, "/api/v1/sessions")).await;
    assert_eq!(journal(&mock, "").await["entries"], json!([]));
}
