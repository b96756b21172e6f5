//! The client of a lane: its requests, made beforehand as far as they can be, and one way to send them.

use std::collections::VecDeque;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use chrono::{TimeDelta, Utc};
use http::{HeaderMap, HeaderValue, Method, Uri, header};
use http_body_util::Full;
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Url};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::timeout;

use super::error::LoadError;
use super::plan::LanePlan;
use super::profile::{Payload, Request, Template};
use super::record::Outcome;
use super::wire::{KEPT_IDLE, Wire, WireError};
use crate::contract::{RetryAfterFault, WINDOW_SECONDS, retry_after};
use crate::deployment::{Envelope, Key, Target, TargetError};
use crate::payload::{Mix, Payloads, random_session};

/// The most of a body that is read.
const MOST_BODY_BYTES: usize = 8 * 1024 * 1024;
/// How many bodies lie ready in a lane: making one takes longer than a request may be late.
const READY: usize = 2;

/// A client for a target that follows no redirect and undoes no compression, as the one that checks.
///
/// # Errors
/// [`LoadError::Target`] where the way to the target cannot be used, [`LoadError::Client`] where the system's certificates
/// cannot be read.
pub(crate) fn connect(target: &Target) -> Result<Client, LoadError> {
    let builder = Client::builder()
        .redirect(Policy::none())
        .no_gzip()
        .timeout(target.timeout)
        .pool_idle_timeout(KEPT_IDLE)
        .pool_max_idle_per_host(usize::MAX)
        .tcp_nodelay(true);
    let builder = target.reach.apply(builder, &target.base_url).map_err(TargetError::from)?;
    Ok(builder.build()?)
}

const USER_AGENT: HeaderValue = HeaderValue::from_static(concat!("trenchcheck/", env!("CARGO_PKG_VERSION")));
const TIMED_OUT: &str = "no complete answer in time";

/// What one lane sends.
#[derive(Debug)]
pub(crate) struct LaneClient {
    carrier: Carrier,
    method: Method,
    url: Url,
    headers: HeaderMap,
    timeout: Duration,
    body: Option<BodyMaker>,
    extra_members: bool,
}

/// What requests go over.
#[derive(Debug)]
enum Carrier {
    /// Connections of the lane's own.
    Wire(Wire, Uri),
    /// A client for everything, where a target speaks TLS.
    Client(Client),
}

/// Where events come from.
#[derive(Debug)]
enum Events {
    /// They are made, of a mix.
    Made(Mix),
    /// They are written in a file.
    Written(Arc<Template>),
}

/// Makes bodies, and keeps a few ready.
#[derive(Debug)]
struct BodyMaker {
    payloads: Arc<Payloads>,
    request: Request,
    events: Events,
    batch: u32,
    envelope: Envelope,
    ready: Mutex<VecDeque<Bytes>>,
}

/// An answer, and how long it took.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    /// When the request was sent.
    pub(crate) sent: Instant,
    /// When the header of the answer came; a promise of seconds counts from here.
    pub(crate) answered: Instant,
    /// When the answer was complete, or the exchange failed.
    pub(crate) done: Instant,
    /// The status; `None` without an answer.
    pub(crate) status: Option<u16>,
    /// What it means.
    pub(crate) reading: Reading,
}

