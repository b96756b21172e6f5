//! A named change: what it is about, whether it breaks a promise, which checks name it then, and how it changes the behaviour;
//! and changes to a finished reply that several deviations make.

use std::fmt;

use chrono::DateTime;

use super::aspects::Aspect;
use crate::mock::behaviour::{Behaviour, Rewrite};
use crate::mock::reply::Reply;
use crate::mock::request::RequestContext;
use crate::words::words;

words! {
    /// What a change is about.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum Group: word + Display {
        /// Who is let in, and what 401 looks like.
        Authentication => "authentication",
        /// What a key may do, and what 403 looks like.
        Scopes => "scopes",
        /// How requests are counted.
        Limits => "limits",
        /// What 429 looks like.
        The429 => "the-429",
        /// How events are counted.
        Events => "events",
        /// What goes wrong only when requests come together.
        Concurrency => "concurrency",
        /// Several of all kinds at once.
        Composed => "composed",
    }
}

words! {
    /// How much weight the promise has that a deviation breaks.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Breach: as_str {
        /// The page promises it.
        Must => "must",
        /// The page suggests it.
        Should => "should",
        /// HTTP asks for it.
        Rfc => "rfc",
    }
}

/// Ids of checks.
type Ids = &'static [&'static str];

/// A named change.
#[derive(Debug, Clone, Copy)]
pub struct NamedChange {
    /// Its name, in small letters, digits and hyphens.
    pub name: &'static str,
    /// What it is about.
    pub group: Group,
    /// What it does, in one sentence.
    pub about: &'static str,
    /// The greatest weight among the promises it breaks; none for a legal variant, which must never be failed.
    pub breach: Option<Breach>,
    /// Ids of the checks that are about what it breaks: at least one of them fails, and those that do not are
    /// explained by one that does.
    pub checks: Ids,
    /// Ids of checks that may fail as well, since what they promise is broken too. None of them has to.
    pub also: Ids,
    /// The aspects it changes; none for legal variants, and for what is several deviations already.
    pub changes: &'static [Aspect],
    pub(super) apply: fn(&mut Behaviour),
    /// A change to replies, to those with a status or to all.
    pub(super) rewrite: Option<(Option<u16>, Rewrite)>,
}

impl NamedChange {
    /// Changes the behaviour; where several entries change the same part, the last of them wins.
    pub fn apply(&self, behaviour: &mut Behaviour) {
        (self.apply)(behaviour);
        behaviour.rewrites.extend(self.rewrite);
    }

    /// The checks that may fail because of it: those that ought to name it, and those that may fail as well.
    pub fn declared(&self) -> Vec<&'static str> {
        [self.checks, self.also].concat()
    }

    const fn new(name: &'static str, about: &'static str, breach: Option<Breach>) -> Self {
        // The catalogue gives each entry the group of its list.
        let group = Group::Composed;
        Self {
            name,
            group,
            about,
            breach,
            checks: &[],
            also: &[],
            changes: &[],
            apply: |_| {},
            rewrite: None,
        }
    }

    /// The checks that ought to name it, and the aspects it changes.
    pub(super) const fn breaks(self, checks: Ids, changes: &'static [Aspect]) -> Self {
        Self { checks, changes, ..self }
    }

    pub(super) const fn also(self, also: Ids) -> Self {
        Self { also, ..self }
    }

    pub(super) const fn by(self, apply: fn(&mut Behaviour)) -> Self {
        Self { apply, ..self }
    }

    /// That it changes every reply like this.
    pub(super) const fn rewrites(self, rewrite: Rewrite) -> Self {
        Self { rewrite: Some((None, rewrite)), ..self }
    }

    /// That it changes replies with this status like this.
    pub(super) const fn rewrites_on(self, status: u16, rewrite: Rewrite) -> Self {
        Self { rewrite: Some((Some(status), rewrite)), ..self }
    }
}

pub(super) const fn must(name: &'static str, about: &'static str) -> NamedChange {
    NamedChange::new(name, about, Some(Breach::Must))
}

pub(super) const fn should(name: &'static str, about: &'static str) -> NamedChange {
    NamedChange::new(name, about, Some(Breach::Should))
}

/// Breaks what HTTP asks for.
pub(super) const fn rfc(name: &'static str, about: &'static str) -> NamedChange {
    NamedChange::new(name, about, Some(Breach::Rfc))
}

pub(super) const fn legal(name: &'static str, about: &'static str) -> NamedChange {
    NamedChange::new(name, about, None)
}

/// What is counted for a key and something else of the request.
pub(super) fn key_and(context: &RequestContext<'_>, part: impl fmt::Display) -> Option<String> {
    Some(format!("{} at {part}", context.key_id()))
}

pub(super) fn replace(reply: &mut Reply, from: &str, to: &str) {
    reply.body = reply.text().replace(from, to).into_bytes().into();
}

/// Adds the id of the request to an error.
pub(super) fn request_id(context: &RequestContext<'_>, reply: &mut Reply) {
    if reply.status >= 400
        && let Some(error) = reply.text().strip_suffix("}}")
    {
        let body = format!("{error},\"request_id\":\"req_{}\"}}}}", context.ordinal);
        reply.body = body.into_bytes().into();
    }
}

/// Takes the `error` around code and message away.
pub(super) fn flat(reply: &mut Reply) {
    replace(reply, "{\"error\":{", "{");
    replace(reply, "}}", "}");
}

pub(super) fn plain(reply: &mut Reply, body: &'static str) {
    reply.body = body.as_bytes().into();
    reply.set("content-type", "text/plain");
}

/// Names the message of an error before its code.
pub(super) fn reorder(reply: &mut Reply) {
    let Ok(body) = serde_json::from_slice::<serde_json::Value>(&reply.body) else {
        return;
    };
    let error = &body["error"];
    if error["details"].is_null() && error["code"].is_string() {
        let body = format!(r#"{{"error":{{"message":{},"code":{}}}}}"#, error["message"], error["code"]);
        reply.body = body.into_bytes().into();
    }
}

pub(super) fn indent(reply: &mut Reply) {
    let body = serde_json::from_slice::<serde_json::Value>(&reply.body);
    if let Ok(indented) = body.and_then(|body| serde_json::to_vec_pretty(&body)) {
        reply.body = indented.into();
    }
}

pub(super) fn seconds(reply: &Reply) -> Option<u64> {
    reply.header("retry-after")?.parse().ok()
}

/// Writes Retry-After anew, from the seconds it promised; nothing takes it away.
pub(super) fn retry_after(reply: &mut Reply, write: impl Fn(u64) -> Option<String>) {
    match seconds(reply).map(write) {
        Some(Some(value)) => reply.set("retry-after", value),
        Some(None) => reply.remove("retry-after"),
        None => {}
    }
}

/// An instant in the format of HTTP header fields.
pub(super) fn http_date(at: i64) -> String {
    DateTime::from_timestamp_millis(at).unwrap_or_default().format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
