//! What a workspace remembers: aggregates of sessions and tools, never the events themselves.

mod days;
mod recent;
mod scores;
mod session;
mod views;

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::ops::RangeInclusive;
use std::sync::Arc;

use super::ingest::{DAY_MS, Event, Score};
use days::{Days, Sums, split};
use recent::Recent;
use scores::Scores;
use session::Session;
use views::{Overview, SessionRow, ToolCount, ToolList, ToolRow};

pub(crate) use days::DateRange;
pub(crate) use views::SessionList;

/// The most tools the overview names.
const TOP_TOOLS: usize = 5;

/// How much a store keeps.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    /// How many sessions, and about how many bytes of them.
    sessions: usize,
    bytes: usize,
    /// How many pairs of session and metric, and about how many bytes of them.
    scores: usize,
    score_bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { sessions: 20_000, bytes: 48 * 1024 * 1024, scores: 50_000, score_bytes: 8 * 1024 * 1024 }
    }
}

/// Sessions, tools and scores of a workspace.
///
/// Memory never grows with the number of events, and beyond [`Bounds`] not with anything else: the session that became
/// known first makes room, and what is shown is true of the sessions that are kept.
/// An event that repeats the session, type and time of one among the last 131,072 ([`recent::CAPACITY`]) or more is ignored.
#[derive(Debug, Default)]
pub(crate) struct Store {
    bounds: Bounds,
    /// In the order in which they became known.
    sessions: VecDeque<Session>,
    /// The number of the first of them; numbers go on when sessions go.
    first: usize,
    by_id: HashMap<Arc<str>, usize>,
    /// Newest first; sessions that started together in the order they became known.
    by_start: BTreeSet<(Reverse<i64>, usize)>,
    days: Days,
    /// About how many bytes the sessions take.
    bytes: usize,
    recent: Recent,
    scores: Scores,
}

impl Store {
    /// Takes events in, those that repeat others only `with_repeated`; gives how many were taken.
    pub(crate) fn ingest(&mut self, events: &[Event<'_>], with_repeated: bool) -> usize {
        let mut new = 0;
        // A batch mostly speaks of one session; sums and order are kept once for each stretch that does.
        for stretch in events.chunk_by(|one, next| one.session_id == next.session_id) {
            let id: &str = &stretch[0].session_id;
            let session = self.recent.session(id);
            // All of them first: look-ups that follow each other wait for memory together.
            let unseen: Vec<_> =
                stretch.iter().filter(|event| self.recent.is_new(session, event) || with_repeated).collect();
            if unseen.is_empty() {
                continue;
            }
            new += unseen.len();
            let index = match self.by_id.get(id) {
                Some(&index) => index,
                None => {
                    let id: Arc<str> = id.into();
                    let index = self.first + self.sessions.len();
                    self.sessions.push_back(Session::new(Arc::clone(&id)));
                    self.bytes += self.sessions[index - self.first].weight();
                    self.by_id.insert(id, index);
                    index
                }
            };
            let session = &mut self.sessions[index - self.first];
            let (before, weight) = (session.started_at(), session.weight());
            self.days.take_away(session);
            unseen.into_iter().for_each(|event| session.take(event));
            self.days.add(session);
            self.bytes = self.bytes + session.weight() - weight;
            let after = session.started_at();
            if before != after {
                if let Some(before) = before {
                    self.by_start.remove(&(Reverse(before), index));
                    self.days.tidy(before);
                }
                if let Some(after) = after {
                    self.by_start.insert((Reverse(after), index));
                }
            }
            self.make_room();
        }
        new
    }

    /// Takes scores in: a second score of a session and metric replaces the first.
    pub(crate) fn score(&mut self, scores: Vec<Score>) {
        for score in scores {
            self.scores.take(score, self.bounds.scores, self.bounds.score_bytes);
        }
    }

    pub(crate) fn session_count(&self) -> usize {
        self.sessions.len()
    }

    fn at(&self, index: usize) -> &Session {
        &self.sessions[index - self.first]
    }

    /// Forgets the oldest sessions while there are too many.
    fn make_room(&mut self) {
        let Bounds { sessions: most, bytes: most_bytes, .. } = self.bounds;
        while self.sessions.len() > most || self.bytes > most_bytes && self.sessions.len() > 1 {
            let Some(oldest) = self.sessions.pop_front() else { break };
            self.bytes -= oldest.weight();
            self.by_id.remove(&oldest.id);
            self.days.take_away(&oldest);
            if let Some(at) = oldest.started_at() {
                self.by_start.remove(&(Reverse(at), self.first));
                self.days.tidy(at);
            }
            self.first += 1;
        }
    }
}

/// What the reading endpoints show.
impl Store {
    /// A page of the sessions that started in the range, newest first.
    pub(crate) fn sessions(&self, range: Option<DateRange>, limit: usize, offset: usize) -> SessionList<'_> {
        let (total, sessions) = match range {
            None => (self.by_start.len(), self.page(self.by_start.iter(), limit, offset)),
            Some(DateRange { from, to }) if from > to => (0, Vec::new()),
            Some(range) => {
                let found = || self.by_start.range(bounds(range));
                (self.count(range), self.page(found(), limit, offset))
            }
        };
        SessionList { sessions, total, limit, offset }
    }

