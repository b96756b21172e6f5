//! Both OpenAPI documents are held to: every operation they describe is called, and its answer checked by its schema.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, BOTH, Mock, key, send};

/// The schema at a place of a document, with the document's other schemas.
fn schema(document: &Value, schema: &Value) -> jsonschema::Validator {
    // `true` is a schema as well: anything goes.
    let mut whole = if schema.is_object() { schema.clone() } else { json!({}) };
    whole["components"] = document["components"].clone();
    jsonschema::validator_for(&whole).unwrap()
}

/// Checks an answer by what its operation says about its status.
fn check(document: &Value, operation: &Value, answer: &Answer) {
    let responses = &operation["responses"];
    let status = answer.status.to_string();
    let described = if responses[&status].is_null() { &responses["default"] } else { &responses[&status] };
    let name = &operation["operationId"];
    assert!(described.is_object(), "{name}: {status} is not described: {}", answer.body);
    let Some(content) = described["content"].as_object() else {
        assert_eq!(answer.body, "", "{name}");
        return;
    };
    let (kind, media) = content.iter().next().unwrap();
    assert_eq!(answer.header("content-type"), kind, "{name}");
    if kind == "application/json" {
        let body = answer.json();
        let problems: Vec<String> =
            schema(document, &media["schema"]).iter_errors(&body).map(|error| error.to_string()).collect();
        assert!(problems.is_empty(), "{name}: {problems:?}\n{body}");
    }
}

fn operations(document: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    document["paths"].as_object().unwrap().iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap();
        methods.iter().map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
    })
}

/// A body the operation takes.
fn body(id: &str) -> Value {
    match id {
        "createWorkspace" => json!({"limiter": "sliding"}),
        "changeSettings" => json!({"deviations": ["constant-60"], "limits": {"standard": "5/10s"}}),
        "createKey" => json!({"name": "mine", "scopes": ["read:analytics"]}),
        "sendAgain" => json!({"key": "kept"}),
        "advanceClock" => json!({"ms": 1_000}),
        "setClockSpeed" => json!({"speed": 2.0}),
        "createFault" => json!({"latency_ms": 1, "share": 0.0, "for_ms": 60_000}),
        "postEvents" => json!({"events": [
            {"event_type": "session_start", "session_id": "0b8f9a52-6c1d-4e0e-9d0a-3f1f6f0b7c11",
             "timestamp": "2026-03-01T00:00:00Z"},
            {"event": "tool_use", "session_id": "0b8f9a52-6c1d-4e0e-9d0a-3f1f6f0b7c11",
             "ts": "2026-03-01T00:00:01+00:00", "seq": 1, "data": {"tool_name": "Bash", "correlation_id": "1"}},
            {"event": "tool_result", "session_id": "0b8f9a52-6c1d-4e0e-9d0a-3f1f6f0b7c11",
             "ts": "2026-03-01T00:00:02+00:00", "seq": 2, "data": {"correlation_id": "1"}},
            {"event": "session_end", "session_id": "0b8f9a52-6c1d-4e0e-9d0a-3f1f6f0b7c11",
             "ts": "2026-03-01T00:00:03+00:00", "seq": 3},
        ]}),
        "postScores" => json!({"scores": [{"session_id": "s", "metric": "quality", "value": 0.5}]}),
        _ => json!({}),
    }
}

/// The number of the last request in a journal.
async fn newest(mock: &Mock, workspace: &str) -> String {
    let journal = mock.control(Method::GET, &format!("workspaces/{workspace}/journal?limit=1"), "").await;
    journal.json()["data"]["entries"][0]["id"].to_string()
}

