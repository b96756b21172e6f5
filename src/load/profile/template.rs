//! A batch of events out of a file: sent as it is written, apart from what must be fresh.
//!
//! Every request gets a session of its own for each `session_id` in the file, so that no server that de-duplicates on
//! session, type and time swallows a batch; events of one session in the file stay together. Times move: the newest
//! event happens just before it is sent, and all others keep their distance from it. Everything else goes out byte
//! by byte.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use bytes::Bytes;
use chrono::{DateTime, Duration, FixedOffset, SecondsFormat, Utc};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::contract::EVENT_TYPES;
use crate::deployment::Envelope;
use crate::nearest::nearest;
use crate::payload::random_session;
use crate::yaml::{At, Problem, Problems, mask_key_literals};

/// The most events the API takes in one request.
pub const MOST_EVENTS_OF_A_BATCH: u32 = 1_000;

/// The events of a file.
#[derive(Clone)]
pub struct Template {
    pieces: Vec<Piece>,
    sessions: usize,
    newest: DateTime<FixedOffset>,
    /// How many events there are in it, from 1 to 1,000.
    pub(super) events: u32,
    /// The first event of each envelope, as a problem to report where the target does not take it.
    first: Vec<(Envelope, Problem)>,
}

/// What is sent; not where the file lay, for shards on many machines are to know that they send the same.
impl fmt::Debug for Template {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(&self.pieces).finish()
    }
}

#[derive(Debug, Clone)]
enum Piece {
    Text(String),
    /// The nth session of the file.
    Session(usize),
    /// A time, and whether it ends in `Z`.
    Time(DateTime<FixedOffset>, bool),
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    events: Vec<&'a RawValue>,
}

impl Template {
    /// Reads a file of events. `file` is the name to show.
    pub fn read(file: &str, text: &str) -> Result<Self, Problems> {
        let mut reader = Reader { file, text, problems: Vec::new() };
        reader.refuse_keys()?;
        let body: Body<'_> = serde_json::from_str(text).map_err(|error| {
            let help = "a body as the API takes it is expected: `{\"events\": [...]}`";
            Problems::from(Problem::of_json(file, text, &error, "these are no events").help(help))
        })?;
        let events = reader.events(&body.events);
        let problems = Problems::new(std::mem::take(&mut reader.problems));
        problems.map_or_else(|| Ok(reader.template(&events)), Err)
    }

    /// A body to be sent; its newest event happened at `newest`.
    pub fn body(&self, newest: DateTime<Utc>) -> Bytes {
        let sessions: Vec<String> = (0..self.sessions).map(|_| random_session()).collect();
        // Whole milliseconds, so that times keep the digits they were written with.
        let shift = Duration::milliseconds((newest - self.newest.to_utc()).num_milliseconds());
        let mut out = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Session(nth) => out.push_str(sessions.get(*nth).map_or("", String::as_str)),
                Piece::Time(time, zulu) => {
                    let moved = time.checked_add_signed(shift).unwrap_or(*time);
                    out.push_str(&moved.to_rfc3339_opts(SecondsFormat::AutoSi, *zulu));
                }
            }
        }
        Bytes::from(out)
    }

    /// Whether a target that takes this envelope takes every event.
    pub(crate) fn suits(&self, envelope: Envelope) -> Result<(), Problem> {
        let other = match envelope {
            Envelope::Auto => return Ok(()),
            Envelope::Documented => Envelope::Wire,
            Envelope::Wire => Envelope::Documented,
        };
        let misfit = self.first.iter().find(|(envelope, _)| *envelope == other);
        misfit.map_or(Ok(()), |(_, problem)| Err(problem.clone()))
    }
}

/// Reads a file, and gathers what is wrong with it.
struct Reader<'a> {
    file: &'a str,
    text: &'a str,
    problems: Vec<Problem>,
}

/// An event that is sound.
struct Event<'a> {
    envelope: Envelope,
    whole: &'a str,
    session: String,
    session_raw: &'a str,
    kind: String,
    time: DateTime<FixedOffset>,
    time_raw: &'a str,
}

impl<'a> Reader<'a> {
    /// Keys are read from the environment, and never stand in a file.
    fn refuse_keys(&self) -> Result<(), Problems> {
        let Some(nth) = self.text.lines().position(|line| mask_key_literals(line) != line) else {
            return Ok(());
        };
        let at = At::new(nth + 1, 1);
        let problem = Problem::at(self.file, self.text, at, "a key is written out in this line");
        Err(problem.help("keys come from environment variables; take it out, and revoke it").into())
    }

