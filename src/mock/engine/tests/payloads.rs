//! What bodies hold and answers say, point by point, as a client sees it.

use serde_json::{Value, json};

use super::{BOTH, ask, engine, get};
use crate::mock::engine::*;

const UUID: &str = "0b8f9a52-6c1d-4e0e-9d0a-3f1f6f0b7c11";

fn post(engine: &Engine, events: &Value) -> (u16, Value) {
    let body = json!({ "events": events }).to_string();
    let reply = ask(engine, 0, "POST", "/api/v1/events", BOTH, &body);
    assert_eq!(reply.header("content-type"), Some("application/json"));
    (reply.status, serde_json::from_slice(&reply.body).unwrap())
}

pub(super) fn shown(engine: &Engine, target: &str) -> Value {
    let reply = get(engine, target, BOTH);
    assert_eq!(reply.status, 200, "{target}: {}", reply.text());
    serde_json::from_slice::<Value>(&reply.body).unwrap()["data"].take()
}

fn documented(kind: &str, session: &str, second: u32) -> Value {
    json!({"event_type": kind, "session_id": session, "timestamp": format!("2026-03-20T10:00:{second:02}Z")})
}

fn wire(kind: &str, session: &str, second: u32) -> Value {
    json!({"event": kind, "session_id": session, "ts": format!("2026-03-20T12:00:{second:02}+02:00")})
}

#[test]
fn both_envelopes_in_one_batch_mean_the_same() {
    let engine = engine();
    let mut counted = wire("tool_use", UUID, 2);
    counted["seq"] = json!(7);
    let mut repeated = wire("error", UUID, 3);
    repeated["seq"] = json!(7);
    let batch = json!([documented("session_start", UUID, 1), counted, repeated, wire("error", UUID, 4)]);
    assert_eq!(post(&engine, &batch), (200, json!({"data": {"accepted": 4, "rejected": 0}})));
    // The same events in the other envelope: accepted, and known.
    let again = json!([wire("session_start", UUID, 1), documented("tool_use", UUID, 2)]);
    assert_eq!(post(&engine, &again), (200, json!({"data": {"accepted": 2, "rejected": 0}})));
    let row = &shown(&engine, "/api/v1/sessions")["sessions"][0];
    assert_eq!((&row["event_count"], &row["tool_invocations"]), (&json!(4), &json!(1)));
}

#[test]
fn every_type_of_both_lists_is_taken_and_no_other() {
    let page = ["session_start", "session_end", "tool_use", "tool_result", "subagent_stop", "assistant_stop"];
    let clients = ["prompt_submit", "subagent_start", "pre_compact", "skill_use", "error"];
    for kind in page.into_iter().chain(clients) {
        let batch = json!([documented(kind, UUID, 1), wire(kind, "any id", 1)]);
        assert_eq!(post(&engine(), &batch).0, 200, "{kind}");
    }
    for kind in ["", "Tool_Use", "tool_use ", "session"] {
        assert_eq!(post(&engine(), &json!([documented(kind, UUID, 1)])).0, 400, "{kind}");
    }
}

#[test]
fn what_is_wrong_is_named_and_nothing_of_the_request_is_taken() {
    let engine = engine();
    let batch =
        json!([wire("tool_use", "any id", 1), documented("tool_use", "any id", 1), wire("tool_use", "", 1)]);
    let (status, body) = post(&engine, &batch);
    assert_eq!(status, 400);
    assert_eq!(
        body,
        json!({"error": {
            "code": "VALIDATION_ERROR",
            "message": "Request body is invalid.",
            "details": [
                {"field": "events[1].session_id", "message": "must be a UUID"},
                {"field": "events[2].session_id", "message": "must not be empty"},
            ],
        }})
    );
    let many: Vec<Value> = (0..1_001).map(|_| wire("error", "s", 1)).collect();
    let (status, body) = post(&engine, &json!(many));
    assert_eq!(status, 400);
    let message = "Batch size exceeds limit of 1000 events per request.";
    assert_eq!(body, json!({"error": {"code": "VALIDATION_ERROR", "message": message}}));
    assert_eq!(shown(&engine, "/api/v1/sessions")["total"], 0);
    assert_eq!(post(&engine, &json!(many[..1_000])).0, 200);
}

