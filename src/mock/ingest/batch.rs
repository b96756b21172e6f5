//! An event batch, in the documented envelope and the one published clients send, also mixed.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::contract::EVENT_TYPES;
use crate::mock::reply::{Detail, Envelopes, Invalid};

use super::lenient::{Lax, Lenient, MAX_BATCH, MAX_DETAILS, Members, Place, gives, skip_map, skip_seq};
use super::parse_timestamp;

/// A type of events, by its place among them: a number below 16.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EventType(pub(crate) u8);

impl EventType {
    pub(crate) const SESSION_START: Self = Self(0);
    pub(crate) const SESSION_END: Self = Self(1);
    pub(crate) const TOOL_USE: Self = Self(2);
    pub(crate) const TOOL_RESULT: Self = Self(3);

    fn parse(text: &str) -> Option<Self> {
        EVENT_TYPES.iter().position(|name| *name == text).map(|place| Self(place as u8))
    }
}

/// How an event is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// In the documented envelope.
    Documented,
    /// In the wire envelope, without `seq`.
    Wire,
    /// In the wire envelope, with its `seq`.
    Numbered,
}

/// A valid event, with what is needed of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Event<'a> {
    pub(crate) kind: EventType,
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
    pub(crate) events: Vec<Event<'a>>,
    /// How they were written.
    pub(crate) envelopes: Envelopes,
    /// The place of the first event that is [`Written`] in each way.
    pub(crate) firsts: [Option<usize>; 3],
}

/// Reads the body of `POST /api/v1/events`.
///
/// # Errors
/// [`Invalid`] says everything that is wrong; the whole request is refused then.
pub(crate) fn parse_events(body: &[u8]) -> Result<Batch<'_>, Invalid> {
    let whole = |field: &str, message: &str| Err(Invalid::body(vec![detail(field, message)]));
    let (gathered, total) = match read::<Lax<Body<'_>>>(body) {
        Err(error) => return whole("body", &format!("is no valid JSON: {error}")),
        Ok(Lax::Other) => return whole("body", "must be an object"),
        Ok(Lax::Object(Body { events: Events::Absent })) => return whole("events", "is required"),
        Ok(Lax::Object(Body { events: Events::Other })) => return whole("events", "must be an array"),
        Ok(Lax::Object(Body { events: Events::List(gathered, total) })) => (gathered, total),
    };
    if total > MAX_BATCH {
        let message = "Batch size exceeds limit of 1000 events per request.";
        return Err(Invalid { message, ..Invalid::body(Vec::new()) });
    }
    if total == 0 {
        return whole("events", "must hold at least one event");
    }
    let Gathered { batch, details } = gathered;
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

/// Declares what is read member by member.
macro_rules! members {
    ($($name:ident { $($member:ident: $type:ty,)* })*) => {$(
        #[derive(Debug, Default)]
        struct $name<'a> {
            $($member: $type,)*
        }

        impl<'de: 'a, 'a> Members<'de> for $name<'a> {
            fn member<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<bool, A::Error> {
                match name {
                    $(stringify!($member) => self.$member = map.next_value()?,)*
                    _ => return Ok(false),
                }
                Ok(true)
            }
        }
    )*};
}

members! {
    Body {
        events: Events<'a>,
    }
    RawEvent {
        event_type: Lenient<'a>,
        event: Lenient<'a>,
        session_id: Lenient<'a>,
        timestamp: Lenient<'a>,
        ts: Lenient<'a>,
        seq: Lenient<'a>,
        data: Option<Lax<Data<'a>>>,
    }
    Data {
        tool_name: Lenient<'a>,
        tool: Lenient<'a>,
        name: Lenient<'a>,
        correlation_id: Lenient<'a>,
        is_error: Lenient<'a>,
        error: Lenient<'a>,
        success: Lenient<'a>,
    }
}

/// A batch as it is read, and what is wrong with it.
#[derive(Debug, Default)]
struct Gathered<'a> {
    batch: Batch<'a>,
    details: Vec<Detail>,
}

impl<'a> Gathered<'a> {
    /// Takes the next entry; nothing where it is no object.
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
        let written = match raw.seq {
            _ if !raw.is_wire() => Written::Documented,
            Lenient::Natural => Written::Numbered,
            _ => Written::Wire,
        };
        self.batch.firsts[written as usize].get_or_insert(index);
        self.batch.events.extend(raw.validate(index, &mut self.details));
    }
}

