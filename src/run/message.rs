//! What goes out and what comes back.

use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::clock::Moment;
use crate::payload::Batch;
use crate::scenario::model::HttpVersion;

/// The most of a body that is read. No documented answer comes near it.
pub(super) const MOST_BODY_BYTES: usize = 8 * 1024 * 1024;

/// What a request carries.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    /// These bytes.
    Bytes(Bytes),
    /// Events that are written when they leave.
    Events(Batch),
}

impl Content {
    /// The bytes, the same each time.
    pub(crate) fn bytes(&self) -> Bytes {
        match self {
            Self::Bytes(bytes) => bytes.clone(),
            Self::Events(batch) => batch.write(),
        }
    }

    /// The time of the first event, where events are carried.
    pub(crate) fn began(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Bytes(_) => None,
            Self::Events(batch) => batch.began(),
        }
    }
}

/// A request, ready to leave.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    /// The method.
    pub(crate) method: Method,
    /// The whole URL.
    pub(crate) url: String,
    /// Header fields in order; a name may stand twice.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// The body.
    pub(crate) body: Option<Content>,
    /// How the name of the key's header is spelled on the wire, where that is what is tested.
    pub(crate) spelled: Option<String>,
    /// The version of HTTP to speak, where that is what is tested.
    pub(crate) http: Option<HttpVersion>,
}

/// An answer, read whole.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: u16,
    /// Header fields.
    pub(crate) headers: HeaderMap,
    /// The body.
    pub(crate) body: Bytes,
    /// When the request left.
    pub(crate) sent: Moment,
    /// When the answer's header arrived. A promise of seconds counts from here.
    pub(crate) answered: Moment,
    /// When the body was complete.
    pub(crate) done: Moment,
}

impl Answer {
    /// Whether the request was let through.
    pub(crate) fn admitted(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The seconds of a single, well-written Retry-After.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        let mut lines = self.headers.get_all("retry-after").iter();
        let line = lines.next()?.to_str().ok()?;
        if lines.next().is_some() || line.is_empty() || !line.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        line.parse().ok().map(Duration::from_secs)
    }

    /// The instant the answer promises a retry will work.
    pub(crate) fn promise(&self) -> Option<Moment> {
        self.retry_after().map(|wait| self.answered + wait)
    }

    /// How many events of a batch were accepted, where the answer tells.
    pub(crate) fn accepted(&self) -> Option<u64> {
        self.json().ok()?.pointer("/data/accepted")?.as_u64()
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Result<serde_json::Value, serde_json::Error> {
        serde_json::from_slice(&self.body)
    }
}