    fn offset(&self, part: &str) -> usize {
        (part.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize)
    }

    /// A problem where a part of the text begins.
    fn problem(&self, part: &str, what: &str) -> Problem {
        let at = At::end_of(self.text.get(..self.offset(part)).unwrap_or_default());
        Problem::at(self.file, self.text, at, what)
    }

    fn say(&mut self, part: &str, what: &str, help: &str) {
        self.problems.push(self.problem(part, what).help(help));
    }

    /// Reads all events that are sound.
    fn events(&mut self, all: &[&'a RawValue]) -> Vec<Event<'a>> {
        if all.is_empty() {
            self.say(self.text, "there are no events in it", "give from 1 to 1000");
        }
        let mut events = Vec::new();
        if let Some(beyond) = all.get(MOST_EVENTS_OF_A_BATCH as usize) {
            let what = format!("{} events are over what the API takes in one request", all.len());
            self.say(beyond.get(), &what, "at most 1000 go into one; leave out those from here on");
            return events;
        }
        let mut seen = BTreeMap::new();
        for (nth, raw) in all.iter().enumerate() {
            let Some(event) = self.event(raw.get()) else { continue };
            let what = (event.session.clone(), event.kind.clone(), event.time);
            if let Some(before) = seen.insert(what, nth + 1) {
                let what = format!("session, type and time are those of event {before}");
                self.say(event.whole, &what, "servers drop what they have seen before; move its time");
            }
            events.push(event);
        }
        events
    }

    /// Reads one event, or says what is wrong with it.
    fn event(&mut self, whole: &'a str) -> Option<Event<'a>> {
        let Ok(members) = serde_json::from_str::<BTreeMap<String, &'a RawValue>>(whole) else {
            self.say(whole, "this is no event", "an event is an object");
            return None;
        };
        let wire = !members.contains_key("event_type") && members.contains_key("event");
        let (envelope, kind, time) = match wire {
            true => (Envelope::Wire, "event", "ts"),
            false => (Envelope::Documented, "event_type", "timestamp"),
        };
        let mut text = |name: &str| -> Option<(&'a str, String)> {
            let Some(raw) = members.get(name).map(|raw| raw.get()) else {
                self.say(whole, &format!("this event has no `{name}`"), &format!("add `{name}`, a string"));
                return None;
            };
            match serde_json::from_str::<String>(raw) {
                Ok(value) if !value.is_empty() => Some((raw, value)),
                _ => {
                    self.say(raw, &format!("`{name}` is no text"), "give a string that is not empty");
                    None
                }
            }
        };
        let (kind, session, time) = (text(kind), text("session_id"), text(time));
        let ((kind_raw, kind), (session_raw, session), (time_raw, time)) = (kind?, session?, time?);
        let known = EVENT_TYPES.contains(&kind.as_str());
        if !known {
            let what = format!("no event type is called `{kind}`");
            let problem = self.problem(kind_raw, &what).nearest(nearest(&kind, EVENT_TYPES));
            self.problems.push(problem.help(format!("there are {}", EVENT_TYPES.join(", "))));
        }
        let parsed = DateTime::parse_from_rfc3339(&time).ok();
        if parsed.is_none() {
            let what = &format!("`{time}` is no time");
            self.say(time_raw, what, "give one such as 2026-01-31T12:00:00.000Z, with its offset");
        }
        let time = parsed.filter(|_| known)?;
        Some(Event { envelope, whole, session, session_raw, kind, time, time_raw })
    }

    fn template(&self, events: &[Event<'_>]) -> Template {
        let names: BTreeSet<&str> = events.iter().map(|event| event.session.as_str()).collect();
        let sessions: BTreeMap<&str, usize> = names.into_iter().zip(0..).collect();
        let mut changes: Vec<(&str, Piece)> = Vec::new();
        let mut first: Vec<(Envelope, Problem)> = Vec::new();
        for event in events {
            let nth = sessions.get(event.session.as_str()).copied().unwrap_or_default();
            changes.push((event.session_raw, Piece::Session(nth)));
            changes.push((event.time_raw, Piece::Time(event.time, event.time_raw.ends_with("Z\""))));
            if first.iter().all(|(envelope, _)| *envelope != event.envelope) {
                first.push((event.envelope, self.misfit(event)));
            }
        }
        changes.sort_by_key(|(raw, _)| self.offset(raw));
        let (mut pieces, mut done) = (Vec::new(), 0);
        for (raw, piece) in changes {
            // Between the quotes.
            let from = self.offset(raw) + 1;
            pieces.push(Piece::Text(self.text.get(done..from).unwrap_or_default().to_owned()));
            pieces.push(piece);
            done = from + raw.len() - 2;
        }
        pieces.push(Piece::Text(self.text.get(done..).unwrap_or_default().trim_end().to_owned()));
        Template {
            pieces,
            sessions: sessions.len(),
            newest: events.iter().map(|event| event.time).max().unwrap_or_default(),
            events: u32::try_from(events.len()).unwrap_or(u32::MAX),
            first,
        }
    }

    /// What is wrong with an event where the target takes the other envelope.
    fn misfit(&self, event: &Event<'_>) -> Problem {
        let (this, other, write) = match event.envelope {
            Envelope::Wire => ("wire", "documented", "`event_type` and `timestamp`"),
            _ => ("documented", "wire", "`event`, `ts` and `seq`"),
        };
        let what = format!("this event is in the {this} envelope, and the target takes the {other} one");
        let help = format!("write {write}, or change `envelope` in the target file");
        self.problem(event.whole, &what).help(help)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = r#"{
  "events": [
    {"event_type": "session_start", "session_id": "s-1", "timestamp": "2026-01-01T00:00:00Z", "data": {"n": 1.50}},
    {"timestamp": "2026-01-01T01:00:02.250+01:00", "session_id": "s-1", "event_type": "error"}
  ], "more": true
}
"#;

    fn newest() -> DateTime<Utc> {
        "2026-09-21T12:00:10.500Z".parse().unwrap()
    }

    fn sent(template: &Template) -> serde_json::Value {
        serde_json::from_slice(&template.body(newest())).unwrap()
    }

    #[test]
    fn events_go_out_as_they_are_written_with_fresh_sessions_and_times() {
        let template = Template::read("two.json", TWO).unwrap();
        assert_eq!(template.events, 2);
        let body = String::from_utf8(template.body(newest()).to_vec()).unwrap();
        let session = sent(&template)["events"][0]["session_id"].as_str().unwrap().len();
        assert_eq!(session, 36);
        let start = body.find("\"session_id\": \"").unwrap() + 15;
        let session = body[start..start + 36].to_owned();
        let expected = TWO
            .trim_end()
            .replace("s-1", &session)
            .replace("2026-01-01T00:00:00Z", "2026-09-21T12:00:08.250Z")
            .replace("2026-01-01T01:00:02.250+01:00", "2026-09-21T13:00:10.500+01:00");
        assert_eq!(body, expected);
    }

    #[test]
    fn no_two_requests_share_a_session_and_sessions_of_one_request_stay_apart() {
        let two = TWO.replacen("\"s-1\", \"event_type\"", "\"s-2\", \"event_type\"", 1);
        let template = Template::read("two.json", &two).unwrap();
        let mut seen = BTreeSet::new();
        for _ in 0..10 {
            for event in sent(&template)["events"].as_array().unwrap() {
                assert!(seen.insert(event["session_id"].as_str().unwrap().to_owned()));
            }
        }
        assert_eq!(seen.len(), 20);
    }

    #[test]
    fn an_envelope_the_target_does_not_take_is_refused_at_its_event() {
        let wire = TWO.replacen("event_type", "event", 1).replacen("timestamp", "ts", 1);
        let template = Template::read("two.json", &wire).unwrap();
        assert!(template.suits(Envelope::Auto).is_ok());
        let place = |envelope| {
            let problem = template.suits(envelope).unwrap_err();
            (problem.at.line, problem.at.column, problem.what)
        };
        let what = "this event is in the wire envelope, and the target takes the documented one";
        assert_eq!(place(Envelope::Documented), (3, 5, what.to_owned()));
        assert_eq!(place(Envelope::Wire).0, 4);
        assert!(Template::read("two.json", TWO).unwrap().suits(Envelope::Documented).is_ok());
    }

    #[test]
    fn a_body_is_one_that_can_be_sent() {
        let event = r#"{"event":"error","session_id":"s","ts":"2026-01-01T00:00:00Z"}"#;
        let of = |count: usize| {
            let events: Vec<String> = (0..count)
                .map(|nth| event.replace("00:00Z", &format!("{:02}:{:02}Z", nth / 60, nth % 60)))
                .collect();
            Template::read("many.json", &format!("{{\"events\":[{}]}}", events.join(",\n")))
        };
        assert_eq!(of(1_000).unwrap().events, 1_000);
        let error = of(1_001).unwrap_err().to_string();
        assert!(error.contains("1001 events are over what the API takes"), "{error}");
        assert!(error.contains("many.json:1001:1"), "{error}");
        assert!(of(0).unwrap_err().to_string().contains("there are no events in it"));
    }
}
