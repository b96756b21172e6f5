//! Keeps the books of a run: takes every sample to its ledger, to the timeline of its group and to those who watch.
//!
//! One thread does; those who send hand it samples over a channel without locks, so that nothing they share colours the times
//! they measure.
//!
//! Where a run is to end with the first window that misses a threshold, that window is watched for here, too.

use std::sync::mpsc::{Receiver, TryRecvError};
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;

use super::findings::findings;
use super::ledger::LaneLedger;
use super::live::Live;
use super::metrics::Meters;
use super::profile::Profile;
use super::record::{LaneRecord, RunRecord};
use super::series::Sample;
use super::thresholds::Thresholds;
use super::tickets::RunState;
use super::timeline::Timeline;

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
            let whole = ledger.plan.record.whole_windows as usize;
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
            let name = &ledger.plan.record.name;
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
    RunRecord { stop_at_first_miss: true, thresholds, lanes, ..RunRecord::default() }
}
