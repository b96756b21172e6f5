//! What a workspace remembers: aggregates of sessions and tools, never the events themselves.

mod recent;
mod session;
mod views;

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

use super::ingest::{Event, Score};
use recent::Recent;
use session::Session;

pub(crate) use views::DateRange;

/// Sessions, tools and scores of a workspace.
///
/// Memory grows with the number of sessions, of tools in each and of scores, never with the number of events.
/// An event that repeats the session, type and time of one among the last 262,144 ([`recent::CAPACITY`]) is ignored.
#[derive(Debug, Default)]
pub(crate) struct Store {
    sessions: Vec<Session>,
    by_id: HashMap<Box<str>, usize>,
    /// Newest first; sessions that started together in the order they became known.
    by_start: BTreeSet<(Reverse<i64>, usize)>,
    recent: Recent,
    scores: HashMap<(String, String), f64>,
}

impl Store {
    /// Takes events in; gives how many of them were no repetition.
    pub(crate) fn ingest(&mut self, events: &[Event<'_>]) -> usize {
        let mut last: Option<(&str, usize)> = None;
        let mut new = 0;
        for event in events {
            if !self.recent.is_new(event) {
                continue;
            }
            new += 1;
            let id: &str = &event.session_id;
            // A batch mostly speaks of one session.
            let index = match last {
                Some((known, index)) if known == id => index,
                _ => self.session(id),
            };
            last = Some((id, index));
            let session = &mut self.sessions[index];
            let before = session.started_at();
            session.take(event);
            let after = session.started_at();
            if before != after {
                if let Some(before) = before {
                    self.by_start.remove(&(Reverse(before), index));
                }
                if let Some(after) = after {
                    self.by_start.insert((Reverse(after), index));
                }
            }
        }
        new
    }

    /// Takes scores in: a second score of a session and metric replaces the first.
    pub(crate) fn score(&mut self, scores: Vec<Score>) {
        for score in scores {
            self.scores.insert((score.session_id, score.metric), score.value);
        }
    }

    fn session(&mut self, id: &str) -> usize {
        if let Some(&index) = self.by_id.get(id) {
            return index;
        }
        let index = self.sessions.len();
        self.sessions.push(Session::new(id));
        self.by_id.insert(id.into(), index);
        index
    }
}

#[cfg(test)]
mod tests;
