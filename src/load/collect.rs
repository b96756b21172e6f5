//! The thread that keeps the ledgers, shows how they stand, and stops a run that is to end with the first window that
//! misses a threshold.

use std::sync::mpsc::{Receiver, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use chrono::DateTime;

use super::findings::findings;
use super::ledger::{LaneLedger, Sample};
use super::live::Live;
use super::profile::Profile;
use super::record::{LaneRecord, RunRecord};
use super::thresholds::Thresholds;
use super::tickets::Course;

/// How often bundles are taken in, and the live view may change.
const LOOK: Duration = Duration::from_millis(250);

/// Samples of one user of one lane.
#[derive(Debug)]
pub(crate) struct Bundle {
    /// The lane's place among those of this process.
    pub(crate) lane: usize,
    /// When it was handed over.
    pub(crate) handed_over: Instant,
    /// The samples.
    pub(crate) samples: Vec<Sample>,
}

/// Keeps the ledgers until every sender is gone. Returns them, with when the last bundle came.
pub(crate) fn keep(
    mut ledgers: Vec<LaneLedger>,
    bundles: &Receiver<Bundle>,
    course: &Course,
    mut live: Live,
    mut watch: Option<Watch>,
) -> (Vec<LaneLedger>, Instant) {
    let mut last = Instant::now();
    loop {
        match bundles.try_recv() {
            Ok(bundle) => {
                last = last.max(bundle.handed_over);
                if let Some(ledger) = ledgers.get_mut(bundle.lane) {
                    for sample in bundle.samples {
                        ledger.take(sample);
                    }
                }
            }
            Err(TryRecvError::Empty) => {
                if let Some(start) = course.start() {
                    live.show(&ledgers, start.elapsed());
                    if watch.as_mut().is_some_and(|watch| watch.misses(&ledgers, start.elapsed())) {
                        course.stop();
                    }
                }
                // To be woken by every bundle would cost those who send more than the bundle itself.
                thread::sleep(LOOK);
            }
            Err(TryRecvError::Disconnected) => break,
        }
    }
    live.end();
    (ledgers, last)
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
        interrupted: false,
        stop_at_first_miss: true,
        thresholds,
        lanes,
    }
}
