mod payloads;
mod recount;

use super::*;
use crate::contract::{Endpoint, Scope, Tier};
use crate::mock::behaviour::Behaviour;

const READ: &str = "ct_live_Aq3fT8mZr1LkW6xYc0PdVb5NsHj2GuEe";
const WRITE: &str = "ct_live_Zx5cVb8nMq2wEr4tYu6iOp1aSd3fGh7j";
pub(super) const BOTH: &str = "ct_live_q1W2e3R4t5Y6u7I8o9P0a1S2d3F4g5H6";
/// Noon of 20 March 2026.
const EPOCH: i64 = 1_774_008_000_000;
const EVENT: &str = r#"{"events":[{"event":"session_start","session_id":"s","ts":"2026-03-20T10:00:00Z","data":{"name":"x"}}]}"#;

pub(super) fn engine() -> Engine {
    let engine = Engine::new(Behaviour::default(), EPOCH);
    let workspace = engine.default_workspace();
    add(&engine, &workspace, READ, &[Scope::ReadAnalytics]);
    add(&engine, &workspace, WRITE, &[Scope::WriteEvents]);
    add(&engine, &workspace, BOTH, &[Scope::ReadAnalytics, Scope::WriteEvents]);
    engine
}

fn add(engine: &Engine, workspace: &Arc<Workspace>, plaintext: &str, scopes: &[Scope]) {
    let spec = KeySpec { name: "test".to_owned(), scopes: scopes.to_vec(), plan: Tier::Standard };
    let id = format!("key_{}", &plaintext[8..12]);
    engine.create_key(workspace, id, spec, &ApiKey::new(plaintext).unwrap(), 0).unwrap();
}

pub(super) fn ask(engine: &Engine, now: u64, method: &str, target: &str, key: &str, body: &str) -> Reply {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers: &[_] = &[("X-Api-KEY", key.as_bytes())];
    let headers = if key.is_empty() { &[] } else { headers };
    engine.handle(&Request { method, path, query, headers, body: body.as_bytes(), ..Request::default() }, now)
}

pub(super) fn get(engine: &Engine, target: &str, key: &str) -> Reply {
    ask(engine, 0, "GET", target, key, "")
}

#[test]
fn the_steps_come_in_the_documented_order() {
    let engine = engine();
    let post = |target: &str, key: &str, body: &str| ask(&engine, 0, "POST", target, key, body).status;
    assert_eq!(get(&engine, "/api/v1/nowhere", "").status, 401, "key before path");
    assert_eq!(get(&engine, "/api/v1/nowhere", READ).status, 404);
    assert_eq!(post("/api/v1/sessions", WRITE, ""), 405, "path before scope");
    assert_eq!(post("/api/v1/events", READ, "{"), 403, "scope before body");
    assert_eq!(post("/api/v1/events", WRITE, "{"), 400);
    assert_eq!(post("/api/v1/events", WRITE, EVENT), 200);
    for _ in 0..998 {
        assert_eq!(post("/api/v1/events", WRITE, "{"), 400, "a 400 is counted");
    }
    assert_eq!(post("/api/v1/events", WRITE, "{"), 429, "limit before body");
    assert_eq!(get(&engine, "/api/v1/sessions", WRITE).status, 403, "scope before limit");
}

#[test]
fn a_405_names_the_methods_and_head_goes_where_get_goes() {
    let engine = engine();
    assert_eq!(get(&engine, "/api/v1/events", WRITE).header("allow"), Some("POST, OPTIONS"));
    let head = ask(&engine, 0, "HEAD", "/api/v1/sessions", READ, "");
    let get = get(&engine, "/api/v1/sessions", READ);
    assert_eq!((head.status, head.text().as_ref()), (200, ""));
    assert_eq!(head.header("content-length"), Some(&*get.body.len().to_string()));
}

#[test]
fn a_preflight_needs_no_key_and_every_answer_exposes_retry_after() {
    let engine = engine();
    let preflight = ask(&engine, 0, "OPTIONS", "/api/v1/events", "", "");
    assert_eq!(preflight.status, 204);
    assert_eq!(preflight.header("access-control-allow-headers"), Some("X-API-Key, Content-Type"));
    let refused = get(&engine, "/api/v1/sessions", "");
    assert_eq!(refused.header("access-control-expose-headers"), Some("Retry-After"));
}

#[test]
fn key_lines_must_agree() {
    let engine = engine();
    let with = |lines: &[(&str, &[u8])]| {
        let headers = lines;
        engine
            .handle(&Request { method: "GET", path: "/api/v1/sessions", headers, ..Request::default() }, 0)
            .status
    };
    assert_eq!(with(&[("X-API-Key", READ.as_bytes()), ("x-api-key", READ.as_bytes())]), 200);
    assert_eq!(with(&[("X-API-Key", READ.as_bytes()), ("x-api-key", b"other")]), 401);
    assert_eq!(with(&[("X-API-Key", b"other"), ("x-api-key", READ.as_bytes())]), 401);
}

#[test]
fn retry_after_is_rounded_up_and_the_same_in_the_message() {
    let engine = engine();
    for _ in 0..60 {
        get(&engine, "/api/v1/sessions", READ);
    }
    for (now, seconds) in [(0, "60"), (1, "60"), (1_000, "59"), (59_000, "1"), (59_999, "1")] {
        let reply = ask(&engine, now, "GET", "/api/v1/sessions", READ, "");
        assert_eq!((reply.status, reply.header("retry-after")), (429, Some(seconds)), "{now}");
        assert!(reply.text().contains(&format!("Retry after {seconds} seconds.")), "{now}");
    }
    assert_eq!(ask(&engine, 60_000, "GET", "/api/v1/sessions", READ, "").status, 200);
}

