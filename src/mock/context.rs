//! What is known about a request while it is answered.

use std::sync::Arc;

use crate::contract::Endpoint;

use super::keys::KeyEntry;
use super::message::Request;

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
