//! The client of a lane: its requests, made beforehand as far as they can be, and the reading of what comes back.

use std::collections::VecDeque;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use chrono::{TimeDelta, Utc};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use http_body_util::Full;
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::Value;

use super::LoadError;
use super::plan::LanePlan;
use super::profile::{Payload, Request, Template};
use super::series::Outcome;
use crate::client::{Connections, Content, HttpClient, MachineClock, Outgoing, Pool};
use crate::contract::{RetryAfterFault, WINDOW_SECONDS, retry_after};
use crate::deployment::{Envelope, Key, Target};
use crate::payload::{Mix, Payloads, random_session};

/// How many bodies lie ready in a lane: making one takes longer than a request may be late.
const READY: usize = 2;

/// What one lane sends.
#[derive(Debug)]
pub(crate) struct LaneClient {
    carrier: Carrier,
    /// Without its body.
    outgoing: Outgoing,
    body: Option<BodyMaker>,
    extra_members: bool,
}

#[derive(Debug)]
enum Carrier {
    /// Connections of the lane's own, and the request as it is written there.
    Pool(Pool, Box<http::Request<Full<Bytes>>>),
    /// The client for everything, where TLS or a proxy lies between.
    Client(HttpClient),
}

#[derive(Debug)]
enum Events {
    Made(Mix),
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
    pub(crate) sent: Instant,
    /// When the header of the answer came; a promise of seconds counts from here.
    pub(crate) answered: Instant,
    /// When the answer was complete, or the exchange failed.
    pub(crate) done: Instant,
    /// The status; `None` without an answer.
    pub(crate) status: Option<u16>,
    pub(crate) reading: Reading,
}

impl LaneClient {
    /// The client of a lane with this key; `base_url` is where the key belongs.
    ///
    /// # Errors
    /// [`LoadError::BadUrl`], [`LoadError::BadKey`] and [`LoadError::Unsendable`]. Never quotes the key.
    pub(crate) fn new(
        http: HttpClient,
        target: &Target,
        base_url: &str,
        plan: &LanePlan,
        key: &Key,
        payloads: Arc<Payloads>,
        envelope: Envelope,
    ) -> Result<Self, LoadError> {
        let url = format!("{base_url}{}", target.path(plan.request.endpoint()));
        reqwest::Url::parse(&url).map_err(|error| LoadError::BadUrl(url.clone(), error.to_string()))?;
        let mut value = HeaderValue::from_str(key.secret.reveal())
            .map_err(|_| LoadError::BadKey(key.variable.clone()))?;
        value.set_sensitive(true);
        let mut headers = vec![
            (HeaderName::from_static("x-api-key"), value),
            (header::ACCEPT, HeaderValue::from_static("*/*")),
        ];
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
            headers.push((header::CONTENT_TYPE, HeaderValue::from_static("application/json")));
        }
        let method = if body.is_some() { Method::POST } else { Method::GET };
        let outgoing = Outgoing { method, url, headers, body: None, spelled: None, http: None };
        let carrier = match http.pool(&outgoing.url) {
            Some(pool) => {
                Carrier::Pool(pool, Box::new(http.written(&outgoing).map_err(LoadError::Unsendable)?))
            }
            None => Carrier::Client(http),
        };
        Ok(Self { carrier, outgoing, body, extra_members: target.extra_members_allowed })
    }

    /// The method, as goose's report shows it.
    pub(crate) fn method(&self) -> &str {
        self.outgoing.method.as_str()
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
        let (sent, answer) = match &self.carrier {
            Carrier::Pool(pool, written) => {
                let mut request = http::Request::clone(written);
                *request.body_mut() = Full::from(body.unwrap_or_default());
                (Instant::now(), pool.exchange(request, &MachineClock).await)
            }
            Carrier::Client(http) => {
                let outgoing = Outgoing { body: body.map(Content::Bytes), ..self.outgoing.clone() };
                (Instant::now(), http.exchange(&outgoing, Connections::Reused, &MachineClock).await)
            }
        };
        match answer {
            Ok(answer) => Exchange {
                sent,
                answered: answer.answered,
                done: answer.done,
                status: Some(answer.status),
                reading: read(
                    answer.status,
                    &answer.headers,
                    &answer.body,
                    self.events(),
                    self.extra_members,
                ),
            },
            Err(fault) => {
                let (done, reading) = (Instant::now(), Reading::error(fault.in_few_words().to_owned()));
                Exchange { sent, answered: done, done, status: None, reading }
            }
        }
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
        let missing = READY.saturating_sub(self.ready.lock().len());
        for _ in 0..missing {
            let body = self.make();
            self.ready.lock().push_back(body);
        }
    }

    fn take(&self) -> Bytes {
        let ready = self.ready.lock().pop_front();
        ready.unwrap_or_else(|| self.make())
    }
}

/// The documented body of a 429, written out, with `{seconds}` for the number.
static LIMITED_BODY: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../fixtures/errors/429.json")).unwrap_or_default()
});
/// Stands for a number in the documented message.
const SECONDS: &str = "{seconds}";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) outcome: Outcome,
    /// Events the target says it accepted; all that were sent where it says nothing.
    pub(crate) accepted: u32,
    /// What is wrong with it.
    pub(crate) fault: Option<String>,
    /// What a 429 promises.
    pub(crate) retry_after: Option<Duration>,
}

impl Reading {
    fn error(fault: String) -> Self {
        Self { outcome: Outcome::Error, accepted: 0, fault: Some(fault), retry_after: None }
    }
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
            let told = || serde_json::from_slice(body).map_or(events, |told: Accepted| told.data.accepted);
            let accepted = if events == 0 { 0 } else { told() };
            Reading { outcome: Outcome::Admitted, accepted, fault: None, retry_after: None }
        }
        429 => {
            let promise = promised(headers);
            let fault =
                promise.as_ref().err().map(ToString::to_string).or_else(|| wrong_body(body, extra_members));
            Reading { outcome: Outcome::Limited, accepted: 0, fault, retry_after: promise.ok() }
        }
        _ => Reading::error(format!("status {status}")),
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
