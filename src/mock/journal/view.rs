//! An entry as it is shown.

use schemars::JsonSchema;
use serde::Serialize;

use crate::mock::errors::Detail;
use crate::mock::ingest::format_timestamp;
use crate::mock::summary::Reason;

use super::entry::{Entry, Outcome};

/// A request and what became of it. No text in it holds a key.
#[derive(Debug, Serialize, JsonSchema)]
pub struct EntryView {
    /// Its number in the journal of its workspace, from 0.
    pub id: u64,
    /// When it arrived, by the workspace's clock.
    pub at: String,
    /// The method, as sent.
    pub method: String,
    /// The path, still percent-encoded.
    pub path: String,
    /// What follows `?`.
    pub query: String,
    /// The key it is known by; null for none.
    pub key: Option<KeyName>,
    /// The status of the answer; 0 if there was none.
    pub status: u16,
    /// In a word, what became of it.
    pub outcome: Outcome,
    /// Why it was refused; null if it was not.
    pub why: Option<WhyView>,
    /// How the events of its batch were written.
    pub envelopes: EnvelopesView,
    /// How many events or scores were taken.
    pub accepted: u32,
    /// How many of them repeated earlier ones and changed nothing.
    pub repeated: u32,
    /// The faults it met, by id.
    pub faults: Vec<String>,
    /// How long it took until the answer left, in microseconds.
    pub duration_us: u64,
    /// Pairs of name and value.
    pub headers: Vec<(String, String)>,
    /// The body, as it came.
    pub body: TextView,
    /// The body of the answer.
    pub answer: TextView,
}

/// A key, by what may be shown of it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct KeyName {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// How many events were written in which envelope.
#[derive(Debug, Serialize, JsonSchema)]
pub struct EnvelopesView {
    /// `event_type`, `session_id`, `timestamp`.
    pub documented: u32,
    /// `event`, `session_id`, `ts`, as published clients send.
    pub wire: u32,
}

impl EnvelopesView {
    /// `documented`, `wire`, `both`, or nothing where no events were read.
    pub(crate) fn in_a_word(&self) -> Option<&'static str> {
        match (self.documented, self.wire) {
            (0, 0) => None,
            (_, 0) => Some("documented"),
            (0, _) => Some("wire"),
            _ => Some("both"),
        }
    }
}

/// The beginning of a text.
#[derive(Debug, Serialize, JsonSchema)]
pub struct TextView {
    /// As much as is kept.
    pub text: String,
    /// The length of all of it, in bytes.
    pub bytes: usize,
    /// Whether `text` is only its beginning.
    pub truncated: bool,
}

/// Why a request was refused.
#[derive(Debug, Serialize, JsonSchema)]
pub struct WhyView {
    /// In a sentence.
    pub message: String,
    /// Of a 403: the scope the key lacks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<&'static str>,
    /// Of a 429: what is used up, `requests` or `events`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<&'static str>,
    /// Of a 429: when the request would be admitted, by the workspace's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frees_at: Option<String>,
    /// Of a 400: what is wrong, at most 20 of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Detail>,
}

impl From<&Entry> for EntryView {
    fn from(entry: &Entry) -> Self {
        let (kept, summary) = (&entry.kept, &entry.summary);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let headers =
            kept.headers().split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).map(|line| {
                let line = String::from_utf8_lossy(line);
                let (name, value) = line.split_once(": ").unwrap_or((&line, ""));
                (name.to_owned(), value.to_owned())
            });
        Self {
            id: entry.id,
            at: format_timestamp(entry.at),
            method: text(kept.method()),
            path: text(kept.path()),
            query: text(kept.query()),
            key: summary
                .key
                .as_ref()
                .map(|key| KeyName { id: key.id.to_string(), name: key.name.to_string() }),
            status: entry.status,
            outcome: entry.outcome(),
            why: summary.why.as_ref().map(WhyView::from),
            envelopes: EnvelopesView {
                documented: summary.envelopes.documented,
                wire: summary.envelopes.wire,
            },
            accepted: summary.accepted,
            repeated: summary.repeated,
            faults: entry.faults.iter().map(ToString::to_string).collect(),
            duration_us: entry.took_us,
            headers: headers.collect(),
            body: TextView { text: text(kept.body()), bytes: kept.body_bytes, truncated: kept.is_cut() },
            answer: TextView {
                text: text(kept.answer()),
                bytes: kept.answer_bytes,
                truncated: kept.answer_is_cut(),
            },
        }
    }
}

impl From<&Reason> for WhyView {
    fn from(why: &Reason) -> Self {
        let mut view =
            Self { message: String::new(), scope: None, limit: None, frees_at: None, fields: Vec::new() };
        view.message = match why {
            Reason::NoKey => "The request has no X-API-Key header.".to_owned(),
            Reason::UnknownKey => "Nobody has this key here.".to_owned(),
            Reason::SeveralKeys => "There are several X-API-Key headers, and they differ.".to_owned(),
            Reason::RevokedKey => "The key has been revoked.".to_owned(),
            Reason::LacksScope(scope) => {
                view.scope = Some(scope.as_str());
                format!("The key lacks the scope {scope}.")
            }
            Reason::UsedUp(budget, until) => {
                view.limit = Some(budget.as_str());
                let until = format_timestamp(*until);
                let message = format!("The key's {} are used up until {until}.", budget.as_str());
                view.frees_at = Some(until);
                message
            }
            Reason::Invalid(message, details) => {
                view.fields.clone_from(details);
                (*message).to_owned()
            }
            Reason::NoSuchPath => "There is no such endpoint.".to_owned(),
            Reason::NoSuchWorkspace => "There is no such workspace.".to_owned(),
            Reason::WrongMethod => "The endpoint does not take this method.".to_owned(),
            Reason::TooLarge => "The body is larger than 4 MiB.".to_owned(),
            Reason::TooSlow => "The body took too long to arrive.".to_owned(),
            Reason::BrokeOff => "The client went away before its body had arrived.".to_owned(),
        };
        view
    }
}
