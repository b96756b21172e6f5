//! What the reading endpoints show of a store.
//!
//! Sums are kept by the day on which sessions started, so that the analytics of a month look at thirty days and not at
//! every session: a store that is written to thousands of times a second is read as often.

use std::borrow::Borrow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::Hash;
use std::ops::RangeInclusive;

use schemars::JsonSchema;
use serde::Serialize;

use crate::mock::ingest::{DAY_MS, format_timestamp};

use super::Store;
use super::session::{Session, ToolTotals};

/// The most tools the overview names.
const TOP_TOOLS: usize = 5;

/// Sessions that started in this range, in milliseconds since 1970; both ends belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DateRange {
    pub(crate) from: i64,
    pub(crate) to: i64,
}

/// The answer of `GET /api/v1/sessions`.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub(crate) struct SessionList<'a> {
    /// One page of them, newest first.
    pub(crate) sessions: Vec<SessionRow<'a>>,
    /// How many there are on all pages.
    pub(crate) total: usize,
    /// The page's size, 1 to 200.
    pub(crate) limit: usize,
    /// How many were left out before it.
    pub(crate) offset: usize,
}

/// One session.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub(crate) struct SessionRow<'a> {
    /// Its id, as sent.
    pub(crate) id: &'a str,
    /// Its first `session_start`, or its first event where there was none.
    pub(crate) started_at: String,
    /// Its `session_end`; null while it is open.
    pub(crate) ended_at: Option<String>,
    /// Milliseconds from start to end; null while it is open.
    pub(crate) duration_ms: Option<i64>,
    /// How many events it has.
    pub(crate) event_count: u64,
    /// How many of them were `tool_use`.
    pub(crate) tool_invocations: u64,
}

/// The answer of `GET /api/v1/analytics/overview`.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Overview<'a> {
    pub(crate) total_sessions: usize,
    pub(crate) total_events: u64,
    pub(crate) total_tool_invocations: u64,
    /// Days (UTC) on which one of them started.
    pub(crate) active_days: usize,
    /// At most five tools, most used first.
    pub(crate) top_tools: Vec<ToolCount<'a>>,
}

/// A tool and how often it was used.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ToolCount<'a> {
    pub(crate) name: &'a str,
    pub(crate) invocation_count: u64,
}

/// The answer of `GET /api/v1/analytics/tools`.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct ToolList<'a> {
    pub(crate) tools: Vec<ToolRow<'a>>,
}

/// A tool and how it went.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct ToolRow<'a> {
    pub(crate) name: &'a str,
    pub(crate) invocation_count: u64,
    /// The mean time from `tool_use` to the paired `tool_result`, in milliseconds; null without a pair.
    pub(crate) avg_duration_ms: Option<f64>,
    /// The part of its results that were errors, 0.0 to 1.0; 0.0 without a result.
    pub(crate) error_rate: f64,
}

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
        found.skip(offset).take(limit).map(|&(Reverse(at), index)| row(self.at(index), at)).collect()
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

/// Sums over sessions.
#[derive(Debug, Default)]
pub(super) struct Sums<N> {
    /// On how many days they started; not counted within a day.
    days: usize,
    sessions: usize,
    events: u64,
    tool_invocations: u64,
    tools: HashMap<N, ToolTotals>,
}

impl<'a, N: From<&'a str> + Borrow<str> + Eq + Hash> Sums<N> {
    fn add_session(&mut self, session: &'a Session) {
        self.add(1, session.events, session.tool_invocations, session.totals());
    }

    fn add(
        &mut self,
        sessions: usize,
        events: u64,
        tool_invocations: u64,
        tools: impl Iterator<Item = (&'a str, &'a ToolTotals)>,
    ) {
        self.sessions += sessions;
        self.events += events;
        self.tool_invocations += tool_invocations;
        for (name, totals) in tools {
            match self.tools.get_mut(name) {
                Some(sum) => *sum += totals,
                None => drop(self.tools.insert(name.into(), totals.clone())),
            }
        }
    }

    /// Takes away a session that was added and has not changed since.
    fn take_away(&mut self, session: &Session) {
        self.sessions -= 1;
        self.events -= session.events;
        self.tool_invocations -= session.tool_invocations;
        for (name, totals) in session.totals() {
            if let Some(sum) = self.tools.get_mut(name) {
                *sum -= totals;
            }
        }
    }

