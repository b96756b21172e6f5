//! From an HTTP request to the mock's, and from its reply to an HTTP response.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, HeaderName, HeaderValue};
use http::{Response, StatusCode, Version};
use hyper::body::Incoming;

use crate::mock::control::{Answer, CONTROL_PREFIX};
use crate::mock::errors;
use crate::mock::faults::Damage;
use crate::mock::front::Turn;
use crate::mock::message::{Reply, Request};
use crate::mock::note::Why;
use crate::mock::page;

use super::Shared;
use super::activity::UnderWay;
use super::body::{Read, read};
use super::follow::{follow, wait};
use super::outgoing::{Outgoing, Severed, cut_off, slow, whole};

/// Which connection a request came over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Connection {
    pub(super) number: u64,
    pub(super) peer: SocketAddr,
}

/// Answers a request, or severs its connection.
pub(super) async fn handle(
    shared: Arc<Shared>,
    connection: Connection,
    request: http::Request<Incoming>,
    under_way: UnderWay,
) -> Result<Response<Outgoing>, Severed> {
    let since = Instant::now();
    let (head, body) = request.into_parts();
    let body = read(body, shared.body_timeout).await;
    let mut headers: Vec<(&str, &[u8])> = Vec::with_capacity(head.headers.len() + 1);
    headers.extend(head.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())));
    // HTTP/2 says the host in the target instead of a header line.
    if !head.headers.contains_key("host")
        && let Some(authority) = head.uri.authority()
    {
        headers.push(("host", authority.as_str().as_bytes()));
    }
    let bytes: &[u8] = if let Read::Whole(bytes) = &body { bytes } else { &[] };
    let request = Request {
        method: head.method.as_str(),
        path: head.uri.path(),
        query: head.uri.query().unwrap_or_default(),
        headers: &headers,
        body: bytes,
        body_too_large: matches!(body, Read::TooLarge),
        connection: connection.number,
        http2: head.version == Version::HTTP_2,
        peer: Some(connection.peer.ip()),
    };
    let broken = match body {
        Read::Whole(_) | Read::TooLarge => None,
        Read::TooSlow => Some(Why::TooSlow),
        Read::Broken => Some(Why::BrokeOff),
    };
    if let Some(why) = broken {
        let reply = broken_reply(&why);
        shared.front.take_broken(&request, shared.now(), since, why).ends(Some(&reply));
        return Ok(response(reply, head.version).map(whole));
    }
    let backstage = if page::is_page(request.path) {
        Some(page::handle(&shared.control, &request, shared.now()))
    } else {
        request.path.starts_with(CONTROL_PREFIX).then(|| shared.control.handle(&request, shared.now()))
    };
    if let Some(answer) = backstage {
        return Ok(match answer {
            Answer::Reply(reply) => response(reply, head.version).map(whole),
            Answer::Wait(asked) => response(wait(&shared, asked).await, head.version).map(whole),
            Answer::Follow(asked) => {
                let mut reply = Reply { status: 200, ..Reply::default() };
                reply.push("content-type", "text/event-stream");
                reply.push("cache-control", "no-store");
                response(reply, head.version).map(|_| follow(&shared, asked, under_way))
            }
        });
    }
    if request.path == crate::mock::product::PATH && matches!(request.method, "GET" | "HEAD") {
        return Ok(response(crate::mock::product::reply(), head.version).map(whole));
    }
    let turn = shared.front.take(&request, shared.now(), since);
    answer(turn, head.version, under_way).await
}

/// Carries out what is to be done about a request.
async fn answer(turn: Turn, version: Version, under_way: UnderWay) -> Result<Response<Outgoing>, Severed> {
    let Turn { reply, delay, damage, pending } = turn;
    let delay = delay + reply.as_ref().map_or(Duration::ZERO, |reply| reply.delay);
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    let sever = || {
        under_way.sever();
        Err(Severed)
    };
    let Some(mut reply) = reply else {
        pending.ends(None);
        return sever();
    };
    if let Some(on_leave) = reply.on_leave.take() {
        on_leave();
    }
    if damage == Some(Damage::Reset) {
        pending.ends(None);
        return sever();
    }
    pending.ends(Some(&reply));
    let response = response(reply, version);
    Ok(match damage {
        Some(Damage::Truncate(bytes)) => {
            sized(response).map(|body| cut_off(body.slice(..bytes.min(body.len())), under_way))
        }
        Some(Damage::Slow(time)) => sized(response).map(|body| slow(body, time, under_way)),
        Some(Damage::Reset) | None => response.map(whole),
    })
}

/// Says how long the body is, where it will not come in one piece.
fn sized(mut response: Response<Bytes>) -> Response<Bytes> {
    let length = HeaderValue::from(response.body().len());
    response.headers_mut().entry(CONTENT_LENGTH).or_insert(length);
    response
}

fn broken_reply(why: &Why) -> Reply {
    if *why == Why::TooSlow {
        let mut reply = errors::error(408, "REQUEST_TIMEOUT", "The request body took too long.");
        reply.close = true;
        return reply;
    }
    errors::error(400, "BAD_REQUEST", "The body broke off.")
}

fn response(reply: Reply, version: Version) -> Response<Bytes> {
    let body = match reply.body {
        Cow::Borrowed(body) => Bytes::from_static(body),
        Cow::Owned(body) => Bytes::from(body),
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
