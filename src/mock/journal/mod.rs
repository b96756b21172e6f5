//! What was requested lately and what became of it, for who writes a plugin and wants to see what it sends.
//!
//! A journal is a ring: it holds so many entries and no more, each with so much of its texts and no more, and all
//! journals of a mock together so many bytes and no more. Nothing is formatted before it is read. Keys never get in:
//! they are masked before anything is kept.
//!
//! It is also given as an HTTP archive (HAR 1.2), which browsers' developer tools and other programs open.

mod entry;
mod keep;
mod record;

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::ingest::{format_timestamp, parse_date};
use super::request::Request;

pub use entry::{EntryView, JournalOutcome, KeyName, TextView, WhyView};
pub(crate) use entry::{JournalEntry, took};
pub(crate) use keep::Kept;
pub use record::{Recorded, RecordedKey};

/// The most bytes the texts of all journals of a mock take.
const ROOM: usize = 48 * 1024 * 1024;

/// What the journals of a mock share.
#[derive(Debug)]
pub(crate) struct Room {
    /// How many entries one journal holds.
    entries: usize,
    taken: AtomicUsize,
}

impl Room {
    /// How many entries a journal holds unless something else is asked for.
    pub(crate) const DEFAULT_ENTRIES: usize = 1_000;

    pub(crate) fn new(entries: usize) -> Self {
        Self { entries, taken: AtomicUsize::new(0) }
    }
}

#[derive(Debug)]
pub(crate) struct Journal {
    room: Arc<Room>,
    ring: Mutex<Ring>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct Ring {
    /// Oldest first; their ids follow each other.
    entries: VecDeque<Arc<JournalEntry>>,
    /// The id of the entry to come.
    next: u64,
    /// The id of the first entry since the journal was cleared.
    first: u64,
}

/// Entries that match, and how far was looked.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) entries: Vec<Arc<JournalEntry>>,
    pub(crate) total: usize,
    /// Look from this id on for what comes later.
    pub(crate) next: u64,
    /// How many entries were pushed out before they were looked at.
    pub(crate) missed: u64,
}

impl Journal {
    pub(crate) fn new(room: Arc<Room>) -> Self {
        Self { room, ring: Mutex::default(), arrived: Notify::new() }
    }

    pub(crate) fn is_kept(&self) -> bool {
        self.room.entries > 0
    }

    /// Takes an entry in and gives it its id; the oldest makes room.
    pub(crate) fn push(&self, mut entry: JournalEntry) {
        if !self.is_kept() {
            return;
        }
        let size = entry.size();
        let mut ring = self.ring.lock();
        entry.id = ring.next;
        ring.next += 1;
        ring.entries.push_back(Arc::new(entry));
        let mut taken = self.room.taken.fetch_add(size, Ordering::Relaxed) + size;
        // What is pushed out is dropped when the lock is no longer held.
        let mut out = [const { None }; 4];
        for place in &mut out {
            // Where all journals together are too large, each gives up its own oldest entries, but never its last.
            let crowded = taken > ROOM && ring.entries.len() > 1;
            if ring.entries.len() <= self.room.entries && !crowded {
                break;
            }
            if let Some(oldest) = ring.entries.pop_front() {
                taken = self.room.taken.fetch_sub(oldest.size(), Ordering::Relaxed) - oldest.size();
                *place = Some(oldest);
            }
        }
        drop(ring);
        self.arrived.notify_waiters();
    }

    /// Forgets every entry. Ids go on, so that who follows the journal notices nothing but the silence.
    pub(crate) fn clear(&self) {
        let mut ring = self.ring.lock();
        let out = std::mem::take(&mut ring.entries);
        ring.first = ring.next;
        drop(ring);
        self.give_back(&out);
    }

    pub(crate) fn len(&self) -> usize {
        self.ring.lock().entries.len()
    }

    /// The newest `most` entries from id `from` on that match.
    pub(crate) fn newest(&self, filter: &Filter, from: u64, most: usize) -> Found {
        let mut found = self.all(filter, from);
        let too_many = found.entries.len().saturating_sub(most);
        found.entries.drain(..too_many);
        found
    }

    /// Every entry from id `from` on that matches.
    pub(crate) fn all(&self, filter: &Filter, from: u64) -> Found {
        // A snapshot: matching reads texts, and nobody should wait for that to record a request.
        let (mut entries, next, first) = {
            let ring = self.ring.lock();
            let oldest = ring.entries.front().map_or(ring.next, |entry| entry.id);
            let skip = usize::try_from(from.saturating_sub(oldest)).unwrap_or(usize::MAX);
            let entries: Vec<_> = ring.entries.iter().skip(skip).cloned().collect();
            (entries, ring.next, ring.first)
        };
        let oldest = entries.first().map_or(next, |entry| entry.id);
        let missed = oldest.saturating_sub(from.max(first));
        entries.retain(|entry| filter.matches(entry));
        Found { total: entries.len(), entries, next, missed }
    }

