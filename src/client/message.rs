//! What goes out and what comes back.

use std::io::Read as _;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::MOST_BODY_BYTES;
use crate::payload::Batch;
use crate::scenario::model::HttpVersion;

/// The most of a body that is unpacked.
const MOST_PLAIN_BYTES: u64 = 8 * MOST_BODY_BYTES as u64;

/// Whose clock says when a request left and when its answer came.
pub(crate) trait Timekeeper {
    /// An instant of this clock.
    type Instant: Copy;

    /// Now.
    fn now(&self) -> Self::Instant;
}

impl<C: Timekeeper> Timekeeper for Arc<C> {
    type Instant = C::Instant;

    fn now(&self) -> Self::Instant {
        C::now(self)
    }
}

/// The clock of this machine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MachineClock;

impl Timekeeper for MachineClock {
    type Instant = std::time::Instant;

    fn now(&self) -> Self::Instant {
        std::time::Instant::now()
    }
}

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

/// An answer, read whole, with instants of the clock of whoever asked.
#[derive(Debug, Clone)]
pub(crate) struct Answer<I> {
    /// The status.
    pub(crate) status: u16,
    /// Header fields.
    pub(crate) headers: HeaderMap,
    /// The body.
    pub(crate) body: Bytes,
    /// Whether the body came compressed, although nobody had asked for that.
    pub(crate) compressed: bool,
    /// When the request left.
    pub(crate) sent: I,
    /// When the answer's header arrived. A promise of seconds counts from here.
    pub(crate) answered: I,
    /// When the body was complete.
    pub(crate) done: I,
}

impl<I> Answer<I> {
    /// An answer with its body as it was meant; what cannot be unpacked stays as it came.
    pub(super) fn new(
        status: u16,
        headers: HeaderMap,
        body: Bytes,
        (sent, answered, done): (I, I, I),
    ) -> Self {
        let (body, compressed) = decoded(&headers, body);
        Self { status, headers, body, compressed, sent, answered, done }
    }
}

fn decoded(headers: &HeaderMap, body: Bytes) -> (Bytes, bool) {
    let encoding = headers.get(http::header::CONTENT_ENCODING).and_then(|value| value.to_str().ok());
    let mut plain = Vec::new();
    let read = match encoding.map(str::to_ascii_lowercase).as_deref() {
        None | Some("identity" | "") => return (body, false),
        Some("gzip" | "x-gzip") => {
            MultiGzDecoder::new(&body[..]).take(MOST_PLAIN_BYTES).read_to_end(&mut plain)
        }
        Some("deflate") => ZlibDecoder::new(&body[..]).take(MOST_PLAIN_BYTES).read_to_end(&mut plain),
        Some(_) => return (body, true),
    };
    if read.is_ok() { (plain.into(), true) } else { (body, true) }
}
