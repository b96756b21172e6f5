//! Batches of events, and the sessions they make.

use serde::Deserialize;

use crate::answer::Answer;
use crate::quirk::Quirk::*;
use crate::server::Ask;
use crate::site::Site;

/// The most events of a batch.
const MOST: usize = 1_000;

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    events: Vec<Event<'a>>,
}

#[derive(Deserialize)]
struct Event<'a> {
    session_id: &'a str,
    event_type: Option<&'a str>,
    timestamp: Option<&'a str>,
    event: Option<&'a str>,
    ts: Option<&'a str>,
    seq: Option<u64>,
}

/// A batch that makes sense: how many events each session has in it.
#[derive(Debug)]
pub(super) struct Batch {
    sessions: Vec<(String, usize)>,
    size: usize,
}

impl Batch {
    pub(super) fn read(site: &Site, body: &[u8]) -> Result<Self, ()> {
        let body: Body<'_> = serde_json::from_slice(body).map_err(drop)?;
        if body.events.is_empty() || body.events.len() > MOST {
            return Err(());
        }
        let mut sessions: Vec<(String, usize)> = Vec::new();
        for event in &body.events {
            let documented = event.event_type.is_some() && event.timestamp.is_some() && !site.is(WireOnly);
            let wire =
                event.event.is_some() && event.ts.is_some() && (event.seq.is_some() || !site.is(WireOnly));
            if event.session_id.is_empty() || !(documented || wire) {
                return Err(());
            }
            match sessions.last_mut() {
                Some((session, events)) if session == event.session_id => *events += 1,
                _ => sessions.push((event.session_id.to_owned(), 1)),
            }
        }
        Ok(Self { sessions, size: body.events.len() })
    }

    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.size).unwrap()
    }

    pub(super) fn store(&self, site: &Site, now: u64) {
        let mut stored = site.sessions.lock().unwrap();
        for (session, events) in &self.sessions {
            stored.entry(session.clone()).or_insert((now, 0)).1 += events;
        }
    }
}

pub(super) fn invalid() -> Answer {
    Answer::error(400, "VALIDATION_ERROR", "Request body is invalid.")
}

/// The list of sessions, as far as it is asked for.
pub(super) fn sessions(site: &Site, ask: &Ask, now: u64) -> Answer {
    let number = |name: &str, otherwise: usize| {
        let pair = ask.query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        pair.and_then(|text| text.parse().ok()).unwrap_or(otherwise)
    };
    let (limit, offset) = (number("limit", 50), number("offset", 0));
    let stored = site.sessions.lock().unwrap();
    let late = if site.is(OtherList) { 1_000 } else { 0 };
    let listed: Vec<String> = stored
        .iter()
        .filter(|(_, (since, _))| since + late <= now)
        .skip(offset)
        .take(limit)
        .map(|(session, (_, events))| format!(r#"{{"id":"{session}","event_count":{events}}}"#))
        .collect();
    let list = listed.join(",");
    if site.is(OtherList) {
        return Answer::json(200, format!(r#"[{list}]"#));
    }
    let total = stored.len();
    let body =
        format!(r#"{{"data":{{"sessions":[{list}],"total":{total},"limit":{limit},"offset":{offset}}}}}"#);
    Answer::json(200, body)
}