    pub(crate) fn entry(&self, id: u64) -> Option<Arc<JournalEntry>> {
        let ring = self.ring.lock();
        let oldest = ring.entries.front()?.id;
        ring.entries.get(usize::try_from(id.checked_sub(oldest)?).ok()?).cloned()
    }

    /// Completes when an entry arrives after this call.
    pub(crate) fn arrival(&self) -> tokio::sync::futures::Notified<'_> {
        self.arrived.notified()
    }

    fn give_back(&self, entries: &VecDeque<Arc<JournalEntry>>) {
        let size: usize = entries.iter().map(|entry| entry.size()).sum();
        self.room.taken.fetch_sub(size, Ordering::Relaxed);
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        let entries = std::mem::take(&mut self.ring.lock().entries);
        self.give_back(&entries);
    }
}

/// The parameters that filter, with what they mean.
pub(crate) const PARAMETERS: [(&str, &str); 6] = [
    ("key", "Only requests of the key with this id or name."),
    ("method", "Only requests with this method."),
    (
        "path",
        "Only requests of this path; a `*` at the end stands for anything. Without `/w/…` in every workspace.",
    ),
    ("status", "Only answers with this status, such as `429` or `4xx`; 0 for none."),
    ("outcome", "Only requests with this outcome, such as `ok`, `rate-limited` or `fault`."),
    ("since", "Only requests that arrived at this time of the workspace's clock (ISO 8601) or later."),
];

/// Conditions; an entry matches if all of them hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    key: Option<String>,
    method: Option<String>,
    path: Option<String>,
    status: Option<(u16, u16)>,
    outcome: Option<JournalOutcome>,
    since: Option<i64>,
}

impl Filter {
    /// Reads the conditions from a query.
    ///
    /// # Errors
    /// A sentence that says which of them makes no sense.
    pub(crate) fn of(request: &Request<'_>) -> Result<Self, String> {
        let text = |name: &str| request.parameter(name).map(Cow::into_owned);
        let outcomes = JournalOutcome::ALL.map(JournalOutcome::word).join(", ");
        let outcome = |text: &str| JournalOutcome::ALL.into_iter().find(|outcome| outcome.word() == text);
        Ok(Self {
            key: text("key"),
            method: text("method"),
            path: text("path"),
            status: parsed(request, "status", statuses, "a status such as 429 or 4xx")?,
            outcome: parsed(request, "outcome", outcome, &format!("one of {outcomes}"))?,
            since: parsed(request, "since", parse_date, "an ISO 8601 date and time")?,
        })
    }

    pub(crate) fn matches(&self, entry: &JournalEntry) -> bool {
        let key = |wanted: &String| {
            entry.summary.key.as_ref().is_some_and(|key| *key.id == **wanted || *key.name == **wanted)
        };
        let [method, path, ..] = entry.kept.parts();
        self.since.is_none_or(|since| entry.at >= since)
            && self.status.is_none_or(|(from, to)| (from..=to).contains(&entry.status))
            && self.outcome.is_none_or(|outcome| entry.outcome() == outcome)
            && self.key.as_ref().is_none_or(key)
            && self.method.as_ref().is_none_or(|wanted| wanted.as_bytes() == method)
            && self.path.as_ref().is_none_or(|wanted| same_path(wanted, path))
    }
}

fn parsed<T>(
    request: &Request<'_>,
    name: &str,
    parse: impl Fn(&str) -> Option<T>,
    what: &str,
) -> Result<Option<T>, String> {
    let Some(text) = request.parameter(name) else { return Ok(None) };
    parse(&text).map(Some).ok_or_else(|| format!("`{name}` is {what}, not `{text}`"))
}

fn statuses(text: &str) -> Option<(u16, u16)> {
    if let Some(hundred) = text.strip_suffix("xx") {
        let hundred: u16 = hundred.parse().ok().filter(|digit| (1..=5).contains(digit))?;
        return Some((hundred * 100, hundred * 100 + 99));
    }
    let status = text.parse().ok().filter(|&status| status == 0 || (100..=599).contains(&status))?;
    Some((status, status))
}

