//! What a workspace remembers: aggregates of sessions and tools, never the events themselves.

mod days;
mod recent;
mod session;
mod views;

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

use super::ingest::{Event, Score};
use days::Days;
use recent::Recent;
use session::Session;

pub(crate) use views::{DateRange, SessionList};

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
    days: Days,
    recent: Recent,
    scores: HashMap<(String, String), f64>,
}

impl Store {
    /// Takes events in; gives how many of them were no repetition.
    pub(crate) fn ingest(&mut self, events: &[Event<'_>]) -> usize {
        let mut new = 0;
        // A batch mostly speaks of one session; sums and order are kept once for each stretch that does.
        for stretch in events.chunk_by(|one, next| one.session_id == next.session_id) {
            let mut unseen = stretch.iter().filter(|event| self.recent.is_new(event)).peekable();
            if unseen.peek().is_none() {
                continue;
            }
            let id: &str = &stretch[0].session_id;
            let index = session(&mut self.sessions, &mut self.by_id, id);
            let session = &mut self.sessions[index];
            let before = session.started_at();
            self.days.take_away(session);
            for event in unseen {
                new += 1;
                session.take(event);
            }
            self.days.add(session);
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

    /// How many sessions it knows.
    pub(crate) fn session_count(&self) -> usize {
        self.sessions.len()
    }
}

/// The place of the session with this id, which is there from now on.
fn session(sessions: &mut Vec<Session>, by_id: &mut HashMap<Box<str>, usize>, id: &str) -> usize {
    if let Some(&index) = by_id.get(id) {
        return index;
    }
    let index = sessions.len();
    sessions.push(Session::new(id));
    by_id.insert(id.into(), index);
    index
}

#[cfg(test)]
mod tests;
