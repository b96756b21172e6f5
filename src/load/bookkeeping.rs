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

/// A ledger for each lane, and a timeline for each group.
pub(crate) struct Books {
    ledgers: Vec<LaneLedger>,
    /// The place of each lane's timeline.
    of_lane: Vec<usize>,
    timelines: Vec<Timeline>,
    /// When the last answer was complete, counted from the start of the run.
    pub(crate) last: Duration,
}

impl Books {
    /// Those of these lanes, kept until every sender of samples is gone.
    pub(crate) fn keep(
        ledgers: Vec<LaneLedger>,
        samples: &Receiver<(usize, Sample)>,
        state: &RunState,
        mut live: Live,
        mut watch: Option<Watch>,
        meters: Option<&Mutex<Meters>>,
    ) -> Self {
        let mut timelines: Vec<Timeline> = Vec::new();
        let of_lane = ledgers.iter().map(|ledger| {
            let group = &ledger.plan.record.group;
            timelines.iter().position(|timeline| timeline.group == *group).unwrap_or_else(|| {
                timelines.push(Timeline::new(group));
                timelines.len() - 1
            })
        });
        let of_lane = of_lane.collect();
        let mut books = Self { ledgers, of_lane, timelines, last: Duration::ZERO };
        loop {
            match samples.try_recv() {
                Ok((lane, sample)) => {
                    if let Some(meters) = meters {
                        meters.lock().take(lane, &sample);
                    }
                    books.take(lane, sample);
                }
                Err(TryRecvError::Empty) => {
                    if let Some(now) = state.start().map(|start| start.elapsed()) {
                        live.show(&books.ledgers, now);
                        if let Some(meters) = meters {
                            meters.lock().see(&books.ledgers, now);
                        }
                        if watch.as_mut().is_some_and(|watch| watch.misses(&books.ledgers, now)) {
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
            meters.lock().see(&books.ledgers, start.elapsed());
        }
        books
    }

    fn take(&mut self, lane: usize, sample: Sample) {
        if let Some(sent) = &sample.sent {
            self.last = self.last.max(sample.due + sent.lag + sent.held + sent.service);
        }
        self.timelines[self.of_lane[lane]].take(&sample);
        self.ledgers[lane].take(sample);
    }

    /// What the lanes leave behind, each schedule having come to one of these, and how their groups went.
    pub(crate) fn close(mut self, came_to: &[Duration]) -> (Vec<LaneRecord>, Vec<Timeline>) {
        let lanes = self.ledgers.into_iter().zip(self.of_lane).zip(came_to);
        let lanes = lanes.map(|((ledger, place), came_to)| {
            self.timelines[place].plan(|time| ledger.plan.pacer.planned_before(time), *came_to);
            ledger.close(*came_to)
        });
        (lanes.collect(), self.timelines)
    }
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
            let (window, record) = (self.judged[at], &ledger.plan.record);
            let is_over = window < record.whole_windows as usize && ledger.end_of(window) <= now;
            if !is_over || !ledger.is_settled(window) {
                continue;
            }
            self.judged[at] += 1;
            // The others as they stand: times may be compared with theirs.
            let mut lanes: Vec<_> = ledgers.iter().map(|ledger| ledger.clone().close(now)).collect();
            lanes[at] = ledger.clone().close(ledger.end_of(window));
            let thresholds = self.thresholds.clone();
            let run = RunRecord { stop_at_first_miss: true, thresholds, lanes, ..RunRecord::default() };
            let missed = findings(&run).into_iter().any(|finding| {
                // What holds of the run as a whole, such as how late it was sent, stops it as well.
                let here = |at: Option<usize>| at.is_none_or(|at| at == window + 1);
                finding.lane == record.name && finding.misses.iter().any(|miss| here(miss.window))
            });
            if missed {
                return true;
            }
        }
        false
    }
}
