//! The thread that keeps the ledgers and shows how they stand.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::ledger::{LaneLedger, Sample};
use super::live::Live;
use super::tickets::Course;

/// How often the live view may change.
const LOOK: Duration = Duration::from_millis(250);

/// Samples of one user of one lane.
#[derive(Debug)]
pub(crate) struct Bundle {
    /// The lane's place among those of this process.
    pub(crate) lane: usize,
    /// The samples.
    pub(crate) samples: Vec<Sample>,
}

/// Keeps the ledgers until every sender is gone. Returns them, with when the last bundle came.
pub(crate) fn keep(
    mut ledgers: Vec<LaneLedger>,
    bundles: &Receiver<Bundle>,
    course: &Course,
    mut live: Live,
) -> (Vec<LaneLedger>, Instant) {
    let mut last = Instant::now();
    let mut looked = Instant::now();
    loop {
        match bundles.recv_timeout(LOOK) {
            Ok(bundle) => {
                last = Instant::now();
                if let Some(ledger) = ledgers.get_mut(bundle.lane) {
                    for sample in bundle.samples {
                        ledger.take(sample);
                    }
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if looked.elapsed() >= LOOK
            && let Some(start) = course.start()
        {
            looked = Instant::now();
            live.show(&ledgers, looked.saturating_duration_since(start));
        }
    }
    live.end();
    (ledgers, last)
}
