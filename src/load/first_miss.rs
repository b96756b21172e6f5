//! Watches for the first window that misses a threshold, where a run is to end with it.

use std::time::Duration;

use chrono::DateTime;

use super::findings::findings;
use super::ledger::LaneLedger;
use super::profile::Profile;
use super::record::{LaneRecord, RunRecord};
use super::thresholds::Thresholds;

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
