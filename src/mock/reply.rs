//! A reply as the engine sees it, plain values and no HTTP library: the documented errors byte for byte, and those for
//! what the page does not speak about.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use crate::contract::{ErrorCode, Scope};

use super::summary::{Detail, Invalid};

/// What is done when a reply leaves the server, after its delay.
pub type OnLeave = Box<dyn FnOnce() + Send>;

/// A reply.
#[derive(Default)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The header lines, in order.
    pub headers: Vec<(Cow<'static, str>, Cow<'static, str>)>,
    /// The body.
    pub body: Cow<'static, [u8]>,
    /// How long the server holds the reply back; zero in the reference.
    pub delay: Duration,
    /// Whether the server closes the connection after it; never in the reference.
    pub close: bool,
    /// What the server does when the reply leaves; nothing in the reference.
    pub on_leave: Option<OnLeave>,
}

/// What every answer with a body is wrapped in.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Data<T> {
    /// The answer.
    data: T,
}

impl Reply {
    /// A reply with a JSON body.
    pub fn json(status: u16, body: impl Into<Cow<'static, [u8]>>) -> Self {
        Self::of_type(status, "application/json", body)
    }

    /// A reply with data, wrapped as the vendor does.
    pub(super) fn data<T: Serialize>(status: u16, data: T) -> Self {
        // The types here are structs of numbers and strings, which always serialize.
        Self::json(status, serde_json::to_vec(&Data { data }).unwrap_or_default())
    }

    /// A reply with a body of another type.
    pub fn of_type(status: u16, kind: &'static str, body: impl Into<Cow<'static, [u8]>>) -> Self {
        let mut reply = Self { status, body: body.into(), ..Self::default() };
        reply.headers.reserve(5);
        reply.push("content-type", kind);
        reply
    }

    /// A reply without a body.
    pub fn empty(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// Adds a header line.
    pub fn push(&mut self, name: &'static str, value: impl Into<Cow<'static, str>>) {
        self.headers.push((Cow::Borrowed(name), value.into()));
    }

    /// Lets scripts of every site read it.
    pub(super) fn show_to_browsers(&mut self) {
        self.push("access-control-allow-origin", "*");
        self.push("access-control-expose-headers", "Retry-After");
    }

    /// Replaces every line of a header by one.
    pub fn set(&mut self, name: &'static str, value: impl Into<Cow<'static, str>>) {
        self.remove(name);
        self.push(name, value);
    }

    /// Takes every line of a header away.
    pub fn remove(&mut self, name: &str) {
        self.headers.retain(|(line, _)| !line.eq_ignore_ascii_case(name));
    }

    /// The value of the first line of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(line, _)| line.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_ref())
    }

    /// The body as text; what is no UTF-8 is replaced.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Reply")
            .field("status", &self.status)
            .field("headers", &self.headers)
            .field("body", &self.text())
            .field("delay", &self.delay)
            .field("close", &self.close)
            .finish_non_exhaustive()
    }
}

#[derive(Serialize)]
struct Body<'a> {
    error: Inner<'a>,
}

#[derive(Serialize)]
struct Inner<'a> {
    code: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "<[Detail]>::is_empty")]
    details: &'a [Detail],
}

/// An error reply with the given code and message.
pub(crate) fn error(status: u16, code: &str, message: &str) -> Reply {
    with_details(status, code, message, &[])
}

fn with_details(status: u16, code: &str, message: &str, details: &[Detail]) -> Reply {
    // Strings and lists of strings always serialize; the fallback only keeps the function total.
    let body = serde_json::to_vec(&Body { error: Inner { code, message, details } }).unwrap_or_default();
    Reply::json(status, body)
}

/// 401 (clause `error.401`), with the challenge RFC 9110 asks for.
pub(crate) fn unauthorized() -> Reply {
    let code = ErrorCode::Unauthorized;
    let mut reply = error(code.status(), code.as_str(), ErrorCode::UNAUTHORIZED_MESSAGE);
    reply.push("www-authenticate", "ApiKey header=\"X-API-Key\"");
    reply
}

/// 403 (clause `error.403`), naming the scope the endpoint requires.
pub(crate) fn forbidden(scope: Scope) -> Reply {
    let code = ErrorCode::Forbidden;
    error(code.status(), code.as_str(), &ErrorCode::forbidden_message(scope))
}

/// 429 (clauses `error.429`, `error.retry-after`): the same whole seconds in the header and in the message.
pub(crate) fn rate_limited(seconds: u64) -> Reply {
    let code = ErrorCode::RateLimited;
    let mut reply = error(code.status(), code.as_str(), &ErrorCode::rate_limited_message(seconds));
    reply.push("retry-after", seconds.to_string());
    reply
}

/// 404 for a path outside the API.
pub(crate) fn not_found() -> Reply {
    error(404, "NOT_FOUND", "There is no such endpoint.")
}

/// 405 for a documented path with another method.
pub(crate) fn method_not_allowed(allow: &'static str) -> Reply {
    let mut reply = error(405, "METHOD_NOT_ALLOWED", "The endpoint does not take this method.");
    reply.push("allow", allow);
    reply
}

/// 413 for a body larger than the server reads.
pub(crate) fn too_large() -> Reply {
    error(413, "PAYLOAD_TOO_LARGE", "Request body exceeds 4 MiB.")
}

/// 400 with what is wrong.
pub(crate) fn invalid(invalid: &Invalid) -> Reply {
    with_details(400, "VALIDATION_ERROR", invalid.message, &invalid.details)
}
