//! The ledger: counts by lane and window, times by outcome class.
//!
//! A request belongs to the window it was *due* in, whenever it was sent and answered: a window then holds
//! exactly what was planned for it. One thread keeps the ledger; those who send hand it samples in bundles, so
//! that no lock they share colours the times they measure.

use std::collections::BTreeMap;
use std::time::Duration;

use super::plan::LanePlan;
use super::profile::Request;
use super::record::{LaneRecord, Latencies, Outcome, WindowCounts, histogram, record_time};

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
    /// How long after its due time it was sent.
    pub(crate) lag: Duration,
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
    latencies: BTreeMap<Outcome, Latencies>,
    window_latencies: Vec<BTreeMap<Outcome, Latencies>>,
    send_lag: hdrhistogram::Histogram<u64>,
    faults: BTreeMap<String, u64>,
}

impl LaneLedger {
    /// An empty ledger for a lane.
    pub(crate) fn new(plan: LanePlan, window: Duration) -> Self {
        let windows = vec![WindowCounts::default(); plan.windows as usize];
        let told_apart = if plan.by_window { windows.len() } else { 0 };
        Self {
            withheld: vec![0; windows.len()],
            windows,
            window,
            latencies: BTreeMap::new(),
            window_latencies: vec![BTreeMap::new(); told_apart],
            send_lag: histogram(),
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

    /// The times of an outcome so far.
    pub(crate) fn latencies(&self, outcome: Outcome) -> Option<&Latencies> {
        self.latencies.get(&outcome)
    }

    /// How late requests were sent so far.
    pub(crate) const fn send_lag(&self) -> &hdrhistogram::Histogram<u64> {
        &self.send_lag
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
        if let Some(fault) = sent.fault {
            *self.faults.entry(fault).or_default() += 1;
        }
        if let Some(latencies) = self.window_latencies.get_mut(window) {
            latencies.entry(sent.outcome).or_default().record(sent.lag + sent.service, sent.service);
        }
        if window >= self.plan.warm_up as usize {
            let latencies = self.latencies.entry(sent.outcome).or_default();
            latencies.record(sent.lag + sent.service, sent.service);
            record_time(&mut self.send_lag, sent.lag);
        }
    }

    /// When a window ends, counted from the start of the run.
    pub(crate) fn end_of(&self, window: usize) -> Duration {
        self.plan.start + self.window * u32::try_from(window + 1).unwrap_or(u32::MAX)
    }

    /// Whether everything that was due in a window has come to something.
    pub(crate) fn is_settled(&self, window: usize) -> bool {
        let end = self.end_of(window);
        let planned = self.plan.pacer.planned_before(end) - self.plan.pacer.planned_before(end - self.window);
        let withheld = self.withheld.get(window).copied().unwrap_or_default();
        self.counts(window).sent + withheld >= planned
    }

    /// What the lane leaves behind, the schedule having come to `came_to`.
    pub(crate) fn close(mut self, came_to: Duration) -> LaneRecord {
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
        self.window_latencies.truncate(self.windows.len());
        let mut window_rates = self.plan.rates;
        window_rates.truncate(self.windows.len());
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
            latencies: self.latencies,
            window_latencies: self.window_latencies,
            send_lag: self.send_lag,
            faults: self.faults,
            planned_rate_per_minute: f64::from(self.plan.pacer.highest_rate()),
            window_rates,
            events_per_request: if self.plan.request == Request::PostEvents { self.plan.batch } else { 0 },
            thresholds: self.plan.thresholds,
        }
    }
}
