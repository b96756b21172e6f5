//! A request and a reply as the engine sees them: plain values, no HTTP library.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use percent_encoding::percent_decode_str;

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
}

/// A value as it was meant before it was written into a query or a form.
pub(super) fn decoded(value: &str) -> Cow<'_, str> {
    if !value.contains(['%', '+']) {
        return Cow::Borrowed(value);
    }
    let spaced = value.replace('+', " ");
    Cow::Owned(percent_decode_str(&spaced).decode_utf8_lossy().into_owned())
}

/// What is done when a reply leaves the server, after its delay.
pub type OnLeave = Box<dyn FnOnce() + Send>;

/// A reply.
#[derive(Default)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The header lines, in order.
    pub headers: Vec<(Cow<'static, str>, Cow<'static, str>)>,
    /// The body.
    pub body: Cow<'static, [u8]>,
    /// How long the server holds the reply back; zero in the reference.
    pub delay: Duration,
    /// Whether the server closes the connection after it; never in the reference.
    pub close: bool,
    /// What the server does when the reply leaves; nothing in the reference.
    pub on_leave: Option<OnLeave>,
}

impl Reply {
    /// A reply with a JSON body.
    pub fn json(status: u16, body: impl Into<Cow<'static, [u8]>>) -> Self {
        let mut reply = Self { status, body: body.into(), ..Self::default() };
        reply.headers.reserve(5);
        reply.push("content-type", "application/json");
        reply
    }

    /// A reply without a body.
    pub fn empty(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// Adds a header line.
    pub fn push(&mut self, name: &'static str, value: impl Into<Cow<'static, str>>) {
        self.headers.push((Cow::Borrowed(name), value.into()));
    }

    /// Replaces every line of a header by one.
    pub fn set(&mut self, name: &'static str, value: impl Into<Cow<'static, str>>) {
        self.remove(name);
        self.push(name, value);
    }

    /// Takes every line of a header away.
    pub fn remove(&mut self, name: &str) {
        self.headers.retain(|(line, _)| !line.eq_ignore_ascii_case(name));
    }

    /// The value of the first line of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(line, _)| line.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_ref())
    }

    /// The body as text; what is no UTF-8 is replaced.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Reply")
            .field("status", &self.status)
            .field("headers", &self.headers)
            .field("body", &self.text())
            .field("delay", &self.delay)
            .field("close", &self.close)
            .finish_non_exhaustive()
    }
}
