//! A small conforming deployment, written from the page alone: it shares nothing with the mock.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::http::Head;

/// A key, with what it may do and how often.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grant {
    pub(crate) key: &'static str,
    pub(crate) reads: bool,
    pub(crate) writes: bool,
    pub(crate) limit: u32,
}

/// An answer, before it is put into bytes.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) fields: Vec<(&'static str, String)>,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn new(status: u16, body: impl Into<String>) -> Self {
        let fields = vec![("Content-Type", "application/json".to_owned())];
        Self { status, fields, body: body.into() }
    }

    fn error(status: u16, code: &str, message: &str) -> Self {
        Self::new(status, format!(r#"{{"error":{{"code":"{code}","message":"{message}"}}}}"#))
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    /// The answer in one piece, as most servers send it.
    pub(crate) fn bytes(&self, head: &Head) -> Vec<u8> {
        let mut text = format!("HTTP/1.1 {} Status\r\n", self.status);
        for (name, value) in &self.fields {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str(&format!("Content-Length: {}\r\n\r\n", self.body.len()));
        if head.method != "HEAD" {
            text.push_str(&self.body);
        }
        text.into_bytes()
    }
}

/// The deployment: a fixed window for every key, from its first counted request on.
#[derive(Debug)]
pub(crate) struct Api {
    grants: Vec<Grant>,
    window: Duration,
    used: Mutex<HashMap<&'static str, (Instant, u32)>>,
}

impl Api {
    pub(crate) fn new(grants: &[Grant], window: Duration) -> Self {
        Self { grants: grants.to_vec(), window, used: Mutex::default() }
    }

    /// Whether the request carries a key that exists, once.
    pub(crate) fn grant(&self, head: &Head) -> Option<Grant> {
        match head.all("x-api-key")[..] {
            [key] => self.grants.iter().find(|grant| grant.key.as_bytes() == key).copied(),
            _ => None,
        }
    }

    /// What a request is refused with by its header alone.
    pub(crate) fn refusal(&self, head: &Head) -> Option<Reply> {
        let Some(grant) = self.grant(head) else {
            let reply = Reply::error(401, "UNAUTHORIZED", "Missing or invalid API key.");
            return Some(reply.with("WWW-Authenticate", "ApiKey"));
        };
        let (scope, held) = match (head.method.as_str(), path(head)) {
            ("POST", "/api/v1/events" | "/api/v1/evals/scores") => ("write:events", grant.writes),
            (
                "GET" | "HEAD",
                "/api/v1/sessions" | "/api/v1/analytics/overview" | "/api/v1/analytics/tools",
            ) => ("read:analytics", grant.reads),
            _ => return Some(Reply::error(404, "NOT_FOUND", "No such path.")),
        };
        if !held {
            let message = format!("This API key does not have the required scope: {scope}");
            return Some(Reply::error(403, "FORBIDDEN", &message));
        }
        let mut used = self.used.lock().unwrap();
        let now = Instant::now();
        let (since, count) = used.entry(grant.key).or_insert((now, 0));
        if now - *since >= self.window {
            (*since, *count) = (now, 0);
        }
        if *count < grant.limit {
            *count += 1;
            return None;
        }
        let left = (*since + self.window - now).as_millis().div_ceil(1_000).max(1);
        let message = format!("Rate limit exceeded. Retry after {left} seconds.");
        Some(Reply::error(429, "RATE_LIMITED", &message).with("Retry-After", left.to_string()))
    }

    /// What an admitted request is answered.
    pub(crate) fn effect(head: &Head, body: &[u8]) -> Reply {
        match path(head) {
            "/api/v1/events" if serde_json::from_slice::<serde_json::Value>(body).is_err() => {
                Reply::error(400, "VALIDATION_ERROR", "Request body is invalid.")
            }
            "/api/v1/events" => Reply::new(200, r#"{"data":{"accepted":1,"rejected":0}}"#),
            "/api/v1/evals/scores" => Reply::new(201, r#"{"data":{"inserted":1}}"#),
            "/api/v1/sessions" => {
                Reply::new(200, r#"{"data":{"sessions":[],"total":0,"limit":50,"offset":0}}"#)
            }
            _ => Reply::new(200, r#"{"data":{}}"#),
        }
    }
}

/// The path of a request, without its query.
fn path(head: &Head) -> &str {
    head.target.split('?').next().unwrap_or_default()
}
