//! Sums over sessions by the day on which they started, so that the analytics of a month look at thirty days and not at
//! every session: a store that is written to thousands of times a second is read as often.

use std::borrow::Borrow;
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::ops::RangeInclusive;

use crate::mock::ingest::DAY_MS;

use super::session::{Session, ToolTotals};

/// Sessions that started in this range, in milliseconds since 1970; both ends belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DateRange {
    pub(crate) from: i64,
    pub(crate) to: i64,
}

#[derive(Debug, Default)]
pub(super) struct Sums<N> {
    /// On how many days they started; not counted within a day.
    pub(super) days: usize,
    pub(super) sessions: usize,
    pub(super) events: u64,
    pub(super) tool_invocations: u64,
    pub(super) tools: HashMap<N, ToolTotals>,
}

impl<'a, N: From<&'a str> + Borrow<str> + Eq + Hash> Sums<N> {
    pub(super) fn add_session(&mut self, session: &'a Session) {
        self.add(1, session.events, session.tool_invocations, session.totals());
    }

    /// Adds sums over so many sessions.
    pub(super) fn add(
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
    pub(super) fn by_use(self, limit: usize) -> impl Iterator<Item = (N, ToolTotals)> {
        let mut tools: Vec<_> = self.tools.into_iter().filter(|(_, totals)| totals.invocations > 0).collect();
        tools.sort_unstable_by(|(a, x), (b, y)| {
            y.invocations.cmp(&x.invocations).then_with(|| a.borrow().cmp(b.borrow()))
        });
        tools.into_iter().take(limit)
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
    pub(super) fn within(&self, days: RangeInclusive<i64>) -> impl Iterator<Item = &Sums<Box<str>>> {
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
