//! The error replies: the documented ones byte for byte, and those for what the page does not speak about.

use serde::Serialize;

use crate::contract::{ErrorCode, Scope};

use super::message::Reply;
use super::summary::Envelopes;

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

/// One thing that is wrong with a request body or a parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Detail {
    /// Where, such as `events[0].session_id`.
    pub field: String,
    /// What, in a sentence.
    pub message: String,
}

/// Why a request is answered 400.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Invalid {
    /// The sentence in the error body.
    pub(crate) message: &'static str,
    /// What is wrong in particular.
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
        Self {
            message: "Request parameters are invalid.",
            details: vec![detail],
            envelopes: Envelopes::default(),
        }
    }
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
