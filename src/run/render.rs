//! Requests and answers as people read them.

use http::HeaderValue;

use super::evidence::{Answer, Look, Request};
use crate::client::{Fault, Outgoing};
use crate::report::Exchange;

/// A request, with a command that sends it again.
pub(super) fn request(outgoing: &Outgoing, curl: String) -> Request {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    Request {
        method: outgoing.method.to_string(),
        url: outgoing.url.clone(),
        headers: outgoing.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
        curl,
    }
}

/// A request and its answer.
pub(super) fn exchange(request: &Request, answer: &Answer, look: &Look) -> Exchange {
    Exchange {
        request: format!("{} {}", request.method, request.url).trim_start().to_owned(),
        request_headers: request.headers.clone(),
        outcome: format!("status {}", look.status),
        response_headers: look.headers.clone(),
        body: look.excerpt(),
        took: answer.done - answer.sent,
    }
}

/// A request that got no answer.
pub(super) fn exchange_without_answer(outgoing: &Outgoing, fault: &Fault) -> Exchange {
    unanswered(&request(outgoing, String::new()), &fault.to_string())
}

/// A request that got no answer, for this reason.
pub(super) fn unanswered(request: &Request, why: &str) -> Exchange {
    Exchange {
        request: format!("{} {}", request.method, request.url).trim_start().to_owned(),
        request_headers: request.headers.clone(),
        outcome: why.to_owned(),
        response_headers: Vec::new(),
        body: String::new(),
        took: std::time::Duration::ZERO,
    }
}
