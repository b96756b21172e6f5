//! One request and what became of it, as it is kept and as it is shown.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;

use crate::mock::ingest::format_timestamp;
use crate::mock::reply::{Detail, Envelopes, Reason, Summary};
use crate::words::words;

use super::keep::Kept;

/// An entry; its texts are cut and masked already, and nothing else is formatted.
#[derive(Debug)]
pub(crate) struct JournalEntry {
    pub(crate) id: u64,
    /// When it arrived, in milliseconds since 1970 by the workspace's clock.
    pub(crate) at: i64,
    /// What was requested, and what was answered.
    pub(crate) kept: Kept,
    pub(crate) status: u16,
    pub(crate) summary: Summary,
    /// What became of it, where no answer left.
    pub(crate) ended: Option<JournalOutcome>,
    /// How long it took until the answer left, in microseconds.
    pub(crate) took_us: u64,
}

words! {
    /// In a word, what became of a request.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
    #[serde(rename_all = "kebab-case")]
    pub enum JournalOutcome: word {
        /// It was answered as it wished.
        Ok => "ok",
        /// 401.
        Unauthorized => "unauthorized",
        /// 403.
        Forbidden => "forbidden",
        /// 429.
        RateLimited => "rate-limited",
        /// 400, 408, 413: something is wrong with what was sent.
        Invalid => "invalid",
        /// 404 and 405: it went nowhere.
        NotFound => "not-found",
        /// A fault answered, or cut the connection, in place of the API.
        Fault => "fault",
        /// The client went away before it was answered.
        Abandoned => "abandoned",
        /// Another status, which only a deviation gives.
        Other => "other",
    }
}

impl JournalEntry {
    pub(crate) fn size(&self) -> usize {
        let details = match &self.summary.reason {
            Some(Reason::Invalid(_, details)) => {
                details.iter().map(|detail| 48 + detail.field.len() + detail.message.len()).sum()
            }
            _ => 0,
        };
        size_of::<Self>() + self.kept.size() + details
    }

    pub(crate) fn outcome(&self) -> JournalOutcome {
        if let Some(outcome) = self.ended {
            return outcome;
        }
        match (&self.summary.reason, self.status) {
            _ if self.summary.injected => JournalOutcome::Fault,
            (None, 200..=399) => JournalOutcome::Ok,
            (None, _) => JournalOutcome::Other,
            (Some(why), _) => match why {
                Reason::NoKey
                | Reason::KeyElsewhere(_)
                | Reason::UnknownKey
                | Reason::SeveralKeys
                | Reason::RevokedKey => JournalOutcome::Unauthorized,
                Reason::LacksScope(_) => JournalOutcome::Forbidden,
                Reason::UsedUp(..) => JournalOutcome::RateLimited,
                Reason::Invalid(..) | Reason::TooLarge | Reason::TooSlow | Reason::BrokeOff => {
                    JournalOutcome::Invalid
                }
                Reason::NoSuchPath | Reason::NoSuchWorkspace | Reason::WrongMethod => {
                    JournalOutcome::NotFound
                }
            },
        }
    }
}

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
    pub outcome: JournalOutcome,
    /// Why it was refused; null if it was not.
    pub why: Option<WhyView>,
    /// How the events of its batch were written.
    pub envelopes: Envelopes,
    /// How many events or scores were taken.
    pub accepted: u32,
    /// How many of them repeated earlier ones and changed nothing.
    pub repeated: u32,
    /// What its author should know, though it was taken.
    pub hint: Option<&'static str>,
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

/// Why some events may be gone that were accepted.
const ONE_TIMESTAMP: &str =
    "All its events carry one timestamp: of those of one session and type, only one is kept.";

/// A key, by what may be shown of it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct KeyName {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
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

