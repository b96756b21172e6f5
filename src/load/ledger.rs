//! The ledger: counts by lane and window, times by outcome class.
//!
//! A request belongs to the window it was *due* in, whenever it was sent and answered: a window then holds
//! exactly what was planned for it. One thread keeps the ledger; those who send hand it samples in bundles, so
//! that no lock they share colours the times they measure.
//!
//! The times of a window are kept in full until its last request is accounted for. Then its percentiles are noted, and
//! its times are added to those of the run: what is kept grows by a few numbers a window.

use std::collections::BTreeMap;
use std::mem::take;
use std::time::Duration;

use super::plan::LanePlan;
use super::profile::Request;
use super::record::{LaneRecord, Latencies, Outcome, Percentiles, WindowCounts, WindowTimes};
use super::times::Times;

/// What became of one ticket.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    /// When the request was due, counted from the start of the run.
    pub(crate) due: Duration,
    /// What happened.
    pub(crate) what: What,
}

/// What became of a ticket.
#[derive(Debug, Clone)]
pub(crate) enum What {
    /// It was dropped, for the lane was waiting what a 429 had told it to.
    Withheld,
    /// It was sent.
    Sent(Sent),
}

/// A request that was sent.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    /// How it ended.
    pub(crate) outcome: Outcome,
    /// How long after its due time it was sent, by our own doing.
    pub(crate) lag: Duration,
    /// How long it waited because the target held every slot, besides.
    pub(crate) held: Duration,
    /// From sending to the end of the answer.
    pub(crate) service: Duration,
    /// Events in it.
    pub(crate) events: u32,
    /// Events the target says it accepted.
    pub(crate) accepted: u32,
    /// What was wrong with it: of an error, or of a 429 that is not the documented one.
    pub(crate) fault: Option<String>,
}

/// The ledger of one lane.
#[derive(Debug, Clone)]
pub(crate) struct LaneLedger {
    plan: LanePlan,
    window: Duration,
    windows: Vec<WindowCounts>,
    withheld: Vec<u64>,
    /// How many requests each window is to have.
    planned: Vec<u64>,
    /// The percentiles of the windows that are closed.
    window_times: Vec<WindowTimes>,
    /// The times of the windows that are closed, where windows are told apart.
    window_latencies: Vec<BTreeMap<Outcome, Latencies>>,
    /// The windows with requests that are not accounted for yet.
    open: BTreeMap<usize, Open>,
    /// One that was closed, for the room it has.
    spare: Open,
    /// The times of all windows that are closed, the warm-up left out.
    closed: Open,
    faults: BTreeMap<String, u64>,
}

/// Times that are kept in full.
#[derive(Debug, Clone, Default)]
struct Open {
    latencies: BTreeMap<Outcome, Latencies>,
    send_lag: Times,
    slot_wait: Times,
}

impl Open {
    /// Takes a request's times. Where a lane has too few slots, nobody else is to blame for a wait.
    fn take(&mut self, sent: &Sent, slots_suffice: bool) {
        let late = sent.lag + sent.held;
        self.latencies.entry(sent.outcome).or_default().record(late + sent.service, sent.service);
        self.send_lag.record(if slots_suffice { sent.lag } else { late });
        if !sent.held.is_zero() {
            self.slot_wait.record(sent.held);
        }
    }

    fn add(&mut self, more: &Self) {
        for (outcome, latencies) in &more.latencies {
            let sum = self.latencies.entry(*outcome).or_default();
            sum.response += &latencies.response;
            sum.service += &latencies.service;
        }
        self.send_lag += &more.send_lag;
        self.slot_wait += &more.slot_wait;
    }

    fn percentiles(&self) -> WindowTimes {
        let of = |clock: fn(&Latencies) -> &Times| {
            let some = self.latencies.iter();
            some.filter_map(|(outcome, times)| Some((*outcome, Percentiles::of(clock(times))?))).collect()
        };
        WindowTimes {
            response: of(|times| &times.response),
            service: of(|times| &times.service),
            send_lag: Percentiles::of(&self.send_lag),
        }
    }

    fn clear(&mut self) {
        for latencies in self.latencies.values_mut() {
            latencies.response.clear();
            latencies.service.clear();
        }
        self.send_lag.clear();
        self.slot_wait.clear();
    }
}

impl LaneLedger {
    /// An empty ledger for a lane.
    pub(crate) fn new(plan: LanePlan, window: Duration) -> Self {
        let windows = vec![WindowCounts::default(); plan.windows as usize];
        let told_apart = if plan.by_window { windows.len() } else { 0 };
        let by = |nth: usize| {
            plan.pacer.planned_before(plan.start + window * u32::try_from(nth).unwrap_or(u32::MAX))
        };
        Self {
            withheld: vec![0; windows.len()],
            planned: (0..windows.len()).map(|nth| by(nth + 1) - by(nth)).collect(),
            window_times: vec![WindowTimes::default(); windows.len()],
            open: BTreeMap::new(),
            spare: Open::default(),
            closed: Open::default(),
            windows,
            window,
            window_latencies: vec![BTreeMap::new(); told_apart],
            faults: BTreeMap::new(),
            plan,
        }
    }

    /// The lane.
    pub(crate) const fn plan(&self) -> &LanePlan {
        &self.plan
    }

    /// The number of the window a time belongs to.
    pub(crate) fn window_of(&self, due: Duration) -> usize {
        let since = due.saturating_sub(self.plan.start).as_nanos();
        let window = usize::try_from(since / self.window.as_nanos().max(1)).unwrap_or(usize::MAX);
        window.min(self.windows.len().saturating_sub(1))
    }

    /// The counts of a window.
    pub(crate) fn counts(&self, window: usize) -> WindowCounts {
        self.windows.get(window).copied().unwrap_or_default()
    }