#[tokio::test]
async fn every_operation_of_the_control_api_answers_as_described() {
    let mock = Mock::start().await;
    let document = mock.control(Method::GET, "openapi.json", "").await.json();
    let workspace = mock.workspace("{}").await;
    let (kept, _) = mock.key(&workspace, r#"{"name":"kept","scopes":["read:analytics"]}"#).await;
    let (revoked, plaintext) = mock.key(&workspace, r#"{"scopes":["read:analytics","write:events"]}"#).await;
    for (method, target, bytes) in [
        (Method::POST, "/api/v1/events", body("postEvents").to_string()),
        (Method::POST, "/api/v1/events", "{".to_owned()),
        (Method::GET, "/api/v1/sessions?limit=0", String::new()),
    ] {
        send(mock.request(method, target).header("X-API-Key", &plaintext).body(bytes)).await;
    }
    // What deletes comes last, and what forgets comes first, so that everything else has something to show.
    let mut all: Vec<_> = operations(&document).collect();
    all.sort_by_key(|(path, method, _)| {
        (*method == "delete", !path.ends_with("/reset"), std::cmp::Reverse(path.len()))
    });
    let mut fault = String::new();
    for (path, method, operation) in all {
        let id = operation["operationId"].as_str().unwrap();
        let key = if id == "revokeKey" { &revoked } else { &kept };
        let target = path.replace("{workspace}", &workspace).replace("{key}", key).replace("{fault}", &fault);
        let method: Method = method.to_uppercase().parse().unwrap();
        let numbered = path.contains("{number}");
        if numbered {
            send(mock.request(Method::GET, "/api/v1/sessions").header("X-API-Key", &plaintext)).await;
        }
        let newest = if numbered { newest(&mock, &workspace).await } else { String::new() };
        let target = target.replace("{number}", &newest);
        if id == "followJournal" {
            let response = mock.request(method, &target).send().await.unwrap();
            assert_eq!(response.headers()["content-type"], "text/event-stream");
            continue;
        }
        let body = operation.get("requestBody").map(|described| {
            let body = body(id);
            let schema = schema(&document, &described["content"]["application/json"]["schema"]);
            assert!(schema.is_valid(&body), "{id}: {body}");
            body.to_string()
        });
        let answer = send(mock.request(method.clone(), &target).body(body.unwrap_or_default())).await;
        assert!(answer.status < 300, "{id}: {}", answer.body);
        check(&document, operation, &answer);
        if id == "createFault" {
            fault = answer.json()["data"]["id"].as_str().unwrap().to_owned();
        }
        if operation.get("requestBody").is_some() {
            let refused = send(mock.request(method, &target).body(r#"{"nonsense":1}"#)).await;
            assert_eq!(refused.status, 400, "{id}");
            check(&document, operation, &refused);
        }
    }
}

#[tokio::test]
async fn the_journal_and_the_limits_fill_every_part_of_their_schemas() {
    let mock = Mock::start().await;
    let document = mock.control(Method::GET, "openapi.json", "").await.json();
    let id = mock.workspace(r#"{"limits":{"ingestion":"9,5/10s"}}"#).await;
    let (_, plaintext) = mock.key(&id, r#"{"scopes":["write:events"]}"#).await;
    let base = format!("/w/{id}/api/v1");
    let post = |bytes: String| mock.request(Method::POST, &format!("{base}/events")).body(bytes);
    let keyed = |bytes: String| post(bytes).header("X-API-Key", &plaintext);
    let batch = body("postEvents").to_string();
    send(post(batch.clone())).await;
    send(keyed(batch.clone())).await;
    send(keyed(batch)).await;
    send(keyed("{}".to_owned())).await;
    send(mock.request(Method::GET, &format!("{base}/sessions")).header("X-API-Key", &plaintext)).await;
    let journal = mock.control(Method::GET, &format!("workspaces/{id}/journal"), "").await;
    check(&document, &document["paths"]["/_mock/workspaces/{workspace}/journal"]["get"], &journal);
    let entries = journal.json()["data"]["entries"].clone();
    let outcomes: Vec<&str> =
        entries.as_array().unwrap().iter().map(|entry| entry["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["unauthorized", "ok", "rate-limited", "invalid", "forbidden"]);
    assert_eq!(entries[2]["why"]["limit"], "events");
    assert_eq!(entries[4]["why"]["scope"], "read:analytics");
    assert_eq!(entries[3]["why"]["fields"], json!([{"field": "events", "message": "is required"}]));
    let limits = mock.control(Method::GET, &format!("workspaces/{id}/limits"), "").await;
    check(&document, &document["paths"]["/_mock/workspaces/{workspace}/limits"]["get"], &limits);
    let limits = &limits.json()["data"][0];
    assert_eq!((&limits["events"]["used"], &limits["events"]["limit"]), (&json!(4), &json!(5)));
    assert_eq!(limits["requests"]["used"], 2, "the batch that is taken, and the one that is invalid");
    assert_eq!(limits["requests"]["frees_at"], entries[2]["why"]["frees_at"]);
}

#[tokio::test]
async fn every_operation_of_the_product_api_answers_as_described() {
    let mock = Mock::start().await;
    let document = mock.get("/openapi.json", None).await.json();
    let mut called = BTreeSet::new();
    let mut all: Vec<_> = operations(&document).collect();
    // Something is posted before it is read.
    all.sort_by_key(|(_, method, _)| *method != "post");
    for (path, method, operation) in all {
        let id = operation["operationId"].as_str().unwrap();
        let at =
            |query: &str| mock.request(method.to_uppercase().parse().unwrap(), &format!("{path}{query}"));
        let body = if method == "post" { body(id) } else { Value::Null };
        if let Some(described) = operation.get("requestBody") {
            let schema = schema(&document, &described["content"]["application/json"]["schema"]);
            assert!(schema.is_valid(&body), "{id}");
        }
        let target = at("?start_date=2026-01-01&end_date=2026-12-31");
        let answer = send(target.header("X-API-Key", key(BOTH)).body(body.to_string())).await;
        check(&document, operation, &answer);
        assert!(operation["responses"]["200"].is_null() ^ (answer.status == 200), "{id}: {}", answer.body);
        check(&document, operation, &send(at("")).await);
        let scope = operation["description"].as_str().unwrap();
        let lacking =
            if scope.contains("write:events") { "TRENCHCHECK_KEY_READ" } else { "TRENCHCHECK_KEY_WRITE" };
        let forbidden = send(at("").header("X-API-Key", key(lacking)).body("{}")).await;
        assert_eq!(forbidden.status, 403, "{id}");
        check(&document, operation, &forbidden);
        let wrong = at("?start_date=soon").header("X-API-Key", key(BOTH)).body("{");
        let invalid = send(wrong).await;
        assert_eq!(invalid.status, 400, "{id}");
        check(&document, operation, &invalid);
        called.insert(path.to_owned());
    }
    let all: BTreeSet<String> =
        trenchcheck::contract::Endpoint::ALL.iter().map(|endpoint| endpoint.path().to_owned()).collect();
    assert_eq!(called, all);
    let full = mock.get("/api/v1/sessions?start_date=2026-01-01", Some(BOTH)).await.json();
    assert_eq!(full["data"]["sessions"][0]["duration_ms"], 3_000, "lists were not empty");
}
