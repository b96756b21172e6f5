//! An event batch, in the documented envelope and the one published clients send, also mixed.

use std::borrow::Cow;

use serde::de::{Deserialize, MapAccess};

use crate::mock::errors::{Detail, Invalid};
use crate::mock::summary::Envelopes;

use super::lenient::{Entry, Gather, Lenient, MaybeList, Members};
use super::timestamp::parse_timestamp;
use super::{MAX_BATCH, MAX_DETAILS};

/// The types of events on the page and in the clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum EventType {
    /// `session_start`.
    SessionStart,
    /// `session_end`.
    SessionEnd,
    /// `tool_use`.
    ToolUse,
    /// `tool_result`.
    ToolResult,
    /// Any other known type, by its place in the list; nothing but its number is ever asked for.
    Other(u8),
}

const OTHER_TYPES: [&str; 7] = [
    "subagent_stop",
    "assistant_stop",
    "prompt_submit",
    "subagent_start",
    "pre_compact",
    "skill_use",
    "error",
];

impl EventType {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "session_start" => Self::SessionStart,
            "session_end" => Self::SessionEnd,
            "tool_use" => Self::ToolUse,
            "tool_result" => Self::ToolResult,
            _ => Self::Other(OTHER_TYPES.iter().position(|name| *name == text)? as u8),
        })
    }

    /// A number below 16 that no other type has.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::SessionStart => 0,
            Self::SessionEnd => 1,
            Self::ToolUse => 2,
            Self::ToolResult => 3,
            Self::Other(place) => 4 + place,
        }
    }
}

/// A valid event, with what is needed of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Event<'a> {
    /// Its type.
    pub(crate) kind: EventType,
    /// The session it belongs to.
    pub(crate) session_id: Cow<'a, str>,
    /// When it happened, in milliseconds since 1970.
    pub(crate) at: i64,
    /// The tool's name, where `data` gives one.
    pub(crate) tool: Option<Cow<'a, str>>,
    /// What pairs a `tool_use` with its `tool_result`.
    pub(crate) correlation_id: Option<Cow<'a, str>>,
    /// Whether `data` says that the tool failed.
    pub(crate) failed: bool,
}

/// A valid batch of 1 to 1,000 events.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Batch<'a> {
    /// The events, in order.
    pub(crate) events: Vec<Event<'a>>,
    /// How they were written.
    pub(crate) envelopes: Envelopes,
    /// The place of the first that is not written as published clients do, with its `seq`.
    pub(crate) unnumbered: Option<usize>,
}

/// Reads the body of `POST /api/v1/events`.
///
/// # Errors
/// [`Invalid`] says everything that is wrong; the whole request is refused then.
pub(crate) fn parse_events(body: &[u8]) -> Result<Batch<'_>, Invalid> {
    let list = match read::<Entry<Body<'_>>>(body) {
        Err(error) => return Err(Invalid::body(vec![detail("body", &format!("is no valid JSON: {error}"))])),
        Ok(Entry::Other) => return Err(Invalid::body(vec![detail("body", "must be an object")])),
        Ok(Entry::Object(Body { events: None })) => {
            return Err(Invalid::body(vec![detail("events", "is required")]));
        }
        Ok(Entry::Object(Body { events: Some(MaybeList::Other) })) => {
            return Err(Invalid::body(vec![detail("events", "must be an array")]));
        }
        Ok(Entry::Object(Body { events: Some(MaybeList::List(list)) })) => list,
    };
    if list.total > MAX_BATCH {
        let message = "Batch size exceeds limit of 1000 events per request.";
        return Err(Invalid { message, details: Vec::new(), envelopes: Envelopes::default() });
    }
    if list.total == 0 {
        return Err(Invalid::body(vec![detail("events", "must hold at least one event")]));
    }
    let Gathered { batch, details } = list.gathered;
    if details.is_empty() {
        Ok(batch)
    } else {
        Err(Invalid { envelopes: batch.envelopes, ..Invalid::body(details) })
    }
}

/// Reads JSON. Text that is looked at whole need not be looked at string by string.
fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> serde_json::Result<T> {
    match std::str::from_utf8(body) {
        Ok(text) => serde_json::from_str(text),
        // Bytes that are no text may stand where nobody reads them.
        Err(_) => serde_json::from_slice(body),
    }
}

fn detail(field: &str, message: &str) -> Detail {
    Detail { field: field.to_owned(), message: message.to_owned() }
}

#[derive(Debug, Default)]
struct Body<'a> {
    events: Option<MaybeList<Gathered<'a>>>,
}

impl<'de: 'a, 'a> Members<'de> for Body<'a> {
    fn member<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<bool, A::Error> {
        if name == "events" {
            self.events = Some(map.next_value()?);
            return Ok(true);
        }
        Ok(false)
    }
}

/// A batch as it is read, and what is wrong with it.
#[derive(Debug, Default)]
struct Gathered<'a> {
    batch: Batch<'a>,
    details: Vec<Detail>,
}

