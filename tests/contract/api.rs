//! The API as its page describes it, without memory: who asks what, with which key, gets which answer.
//!
//! It is written from the page alone and shares no code with the mock, so that the two can disagree.

use std::time::Duration;

use serde_json::Value;
use wiremock::Request;

/// A key the deployment knows.
#[derive(Debug)]
pub(crate) struct Holder {
    /// The plaintext.
    pub(crate) key: &'static str,
    /// Its scopes, in the order they were chosen.
    pub(crate) scopes: &'static [&'static str],
}

pub(crate) const READ: &str = "ct_live_r1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6";
pub(crate) const WRITE: &str = "ct_live_w7q1z3x5c7v9b2n4m6k8j1h3g5f7d9s2";
pub(crate) const BOTH: &str = "ct_live_b0m9n8b7v6c5x4z3l2k1j0h9g8f7d6s5";
/// Reading was chosen first for this one.
pub(crate) const BOTH_READ_FIRST: &str = "ct_live_o2p4i6u8y1t3r5e7w9q2a4s6d8f1g3h5";
/// Somebody uses this one up all the time.
pub(crate) const STANDARD: &str = "ct_live_s5t4a3n2d1a0r9d8q7w6e5r4t3y2u1i0";
pub(crate) const PREMIUM: &str = "ct_live_p9r8e7m6i5u4m3z2x1c0v9b8n7m6l5k4";
pub(crate) const INGESTION: &str = "ct_live_i3n5g7e9s2t4i6o8n1a3z5x7c9v2b4n6";

const HOLDERS: [Holder; 7] = [
    Holder { key: READ, scopes: &["read:analytics"] },
    Holder { key: WRITE, scopes: &["write:events"] },
    Holder { key: BOTH, scopes: &["write:events", "read:analytics"] },
    Holder { key: BOTH_READ_FIRST, scopes: &["read:analytics", "write:events"] },
    Holder { key: STANDARD, scopes: &["read:analytics"] },
    Holder { key: PREMIUM, scopes: &["read:analytics"] },
    Holder { key: INGESTION, scopes: &["write:events"] },
];

/// An answer that can still be changed.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
    pub(crate) delay: Duration,
}

impl Reply {
    /// An answer in JSON.
    pub(crate) fn json(status: u16, body: &str) -> Self {
        let headers = vec![("content-type", "application/json".to_owned())];
        Self { status, headers, body: body.to_owned(), delay: Duration::ZERO }
    }

    /// With another value of this header, or with it at all.
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.retain(|(other, _)| *other != name);
        self.headers.push((name, value.to_owned()));
        self
    }

    /// With another status.
    pub(crate) fn status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// With a part of its body replaced.
    pub(crate) fn saying(self, instead_of: &str, this: &str) -> Self {
        Self { body: self.body.replace(instead_of, this), ..self }
    }
}

/// What the page promises for this request.
pub(crate) fn conforming(request: &Request) -> Reply {
    let mut lines = request.headers.get_all("x-api-key").iter();
    let key = lines.next().and_then(|value| value.to_str().ok());
    as_if_sent(request, key.filter(|_| lines.next().is_none()))
}

/// The answer to this request if `key` stood in its X-API-Key.
pub(crate) fn as_if_sent(request: &Request, key: Option<&str>) -> Reply {
    match key.and_then(holder) {
        Some(holder) => to_holder(request, holder),
        None => unauthorized(),
    }
}

/// The answer to this request for somebody whose key is known.
pub(crate) fn to_holder(request: &Request, holder: &Holder) -> Reply {
    let method = if request.method == "HEAD" { "GET" } else { request.method.as_str() };
    let needed = match (method, request.url.path()) {
        ("POST", "/api/v1/events" | "/api/v1/evals/scores") => "write:events",
        ("GET", "/api/v1/sessions" | "/api/v1/analytics/overview" | "/api/v1/analytics/tools") => {
            "read:analytics"
        }
        _ => return Reply::json(404, r#"{"error":{"code":"NOT_FOUND","message":"Not found."}}"#),
    };
    if !holder.scopes.contains(&needed) {
        return forbidden(needed);
    }
    if holder.key == STANDARD {
        return limited();
    }
    success(request)
}

/// The key of this plaintext.
pub(crate) fn holder(key: &str) -> Option<&'static Holder> {
    holder_of(|known| known == key)
}

/// The key that `fits`.
pub(crate) fn holder_of(fits: impl Fn(&str) -> bool) -> Option<&'static Holder> {
    HOLDERS.iter().find(|holder| fits(holder.key))
}

/// What everybody is answered who has no key.
pub(crate) fn unauthorized() -> Reply {
    Reply::json(401, r#"{"error":{"code":"UNAUTHORIZED","message":"Missing or invalid API key."}}"#)
        .with("www-authenticate", r#"ApiKey realm="trenchcoat""#)
}

/// What everybody is answered whose key lacks this scope.
pub(crate) fn forbidden(scope: &str) -> Reply {
    let body =
        r#"{"error":{"code":"FORBIDDEN","message":"This API key does not have the required scope: SCOPE"}}"#;
    Reply::json(403, &body.replace("SCOPE", scope))
}

pub(crate) fn limited() -> Reply {
    let body =
        r#"{"error":{"code":"RATE_LIMITED","message":"Rate limit exceeded. Retry after 60 seconds."}}"#;
    Reply::json(429, body).with("retry-after", "60")
}

/// The answer to a request that is let through.
pub(crate) fn success(request: &Request) -> Reply {
    match request.url.path() {
        "/api/v1/events" => events(&request.body),
        "/api/v1/evals/scores" => Reply::json(201, r#"{"data":{"inserted":1}}"#),
        "/api/v1/sessions" => Reply::json(200, r#"{"data":{"sessions":[],"total":0,"limit":50,"offset":0}}"#),
        "/api/v1/analytics/tools" => Reply::json(200, r#"{"data":{"tools":[]}}"#),
        _ => Reply::json(
            200,
            r#"{"data":{"total_sessions":0,"total_events":0,"total_tool_invocations":0,"active_days":0,"top_tools":[]}}"#,
        ),
    }
}

/// The documented envelope, one to a thousand events.
pub(crate) fn events(body: &[u8]) -> Reply {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let events = body["events"].as_array().map(Vec::as_slice).unwrap_or_default();
    let whole = |event: &Value| {
        ["event_type", "session_id", "timestamp"].iter().all(|member| event[member].is_string())
    };
    match events.len() {
        1..=1_000 if events.iter().all(whole) => {
            Reply::json(200, &format!(r#"{{"data":{{"accepted":{},"rejected":0}}}}"#, events.len()))
        }
        1_001.. => Reply::json(
            400,
            r#"{"error":{"code":"VALIDATION_ERROR","message":"Batch size exceeds limit of 1000 events per request."}}"#,
        ),
        _ => Reply::json(
            400,
            r#"{"error":{"code":"VALIDATION_ERROR","message":"Request body is invalid.","details":[]}}"#,
        ),
    }
}
