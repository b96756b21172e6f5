//! The thread that keeps the ledgers and shows how they stand.

use std::sync::mpsc::{Receiver, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use super::ledger::{LaneLedger, Sample};
use super::live::Live;
use super::tickets::Course;
use super::watch::Watch;

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
