//! The one HTTP client: what checks and load runs send goes out here, and every answer is read whole here.
//!
//! [`HttpClient`] stands on reqwest: TLS, HTTP/2, proxies, a connection of its own for a request, a body that is held back.
//! [`Pool`] goes below it, over plain HTTP/1.1 without a proxy, for what a client for every purpose cannot do: write a header's
//! name as somebody else would, keep to one connection for certain, and send for a fraction of the cost (`benches/load_cost.rs`
//! has the figure).

mod http_client;
mod pool;

use std::error::Error as _;
use std::io::{self, Read as _};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::payload::Batch;
use crate::scenario::model::HttpVersion;

pub(crate) use http_client::{Connections, HttpClient, Prepared};
pub(crate) use pool::Pool;

/// How this program calls itself.
const OUR_NAME: HeaderValue = HeaderValue::from_static(concat!("trenchcheck/", env!("CARGO_PKG_VERSION")));

/// Nobody asks for a compressed answer.
const IDENTITY: HeaderValue = HeaderValue::from_static("identity");

/// The most of a body that is read. No documented answer comes near it.
const MOST_BODY_BYTES: usize = 8 * 1024 * 1024;

/// How long an idle connection is kept: shorter than common servers keep it, so that nothing is sent into one that is just
/// being closed.
const KEPT_IDLE: Duration = Duration::from_secs(2);

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
    fn new(status: u16, headers: HeaderMap, body: Bytes, (sent, answered, done): (I, I, I)) -> Self {
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

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The host name means nothing.
    #[error("the host name could not be looked up ({0})")]
    Name(String),
    /// Nobody listens, or the way there is closed.
    #[error("no connection could be made ({0})")]
    Connect(String),
    /// The TLS handshake failed.
    #[error("TLS could not be agreed on ({0})")]
    Tls(String),
    /// The answer was not complete in time.
    #[error("no complete answer within {seconds} s ({got})")]
    TimedOut {
        /// The time-out in seconds.
        seconds: u64,
        /// How far the answer had come.
        got: String,
    },
    /// The connection ended before the answer did.
    #[error("the connection ended before the answer was complete ({0})")]
    CutOff(String),
    /// What came back was not HTTP.
    #[error("the answer was not HTTP ({0})")]
    NotHttp(String),
    /// The body did not end where it could be held.
    #[error("the body was larger than {0} bytes; the rest was not read")]
    TooLarge(usize),
    /// The request could not be formed.
    #[error("the request could not be sent ({0})")]
    Unsendable(String),
}

impl Fault {
    /// Whether the same request might fare better on a new connection at once.
    pub fn worth_another_try(&self) -> bool {
        matches!(self, Self::Connect(_) | Self::CutOff(_) | Self::NotHttp(_))
    }

    /// Whether it says that the target as a whole is out of reach.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Name(_) | Self::Connect(_) | Self::Tls(_) | Self::TimedOut { .. })
    }

    /// Whether the answer was not complete in time.
    pub(crate) const fn is_time_out(&self) -> bool {
        matches!(self, Self::TimedOut { .. })
    }

    /// What happened in few words: they are counted, and name no target.
    pub(crate) const fn in_few_words(&self) -> &'static str {
        match self {
            Self::Name(_) => "the host name could not be looked up",
            Self::Connect(_) => "no connection could be made",
            Self::Tls(_) => "TLS could not be agreed on",
            Self::TimedOut { .. } => "no complete answer in time",
            Self::CutOff(_) => "the connection ended before the answer was complete",
            Self::NotHttp(_) => "the answer was not HTTP",
            Self::TooLarge(_) => "the body was too large to be read",
            Self::Unsendable(_) => "the request could not be sent",
        }
    }

    /// The fault behind a client error that came while waiting for an answer.
    fn of(error: reqwest::Error, timeout: std::time::Duration, got: &str) -> Self {
        if error.is_timeout() {
            return Self::TimedOut { seconds: timeout.as_secs(), got: got.to_owned() };
        }
        let connecting = error.is_connect();
        let building = error.is_builder();
        // The URL may hold a key, so it goes no further.
        let error = error.without_url();
        let why = chain(&error);
        let lower = why.to_lowercase();
        if building {
            Self::Unsendable(why)
        } else if connecting && (lower.contains("dns") || lower.contains("lookup")) {
            Self::Name(why)
        } else if connecting
            && ["certificate", "tls", "handshake", "invalidcontenttype", "corrupt message"]
                .iter()
                .any(|word| lower.contains(word))
        {
            let plain = ["invalidcontenttype", "corrupt message", "handshake eof"];
            let hint = if plain.iter().any(|word| lower.contains(word)) {
                "; does it speak plain http?"
            } else {
                ""
            };
            Self::Tls(format!("{why}{hint}"))
        } else if connecting {
            Self::Connect(why)
        } else if error_is_parse(&error) {
            Self::NotHttp(why)
        } else {
            Self::CutOff(format!("{got}: {why}"))
        }
    }
}

/// Whether the client library says that it could not read the answer as HTTP.
fn error_is_parse(error: &reqwest::Error) -> bool {
    let mut source = error.source();
    while let Some(inner) = source {
        if let Some(hyper) = inner.downcast_ref::<hyper::Error>() {
            return hyper.is_parse() || hyper.is_parse_too_large();
        }
        source = inner.source();
    }
    false
}

/// An error's story, innermost last, without repeating a sentence.
fn chain(error: &dyn std::error::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut source = error.source();
    while let Some(inner) = source {
        let text = match inner.downcast_ref::<io::Error>() {
            Some(io) if io.get_ref().is_none() => io.kind().to_string(),
            _ => inner.to_string(),
        };
        if !parts.iter().any(|part| part.contains(&text)) {
            parts.push(text);
        }
        source = inner.source();
    }
    if parts.is_empty() { error.to_string() } else { parts.join(": ") }
}