impl<'de: 'a, 'a> Gather<'de> for Gathered<'a> {
    type Entry = RawEvent<'a>;

    fn take(&mut self, index: usize, entry: Option<&mut RawEvent<'a>>) {
        if self.details.len() >= MAX_DETAILS {
            return;
        }
        let Some(raw) = entry else {
            self.details.push(detail(&format!("events[{index}]"), "must be an object"));
            return;
        };
        let Envelopes { documented, wire } = &mut self.batch.envelopes;
        *if raw.is_wire() { wire } else { documented } += 1;
        if !(raw.is_wire() && raw.seq == Lenient::Natural) {
            self.batch.unnumbered.get_or_insert(index);
        }
        self.batch.events.extend(raw.validate(index, &mut self.details));
    }
}

#[derive(Debug, Default)]
struct RawEvent<'a> {
    event_type: Lenient<'a>,
    event: Lenient<'a>,
    session_id: Lenient<'a>,
    timestamp: Lenient<'a>,
    ts: Lenient<'a>,
    seq: Lenient<'a>,
    data: Option<Entry<Data<'a>>>,
}

#[derive(Debug, Default)]
struct Data<'a> {
    tool_name: Lenient<'a>,
    tool: Lenient<'a>,
    name: Lenient<'a>,
    correlation_id: Lenient<'a>,
    is_error: Lenient<'a>,
    error: Lenient<'a>,
    success: Lenient<'a>,
}

impl<'de: 'a, 'a> Members<'de> for RawEvent<'a> {
    fn member<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<bool, A::Error> {
        let member = match name {
            "event_type" => &mut self.event_type,
            "event" => &mut self.event,
            "session_id" => &mut self.session_id,
            "timestamp" => &mut self.timestamp,
            "ts" => &mut self.ts,
            "seq" => &mut self.seq,
            "data" => {
                self.data = map.next_value()?;
                return Ok(true);
            }
            _ => return Ok(false),
        };
        *member = map.next_value()?;
        Ok(true)
    }
}

impl<'de: 'a, 'a> Members<'de> for Data<'a> {
    fn member<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<bool, A::Error> {
        let member = match name {
            "tool_name" => &mut self.tool_name,
            "tool" => &mut self.tool,
            "name" => &mut self.name,
            "correlation_id" => &mut self.correlation_id,
            "is_error" => &mut self.is_error,
            "error" => &mut self.error,
            "success" => &mut self.success,
            _ => return Ok(false),
        };
        *member = map.next_value()?;
        Ok(true)
    }
}

impl<'a> RawEvent<'a> {
    /// Whether it is written as published clients do.
    fn is_wire(&self) -> bool {
        self.event_type.is_nothing() && !self.event.is_nothing()
    }

    /// The event, or what is wrong with it.
    fn validate(&mut self, index: usize, details: &mut Vec<Detail>) -> Option<Event<'a>> {
        let before = details.len();
        let mut wrong = |member: &str, message: &str| {
            details.push(detail(&format!("events[{index}].{member}"), message));
        };
        let wire = self.is_wire();
        let (type_name, type_value, time_name, time_value) = if wire {
            ("event", &self.event, "ts", &self.ts)
        } else {
            ("event_type", &self.event_type, "timestamp", &self.timestamp)
        };
        let kind = match type_value.text() {
            Some(text) => EventType::parse(text).or_else(|| {
                wrong(type_name, "is no known event type");
                None
            }),
            None => {
                wrong(type_name, if type_value.is_nothing() { "is required" } else { "must be a string" });
                None
            }
        };
        match self.session_id.text() {
            None if self.session_id.is_nothing() => wrong("session_id", "is required"),
            None => wrong("session_id", "must be a string"),
            Some("") => wrong("session_id", "must not be empty"),
            Some(text) if !wire && !is_uuid(text) => wrong("session_id", "must be a UUID"),
            Some(_) => {}
        }
        let at = match time_value.text() {
            Some(text) => parse_timestamp(text).or_else(|| {
                wrong(time_name, "must be an ISO 8601 date and time");
                None
            }),
            None => {
                wrong(time_name, if time_value.is_nothing() { "is required" } else { "must be a string" });
                None
            }
        };
        if wire && !matches!(self.seq, Lenient::Absent | Lenient::Null | Lenient::Natural) {
            wrong("seq", "must be a whole number of 0 or more");
        }
        let data = match self.data.take() {
            None => Data::default(),
            Some(Entry::Object(data)) => data,
            Some(Entry::Other) => {
                wrong("data", "must be an object");
                Data::default()
            }
        };
        if details.len() > before {
            return None;
        }
        let failed =
            data.is_error.is_truthy() || data.error.is_truthy() || data.success == Lenient::Bool(false);
        Some(Event {
            kind: kind?,
            session_id: std::mem::take(&mut self.session_id).into_text()?,
            at: at?,
            tool: data.tool_name.into_text().or(data.tool.into_text()).or(data.name.into_text()),
            correlation_id: data.correlation_id.into_text(),
            failed,
        })
    }
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
#[path = "batch_tests.rs"]
mod tests;
