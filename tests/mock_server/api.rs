//! The endpoints: documented bodies byte for byte.

use crate::support::{Mock, READ, STANDARD, WRITE};

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
