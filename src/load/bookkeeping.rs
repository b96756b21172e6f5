//! Keeps the books of a run: takes every sample to its ledger, to the timeline of its group and to those who watch.
//!
//! One thread does; those who send hand it samples over a channel without locks, so that nothing they share colours the times
//! they measure.

use std::sync::mpsc::{Receiver, TryRecvError};
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;

use super::first_miss::Watch;
use super::ledger::LaneLedger;
use super::live::Live;
use super::metrics::Meters;
use super::record::LaneRecord;
use super::sample::Sample;
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
                    timeline.plan(|time| ledger.plan().pacer.planned_before(time), *came_to);
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
        let group = &ledger.plan().record.group;
        timelines.iter().position(|timeline| timeline.group == *group).unwrap_or_else(|| {
            timelines.push(Timeline::new(group));
            timelines.len() - 1
        })
    });
    (of_lane.collect(), timelines)
}