/// The value of the member that should be the list of events.
#[derive(Debug, Default)]
enum Events<'a> {
    /// The member is not there.
    #[default]
    Absent,
    /// What became of the first [`MAX_BATCH`] entries, and how many there are in all.
    List(Gathered<'a>, usize),
    Other,
}

impl<'de: 'a, 'a> Deserialize<'de> for Events<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EventsVisitor)
    }
}

struct EventsVisitor;

impl<'de> Visitor<'de> for EventsVisitor {
    type Value = Events<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array")
    }

    gives!(Events::Other => visit_bool: bool, visit_u64: u64, visit_i64: i64, visit_f64: f64, visit_str: &str);

    fn visit_unit<E: Error>(self) -> Result<Events<'de>, E> {
        Ok(Events::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Events<'de>, A::Error> {
        skip_map(map).map(|()| Events::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Events<'de>, A::Error> {
        let (mut gathered, mut entry, mut total) = (Gathered::default(), RawEvent::default(), 0);
        // What is beyond the limit is counted and not kept: four megabytes of `{}` would be a gigabyte of entries.
        while total < MAX_BATCH {
            let Some(is_object) = seq.next_element_seed(Place(&mut entry))? else {
                return Ok(Events::List(gathered, total));
            };
            gathered.take(total, is_object.then_some(&mut entry));
            total += 1;
        }
        Ok(Events::List(gathered, total + skip_seq(seq)?))
    }
}

impl<'a> RawEvent<'a> {
    /// Whether it is written as published clients do.
    fn is_wire(&self) -> bool {
        self.event_type.is_nothing() && !self.event.is_nothing()
    }

    fn validate(&mut self, index: usize, details: &mut Vec<Detail>) -> Option<Event<'a>> {
        let before = details.len();
        let mut problems = Problems { index, details };
        let wire = self.is_wire();
        let (type_name, type_value, time_name, time_value) = if wire {
            ("event", &self.event, "ts", &self.ts)
        } else {
            ("event_type", &self.event_type, "timestamp", &self.timestamp)
        };
        let kind = problems
            .text(type_name, type_value)
            .and_then(|text| problems.unless(EventType::parse(text), type_name, "is no known event type"));
        match problems.text("session_id", &self.session_id) {
            Some("") => problems.add("session_id", "must not be empty"),
            Some(text) if !wire && !is_uuid(text) => problems.add("session_id", "must be a UUID"),
            _ => {}
        }
        let at = problems.text(time_name, time_value).and_then(|text| {
            problems.unless(parse_timestamp(text), time_name, "must be an ISO 8601 date and time")
        });
        if wire && !matches!(self.seq, Lenient::Absent | Lenient::Null | Lenient::Natural) {
            problems.add("seq", "must be a whole number of 0 or more");
        }
        let data = match self.data.take() {
            None => Data::default(),
            Some(Lax::Object(data)) => data,
            Some(Lax::Other) => {
                problems.add("data", "must be an object");
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

/// What is wrong with one event.
struct Problems<'d> {
    index: usize,
    details: &'d mut Vec<Detail>,
}

impl Problems<'_> {
    fn add(&mut self, member: &str, message: &str) {
        self.details.push(detail(&format!("events[{}].{member}", self.index), message));
    }

    fn unless<T>(&mut self, found: Option<T>, member: &str, message: &str) -> Option<T> {
        if found.is_none() {
            self.add(member, message);
        }
        found
    }

    /// The text of a member that has to be there.
    fn text<'v>(&mut self, member: &str, value: &'v Lenient<'_>) -> Option<&'v str> {
        let message = if value.is_nothing() { "is required" } else { "must be a string" };
        self.unless(value.text(), member, message)
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
mod tests {
    use super::*;

    const UUID: &str = "0b8f9a52-6c1d-4e0e-9d0a-3f1f6f0b7c11";

    fn problems(body: &str) -> Vec<(String, String)> {
        let invalid = parse_events(body.as_bytes()).unwrap_err();
        assert_eq!(invalid.message, "Request body is invalid.");
        invalid.details.into_iter().map(|detail| (detail.field, detail.message)).collect()
    }

    #[test]
    fn both_envelopes_are_read_also_mixed() {
        let body = format!(
            r#"{{"events":[
            {{"event_type":"tool_use","session_id":"{UUID}","timestamp":"1970-01-01T00:00:01Z",
              "data":{{"tool_name":"Bash","correlation_id":"c\u0031","nested":{{"deep":[1,2]}}}}}},
            {{"event":"prompt_submit","session_id":"any","ts":"1970-01-01T00:00:02+00:00","seq":7,"data":null}}
        ]}}"#
        );
        let batch = parse_events(body.as_bytes()).unwrap();
        assert_eq!(batch.events.len(), 2);
        assert_eq!(batch.events[0].kind, EventType::TOOL_USE);
        assert_eq!(batch.events[0].tool.as_deref(), Some("Bash"));
        assert_eq!(batch.events[0].correlation_id.as_deref(), Some("c1"));
        assert_eq!(batch.events[1].session_id, "any");
        assert_eq!(batch.events[1].at, 2_000);
    }