    /// The tools that were used, most used first.
    fn by_use(self, limit: usize) -> impl Iterator<Item = (N, ToolTotals)> {
        let mut tools: Vec<_> = self.tools.into_iter().filter(|(_, totals)| totals.invocations > 0).collect();
        tools.sort_unstable_by(|(a, x), (b, y)| {
            y.invocations.cmp(&x.invocations).then_with(|| a.borrow().cmp(b.borrow()))
        });
        tools.into_iter().take(limit)
    }
}

fn bounds(range: DateRange) -> RangeInclusive<(Reverse<i64>, usize)> {
    (Reverse(range.to), 0)..=(Reverse(range.from), usize::MAX)
}

fn row(session: &Session, started_at: i64) -> SessionRow<'_> {
    let ended_at = session.ended_at();
    SessionRow {
        id: &session.id,
        started_at: format_timestamp(started_at),
        ended_at: ended_at.map(format_timestamp),
        duration_ms: ended_at.map(|ended| ended.saturating_sub(started_at).max(0)),
        event_count: session.events,
        tool_invocations: session.tool_invocations,
    }
}

/// The sums of every day on which a session started, by its number since 1970.
#[derive(Debug, Default)]
pub(super) struct Days(BTreeMap<i64, Sums<Box<str>>>);

impl Days {
    /// Adds a session to the day it started on.
    pub(super) fn add(&mut self, session: &Session) {
        if let Some(at) = session.started_at() {
            self.0.entry(at.div_euclid(DAY_MS)).or_default().add_session(session);
        }
    }

    /// Takes a session away from the day it started on, before it changes.
    pub(super) fn take_away(&mut self, session: &Session) {
        let Some(day) = session.started_at().map(|at| at.div_euclid(DAY_MS)) else { return };
        if let Some(sums) = self.0.get_mut(&day) {
            sums.take_away(session);
            if sums.sessions == 0 {
                self.0.remove(&day);
            }
        }
    }

    /// Forgets the tools of a day that nobody uses any more.
    pub(super) fn tidy(&mut self, at: i64) {
        if let Some(sums) = self.0.get_mut(&at.div_euclid(DAY_MS)) {
            sums.tools.retain(|_, totals| *totals != ToolTotals::default());
        }
    }

    /// The sums of the days of this range on which a session started.
    fn within(&self, days: RangeInclusive<i64>) -> impl Iterator<Item = &Sums<Box<str>>> {
        let days = (!days.is_empty()).then_some(days);
        days.into_iter().flat_map(|days| self.0.range(days).map(|(_, sums)| sums))
    }
}

/// The whole days in a range, and what is left of it before and after them.
pub(super) fn split(range: DateRange) -> (RangeInclusive<i64>, [DateRange; 2]) {
    // No day begins or ends with 64 bits, so no day's end is beyond them.
    let first = range.from.div_euclid(DAY_MS) + i64::from(range.from.rem_euclid(DAY_MS) > 0);
    let last = range.to.div_euclid(DAY_MS) - i64::from(range.to.rem_euclid(DAY_MS) < DAY_MS - 1);
    if first > last {
        return (first..=last, [range, DateRange { from: 1, to: 0 }]);
    }
    let before = DateRange { from: range.from, to: first * DAY_MS - 1 };
    let after = DateRange { from: last * DAY_MS + DAY_MS, to: range.to };
    (first..=last, [before, after])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn length(range: DateRange) -> i128 {
        (i128::from(range.to) - i128::from(range.from) + 1).max(0)
    }

    #[test]
    fn whole_days_leave_no_session_to_look_at() {
        let (days, [before, after]) = split(DateRange { from: -2 * DAY_MS, to: 30 * DAY_MS - 1 });
        assert_eq!((days, length(before), length(after)), (-2..=29, 0, 0));
    }

    #[test]
    fn a_range_is_its_days_and_two_rests() {
        let half = DAY_MS / 2;
        let rows = [
            (half, half + 1),
            (0, DAY_MS - 2),
            (1, DAY_MS),
            (half, 3 * DAY_MS + half),
            (-half, half),
            (5, 0),
            (i64::MIN, i64::MAX),
            (i64::MIN, 0),
            (-1, i64::MAX),
        ];
        for (from, to) in rows {
            let range = DateRange { from, to };
            let (days, rests) = split(range);
            let whole =
                if days.is_empty() { 0 } else { i128::from(*days.end()) - i128::from(*days.start()) + 1 };
            let covered = whole * i128::from(DAY_MS) + rests.into_iter().map(length).sum::<i128>();
            assert_eq!(covered, length(range), "{range:?}: {days:?} {rests:?}");
            assert!(rests.into_iter().map(length).all(|rest| rest < 2 * i128::from(DAY_MS)), "{rests:?}");
        }
    }
}
