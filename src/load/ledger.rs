//! The ledger: counts by lane and window, times by outcome class.
//!
//! A request belongs to the window it was *due* in, whenever it was sent and answered: a window then holds
//! exactly what was planned for it.
//!
//! The times of a window are kept in full until its last request is accounted for. Then its percentiles are noted, and
//! its times are added to those of the run: what is kept grows by a few numbers a window.

use std::collections::BTreeMap;
use std::mem::take;
use std::time::Duration;

use super::plan::LanePlan;
use super::record::{LaneRecord, WindowCounts, WindowTimes};
use super::series::{Histograms, Sample, Sent, Series};

#[derive(Debug, Clone)]
pub(crate) struct LaneLedger {
    pub(super) plan: LanePlan,
    /// What the lane leaves behind, as far as it is known: of the windows that are closed also their times.
    record: LaneRecord,
    withheld: Vec<u64>,
    /// How many requests each window is to have.
    planned: Vec<u64>,
    /// The times of the windows with requests that are not accounted for yet.
    open: BTreeMap<usize, Histograms>,
    /// Those of one that was closed, for the room they have.
    spare: Histograms,
}

impl LaneLedger {
    pub(crate) fn new(plan: LanePlan) -> Self {
        let (mut record, windows) = (plan.record.clone(), plan.record.window_rates.len());
        record.windows = vec![WindowCounts::default(); windows];
        record.window_times = vec![WindowTimes::default(); windows];
        record.times_by_window = vec![Histograms::default(); if plan.by_window { windows } else { 0 }];
        Self {
            record,
            withheld: vec![0; windows],
            planned: (0..windows).map(|window| plan.due_in(window)).collect(),
            open: BTreeMap::new(),
            spare: Histograms::default(),
            plan,
        }
    }

    /// The number of the window a time belongs to.
    pub(crate) fn window_of(&self, due: Duration) -> usize {
        let since = due.saturating_sub(self.plan.start).as_nanos();
        let window = usize::try_from(since / self.record.window.as_nanos().max(1)).unwrap_or(usize::MAX);
        window.min(self.record.windows.len().saturating_sub(1))
    }

    /// When a window ends, counted from the start of the run.
    pub(crate) fn end_of(&self, window: usize) -> Duration {
        self.plan.start_of(window + 1)
    }

    pub(crate) fn counts(&self, window: usize) -> WindowCounts {
        self.record.windows.get(window).copied().unwrap_or_default()
    }

    /// How many requests are due in a window.
    pub(crate) fn due_in(&self, window: usize) -> u64 {
        self.planned.get(window).copied().unwrap_or(0)
    }

    pub(crate) fn totals(&self) -> WindowCounts {
        let mut sum = WindowCounts::default();
        self.record.windows.iter().for_each(|window| sum += *window);
        sum
    }

    /// The times so far, the warm-up left out.
    pub(crate) fn times(&self) -> impl Iterator<Item = &Histograms> {
        let judged = self.open.range(self.record.warm_up_windows as usize..).map(|(_, open)| open);
        judged.chain([&self.record.times])
    }

    /// How many requests the schedule has asked for by `time`, those that were withheld left out.
    pub(crate) fn planned_by(&self, time: Duration) -> u64 {
        let planned = self.plan.pacer.planned_before(time);
        planned.saturating_sub(self.withheld.iter().sum())
    }

    pub(crate) fn take(&mut self, sample: Sample) {
        let window = self.window_of(sample.due);
        match sample.sent {
            Some(sent) => self.take_sent(window, sent),
            None => self.withheld[window] += 1,
        }
        if self.is_settled(window) {
            self.close_window(window);
        }
    }

    fn take_sent(&mut self, window: usize, sent: Sent) {
        self.record.windows[window].take(&sent);
        let open = self.open.entry(window).or_insert_with(|| take(&mut self.spare));
        let late = sent.lag + sent.held;
        open.record(sent.outcome, late + sent.service, sent.service);
        // Where a lane has too few slots, nobody else is to blame for a wait.
        open[Series::SendLag].record(if self.record.in_flight_suffices { sent.lag } else { late });
        if !sent.held.is_zero() {
            open[Series::SlotWait].record(sent.held);
        }
        if let Some(fault) = sent.fault {
            *self.record.faults.entry(fault).or_default() += 1;
        }
    }

    fn close_window(&mut self, window: usize) {
        let Some(mut open) = self.open.remove(&window) else { return };
        self.record.window_times[window] = WindowTimes::of(&open);
        if let Some(times) = self.record.times_by_window.get_mut(window) {
            times.clone_from(&open);
        }
        if window >= self.record.warm_up_windows as usize {
            self.record.times += &open;
        }
        open.clear();
        self.spare = open;
    }

    /// Whether everything that was due in a window has come to something.
    pub(crate) fn is_settled(&self, window: usize) -> bool {
        let accounted = self.counts(window).sent + self.withheld.get(window).copied().unwrap_or(0);
        self.planned.get(window).is_some_and(|planned| accounted >= *planned)
    }

    /// What the lane leaves behind, the schedule having come to `came_to`.
    pub(crate) fn close(mut self, came_to: Duration) -> LaneRecord {
        while let Some(window) = self.open.keys().next().copied() {
            self.close_window(window);
        }
        let begun = if came_to <= self.plan.start { 0 } else { self.window_of(came_to) + 1 };
        let mut before = 0;
        for (window, withheld) in self.withheld.iter().enumerate() {
            let by_then = self.plan.pacer.planned_before(self.end_of(window).min(came_to));
            self.record.windows[window].planned = (by_then - before).saturating_sub(*withheld);
            before = by_then;
        }
        let mut record = self.record;
        // A request due at the very end of what was played has been sent, and its window is one more.
        let sent = record.windows.iter().rposition(|counts| counts.sent > 0).map_or(0, |last| last + 1);
        record.windows.truncate(begun.max(sent));
        record.window_times.truncate(record.windows.len());
        record.times_by_window.truncate(record.windows.len());
        record.window_rates.truncate(record.windows.len());
        let whole = came_to.saturating_sub(self.plan.start).as_nanos() / record.window.as_nanos().max(1);
        record.whole_windows = record.whole_windows.min(u32::try_from(whole).unwrap_or(u32::MAX));
        record
    }
}