impl From<&JournalEntry> for EntryView {
    fn from(entry: &JournalEntry) -> Self {
        let (kept, summary) = (&entry.kept, &entry.summary);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let [method, path, query, headers, body, answer] = kept.parts();
        let headers = headers.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).map(|line| {
            let line = String::from_utf8_lossy(line);
            let (name, value) = line.split_once(": ").unwrap_or((&line, ""));
            (name.to_owned(), value.to_owned())
        });
        Self {
            id: entry.id,
            at: format_timestamp(entry.at),
            method: text(method),
            path: text(path),
            query: text(query),
            key: summary
                .key
                .as_ref()
                .map(|key| KeyName { id: key.id.to_string(), name: key.name.to_string() }),
            status: entry.status,
            outcome: entry.outcome(),
            why: summary.reason.as_ref().map(WhyView::from),
            envelopes: summary.envelopes,
            accepted: summary.accepted,
            repeated: summary.repeated,
            hint: summary.one_timestamp.then_some(ONE_TIMESTAMP),
            faults: summary.faults.iter().map(ToString::to_string).collect(),
            duration_us: entry.took_us,
            headers: headers.collect(),
            body: TextView { text: text(body), bytes: kept.body_bytes, truncated: kept.is_cut() },
            answer: TextView {
                text: text(answer),
                bytes: kept.answer_bytes,
                truncated: kept.answer_is_cut(),
            },
        }
    }
}

impl EntryView {
    /// Entries as they are shown.
    pub(crate) fn all(entries: &[Arc<JournalEntry>]) -> Vec<Self> {
        entries.iter().map(|entry| Self::from(&**entry)).collect()
    }
}

impl From<&Reason> for WhyView {
    fn from(why: &Reason) -> Self {
        let mut view =
            Self { message: String::new(), scope: None, limit: None, frees_at: None, fields: Vec::new() };
        view.message = match why {
            Reason::NoKey => "The request has no X-API-Key header.".to_owned(),
            Reason::KeyElsewhere(place) => format!("{place} is not a way in; send the key as X-API-Key."),
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

/// Microseconds for a reader: `0.004 ms`, `0.42 ms`, `1.3 s`.
pub(crate) fn took(us: u64) -> String {
    let ms = us as f64 / 1e3;
    match us {
        0 => "under 0.001 ms".to_owned(),
        1..10 => format!("{ms:.3} ms"),
        10..1_000_000 => format!("{ms:.2} ms"),
        _ => format!("{:.1} s", ms / 1e3),
    }
}

impl EntryView {
    /// It in one line, such as `12:00:01.250Z POST /api/v1/events 429 laptop: The key's requests are used up until …`.
    pub(crate) fn line(&self) -> String {
        let time = self.at.split_once('T').map_or(&*self.at, |(_, time)| time);
        let status = match self.status {
            0 => "no answer".to_owned(),
            status => status.to_string(),
        };
        let mut line = format!("{time} {} {} {status}", self.method, self.path);
        if let Some(key) = &self.key {
            line.push_str(&format!(" {}", key.name));
        }
        if let Some(why) = &self.why {
            line.push_str(&format!(": {}", why.message));
            for field in why.fields.iter().take(3) {
                line.push_str(&format!(" {} {}.", field.field, field.message));
            }
        }
        if self.accepted > 0 {
            let envelopes = match self.envelopes.in_a_word() {
                None => String::new(),
                Some("both") => " events, both envelopes".to_owned(),
                Some(word) => format!(" events, {word} envelope"),
            };
            line.push_str(&format!(", {} accepted{envelopes}", self.accepted));
            if self.repeated > 0 {
                line.push_str(&format!(", {} of them repeated", self.repeated));
            }
        }
        if let Some(hint) = self.hint {
            line.push_str(&format!(". {hint}"));
        }
        if !self.faults.is_empty() {
            line.push_str(&format!(", met {}", self.faults.join(", ")));
        }
        line.push_str(&format!(" ({})", took(self.duration_us)));
        // What a client sent must not write its own lines.
        line.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
    }
}
