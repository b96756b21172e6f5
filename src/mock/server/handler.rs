//! From an HTTP request to the mock's, and from its reply to an HTTP response; also to those who wait for entries of a journal, or
//! follow one.

use std::borrow::Cow;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::stream;
use http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE,
    HOST, HeaderName, HeaderValue,
};
use http::{Response, StatusCode, Version};
use hyper::body::{Body, Incoming};
use tokio::sync::watch;

use super::state::{Outgoing, ServerState, Severed, UnderWay, cut_off, pieces, read, slow, whole};
use crate::mock::control::{Answer, CONTROL_PREFIX, Follow, Wait, WaitView};
use crate::mock::faults::Effect;
use crate::mock::gateway::Delivery;
use crate::mock::journal::{EntryView, JournalEntry};
use crate::mock::reply::{Reason, Reply};
use crate::mock::request::Request;
use crate::mock::{page, reply};

/// The most header lines for which no memory is asked for.
const FEW: usize = 24;

/// Where the description of the product API is served, as the vendor's pages and clients give it.
const PRODUCT_PATH: &str = "/openapi.json";
const PRODUCT: &str = include_str!("../product.json");

enum Next {
    Deliver(Delivery),
    Control(Answer),
}

/// Answers a request, or severs its connection.
pub(super) async fn handle(
    under_way: UnderWay,
    request: http::Request<Incoming>,
) -> Result<Response<Outgoing>, Severed> {
    let since = Instant::now();
    let (head, body) = request.into_parts();
    // What has to be waited for is kept apart: this future is moved for every request, and nearly all are answered at
    // once.
    let (body, arrived) = if body.is_end_stream() {
        (Ok(Bytes::new()), since)
    } else {
        (Box::pin(read(body, under_way.connection.state.body_timeout)).await, Instant::now())
    };
    let version = head.version;
    match next(&under_way, head, body, since, arrived) {
        Next::Deliver(delivery) if delivery.is_plain() => at_once(delivery, version, under_way),
        Next::Deliver(delivery) => Box::pin(deliver(delivery, version, under_way)).await,
        Next::Control(Answer::Reply(reply)) => Ok(response(reply, version).map(whole)),
        Next::Control(Answer::Wait(asked)) => {
            let reply = Box::pin(wait(&under_way.connection.state, asked)).await;
            Ok(response(reply, version).map(whole))
        }
        Next::Control(Answer::Follow(asked)) => {
            let mut reply = Reply::of_type(200, "text/event-stream", &[][..]);
            reply.push("cache-control", "no-store");
            let stopping = under_way.connection.state.stopping.clone();
            Ok(response(reply, version).map(|_| follow(stopping, asked, under_way)))
        }
    }
}

/// Decides about a request that began to arrive at one instant and was there whole at another. It is gone afterwards.
fn next(
    under_way: &UnderWay,
    head: http::request::Parts,
    body: Result<Bytes, Reason>,
    since: Instant,
    arrived: Instant,
) -> Next {
    let connection = &*under_way.connection;
    let state = &*connection.state;
    let lines = head.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    // HTTP/2 says the host in the target instead of a header line.
    let host = head.uri.authority().filter(|_| !head.headers.contains_key(HOST));
    let lines = lines.chain(host.map(|host| ("host", host.as_str().as_bytes())));
    let mut few: [(&str, &[u8]); FEW] = [("", &[]); FEW];
    let many: Vec<_>;
    let headers = if head.headers.len() < FEW {
        let count = few.iter_mut().zip(lines).map(|(place, line)| *place = line).count();
        &few[..count]
    } else {
        many = lines.collect();
        &many
    };
    let request = Request {
        method: head.method.as_str(),
        path: head.uri.path(),
        query: head.uri.query().unwrap_or_default(),
        headers,
        body: body.as_deref().unwrap_or_default(),
        body_too_large: body == Err(Reason::TooLarge),
        connection: connection.number,
        http2: head.version == Version::HTTP_2,
        peer: Some(connection.peer.ip()),
    };
    let now = state.time(arrived);
    if let Err(reason @ (Reason::TooSlow | Reason::BrokeOff)) = &body {
        let reply = broken_reply(reason);
        state.gateway.take_broken(&request, (now, since), reason.clone(), &reply);
        return Next::Control(Answer::Reply(reply));
    }
    if page::is_page(request.path) {
        return Next::Control(page::handle(&state.control, &request, now));
    }
    if request.path.starts_with(CONTROL_PREFIX) {
        return Next::Control(state.control.handle(&request, now));
    }
    if request.path == PRODUCT_PATH && matches!(request.method, "GET" | "HEAD") {
        return Next::Control(Answer::Reply(Reply::json(200, PRODUCT.as_bytes())));
    }
    Next::Deliver(state.gateway.take(&request, now, since))
}

fn at_once(
    delivery: Delivery,
    version: Version,
    mut under_way: UnderWay,
) -> Result<Response<Outgoing>, Severed> {
    let Delivery { reply, pending, .. } = delivery;
    let mut reply = reply.ok_or(Severed)?;
    reply.leave();
    under_way.ended = Some(pending.answered());
    Ok(response(reply, version).map(whole))
}