    #[test]
    fn the_first_event_written_in_each_way_is_known() {
        let documented = format!(
            r#"{{"event_type":"error","session_id":"{UUID}","timestamp":"1970-01-01T00:00:00Z","seq":3}}"#
        );
        let wire =
            |seq: &str| format!(r#"{{"event":"error","session_id":"s","ts":"1970-01-01T00:00:00Z"{seq}}}"#);
        let numbered = wire(r#","seq":3"#);
        for (second, firsts) in [
            (&numbered, [None, None, Some(0)]),
            (&wire(""), [None, Some(1), Some(0)]),
            (&wire(r#","seq":null"#), [None, Some(1), Some(0)]),
            (&documented, [Some(1), None, Some(0)]),
        ] {
            let body = format!(r#"{{"events":[{numbered},{second},{second}]}}"#);
            assert_eq!(parse_events(body.as_bytes()).unwrap().firsts, firsts, "{second}");
        }
    }

    #[test]
    fn a_tool_failed_if_its_result_says_so_in_any_of_the_three_ways() {
        for (data, failed) in [
            (r#"{"is_error":true}"#, true),
            (r#"{"error":"boom"}"#, true),
            (r#"{"success":false}"#, true),
            (r#"{"is_error":false,"error":null,"success":true}"#, false),
            (r#"{}"#, false),
        ] {
            let body = format!(
                r#"{{"events":[{{"event":"tool_result","session_id":"s","ts":"1970-01-01T00:00:00Z","data":{data}}}]}}"#
            );
            assert_eq!(parse_events(body.as_bytes()).unwrap().events[0].failed, failed, "{data}");
        }
    }

    #[test]
    fn every_wrong_member_is_named_with_its_place() {
        let body = r#"{"events":[
        {"event_type":"nap","session_id":"no-uuid","timestamp":5,"data":[]},
        7,
        {"event":"error","session_id":"","ts":"soon","seq":-1},
        {}
    ]}"#;
        let fields: Vec<String> = problems(body).into_iter().map(|(field, _)| field).collect();
        assert_eq!(
            fields,
            [
                "events[0].event_type",
                "events[0].session_id",
                "events[0].timestamp",
                "events[0].data",
                "events[1]",
                "events[2].session_id",
                "events[2].ts",
                "events[2].seq",
                "events[3].event_type",
                "events[3].session_id",
                "events[3].timestamp",
            ]
        );
    }

    #[test]
    fn what_is_no_batch_is_refused() {
        assert_eq!(problems("[]")[0].0, "body");
        assert_eq!(problems("{")[0].0, "body");
        assert_eq!(problems("{} trailing")[0].0, "body");
        assert_eq!(problems("{}"), [("events".to_owned(), "is required".to_owned())]);
        assert_eq!(problems(r#"{"events":{}}"#)[0].1, "must be an array");
        assert_eq!(problems(r#"{"events":[]}"#)[0].1, "must hold at least one event");
    }

    #[test]
    fn more_than_a_thousand_have_a_sentence_of_their_own() {
        let event = r#"{"event":"error","session_id":"s","ts":"1970-01-01T00:00:00Z"}"#;
        let body = |count: usize| format!(r#"{{"events":[{}]}}"#, vec![event; count].join(","));
        assert_eq!(parse_events(body(1_000).as_bytes()).unwrap().events.len(), 1_000);
        let invalid = parse_events(body(1_001).as_bytes()).unwrap_err();
        assert_eq!(invalid.message, "Batch size exceeds limit of 1000 events per request.");
        assert!(invalid.details.is_empty());
    }
}
