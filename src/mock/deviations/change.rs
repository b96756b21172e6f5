//! A named change: what it is about, whether it breaks a promise, which checks name it then, and how it changes the behaviour;
//! and changes to a finished reply that several deviations make.

use std::fmt;

use chrono::DateTime;

use super::aspects::Aspect;
use crate::mock::behaviour::{Behaviour, CountedFor};
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

/// Whether a change breaks a promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nature {
    /// It does, and checks ought to name it.
    Deviation {
        /// The greatest weight among the promises it breaks.
        breach: Breach,
        /// Ids of the checks that are about what it breaks: at least one of them fails, and those that do not are
        /// explained by one that does.
        checks: &'static [&'static str],
        /// Ids of checks that may fail as well, since what they promise is broken too. None of them has to.
        also: &'static [&'static str],
    },
    /// It does not, and must never be failed.
    LegalVariant,
}

/// A named change.
#[derive(Debug, Clone, Copy)]
pub struct NamedChange {
    /// Its name, in small letters, digits and hyphens.
    pub name: &'static str,
    /// What it is about.
    pub group: Group,
    /// What it does, in one sentence.
    pub about: &'static str,
    /// Whether it breaks a promise.
    pub nature: Nature,
    /// The aspects it changes, in their order.
    pub changes: &'static [Aspect],
    apply: fn(&mut Behaviour),
}

impl NamedChange {
    /// Changes the behaviour; where several entries change the same part, the last of them wins.
    pub fn apply(&self, behaviour: &mut Behaviour) {
        (self.apply)(behaviour);
    }

    /// The checks that may fail because of it: those that ought to name it, and those that may fail as well.
    pub fn declared(&self) -> Vec<&'static str> {
        match self.nature {
            Nature::Deviation { checks, also, .. } => [checks, also].concat(),
            Nature::LegalVariant => Vec::new(),
        }
    }

    const fn new(name: &'static str, about: &'static str, nature: Nature) -> Self {
        // `in_group` gives each entry the group of its list.
        Self { name, group: Group::Composed, about, nature, changes: &[], apply: |_| {} }
    }

    /// The checks that ought to name it, and the aspects it changes.
    pub(super) const fn breaks(mut self, named: &'static [&'static str], changes: &'static [Aspect]) -> Self {
        self.changes = changes;
        if let Nature::Deviation { checks, .. } = &mut self.nature {
            *checks = named;
        }
        self
    }

    /// The checks that may fail as well.
    pub(super) const fn also(mut self, more: &'static [&'static str]) -> Self {
        if let Nature::Deviation { also, .. } = &mut self.nature {
            *also = more;
        }
        self
    }

    /// How it changes the behaviour.
    pub(super) const fn by(mut self, apply: fn(&mut Behaviour)) -> Self {
        self.apply = apply;
        self
    }

    /// The same, as one of this group.
    pub(super) const fn in_group(mut self, group: Group) -> Self {
        self.group = group;
        self
    }
}

const fn deviation(name: &'static str, about: &'static str, breach: Breach) -> NamedChange {
    NamedChange::new(name, about, Nature::Deviation { breach, checks: &[], also: &[] })
}

/// Breaks a `must`.
pub(super) const fn must(name: &'static str, about: &'static str) -> NamedChange {
    deviation(name, about, Breach::Must)
}

/// Breaks a `should`.
pub(super) const fn should(name: &'static str, about: &'static str) -> NamedChange {
    deviation(name, about, Breach::Should)
}

/// Breaks what HTTP asks for.
pub(super) const fn rfc(name: &'static str, about: &'static str) -> NamedChange {
    deviation(name, about, Breach::Rfc)
}

/// Breaks nothing.
pub(super) const fn legal(name: &'static str, about: &'static str) -> NamedChange {
    NamedChange::new(name, about, Nature::LegalVariant)
}

/// What is counted for a key and something else of the request.
pub(super) fn key_and(context: &RequestContext<'_>, part: impl fmt::Display) -> CountedFor {
    CountedFor::Named(format!("{} at {part}", context.key_id()))
}

/// Replaces a part of the body.
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

/// Makes it plain text.
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

/// Indents JSON.
pub(super) fn indent(reply: &mut Reply) {
    let body = serde_json::from_slice::<serde_json::Value>(&reply.body);
    if let Ok(indented) = body.and_then(|body| serde_json::to_vec_pretty(&body)) {
        reply.body = indented.into();
    }
}

/// The seconds promised, if the reply promises some.
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