async fn deliver(
    delivery: Delivery,
    version: Version,
    under_way: UnderWay,
) -> Result<Response<Outgoing>, Severed> {
    let is_lost = delivery.is_lost();
    let Delivery { mut reply, delay, fault, pending } = delivery;
    let delay = delay + reply.as_ref().map_or(Duration::ZERO, |reply| reply.delay);
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    if let Some(reply) = &mut reply {
        reply.leave();
    }
    let Some(reply) = reply.filter(|_| !is_lost) else {
        pending.cut();
        under_way.connection.severed.store(true, Ordering::Release);
        return Err(Severed);
    };
    pending.answered();
    let response = response(reply, version);
    Ok(match fault.as_deref().map(|fault| &fault.effect) {
        Some(&Effect::Truncate(bytes)) => {
            sized(response).map(|body| cut_off(body.slice(..bytes.min(body.len())), under_way))
        }
        Some(&Effect::Slow(time)) => sized(response).map(|body| slow(body, time, under_way)),
        _ => response.map(whole),
    })
}

/// Says how long the body is, where it will not come in one piece.
fn sized(mut response: Response<Bytes>) -> Response<Bytes> {
    let length = HeaderValue::from(response.body().len());
    response.headers_mut().entry(CONTENT_LENGTH).or_insert(length);
    response
}

fn broken_reply(reason: &Reason) -> Reply {
    if *reason == Reason::TooSlow {
        let mut reply = reply::error(408, "REQUEST_TIMEOUT", "The request body took too long.");
        reply.close = true;
        return reply;
    }
    reply::error(400, "BAD_REQUEST", "The body broke off.")
}

fn response(reply: Reply, version: Version) -> Response<Bytes> {
    let body = match reply.body {
        Cow::Borrowed(body) => Bytes::from_static(body),
        Cow::Owned(body) => Bytes::from(body),
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    // With room for the date and the length.
    headers.reserve(reply.headers.len() + 2);
    for (name, value) in reply.headers {
        let value = match value {
            Cow::Borrowed(value) => HeaderValue::from_maybe_shared(Bytes::from_static(value.as_bytes())),
            Cow::Owned(value) => HeaderValue::from_maybe_shared(Bytes::from(value)),
        };
        // What HTTP cannot carry, such as an echo of junk, is left out.
        if let (Some(name), Ok(value)) = (header_name(&name), value) {
            headers.append(name, value);
        }
    }
    // HTTP/2 has no such header, and its connections are closed otherwise.
    if reply.close && version <= Version::HTTP_11 {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// A header's name; those of nearly every answer need no looking up.
fn header_name(name: &str) -> Option<HeaderName> {
    Some(match name {
        "content-type" => CONTENT_TYPE,
        "access-control-allow-origin" => ACCESS_CONTROL_ALLOW_ORIGIN,
        "access-control-expose-headers" => ACCESS_CONTROL_EXPOSE_HEADERS,
        _ => HeaderName::from_bytes(name.as_bytes()).ok()?,
    })
}

/// How often a silent stream says that it is still there.
const SILENCE: Duration = Duration::from_secs(15);

/// Waits until enough entries match, the time is out, or the server stops.
pub(super) async fn wait(state: &ServerState, asked: Wait) -> Reply {
    let Wait { workspace, filter, mut from, count, timeout } = asked;
    let mut stopping = state.stopping.clone();
    let end = tokio::time::Instant::now() + timeout;
    let mut matched: Vec<Arc<JournalEntry>> = Vec::new();
    let complete = loop {
        let mut arrival = pin!(workspace.journal.arrival());
        // Enabled before looking: what arrives while looking is not missed.
        arrival.as_mut().enable();
        let found = workspace.journal.all(&filter, from);
        from = found.next;
        matched.extend(found.entries);
        if matched.len() >= count {
            break true;
        }
        tokio::select! {
            () = arrival => {}
            () = tokio::time::sleep_until(end) => break false,
            _ = stopping.wait_for(|stopping| *stopping) => break false,
        }
    };
    Reply::data(200, WaitView { complete, count: matched.len(), entries: EntryView::all(&matched) })
}

/// Entries as server-sent events, until the client goes away or the server stops.
fn follow(stopping: watch::Receiver<bool>, asked: Follow, under_way: UnderWay) -> Outgoing {
    let state = (asked, stopping, true);
    let events = stream::unfold(state, |(mut asked, mut stopping, first)| async move {
        let text = if first {
            Some(asked.format.greeting.to_owned())
        } else {
            next_events(&mut asked, &mut stopping).await
        };
        text.map(|text| (Ok(Bytes::from(text)), (asked, stopping, false)))
    });
    pieces(events, under_way)
}

/// The events that are next, however long it takes; nothing when the server stops.
async fn next_events(asked: &mut Follow, stopping: &mut watch::Receiver<bool>) -> Option<String> {
    loop {
        if !asked.format.pause.is_zero() {
            tokio::select! {
                () = tokio::time::sleep(asked.format.pause) => {}
                _ = stopping.wait_for(|stopping| *stopping) => return None,
            }
        }
        let mut arrival = pin!(asked.workspace.journal.arrival());
        arrival.as_mut().enable();
        let found = asked.workspace.journal.newest(&asked.filter, asked.from, asked.format.most);
        let mut text = String::new();
        (asked.format.write)(&mut text, &asked.workspace, &found);
        asked.from = found.next;
        if !text.is_empty() {
            return Some(text);
        }
        tokio::select! {
            () = arrival => {}
            () = tokio::time::sleep(SILENCE) => return Some(": still here\n\n".to_owned()),
            _ = stopping.wait_for(|stopping| *stopping) => return None,
        }
    }
}
