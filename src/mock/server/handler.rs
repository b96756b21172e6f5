//! From an HTTP request to the engine's, and from its reply to an HTTP response.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use http::header::{CONNECTION, HeaderName, HeaderValue};
use http::{Response, StatusCode, Version};

use crate::mock::control::CONTROL_PREFIX;
use crate::mock::errors;
use crate::mock::message::{Reply, Request};

use super::Shared;
use super::body::{Read, read};

/// Which connection a request came over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Connection {
    pub(super) number: u64,
    pub(super) peer: SocketAddr,
}

/// Every path goes to one handler: which of them exist is the engine's decision.
pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new().fallback(handle).with_state(shared)
}

async fn handle(State(shared): State<Arc<Shared>>, request: http::Request<Body>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let (body, body_too_large) = match read(body, shared.body_timeout).await {
        Read::Whole(body) => (body, false),
        Read::TooLarge => (Default::default(), true),
        Read::TooSlow => {
            let mut reply = errors::error(408, "REQUEST_TIMEOUT", "The request body took too long.");
            reply.close = true;
            return response(reply, head.version);
        }
        Read::Broken => {
            return response(errors::error(400, "BAD_REQUEST", "The body broke off."), head.version);
        }
    };
    let mut headers: Vec<(&str, &[u8])> = Vec::with_capacity(head.headers.len() + 1);
    headers.extend(head.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())));
    // HTTP/2 says the host in the target instead of a header line.
    if !head.headers.contains_key("host")
        && let Some(authority) = head.uri.authority()
    {
        headers.push(("host", authority.as_str().as_bytes()));
    }
    let connection = head.extensions.get::<Connection>();
    let request = Request {
        method: head.method.as_str(),
        path: head.uri.path(),
        query: head.uri.query().unwrap_or_default(),
        headers: &headers,
        body: &body,
        body_too_large,
        connection: connection.map_or(0, |connection| connection.number),
        peer: connection.map(|connection| connection.peer.ip()),
    };
    let mut reply = if request.path.starts_with(CONTROL_PREFIX) {
        shared.control.handle(&request, shared.now())
    } else {
        shared.engine.handle(&request, shared.now())
    };
    if !reply.delay.is_zero() {
        tokio::time::sleep(reply.delay).await;
    }
    if let Some(on_leave) = reply.on_leave.take() {
        on_leave();
    }
    response(reply, head.version)
}

fn response(reply: Reply, version: Version) -> Response<Body> {
    let body = match reply.body {
        Cow::Borrowed(body) => Body::from(body),
        Cow::Owned(body) => Body::from(body),
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.reserve(reply.headers.len());
    for (name, value) in reply.headers {
        let name = HeaderName::from_bytes(name.as_bytes());
        let value = match value {
            Cow::Borrowed(value) => HeaderValue::from_str(value),
            Cow::Owned(value) => HeaderValue::try_from(value),
        };
        // What HTTP cannot carry, such as an echo of junk, is left out.
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    // HTTP/2 has no such header, and its connections are closed otherwise.
    if reply.close && version <= Version::HTTP_11 {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
