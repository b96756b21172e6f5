//! The ledger: counts by lane and window, times by outcome class.
//!
//! A request belongs to the window it was *due* in, whenever it was sent and answered: a window then holds
//! exactly what was planned for it. One thread keeps the ledger; those who send hand it samples over a
//! channel without locks, so that nothing they share colours the times they measure.
//!
//! The times of a window are kept in full until its last request is accounted for. Then its percentiles are noted, and
//! its times are added to those of the run: what is kept grows by a few numbers a window.

use std::collections::BTreeMap;
use std::mem::take;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::thread;
use std::time::Duration;

use chrono::DateTime;
use parking_lot::Mutex;

use super::findings::findings;
use super::live::Live;
use super::metrics::Meters;
use super::plan::LanePlan;
use super::profile::Profile;
use super::record::{LaneRecord, Outcome, RunRecord, WindowCounts, WindowTimes};
use super::series::{Histograms, Series};
use super::thresholds::Thresholds;
use super::tickets::RunState;
use super::timeline::Timeline;

/// What became of one ticket.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    /// When the request was due, counted from the start of the run.
    pub(crate) due: Duration,
    /// The request; `None` where it was dropped, for the lane was waiting what a 429 had told it to.
    pub(crate) sent: Option<Sent>,
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

impl WindowCounts {
    /// Counts a request.
    pub(super) fn take(&mut self, sent: &Sent) {
        self.sent += 1;
        self.events_sent += u64::from(sent.events);
        self.events_admitted += u64::from(sent.accepted);
        match sent.outcome {
            Outcome::Admitted => self.admitted += 1,
            Outcome::Limited => {
                self.limited += 1;
                self.wrong_429 += u64::from(sent.fault.is_some());
            }
            Outcome::Error => self.errors += 1,
        }
    }
}

/// The ledger of one lane.
#[derive(Debug, Clone)]
pub(crate) struct LaneLedger {
    plan: LanePlan,
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
    /// An empty ledger for a lane.
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