    /// Sums over the sessions that started in the range.
    pub(crate) fn overview(&self, range: DateRange) -> Overview<'_> {
        let sums = self.sums(range);
        Overview {
            total_sessions: sums.sessions,
            total_events: sums.events,
            total_tool_invocations: sums.tool_invocations,
            active_days: sums.days,
            top_tools: sums
                .by_use(TOP_TOOLS)
                .map(|(name, totals)| ToolCount { name, invocation_count: totals.invocations })
                .collect(),
        }
    }

    /// The tools of the sessions that started in the range, most used first.
    pub(crate) fn tools(&self, range: DateRange, limit: usize) -> ToolList<'_> {
        let ratio = |part: f64, whole: u64| (whole > 0).then(|| part / whole as f64);
        let tools = self.sums(range).by_use(limit).map(|(name, totals)| ToolRow {
            name,
            invocation_count: totals.invocations,
            avg_duration_ms: ratio(totals.duration_ms as f64, totals.timed),
            error_rate: ratio(totals.errors as f64, totals.results).unwrap_or(0.0),
        });
        ToolList { tools: tools.collect() }
    }

    fn page<'a>(
        &'a self,
        found: impl Iterator<Item = &'a (Reverse<i64>, usize)>,
        limit: usize,
        offset: usize,
    ) -> Vec<SessionRow<'a>> {
        found
            .skip(offset)
            .take(limit)
            .map(|&(Reverse(at), index)| SessionRow::of(self.at(index), at))
            .collect()
    }

    /// How many sessions started in the range.
    fn count(&self, range: DateRange) -> usize {
        let (days, rests) = split(range);
        let rests = rests.into_iter().filter(|rest| rest.from <= rest.to);
        self.days.within(days).map(|sums| sums.sessions).sum::<usize>()
            + rests.map(|rest| self.by_start.range(bounds(rest)).count()).sum::<usize>()
    }

    /// Whole days are known as sums; only the sessions of the rest are looked at.
    fn sums(&self, range: DateRange) -> Sums<&str> {
        let mut all = Sums::default();
        let (days, rests) = split(range);
        for sums in self.days.within(days) {
            let tools = sums.tools.iter().map(|(name, totals)| (&**name, totals));
            all.add(sums.sessions, sums.events, sums.tool_invocations, tools);
            all.days += 1;
        }
        let mut days = HashSet::new();
        for rest in rests.into_iter().filter(|rest| rest.from <= rest.to) {
            for &(Reverse(at), index) in self.by_start.range(bounds(rest)) {
                all.add_session(self.at(index));
                days.insert(at.div_euclid(DAY_MS));
            }
        }
        all.days += days.len();
        all
    }
}

fn bounds(range: DateRange) -> RangeInclusive<(Reverse<i64>, usize)> {
    (Reverse(range.to), 0)..=(Reverse(range.from), usize::MAX)
}

#[cfg(test)]
mod tests;
