//! What goes out and what comes back.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::clock::Instant;
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

    /// How many events are carried.
    pub(crate) fn events(&self) -> u32 {
        match self {
            Self::Bytes(_) => 0,
            Self::Events(batch) => batch.count(),
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
    /// Whether the body came compressed, although nobody had asked for that.
    pub(crate) compressed: bool,
    /// When the request left.
    pub(crate) sent: Instant,
    /// When the answer's header arrived. A promise of seconds counts from here.
    pub(crate) answered: Instant,
    /// When the body was complete.
    pub(crate) done: Instant,
}
