//! A reply as the engine sees it, plain values and no HTTP library: the documented errors byte for byte, and those for what the
//! page does not speak about; and what the engine says besides: to whom, why, and how much was taken.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use super::keys::KeyEntry;
use super::limiter::Budget;
use crate::contract::{Endpoint, ErrorCode, Scope};

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

    /// Does what is to be done when it leaves.
    pub(super) fn leave(&mut self) {
        if let Some(on_leave) = self.on_leave.take() {
            on_leave();
        }
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

/// The most details of a 400 that are noted.
const MAX_DETAILS: usize = 20;

/// What is to be known about an answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Summary {
    /// The key the request is known by, also one that has been revoked.
    pub(crate) key: Option<Arc<KeyEntry>>,
    pub(crate) endpoint: Option<Endpoint>,
    /// Why it was refused; nothing if it was not.
    pub(crate) reason: Option<Reason>,
    /// How the events of its batch were written.
    pub(crate) envelopes: Envelopes,
    pub(crate) accepted: u32,
    /// How many of them repeated earlier ones and changed nothing.
    pub(crate) repeated: u32,
    /// Whether it took several events, and all of one timestamp.
    pub(crate) one_timestamp: bool,
    /// Whether a fault answered in place of the API.
    pub(crate) injected: bool,
    /// The faults it met, by id.
    pub(crate) faults: Vec<Arc<str>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reason {
    NoKey,
    /// 401: what looks like a key stands here, where nobody looks for one.
    KeyElsewhere(&'static str),
    /// 401: nobody has this key here.
    UnknownKey,
    /// 401: lines with different keys.
    SeveralKeys,
    RevokedKey,
    LacksScope(Scope),
    /// 429: this is used up until then, in milliseconds of the workspace's clock since 1970.
    UsedUp(Budget, i64),
    /// 400: what is wrong with the body or the parameters.
    Invalid(&'static str, Vec<Detail>),
    NoSuchPath,
    NoSuchWorkspace,
    WrongMethod,
    TooLarge,
    TooSlow,
    BrokeOff,
}

impl Reason {
    /// Of a long list of details only the first are kept.
    pub(crate) fn invalid(message: &'static str, details: &[Detail]) -> Self {
        Self::Invalid(message, details.iter().take(MAX_DETAILS).cloned().collect())
    }
}

/// How many events were written in which envelope.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "EnvelopesView")]
pub struct Envelopes {
    /// `event_type`, `session_id`, `timestamp`.
    pub documented: u32,
    /// `event`, `session_id`, `ts`, as published clients send.
    pub wire: u32,
}

impl Envelopes {
    /// `documented`, `wire`, `both`, or nothing where no events were read.
    pub(crate) fn in_a_word(self) -> Option<&'static str> {
        match (self.documented, self.wire) {
            (0, 0) => None,
            (_, 0) => Some("documented"),
            (0, _) => Some("wire"),
            _ => Some("both"),
        }
    }
}

/// One thing that is wrong with a request body or a parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Detail {
    /// Where, such as `events[0].session_id`.
    pub field: String,
    /// What, in a sentence.
    pub message: String,
}

/// Why a request is answered 400.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Invalid {
    pub(crate) message: &'static str,
    pub(crate) details: Vec<Detail>,
    /// How the events of a batch were written, as far as they were read.
    pub(crate) envelopes: Envelopes,
}

impl Invalid {
    /// A body that is wrong in the places named.
    pub(crate) fn body(details: Vec<Detail>) -> Self {
        Self { message: "Request body is invalid.", details, envelopes: Envelopes::default() }
    }

    /// A query parameter that is wrong.
    pub(crate) fn parameter(name: &str, message: impl Into<String>) -> Self {
        let detail = Detail { field: name.to_owned(), message: message.into() };
        Self { message: "Request parameters are invalid.", ..Self::body(vec![detail]) }
    }
}