impl LaneClient {
    /// The client of a lane with this key; `base_url` is where the key belongs.
    ///
    /// # Errors
    /// Says what cannot be sent. Never quotes the key.
    pub(crate) fn new(
        http: Client,
        target: &Target,
        base_url: &str,
        plan: &LanePlan,
        key: &Key,
        payloads: Arc<Payloads>,
        envelope: Envelope,
    ) -> Result<Self, String> {
        let endpoint = plan.request.endpoint();
        let url = format!("{base_url}{}", target.path(endpoint));
        let url = Url::parse(&url).map_err(|error| format!("`{url}` is no URL: {error}"))?;
        let mut value = HeaderValue::from_str(key.secret.reveal())
            .map_err(|_| format!("the key in {} does not fit into a header", key.variable))?;
        value.set_sensitive(true);
        let mut headers = HeaderMap::new();
        headers.insert("x-api-key", value);
        headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
        headers.insert(header::USER_AGENT, USER_AGENT);
        let body = plan.request.has_batch().then(|| BodyMaker {
            payloads,
            request: plan.request,
            events: match (&plan.template, &plan.payload) {
                (Some(template), _) => Events::Written(template.clone()),
                (None, Payload::ToolUses) => Events::Made(Mix::Plain),
                (None, _) => Events::Made(Mix::Session),
            },
            batch: plan.batch,
            envelope,
            ready: Mutex::default(),
        });
        if body.is_some() {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let method = if body.is_some() { Method::POST } else { Method::GET };
        for (name, value) in target.reach.headers() {
            headers.entry(name).or_insert_with(|| value.clone());
        }
        let direct = target.reach.is_direct(base_url);
        let carrier = match Wire::to(&url).filter(|_| direct) {
            None => Carrier::Client(http),
            Some(wire) => {
                // As a client writes them: the path in the first line, and the host in a header.
                let host = url.authority();
                let host = HeaderValue::from_str(host).map_err(|_| format!("`{host}` is no host"))?;
                headers.insert(header::HOST, host);
                let query = url.query().map_or(String::new(), |query| format!("?{query}"));
                let path = format!("{}{query}", url.path());
                let path = path.parse().map_err(|error| format!("`{path}` is no path: {error}"))?;
                Carrier::Wire(wire, path)
            }
        };
        let (timeout, extra_members) = (target.timeout, target.extra_members_allowed);
        Ok(Self { carrier, method, url, headers, timeout, body, extra_members })
    }

    /// The method, as goose's report shows it.
    pub(crate) fn method(&self) -> &str {
        self.method.as_str()
    }

    /// Makes bodies until enough lie ready.
    pub(crate) fn prepare(&self) {
        if let Some(body) = &self.body {
            body.prepare();
        }
    }

    /// Events in each request.
    pub(crate) fn events(&self) -> u32 {
        self.body.as_ref().filter(|body| body.request == Request::PostEvents).map_or(0, |body| body.batch)
    }

    /// Sends one request and reads its answer whole.
    pub(crate) async fn exchange(&self) -> Exchange {
        let body = self.body.as_ref().map(BodyMaker::take);
        let mut under_way = UnderWay { sent: Instant::now(), head: None };
        let answer = match &self.carrier {
            Carrier::Wire(wire, path) => {
                let mut request = http::Request::new(Full::from(body.unwrap_or_default()));
                *request.method_mut() = self.method.clone();
                *request.uri_mut() = path.clone();
                *request.headers_mut() = self.headers.clone();
                under_way.sent = Instant::now();
                let answer = over_wire(wire, request, &mut under_way);
                timeout(self.timeout, answer).await.unwrap_or(Err(TIMED_OUT))
            }
            Carrier::Client(http) => {
                let mut request =
                    http.request(self.method.clone(), self.url.clone()).headers(self.headers.clone());
                if let Some(body) = body {
                    request = request.body(body);
                }
                under_way.sent = Instant::now();
                over_client(request, &mut under_way).await.map_err(|error| what_failed(&error))
            }
        };
        let done = Instant::now();
        let UnderWay { sent, head } = under_way;
        let (answered, status) = match &head {
            Some(head) => (head.at, Some(head.status)),
            None => (done, None),
        };
        let reading = match (answer, head) {
            (Ok(bytes), Some(head)) => {
                read(head.status, &head.headers, &bytes, self.events(), self.extra_members)
            }
            (answer, _) => Reading {
                outcome: Outcome::Error,
                accepted: 0,
                fault: answer.err().map(str::to_owned),
                retry_after: None,
            },
        };
        Exchange { sent, answered, done, status, reading }
    }
}

/// A request under way.
struct UnderWay {
    sent: Instant,
    head: Option<Head>,
}

/// What comes before the body of an answer.
struct Head {
    at: Instant,
    status: u16,
    headers: HeaderMap,
}

async fn over_wire(
    wire: &Wire,
    request: http::Request<Full<Bytes>>,
    under_way: &mut UnderWay,
) -> Result<Bytes, &'static str> {
    let (response, connection) = wire.send(request).await.map_err(WireError::words)?;
    let (head, body) = response.into_parts();
    under_way.head = Some(Head { at: Instant::now(), status: head.status.as_u16(), headers: head.headers });
    wire.read(body, connection, MOST_BODY_BYTES).await.map_err(WireError::words)
}

