//! What a run comes to.

use super::climb::{Climb, climb};
use super::findings::{About, Finding, findings};
use super::record::RunRecord;
use crate::report::ExitCode;

/// The verdict on a load run. The first line that applies decides:
///
/// | seen | verdict | exit code |
/// |---|---|---|
/// | Ctrl-C | `NotJudged` | 130 |
/// | the generator fell behind | `Invalid` | 7 |
/// | a count, a body or a time that is not as asked | `Missed` | 6 |
/// | a lane without a whole window after its warm-up, or no lane | `NotJudged` | 4 |
/// | anything else | `Met` | 0 |
#[derive(Debug, Clone, PartialEq)]
pub enum LoadVerdict {
    /// Nothing was decided.
    NotJudged(Unjudged),
    /// The generator fell behind: the run says nothing about the target.
    Invalid {
        /// Where, at least one.
        reasons: Vec<Finding>,
    },
    /// The target missed a threshold.
    Missed {
        /// Which, at least one.
        reasons: Vec<Finding>,
    },
    /// Every threshold held.
    Met,
}

/// Why a run was not judged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unjudged {
    /// Ctrl-C.
    #[error("the run was interrupted; what was measured is reported, and no threshold is judged")]
    Interrupted,
    /// There is nothing to rest a verdict on.
    #[error("no whole window after the warm-up was played by {}; give the run more time", lanes.join(", "))]
    NoWholeWindow {
        /// The lanes without one, at least one.
        lanes: Vec<String>,
    },
    /// Nothing was sent at all.
    #[error("the run has no lanes")]
    NoLanes,
}

impl LoadVerdict {
    /// The word for it, as in reports.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::NotJudged(_) => "not-judged",
            Self::Invalid { .. } => "invalid",
            Self::Missed { .. } => "missed",
            Self::Met => "met",
        }
    }

    /// What the process exits with.
    pub const fn exit(&self) -> ExitCode {
        match self {
            Self::NotJudged(Unjudged::Interrupted) => ExitCode::Interrupted,
            Self::NotJudged(Unjudged::NoWholeWindow { .. } | Unjudged::NoLanes) => ExitCode::Inconclusive,
            Self::Invalid { .. } => ExitCode::InvalidLoad,
            Self::Missed { .. } => ExitCode::ThresholdMissed,
            Self::Met => ExitCode::Conforms,
        }
    }

    /// How far the target came in a run that was to end with its first miss; nothing, where this is no verdict on
    /// the target.
    pub fn climb(&self, run: &RunRecord) -> Option<Climb> {
        match self {
            Self::NotJudged(_) | Self::Invalid { .. } => None,
            Self::Missed { .. } | Self::Met => climb(run, &findings(run)),
        }
    }

    /// Why, a sentence each.
    pub fn reasons(&self) -> Vec<String> {
        match self {
            Self::NotJudged(why) => vec![why.to_string()],
            Self::Invalid { reasons } | Self::Missed { reasons } => {
                reasons.iter().map(Finding::to_string).collect()
            }
            Self::Met => Vec::new(),
        }
    }
}

/// Judges a run, or many shards merged into one.
pub fn judge(run: &RunRecord) -> LoadVerdict {
    if run.interrupted {
        return LoadVerdict::NotJudged(Unjudged::Interrupted);
    }
    if run.lanes.is_empty() {
        return LoadVerdict::NotJudged(Unjudged::NoLanes);
    }
    let broken = findings(run).into_iter().filter(|finding| !finding.held());
    let (invalid, missed): (Vec<_>, Vec<_>) = broken.partition(|finding| finding.about == About::Generator);
    if !invalid.is_empty() {
        return LoadVerdict::Invalid { reasons: invalid };
    }
    if !missed.is_empty() {
        return LoadVerdict::Missed { reasons: missed };
    }
    let idle = run.lanes.iter().filter(|lane| lane.judged().next().is_none());
    let lanes: Vec<String> = idle.map(|lane| lane.name.clone()).collect();
    if !lanes.is_empty() {
        return LoadVerdict::NotJudged(Unjudged::NoWholeWindow { lanes });
    }
    LoadVerdict::Met
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