#[test]
fn what_was_ingested_is_shown() {
    let engine = engine();
    let reply = ask(&engine, 0, "POST", "/api/v1/events", BOTH, EVENT);
    assert_eq!(reply.text(), r#"{"data":{"accepted":1,"rejected":0}}"#);
    assert_eq!(
        get(&engine, "/api/v1/sessions?limit=5", BOTH).text(),
        concat!(
            r#"{"data":{"sessions":[{"id":"s","started_at":"2026-03-20T10:00:00.000Z","ended_at":null,"#,
            r#""duration_ms":null,"event_count":1,"tool_invocations":0}],"total":1,"limit":5,"offset":0}}"#
        )
    );
    assert_eq!(
        get(&engine, "/api/v1/analytics/overview", BOTH).text(),
        r#"{"data":{"total_sessions":1,"total_events":1,"total_tool_invocations":0,"active_days":1,"top_tools":[]}}"#
    );
    let elsewhen = get(&engine, "/api/v1/analytics/overview?end_date=2026-03-20", BOTH);
    assert!(elsewhen.text().contains(r#""total_sessions":0"#), "a date alone is its midnight");
    assert_eq!(get(&engine, "/api/v1/analytics/tools", BOTH).text(), r#"{"data":{"tools":[]}}"#);
    let score =
        r#"{"scores":[{"session_id":"s","metric":"m","value":1},{"session_id":"s","metric":"m","value":2}]}"#;
    let reply = ask(&engine, 0, "POST", "/api/v1/evals/scores", BOTH, score);
    assert_eq!((reply.status, reply.text().as_ref()), (201, r#"{"data":{"inserted":2}}"#));
}

#[test]
fn wrong_parameters_are_named() {
    let engine = engine();
    for query in ["limit=0", "limit=201", "limit=x", "offset=-1", "start_date=soon"] {
        let reply = get(&engine, &format!("/api/v1/sessions?{query}"), BOTH);
        assert_eq!(reply.status, 400, "{query}");
        assert!(reply.text().contains(query.split('=').next().unwrap()), "{query}");
    }
    assert_eq!(get(&engine, "/api/v1/analytics/tools?limit=51", BOTH).status, 400);
}

#[test]
fn workspaces_share_neither_keys_nor_sessions_nor_clocks() {
    let engine = engine();
    let other = engine.create_workspace("ws_1".to_owned(), Behaviour::default()).unwrap();
    let own = "ct_live_M7n8B9v0C1x2Z3l4K5j6H7g8F9d0S1a2";
    add(&engine, &other, own, &[Scope::ReadAnalytics, Scope::WriteEvents]);
    let inside = format!("/w/ws_1{}", Endpoint::Sessions.path());
    assert_eq!(get(&engine, &inside, BOTH).status, 401, "a key of another workspace");
    assert_eq!(get(&engine, "/w/ws_2/api/v1/sessions", own).status, 404);
    ask(&engine, 0, "POST", "/w/ws_1/api/v1/events", own, EVENT);
    assert!(get(&engine, &inside, own).text().contains(r#""total":1"#));
    assert!(
        get(&engine, "/api/v1/sessions", own).text().contains(r#""total":1"#),
        "a key leads to its workspace"
    );
    assert!(get(&engine, "/api/v1/sessions", BOTH).text().contains(r#""total":0"#));
    other.set_clock(|clock| clock.advance(0, 90_000));
    assert_eq!((other.time(5), engine.default_workspace().time(5)), (90_005, 5));
    assert!(engine.delete_workspace("ws_1"));
    let spec = KeySpec { name: String::new(), scopes: vec![Scope::ReadAnalytics], plan: Tier::Standard };
    let late = engine.create_key(&other, "key_late".to_owned(), spec, &ApiKey::new("late").unwrap(), 0);
    assert_eq!(late.unwrap_err(), CreateError::Gone);
    assert_eq!(get(&engine, "/api/v1/sessions", own).status, 401, "its keys go with it");
}

#[test]
fn a_revoked_key_is_unknown_from_then_on() {
    let engine = engine();
    let workspace = engine.default_workspace();
    assert_eq!(get(&engine, "/api/v1/sessions", READ).status, 200);
    let id = &workspace.keys()[0].id;
    assert!(workspace.revoke(id, 0));
    assert!(workspace.revoke(id, 0), "again changes nothing");
    let unknown = get(&engine, "/api/v1/sessions", "ct_live_unknown");
    let revoked = get(&engine, "/api/v1/sessions", READ);
    assert_eq!((revoked.status, revoked.text()), (401, unknown.text()));
}

#[test]
fn there_are_bounds() {
    let engine = engine();
    for number in 0..MAX_WORKSPACES {
        engine.create_workspace(number.to_string(), Behaviour::default()).unwrap();
    }
    let one_more = engine.create_workspace("more".to_owned(), Behaviour::default());
    assert_eq!(one_more.unwrap_err(), CreateError::TooManyWorkspaces);
}

#[test]
fn a_body_that_is_too_large_is_refused_in_the_bodys_turn() {
    let engine = engine();
    let send = |headers: &[(&str, &[u8])]| {
        let (method, path) = ("POST", "/api/v1/events");
        let request = Request { method, path, headers, body_too_large: true, ..Request::default() };
        engine.handle(&request, 0).status
    };
    assert_eq!(send(&[]), 401);
    assert_eq!(send(&[("x-api-key", READ.as_bytes())]), 403);
    assert_eq!(send(&[("x-api-key", WRITE.as_bytes())]), 413);
}