async fn over_client(request: RequestBuilder, under_way: &mut UnderWay) -> reqwest::Result<Bytes> {
    let mut response = request.send().await?;
    let (at, status) = (Instant::now(), response.status().as_u16());
    under_way.head = Some(Head { at, status, headers: std::mem::take(response.headers_mut()) });
    let mut bytes = BytesMut::new();
    while let Some(chunk) = response.chunk().await? {
        if bytes.len() + chunk.len() > MOST_BODY_BYTES {
            break;
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}

impl BodyMaker {
    fn make(&self) -> Bytes {
        let session = random_session();
        match (self.request, &self.events) {
            (Request::PostScores, _) => self.payloads.scores(self.batch, &session),
            // Just before now: events of the future may be refused.
            (_, Events::Written(template)) => template.body(Utc::now() - TimeDelta::seconds(1)),
            (_, Events::Made(mix)) => self.payloads.batch(self.batch, *mix, self.envelope, &session),
        }
    }

    fn prepare(&self) {
        let missing = READY.saturating_sub(self.shelf().len());
        for _ in 0..missing {
            let body = self.make();
            self.shelf().push_back(body);
        }
    }

    fn take(&self) -> Bytes {
        let ready = self.shelf().pop_front();
        ready.unwrap_or_else(|| self.make())
    }

    fn shelf(&self) -> std::sync::MutexGuard<'_, VecDeque<Bytes>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What failed, in few words: it is counted, and holds no URL.
fn what_failed(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        TIMED_OUT
    } else if error.is_connect() {
        WireError::Connect.words()
    } else if error.is_builder() {
        "the request could not be formed"
    } else {
        WireError::Ended.words()
    }
}

/// The documented body of a 429, written out, with `{seconds}` for the number.
static LIMITED_BODY: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../fixtures/errors/429.json")).unwrap_or_default()
});
/// Stands for a number in the documented message.
const SECONDS: &str = "{seconds}";

/// What an answer came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reading {
    /// The class.
    pub(crate) outcome: Outcome,
    /// Events the target says it accepted; all that were sent where it says nothing.
    pub(crate) accepted: u32,
    /// What is wrong with it.
    pub(crate) fault: Option<String>,
    /// What a 429 promises.
    pub(crate) retry_after: Option<Duration>,
}

#[derive(Deserialize)]
struct Accepted {
    data: AcceptedCount,
}

#[derive(Deserialize)]
struct AcceptedCount {
    accepted: u32,
}

/// Reads an answer to a request with so many events.
pub(crate) fn read(
    status: u16,
    headers: &HeaderMap,
    body: &[u8],
    events: u32,
    extra_members: bool,
) -> Reading {
    match status {
        200..=299 => {
            let accepted = if events == 0 {
                0
            } else {
                serde_json::from_slice(body).map_or(events, |accepted: Accepted| accepted.data.accepted)
            };
            Reading { outcome: Outcome::Admitted, accepted, fault: None, retry_after: None }
        }
        429 => {
            let promise = promised(headers);
            let fault =
                promise.as_ref().err().map(ToString::to_string).or_else(|| wrong_body(body, extra_members));
            Reading { outcome: Outcome::Limited, accepted: 0, fault, retry_after: promise.ok() }
        }
        _ => Reading {
            outcome: Outcome::Error,
            accepted: 0,
            fault: Some(format!("status {status}")),
            retry_after: None,
        },
    }
}

