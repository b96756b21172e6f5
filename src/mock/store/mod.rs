//! What a workspace remembers: aggregates of sessions and tools, the last score of a session by each metric, and fingerprints of the
//! events seen last, to recognise a repeated one; never the events themselves.

mod days;
mod session;

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::ops::RangeInclusive;
use std::sync::Arc;

use super::ingest::{DAY_MS, Event, Score};
use super::keys::Hashed;
use crate::system::mixed;
use days::{Days, Sums, split};
use session::{Overview, Session, SessionRow, ToolCount, ToolList, ToolRow};

pub(crate) use days::DateRange;
pub(crate) use session::SessionList;

/// The most tools the overview names.
const TOP_TOOLS: usize = 5;

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
/// An event that repeats the session, type and time of one among the last 131,072 ([`CAPACITY`]) or more is ignored.
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
            let session = self.recent.hasher.hash_one(id);
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

/// How many events are remembered at least: more than a minute at the documented rate.
const CAPACITY: usize = 131_072;

/// Fingerprints of the last events: of at least the last [`CAPACITY`], and at most twice as many.
#[derive(Debug, Default)]
struct Recent {
    hasher: RandomState,
    /// What came last, fewer than [`CAPACITY`].
    young: HashSet<u64, Hashed>,
    /// As many that came before. They are forgotten together, which is cheaper than one by one.
    old: HashSet<u64, Hashed>,
}

impl Recent {
    /// Whether the event, which is one of the session with this hash, is not among those remembered; it is from now on.
    /// Two events are the same by session, type and time; their fingerprint has 64 bits.
    fn is_new(&mut self, session: u64, event: &Event<'_>) -> bool {
        // The hash of the session is nobody's to guess, and within a session no two events have the same fingerprint:
        // times have far fewer than 60 bits, and each step can be undone.
        let what = event.at.wrapping_mul(16) ^ i64::from(event.kind.0);
        let fingerprint = mixed(session ^ mixed(what.cast_unsigned()));
        if self.old.contains(&fingerprint) || !self.young.insert(fingerprint) {
            return false;
        }
        if self.young.len() == CAPACITY {
            std::mem::swap(&mut self.young, &mut self.old);
            self.young.clear();
        }
        true
    }
}

/// A session and a metric.
type Pair = Arc<(String, String)>;

/// The scores of a workspace.
#[derive(Debug, Default)]
struct Scores {
    values: HashMap<Pair, f64>,
    /// Oldest first.
    order: VecDeque<Pair>,
    bytes: usize,
}

impl Scores {
    /// Takes a score in: a second one of a session and metric replaces the first. The oldest pairs make room, so that
    /// there are at most `most` of them with at most `most_bytes`.
    fn take(&mut self, score: Score, most: usize, most_bytes: usize) {
        let pair = Arc::new((score.session_id, score.metric));
        if let Some(value) = self.values.get_mut(&pair) {
            *value = score.value;
            return;
        }
        self.bytes += weight(&pair);
        self.values.insert(Arc::clone(&pair), score.value);
        self.order.push_back(pair);
        while self.order.len() > most || self.bytes > most_bytes && self.order.len() > 1 {
            let Some(oldest) = self.order.pop_front() else { break };
            self.bytes -= weight(&oldest);
            self.values.remove(&oldest);
        }
    }
}

fn weight(pair: &Pair) -> usize {
    size_of::<(String, String)>() + 64 + pair.0.len() + pair.1.len()
}

#[cfg(test)]
mod tests;
