//! The endpoints: documented bodies byte for byte.

use reqwest::Method;
use trenchcheck::contract::Scope;
use trenchcheck::mock::WELL_KNOWN_KEYS;

use crate::support::{BOTH, Mock, READ, STANDARD, WRITE, key, send};

const UNAUTHORIZED: &str = r#"{"error":{"code":"UNAUTHORIZED","message":"Missing or invalid API key."}}"#;

#[tokio::test]
async fn the_documented_errors_are_literal() {
    let mock = Mock::start().await;
    let reply = mock.get("/api/v1/sessions", None).await;
    assert_eq!((reply.status, reply.body.as_str()), (401, UNAUTHORIZED));
    assert_eq!(reply.header("content-type"), "application/json");

    let reply = mock.get("/api/v1/sessions", Some(WRITE)).await;
    assert_eq!(reply.status, 403);
    assert_eq!(
        reply.body,
        r#"{"error":{"code":"FORBIDDEN","message":"This API key does not have the required scope: read:analytics"}}"#
    );
    let reply = mock.post("/api/v1/events", Some(READ), "{}").await;
    assert_eq!(reply.status, 403);
    assert_eq!(
        reply.body,
        r#"{"error":{"code":"FORBIDDEN","message":"This API key does not have the required scope: write:events"}}"#
    );

    for _ in 0..60 {
        assert_eq!(mock.get("/api/v1/sessions", Some(STANDARD)).await.status, 200);
    }
    let reply = mock.get("/api/v1/sessions", Some(STANDARD)).await;
    assert_eq!(reply.status, 429);
    assert_eq!(reply.header("retry-after"), "60");
    assert_eq!(
        reply.body,
        r#"{"error":{"code":"RATE_LIMITED","message":"Rate limit exceeded. Retry after 60 seconds."}}"#
    );
}

#[tokio::test]
async fn a_body_over_four_mebibytes_is_413_and_nothing_happens() {
    let mock = Mock::start().await;
    let body = "x".repeat(4 * 1024 * 1024 + 1);
    let reply = mock.post("/api/v1/events", Some(WRITE), &body).await;
    assert_eq!(reply.status, 413);
    assert_eq!(reply.json()["error"]["code"], "PAYLOAD_TOO_LARGE");
    assert_eq!(mock.post("/api/v1/events", None, &body).await.status, 401, "the key comes first");
    let just_fits = "x".repeat(4 * 1024 * 1024);
    assert_eq!(mock.post("/api/v1/events", Some(WRITE), &just_fits).await.status, 400);
}

#[tokio::test]
async fn a_browser_may_send_a_key_and_read_retry_after() {
    let mock = Mock::start().await;
    let preflight = mock
        .request(Method::OPTIONS, "/api/v1/events")
        .header("Origin", "https://dashboard.example")
        .header("Access-Control-Request-Method", "POST")
        .header("Access-Control-Request-Headers", "x-api-key");
    let preflight = send(preflight).await;
    assert_eq!((preflight.status, preflight.body.as_str()), (204, ""));
    assert_eq!(preflight.header("access-control-allow-origin"), "*");
    assert!(preflight.header("access-control-allow-headers").contains("X-API-Key"));
    let reply = mock.get("/api/v1/sessions", None).await;
    assert_eq!(reply.header("access-control-expose-headers"), "Retry-After");
    assert_eq!(reply.header("access-control-allow-origin"), "*");
}

#[tokio::test]
async fn http_2_without_tls_works_as_well() {
    let mock = Mock::start().await;
    let client = reqwest::Client::builder().http2_prior_knowledge().no_proxy().build().unwrap();
    let url = format!("{}/api/v1/sessions", mock.server.url());
    let response = client.get(url).header("X-API-Key", key(READ)).send().await.unwrap();
    assert_eq!(response.version(), reqwest::Version::HTTP_2);
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn head_has_the_length_and_no_body() {
    let mock = Mock::start().await;
    let get = mock.get("/api/v1/sessions", Some(BOTH)).await;
    let head = mock.request(Method::HEAD, "/api/v1/sessions").header("X-API-Key", key(BOTH));
    let head = send(head).await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(head.header("content-length"), get.body.len().to_string());
}

#[tokio::test]
async fn every_well_known_key_works_on_its_tier() {
    let mock = Mock::start().await;
    for known in WELL_KNOWN_KEYS {
        let scope = known.scopes[0];
        let path = if scope == Scope::ReadAnalytics { "/api/v1/sessions" } else { "/api/v1/events" };
        let status = match scope {
            Scope::ReadAnalytics => mock.get(path, Some(known.variable)).await.status,
            Scope::WriteEvents => mock.post(path, Some(known.variable), EVENT).await.status,
        };
        assert_eq!(status, 200, "{}", known.variable);
    }
}

const EVENT: &str = r#"{"events":[{"event":"session_start","session_id":"s","ts":"2026-01-01T00:00:00Z"}]}"#;