/// What a 429 promises: from 1 to 60 seconds, as all limits are per minute.
fn promised(headers: &HeaderMap) -> Result<Duration, &'static str> {
    match retry_after(headers.get_all("retry-after").iter().map(HeaderValue::as_bytes)) {
        Ok(Duration::ZERO) => Err("a 429 whose Retry-After is 0"),
        Ok(wait) if wait.as_secs() > WINDOW_SECONDS => Err("a 429 whose Retry-After is over 60"),
        Ok(wait) => Ok(wait),
        Err(RetryAfterFault::Missing) => Err("a 429 without Retry-After"),
        Err(RetryAfterFault::Several) => Err("a 429 with two Retry-After"),
        Err(RetryAfterFault::NoNumber) => Err("a 429 whose Retry-After is no whole number of seconds"),
    }
}

fn wrong_body(body: &[u8], extra_members: bool) -> Option<String> {
    let documented = |body: &Value| is_like(&LIMITED_BODY, body, extra_members);
    match serde_json::from_slice(body) {
        Ok(body) if documented(&body) => None,
        Ok(_) => Some("a 429 whose body is not the documented one".to_owned()),
        Err(_) => Some("a 429 whose body is no JSON".to_owned()),
    }
}

/// Whether `actual` is the documented value: the same members, and more of them where that is allowed.
fn is_like(documented: &Value, actual: &Value, extra_members: bool) -> bool {
    match (documented, actual) {
        (Value::Object(documented), Value::Object(actual)) => {
            (extra_members || actual.len() == documented.len())
                && documented.iter().all(|(name, value)| {
                    actual.get(name).is_some_and(|actual| is_like(value, actual, extra_members))
                })
        }
        (Value::String(documented), Value::String(actual)) => match documented.split_once(SECONDS) {
            None => documented == actual,
            Some((before, after)) => actual
                .strip_prefix(before)
                .and_then(|rest| rest.strip_suffix(after))
                .is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())),
        },
        (documented, actual) => documented == actual,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str =
        r#"{"error":{"code":"RATE_LIMITED","message":"Rate limit exceeded. Retry after 7 seconds."}}"#;

    fn limited(retry_after: &[&str], body: &str, extra: bool) -> Reading {
        let mut headers = HeaderMap::new();
        for value in retry_after {
            headers.append("retry-after", value.parse().unwrap());
        }
        read(429, &headers, body.as_bytes(), 10, extra)
    }

    #[test]
    fn the_documented_429_is_right() {
        let reading = limited(&["7"], BODY, false);
        assert_eq!((reading.fault, reading.retry_after), (None, Some(Duration::from_secs(7))));
    }

    #[test]
    fn every_other_429_is_told_apart() {
        let more = BODY.replace("}}", r#"},"more":1}"#);
        let rows = [
            (vec![], BODY, "without"),
            (vec!["7", "7"], BODY, "two"),
            (vec!["0"], BODY, "is 0"),
            (vec!["61"], BODY, "is over 60"),
            (vec!["7.5"], BODY, "whole number"),
            (vec!["soon"], BODY, "whole number"),
            (vec![""], BODY, "whole number"),
            (vec!["7"], "", "no JSON"),
            (vec!["7"], more.as_str(), "not the documented one"),
            (vec!["7"], r#"{"error":{"code":"RATE_LIMITED"}}"#, "not the documented one"),
            (vec!["7"], &BODY.replace('7', ""), "not the documented one"),
        ];
        for (retry_after, body, fault) in rows {
            let reading = limited(&retry_after, body, false);
            assert_eq!(reading.outcome, Outcome::Limited);
            assert!(reading.fault.unwrap().contains(fault), "{fault}");
        }
        assert_eq!(limited(&["7"], &more, true).fault, None);
    }

    #[test]
    fn the_target_says_how_many_events_it_took() {
        let headers = HeaderMap::new();
        let accepted = |body: &str| read(200, &headers, body.as_bytes(), 10, false).accepted;
        assert_eq!(accepted(r#"{"data":{"accepted":9,"rejected":1}}"#), 9);
        assert_eq!(accepted("{}"), 10);
        assert_eq!(read(503, &headers, b"", 10, false).fault.unwrap(), "status 503");
    }
}
