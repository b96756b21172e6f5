//! The client of a lane: its requests, made beforehand as far as they can be, and one way to send them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use chrono::{TimeDelta, Utc};
use http::{HeaderMap, HeaderValue, Method, Uri, header};
use http_body_util::Full;
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Url};
use tokio::time::timeout;

use super::answer::{Reading, read};
use super::plan::LanePlan;
use super::profile::{Payload, Request, Template};
use super::record::Outcome;
use super::wire::{KEPT_IDLE, Wire, WireError};
use crate::deployment::{Envelope, Key, Target};
use crate::payload::{Mix, Payloads, random_session};

/// The most of a body that is read.
const MOST_BODY_BYTES: usize = 8 * 1024 * 1024;
/// How many bodies lie ready in a lane: making one takes longer than a request may be late.
const READY: usize = 2;

/// A client that follows no redirect, undoes no compression and uses no proxy, as the one that checks.
///
/// # Errors
/// The client library's, when the system's certificates cannot be read.
pub(crate) fn connect(timeout: Duration) -> reqwest::Result<Client> {
    Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .no_gzip()
        .timeout(timeout)
        .pool_idle_timeout(KEPT_IDLE)
        .pool_max_idle_per_host(usize::MAX)
        .tcp_nodelay(true)
        .build()
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
        let carrier = match Wire::to(&url) {
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
