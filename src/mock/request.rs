//! A request as the engine sees it, plain values and no HTTP library, and what is known about it while it is answered.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use memchr::memmem;
use percent_encoding::percent_decode_str;

use crate::contract::{ApiKey, Endpoint};

use super::keys::KeyEntry;

/// A request, read whole, borrowed from whoever read it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Request<'a> {
    /// The method, in capitals as sent.
    pub method: &'a str,
    /// The path, still percent-encoded.
    pub path: &'a str,
    /// What follows `?`, or nothing.
    pub query: &'a str,
    /// The header lines in order; names in any case.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// The body.
    pub body: &'a [u8],
    /// Whether the body was larger than the server reads; `body` is empty then.
    pub body_too_large: bool,
    /// Which connection it came over; only deviations ask.
    pub connection: u64,
    /// Whether it came in HTTP/2; only deviations ask.
    pub http2: bool,
    /// Who sent it, where that is known; only deviations ask.
    pub peer: Option<IpAddr>,
}

impl<'a> Request<'a> {
    /// The values of every line of a header, in order. Header names have no case.
    pub fn lines(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.headers.iter().filter(move |(line, _)| line.eq_ignore_ascii_case(name)).map(|&(_, value)| value)
    }

    /// The value of the first line of a header.
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        self.lines(name).next()
    }

    /// The value of the first line of a header, if it is text.
    pub fn header_text(&self, name: &str) -> Option<&'a str> {
        self.header(name).and_then(|value| std::str::from_utf8(value).ok())
    }

    /// The first value of a query parameter, decoded.
    pub fn parameter(&self, name: &str) -> Option<Cow<'a, str>> {
        self.query.split('&').find_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            if key != name {
                return None;
            }
            Some(decoded(value))
        })
    }

    /// Where something stands that looks like a key, other than in `X-API-Key`.
    pub(super) fn key_elsewhere(&self) -> Option<&'static str> {
        let holds_key = |text: &[u8]| memmem::find(text, ApiKey::PREFIX.as_bytes()).is_some();
        let bearer = |value: &[u8]| value.get(..7).is_some_and(|word| word.eq_ignore_ascii_case(b"bearer "));
        match self.header("authorization") {
            Some(value) if bearer(value) => Some("A bearer token"),
            Some(_) => Some("The header Authorization"),
            None if holds_key(self.query.as_bytes()) => Some("The query"),
            None if self.lines("cookie").any(holds_key) => Some("A cookie"),
            None if self.headers.iter().any(|(_, value)| holds_key(value)) => Some("Another header"),
            None => holds_key(self.body).then_some("The body"),
        }
    }
}

/// A value as it was meant before it was written into a query or a form.
pub(super) fn decoded(value: &str) -> Cow<'_, str> {
    if !value.contains(['%', '+']) {
        return Cow::Borrowed(value);
    }
    let spaced = value.replace('+', " ");
    Cow::Owned(percent_decode_str(&spaced).decode_utf8_lossy().into_owned())
}

/// What `X-API-Key` held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presented<'a> {
    /// No line at all.
    Missing,
    /// One line, or several that agree.
    Key(&'a [u8]),
    /// Lines that disagree; the first is given.
    Conflicting(&'a [u8]),
}

impl<'a> Presented<'a> {
    /// Reads it from a request.
    pub fn of(request: &Request<'a>) -> Self {
        let mut lines = request.lines("x-api-key");
        match lines.next() {
            None => Self::Missing,
            Some(first) if lines.all(|line| line == first) => Self::Key(first),
            Some(first) => Self::Conflicting(first),
        }
    }
}

/// Where a path leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// To an endpoint, with a method it takes.
    Found(Endpoint),
    /// To an endpoint, with another method; these are the right ones.
    WrongMethod(Endpoint, &'static str),
    /// Nowhere.
    Unknown,
}

impl Route {
    /// Finds the endpoint. One slash at the end is no difference, and HEAD goes where GET goes.
    pub fn of(method: &str, path: &str) -> Self {
        let path = path.strip_suffix('/').unwrap_or(path);
        let Some(endpoint) = Endpoint::ALL.into_iter().find(|endpoint| endpoint.path() == path) else {
            return Self::Unknown;
        };
        match (endpoint.method(), method) {
            (documented, sent) if documented == sent => Self::Found(endpoint),
            ("GET", "HEAD") => Self::Found(endpoint),
            ("GET", _) => Self::WrongMethod(endpoint, "GET, HEAD, OPTIONS"),
            _ => Self::WrongMethod(endpoint, "POST, OPTIONS"),
        }
    }

    /// The endpoint, whatever the method.
    pub fn endpoint(self) -> Option<Endpoint> {
        match self {
            Self::Found(endpoint) | Self::WrongMethod(endpoint, _) => Some(endpoint),
            Self::Unknown => None,
        }
    }
}

/// A request on its way through the engine.
#[derive(Debug)]
pub struct RequestContext<'a> {
    /// The request.
    pub request: &'a Request<'a>,
    /// Where it goes.
    pub route: Route,
    /// What it presented as its key.
    pub presented: Presented<'a>,
    /// The key it is known by.
    pub key: Option<Arc<KeyEntry>>,
    /// Whether the key was found but has been revoked.
    pub revoked: bool,
    /// The workspace's time in milliseconds.
    pub now: u64,
    /// The same in milliseconds since 1970.
    pub wall_ms: i64,
    /// The place of this request among all of its workspace, from 0.
    pub ordinal: u64,
    /// The place of this 429 among all of its workspace, from 0.
    pub refusal: u64,
    /// How long ago the workspace's last 429 was, in milliseconds.
    pub since_429_ms: Option<u64>,
    /// How long a refused request has to wait, in milliseconds.
    pub wait_ms: Option<u64>,
}

impl<'a> RequestContext<'a> {
    /// Whether the request goes to this endpoint.
    pub fn goes_to(&self, endpoint: Endpoint) -> bool {
        self.route.endpoint() == Some(endpoint)
    }

    /// Whether the request goes to an endpoint that is read.
    pub fn reads(&self) -> bool {
        self.route.endpoint().is_some_and(|endpoint| endpoint.method() == "GET")
    }

    /// When a refused request would be admitted, in milliseconds since 1970.
    pub fn free_at_ms(&self) -> i64 {
        self.wall_ms.saturating_add_unsigned(self.wait_ms.unwrap_or(0))
    }

    /// The one key that was presented.
    pub fn presented_key(&self) -> Option<&'a [u8]> {
        match self.presented {
            Presented::Key(key) => Some(key),
            Presented::Missing | Presented::Conflicting(_) => None,
        }
    }

    /// The id of the key the request is known by, or nothing.
    pub fn key_id(&self) -> &str {
        self.key.as_ref().map_or("", |key| &key.id)
    }
}
