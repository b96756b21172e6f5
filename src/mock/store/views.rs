//! What the reading endpoints show of a store.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use schemars::JsonSchema;
use serde::Serialize;

use crate::mock::ingest::{DAY_MS, format_timestamp};

use super::Store;
use super::days::split;
use super::session::{Session, ToolTotals};

/// The most tools the overview names.
const TOP_TOOLS: usize = 5;

/// Sessions that started in this range, in milliseconds since 1970; both ends belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DateRange {
    /// The first instant.
    pub(crate) from: i64,
    /// The last instant.
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
    /// Sessions that started in the range.
    pub(crate) total_sessions: usize,
    /// Their events.
    pub(crate) total_events: u64,
    /// Their `tool_use` events.
    pub(crate) total_tool_invocations: u64,
    /// Days (UTC) on which one of them started.
    pub(crate) active_days: usize,
    /// At most five tools, most used first.
    pub(crate) top_tools: Vec<ToolCount<'a>>,
}

/// A tool and how often it was used.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ToolCount<'a> {
    /// Its name.
    pub(crate) name: &'a str,
    /// How many `tool_use` named it.
    pub(crate) invocation_count: u64,
}

/// The answer of `GET /api/v1/analytics/tools`.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct ToolList<'a> {
    /// Most used first.
    pub(crate) tools: Vec<ToolRow<'a>>,
}

/// A tool and how it went.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct ToolRow<'a> {
    /// Its name.
    pub(crate) name: &'a str,
    /// How many `tool_use` named it.
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
            active_days: sums.days.len(),
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
        self.days.within(days).map(|(_, sums)| sums.sessions).sum::<usize>()
            + rests.map(|rest| self.by_start.range(bounds(rest)).count()).sum::<usize>()
    }

    /// Whole days are known as sums; only the sessions of the rest are looked at.
    fn sums(&self, range: DateRange) -> Sums<'_> {
        let mut all = Sums::default();
        let (days, rests) = split(range);
        for (day, sums) in self.days.within(days) {
            all.days.insert(*day);
            all.sessions += sums.sessions;
            all.events += sums.events;
            all.tool_invocations += sums.tool_invocations;
            all.add_tools(sums.tools.iter());
        }
        for rest in rests.into_iter().filter(|rest| rest.from <= rest.to) {
            for &(Reverse(at), index) in self.by_start.range(bounds(rest)) {
                let session = self.at(index);
                all.days.insert(at.div_euclid(DAY_MS));
                all.sessions += 1;
                all.events += session.events;
                all.tool_invocations += session.tool_invocations;
                all.add_tools(session.tools.iter().map(|(name, totals)| (name, totals)));
            }
        }
        all
    }
}

/// Sums over the sessions of a range.
#[derive(Default)]
struct Sums<'a> {
    /// The days on which one of them started.
    days: HashSet<i64>,
    sessions: usize,
    events: u64,
    tool_invocations: u64,
    tools: HashMap<&'a str, ToolTotals>,
}

impl<'a> Sums<'a> {
    fn add_tools(&mut self, tools: impl Iterator<Item = (&'a Box<str>, &'a ToolTotals)>) {
        for (name, totals) in tools {
            *self.tools.entry(name).or_default() += totals;
        }
    }

    /// The tools that were used, most used first.
    fn by_use(self, limit: usize) -> impl Iterator<Item = (&'a str, ToolTotals)> {
        let mut tools: Vec<_> = self.tools.into_iter().filter(|(_, totals)| totals.invocations > 0).collect();
        tools.sort_unstable_by(|(a, x), (b, y)| y.invocations.cmp(&x.invocations).then(a.cmp(b)));
        tools.into_iter().take(limit)
    }
}

fn bounds(range: DateRange) -> std::ops::RangeInclusive<(Reverse<i64>, usize)> {
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