    /// The lane.
    pub(crate) const fn plan(&self) -> &LanePlan {
        &self.plan
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

    /// The counts of a window.
    pub(crate) fn counts(&self, window: usize) -> WindowCounts {
        self.record.windows.get(window).copied().unwrap_or_default()
    }

    /// How many requests are due in a window.
    pub(crate) fn due_in(&self, window: usize) -> u64 {
        self.planned.get(window).copied().unwrap_or(0)
    }

    /// The counts of all windows together.
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

    /// Takes a sample.
    pub(crate) fn take(&mut self, sample: Sample) {
        let window = self.window_of(sample.due);
        if let Some(sent) = sample.sent {
            self.take_sent(window, sent);
        } else if let Some(count) = self.withheld.get_mut(window) {
            *count += 1;
        }
        if self.is_settled(window) {
            self.close_window(window);
        }
    }

    fn take_sent(&mut self, window: usize, sent: Sent) {
        if let Some(counts) = self.record.windows.get_mut(window) {
            counts.take(&sent);
        }
        let open = self.open.entry(window).or_insert_with(|| take(&mut self.spare));
        let late = sent.lag + sent.held;
        open.record(sent.outcome, late + sent.service, sent.service);
        // Where a lane has too few slots, nobody else is to blame for a wait.
        open[Series::SendLag].record(if self.record.slots_suffice { sent.lag } else { late });
        if !sent.held.is_zero() {
            open[Series::SlotWait].record(sent.held);
        }
        if let Some(fault) = sent.fault {
            *self.record.faults.entry(fault).or_default() += 1;
        }
    }

    fn close_window(&mut self, window: usize) {
        let Some(mut open) = self.open.remove(&window) else { return };
        if let Some(times) = self.record.window_times.get_mut(window) {
            *times = WindowTimes::of(&open);
        }
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
            if let Some(counts) = self.record.windows.get_mut(window) {
                counts.planned = (by_then - before).saturating_sub(*withheld);
            }
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

/// How often samples are taken in, and the live view may change.
const LOOK: Duration = Duration::from_millis(250);

/// Keeps the ledgers until every sender of samples is gone.
pub(crate) fn keep(
    mut ledgers: Vec<LaneLedger>,
    samples: &Receiver<(usize, Sample)>,
    state: &RunState,
    mut live: Live,
    mut watch: Option<Watch>,
    meters: Option<&Mutex<Meters>>,
) -> Kept {
    let mut last = Duration::ZERO;
    let (of_lane, mut timelines) = timelines(&ledgers);
    loop {
        match samples.try_recv() {
            Ok((lane, sample)) => {
                if let Some(sent) = &sample.sent {
                    last = last.max(sample.due + sent.lag + sent.held + sent.service);
                }
                if let Some(meters) = meters {
                    meters.lock().take(lane, &sample);
                }
                if let Some(timeline) = of_lane.get(lane).and_then(|place| timelines.get_mut(*place)) {
                    timeline.take(&sample);
                }
                if let Some(ledger) = ledgers.get_mut(lane) {
                    ledger.take(sample);
                }
            }
            Err(TryRecvError::Empty) => {
                if let Some(start) = state.start() {
                    live.show(&ledgers, start.elapsed());
                    if let Some(meters) = meters {
                        meters.lock().see(&ledgers, start.elapsed());
                    }
                    if watch.as_mut().is_some_and(|watch| watch.misses(&ledgers, start.elapsed())) {
                        state.stop();
                    }
                }
                // To be woken by every sample would cost those who send more than the sample itself.
                thread::sleep(LOOK);
            }
            Err(TryRecvError::Disconnected) => break,
        }
    }
    live.end();
    if let (Some(meters), Some(start)) = (meters, state.start()) {
        meters.lock().see(&ledgers, start.elapsed());
    }
    Kept { ledgers, of_lane, timelines, last }
}

/// All that was kept of a run.
pub(crate) struct Kept {
    ledgers: Vec<LaneLedger>,
    /// The place of each lane's timeline.
    of_lane: Vec<usize>,
    timelines: Vec<Timeline>,
    /// When the last answer was complete, counted from the start of the run.
    pub(crate) last: Duration,
}

impl Kept {
    /// What the lanes leave behind, each schedule having come to one of these, and how their groups went.
    pub(crate) fn close(mut self, came_to: &[Duration]) -> (Vec<LaneRecord>, Vec<Timeline>) {
        let lanes =
            self.ledgers.into_iter().zip(self.of_lane).zip(came_to).map(|((ledger, place), came_to)| {
                if let Some(timeline) = self.timelines.get_mut(place) {
                    timeline.plan(|time| ledger.plan.pacer.planned_before(time), *came_to);
                }
                ledger.close(*came_to)
            });
        (lanes.collect(), self.timelines)
    }
}

/// The place of each lane's timeline, and one for each group.
fn timelines(ledgers: &[LaneLedger]) -> (Vec<usize>, Vec<Timeline>) {
    let mut timelines: Vec<Timeline> = Vec::new();
    let of_lane = ledgers.iter().map(|ledger| {
        let group = &ledger.plan.record.group;
        timelines.iter().position(|timeline| timeline.group == *group).unwrap_or_else(|| {
            timelines.push(Timeline::new(group));
            timelines.len() - 1
        })
    });
    (of_lane.collect(), timelines)
}

/// Judges each window of each lane once: when it is over and all its answers are there.
#[derive(Debug)]
pub(crate) struct Watch {
    thresholds: Thresholds,
    /// How many windows of each lane have been judged.
    judged: Vec<usize>,
}

impl Watch {
    /// One for a profile that asks for it.
    pub(crate) fn of(profile: &Profile) -> Option<Self> {
        let thresholds = profile.thresholds.value.clone();
        profile.stop_at_first_miss.then_some(Self { thresholds, judged: Vec::new() })
    }

    /// Whether a window that was not judged before has missed; `now` is a time of the run.
    pub(crate) fn misses(&mut self, ledgers: &[LaneLedger], now: Duration) -> bool {
        self.judged.resize(ledgers.len(), 0);
        for (at, ledger) in ledgers.iter().enumerate() {
            let Some(window) = self.judged.get(at).copied() else { continue };
            let whole = ledger.plan().record.whole_windows as usize;
            if window >= whole || ledger.end_of(window) > now || !ledger.is_settled(window) {
                continue;
            }
            if let Some(judged) = self.judged.get_mut(at) {
                *judged += 1;
            }
            // The others as they stand: times may be compared with theirs.
            let lanes = ledgers.iter().map(|ledger| ledger.clone().close(now));
            let mut run = unfinished(lanes.collect(), self.thresholds.clone());
            if let Some(lane) = run.lanes.get_mut(at) {
                *lane = ledger.clone().close(ledger.end_of(window));
            }
            let name = &ledger.plan().record.name;
            let missed = findings(&run).into_iter().any(|finding| {
                // What holds of the run as a whole, such as how late it was sent, stops it as well.
                let here = |at: Option<usize>| at.is_none_or(|at| at == window + 1);
                finding.lane == *name && finding.misses.iter().any(|miss| here(miss.window))
            });
            if missed {
                return true;
            }
        }
        false
    }
}

/// A run that is going on, as far as it can be judged: its lanes and what is asked of them.
fn unfinished(lanes: Vec<LaneRecord>, thresholds: Thresholds) -> RunRecord {
    RunRecord {
        profile: String::new(),
        profile_hash: String::new(),
        target: String::new(),
        started_at: DateTime::UNIX_EPOCH,
        took: Duration::ZERO,
        shard: None,
        parts: Vec::new(),
        interrupted: false,
        stop_at_first_miss: true,
        thresholds,
        lanes,
        timelines: Vec::new(),
    }
}