    /// The counts of all windows together.
    pub(crate) fn totals(&self) -> WindowCounts {
        self.windows.iter().fold(WindowCounts::default(), |mut sum, window| {
            sum.sent += window.sent;
            sum.admitted += window.admitted;
            sum.limited += window.limited;
            sum.errors += window.errors;
            sum.events_admitted += window.events_admitted;
            sum
        })
    }

    /// Adds the response times of an outcome so far, and how late requests were sent, to these; the warm-up left out.
    pub(crate) fn add_times(&self, outcome: Outcome, response: &mut Times, send_lag: &mut Times) {
        let judged = self.open.range(self.plan.warm_up as usize..).map(|(_, open)| open);
        for times in judged.chain([&self.closed]) {
            if let Some(latencies) = times.latencies.get(&outcome) {
                *response += &latencies.response;
            }
            *send_lag += &times.send_lag;
        }
    }

    /// How many requests waited for the target to free a slot so far; the warm-up left out.
    pub(crate) fn slot_waits(&self) -> u64 {
        let judged = self.open.range(self.plan.warm_up as usize..).map(|(_, open)| open);
        judged.chain([&self.closed]).map(|times| times.slot_wait.len()).sum()
    }

    /// How many requests the schedule has asked for by `time`, those that were withheld left out.
    pub(crate) fn planned_by(&self, time: Duration) -> u64 {
        let planned = self.plan.pacer.planned_before(time);
        planned.saturating_sub(self.withheld.iter().sum())
    }

    /// Takes a sample.
    pub(crate) fn take(&mut self, sample: Sample) {
        let window = self.window_of(sample.due);
        let sent = match sample.what {
            What::Sent(sent) => sent,
            What::Withheld => {
                if let Some(count) = self.withheld.get_mut(window) {
                    *count += 1;
                }
                self.close_if_whole(window);
                return;
            }
        };
        if let Some(counts) = self.windows.get_mut(window) {
            counts.sent += 1;
            counts.events_sent += u64::from(sent.events);
            counts.events_admitted += u64::from(sent.accepted);
            match sent.outcome {
                Outcome::Admitted => counts.admitted += 1,
                Outcome::Limited => {
                    counts.limited += 1;
                    counts.wrong_429 += u64::from(sent.fault.is_some());
                }
                Outcome::Error => counts.errors += 1,
            }
        }
        let open = self.open.entry(window).or_insert_with(|| take(&mut self.spare));
        open.take(&sent, self.plan.slots_suffice);
        if let Some(fault) = sent.fault {
            *self.faults.entry(fault).or_default() += 1;
        }
        self.close_if_whole(window);
    }

    /// Closes a window whose every request is accounted for.
    fn close_if_whole(&mut self, window: usize) {
        if !self.is_settled(window) {
            return;
        }
        self.close_window(window);
    }

    fn close_window(&mut self, window: usize) {
        let Some(mut open) = self.open.remove(&window) else { return };
        if let Some(times) = self.window_times.get_mut(window) {
            *times = open.percentiles();
        }
        if let Some(latencies) = self.window_latencies.get_mut(window) {
            let some = open.latencies.iter().filter(|(_, times)| !times.response.is_empty());
            *latencies = some.map(|(outcome, times)| (*outcome, times.clone())).collect();
        }
        if window >= self.plan.warm_up as usize {
            self.closed.add(&open);
        }
        open.clear();
        self.spare = open;
    }

    /// When a window ends, counted from the start of the run.
    pub(crate) fn end_of(&self, window: usize) -> Duration {
        self.plan.start + self.window * u32::try_from(window + 1).unwrap_or(u32::MAX)
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
        for (nth, (counts, withheld)) in self.windows.iter_mut().zip(&self.withheld).enumerate() {
            let end = self.plan.start + self.window * u32::try_from(nth + 1).unwrap_or(u32::MAX);
            let by_then = self.plan.pacer.planned_before(end.min(came_to));
            counts.planned = (by_then - before).saturating_sub(*withheld);
            before = by_then;
        }
        // A request due at the very end of what was played has been sent, and its window is one more.
        let sent = self.windows.iter().rposition(|counts| counts.sent > 0).map_or(0, |last| last + 1);
        self.windows.truncate(begun.max(sent));
        self.window_times.truncate(self.windows.len());
        self.window_latencies.truncate(self.windows.len());
        let mut window_rates = self.plan.rates;
        window_rates.truncate(self.windows.len());
        // An outcome that came in the warm-up alone has left room and no times.
        self.closed.latencies.retain(|_, times| !times.response.is_empty());
        let whole = came_to.saturating_sub(self.plan.start).as_nanos() / self.window.as_nanos().max(1);
        let whole = u32::try_from(whole).unwrap_or(u32::MAX);
        LaneRecord {
            place: self.plan.place,
            name: self.plan.name,
            group: self.plan.group,
            tier: self.plan.tier,
            requests_limit: self.plan.limits.requests,
            events_limit: self.plan.limits.events,
            window: self.window,
            rest: self.plan.rest,
            warm_up_windows: self.plan.warm_up,
            whole_windows: whole.min(self.plan.whole_windows),
            windows: self.windows,
            window_times: self.window_times,
            latencies: self.closed.latencies,
            window_latencies: self.window_latencies,
            send_lag: self.closed.send_lag,
            slot_wait: self.closed.slot_wait,
            slots: self.plan.slots,
            slots_suffice: self.plan.slots_suffice,
            held_up: false,
            faults: self.faults,
            planned_rate_per_minute: f64::from(self.plan.pacer.highest_rate()),
            window_rates,
            events_per_request: if self.plan.request == Request::PostEvents { self.plan.batch } else { 0 },
            thresholds: self.plan.thresholds,
        }
    }
}