#[test]
fn sessions_come_in_pages_and_between_dates_of_both_forms() {
    let engine = engine();
    let batch: Vec<Value> = (0..250)
        .map(|number| {
            let (day, minute) = (1 + number / 50, number % 50);
            json!({"event": "session_start", "session_id": format!("s{number}"), "ts": format!("2026-03-{day:02}T00:{minute:02}:00Z")})
        })
        .collect();
    assert_eq!(post(&engine, &json!(batch)).0, 200);
    let page = |query: &str| {
        let list = shown(&engine, &format!("/api/v1/sessions{query}"));
        let first = list["sessions"][0]["id"].as_str().unwrap_or_default().to_owned();
        let count = list["sessions"].as_array().unwrap().len();
        (
            list["total"].as_u64().unwrap(),
            list["limit"].as_u64().unwrap(),
            list["offset"].as_u64().unwrap(),
            count,
            first,
        )
    };
    assert_eq!(page(""), (250, 50, 0, 50, "s249".to_owned()));
    assert_eq!(page("?limit=200&offset=10"), (250, 200, 10, 200, "s239".to_owned()));
    assert_eq!(page("?offset=249"), (250, 50, 249, 1, "s0".to_owned()));
    assert_eq!(page("?offset=250"), (250, 50, 250, 0, String::new()));
    assert_eq!(
        page("?start_date=2026-03-02&end_date=2026-03-03").0,
        51,
        "up to the midnight that begins the day"
    );
    assert_eq!(page("?start_date=2026-03-02T00:00:30Z&end_date=2026-03-03T01:00:00%2B01:00").0, 50);
    assert_eq!(page("?start_date=2026-03-05").0, 50, "a missing end is open");
    assert_eq!(page("?end_date=2026-02-28").0, 0);
}

#[test]
fn analytics_look_back_thirty_days_to_today_and_name_the_most_used_tools_first() {
    let engine = engine();
    // Today is 20 March; thirty days before it is 18 February.
    let tools = |session: &str, day: &str, count: usize| -> Vec<Value> {
        (0..count)
            .flat_map(|tool| (0..=tool).map(move |use_| (tool, use_)))
            .map(|(tool, use_)| {
                json!({"event": "tool_use", "session_id": session, "ts": format!("{day}T00:{tool:02}:{use_:02}Z"),
                    "data": {"tool_name": format!("t{tool:02}")}})
            })
            .collect()
    };
    assert_eq!(post(&engine, &json!(tools("first day", "2026-02-18", 12))).0, 200);
    assert_eq!(post(&engine, &json!(tools("a day too early", "2026-02-17", 1))).0, 200);
    assert_eq!(post(&engine, &json!([wire("error", "today", 1)])).0, 200);
    let overview = shown(&engine, "/api/v1/analytics/overview");
    assert_eq!(
        (&overview["total_sessions"], &overview["total_events"], &overview["active_days"]),
        (&json!(2), &json!(79), &json!(2))
    );
    let top: Vec<&str> =
        overview["top_tools"].as_array().unwrap().iter().map(|t| t["name"].as_str().unwrap()).collect();
    assert_eq!(top, ["t11", "t10", "t09", "t08", "t07"]);
    let listed = |query: &str| {
        shown(&engine, &format!("/api/v1/analytics/tools{query}"))["tools"].as_array().unwrap().len()
    };
    assert_eq!((listed(""), listed("?limit=50"), listed("?limit=1")), (10, 12, 1));
    let first = &shown(&engine, "/api/v1/analytics/tools")["tools"][0];
    assert_eq!(
        *first,
        json!({"name": "t11", "invocation_count": 12, "avg_duration_ms": null, "error_rate": 0.0})
    );
    for query in ["limit=0", "limit=51", "start_date=x", "end_date=2026-13-01"] {
        assert_eq!(get(&engine, &format!("/api/v1/analytics/tools?{query}"), BOTH).status, 400, "{query}");
    }
}

#[test]
fn scores_are_one_to_a_thousand_finite_and_named_when_wrong() {
    let engine = engine();
    let post = |body: &str| {
        let reply = ask(&engine, 0, "POST", "/api/v1/evals/scores", BOTH, body);
        (reply.status, reply.text().into_owned())
    };
    let score = r#"{"session_id":"s","metric":"m","value":1}"#;
    assert_eq!(post(&format!(r#"{{"scores":[{}]}}"#, vec![score; 1_000].join(","))).0, 201);
    assert_eq!(post(&format!(r#"{{"scores":[{}]}}"#, vec![score; 1_001].join(","))).0, 400);
    let (status, body) = post(r#"{"scores":[{"session_id":"s","metric":"m","value":null}]}"#);
    assert!(status == 400 && body.contains("scores[0].value"), "{body}");
    assert_eq!(post(r#"{"scores":[{"session_id":"s","metric":"m","value":1e999}]}"#).0, 400);
}

#[test]
fn every_endpoint_refuses_the_other_methods_and_says_which_it_takes() {
    for endpoint in crate::contract::Endpoint::ALL {
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE"] {
            let reply = ask(&engine(), 0, method, endpoint.path(), BOTH, "");
            let takes = endpoint.method() == method || (endpoint.method(), method) == ("GET", "HEAD");
            assert_eq!(reply.status == 405, !takes, "{method} {}", endpoint.path());
            if !takes {
                assert!(reply.header("allow").is_some_and(|allow| allow.contains(endpoint.method())));
            }
        }
    }
}
