//! The client of a lane: its requests, made beforehand as far as they can be, and one way to send them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use chrono::{TimeDelta, Utc};
use http::{HeaderMap, HeaderValue, Method, header};
use reqwest::redirect::Policy;
use reqwest::{Client, Url};

use super::answer::{Reading, read};
use super::plan::LanePlan;
use super::profile::{Payload, Request, Template};
use super::record::Outcome;
use crate::payload::{Mix, Payloads, random_session};
use crate::target::{Envelope, Key, Target};

/// How long an idle connection is kept: shorter than common servers keep it.
const POOL_IDLE: Duration = Duration::from_secs(2);
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
        .pool_idle_timeout(POOL_IDLE)
        .pool_max_idle_per_host(usize::MAX)
        .tcp_nodelay(true)
        .user_agent(concat!("trenchcheck/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// What one lane sends.
#[derive(Debug)]
pub(crate) struct LaneClient {
    http: Client,
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Option<BodyMaker>,
    extra_members: bool,
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
        Ok(Self { http, method, url, headers, body, extra_members: target.extra_members_allowed })
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
        let mut request =
            self.http.request(self.method.clone(), self.url.clone()).headers(self.headers.clone());
        if let Some(body) = &self.body {
            request = request.body(body.take());
        }
        let sent = Instant::now();
        let fault = |error: &reqwest::Error, answered: Instant, status: Option<u16>| Exchange {
            sent,
            answered,
            done: Instant::now(),
            status,
            reading: Reading {
                outcome: Outcome::Error,
                accepted: 0,
                fault: Some(what_failed(error).to_owned()),
                retry_after: None,
            },
        };
        let mut response = match request.send().await {
            Ok(response) => response,
            Err(error) => return fault(&error, Instant::now(), None),
        };
        let answered = Instant::now();
        let status = response.status().as_u16();
        let mut bytes = BytesMut::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if bytes.len() + chunk.len() <= MOST_BODY_BYTES => {
                    bytes.extend_from_slice(&chunk)
                }
                Ok(Some(_) | None) => break,
                Err(error) => return fault(&error, answered, Some(status)),
            }
        }
        let done = Instant::now();
        let reading = read(status, response.headers(), &bytes, self.events(), self.extra_members);
        Exchange { sent, answered, done, status: Some(status), reading }
    }
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
        "no complete answer in time"
    } else if error.is_connect() {
        "no connection could be made"
    } else if error.is_builder() {
        "the request could not be formed"
    } else {
        "the connection ended before the answer was complete"
    }
}