/// Whether a pattern fits a path, with or without the workspace before it.
pub(crate) fn same_path(pattern: &str, path: &[u8]) -> bool {
    let fits = |path: &[u8]| match pattern.strip_suffix('*') {
        Some(start) => path.starts_with(start.as_bytes()),
        None => path == pattern.as_bytes(),
    };
    let within = path.strip_prefix(b"/w/").and_then(|rest| {
        let slash = memchr::memchr(b'/', rest)?;
        Some(&rest[slash..])
    });
    fits(path) || within.is_some_and(fits)
}

/// How many parts of equal length the time is cut into.
const PARTS: i64 = 60;

/// Requests along the time from the first to the last of them.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(crate) struct Arrivals {
    /// When the first came, by the workspace's clock; null for none.
    from: Option<String>,
    /// When the last came.
    to: Option<String>,
    /// How many came.
    requests: u32,
    /// How many of them were answered 429.
    limited: u32,
    /// The most that came in one part.
    most: u32,
    /// Those of sixty parts of equal length in which any came.
    parts: Vec<Part>,
}

/// A part of the time.
#[derive(Debug, Default, Serialize, JsonSchema)]
struct Part {
    /// Which of the sixty, from 0.
    place: usize,
    /// How many requests came in it.
    requests: u32,
    /// How many of them were answered 429.
    limited: u32,
}

impl Arrivals {
    /// That of some entries.
    pub(crate) fn of(entries: &[Arc<JournalEntry>]) -> Self {
        // A clock that was set may have gone back in between.
        let (first, last) =
            (entries.iter().map(|entry| entry.at).min(), entries.iter().map(|entry| entry.at).max());
        let (Some(first), Some(last)) = (first, last) else { return Self::default() };
        let mut parts: Vec<_> = (0..PARTS as usize).map(|place| Part { place, ..Part::default() }).collect();
        for entry in entries {
            let place = (entry.at - first) * PARTS / (last - first + 1);
            let part = &mut parts[place as usize];
            part.requests += 1;
            part.limited += u32::from(entry.status == 429);
        }
        Self {
            from: Some(format_timestamp(first)),
            to: Some(format_timestamp(last)),
            requests: parts.iter().map(|part| part.requests).sum(),
            limited: parts.iter().map(|part| part.limited).sum(),
            most: parts.iter().map(|part| part.requests).max().unwrap_or(0),
            parts: parts.into_iter().filter(|part| part.requests > 0).collect(),
        }
    }
}

/// The archive of some entries. Answers' headers are not kept by a journal and so not in it; keys are masked.
pub(crate) fn har(entries: &[EntryView]) -> Value {
    let creator = json!({"name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION")});
    let entries: Vec<Value> = entries.iter().map(entry).collect();
    json!({"log": {"version": "1.2", "creator": creator, "entries": entries}})
}

fn entry(entry: &EntryView) -> Value {
    let pair = |(name, value): (&str, &str)| json!({"name": name, "value": value});
    let header = |wanted: &str| {
        let named = entry.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        named.map_or("", |(_, value)| value.as_str())
    };
    let query = entry.query.split('&').filter(|part| !part.is_empty());
    let query: Vec<Value> = query.map(|part| pair(part.split_once('=').unwrap_or((part, "")))).collect();
    let mark = if entry.query.is_empty() { "" } else { "?" };
    let took_ms = entry.duration_us as f64 / 1e3;
    let message = json!({"httpVersion": "HTTP/1.1", "cookies": [], "headersSize": -1});
    let mut request = message.clone();
    request["method"] = entry.method.as_str().into();
    request["url"] = format!("http://{}{}{mark}{}", header("host"), entry.path, entry.query).into();
    request["headers"] =
        entry.headers.iter().map(|(name, value)| pair((name.as_str(), value.as_str()))).collect();
    request["queryString"] = query.into();
    request["bodySize"] = entry.body.bytes.into();
    if entry.body.bytes > 0 {
        request["postData"] = json!({"mimeType": header("content-type"), "text": entry.body.text});
    }
    let mut response = message;
    response["status"] = entry.status.into();
    response["statusText"] = "".into();
    response["headers"] = json!([]);
    response["redirectURL"] = "".into();
    response["bodySize"] = entry.answer.bytes.into();
    response["content"] = json!({
        "size": entry.answer.bytes, "mimeType": "application/json", "text": entry.answer.text,
    });
    json!({
        "startedDateTime": entry.at,
        "time": took_ms,
        "request": request,
        "response": response,
        "cache": {},
        "timings": {"send": 0, "wait": took_ms, "receive": 0},
        "comment": entry.why.as_ref().map_or("", |why| why.message.as_str()),
    })
}

#[cfg(test)]
mod tests;
