//! What a run comes to; and how far a target came in one that ends with the first window that misses a threshold.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use super::findings::{About, Finding, findings};
use super::merge::list;
use super::record::{LaneRecord, RunRecord};
use crate::amounts::grouped;
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
    /// Ctrl-C; of a run that was merged, in these shards.
    #[error("{} interrupted; what was measured is reported, and no threshold is judged", interrupted(.0))]
    Interrupted(Vec<u32>),
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

/// `the run was`, `shard 2 was`, `shards 2, 3 were`.
fn interrupted(shards: &[u32]) -> String {
    match shards {
        [] => "the run was".to_owned(),
        [one] => format!("shard {one} was"),
        more => format!("shards {} were", list(more)),
    }
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
            Self::NotJudged(Unjudged::Interrupted(_)) => ExitCode::Interrupted,
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
        let shards = run.parts.iter().filter(|part| part.interrupted).map(|part| part.shard.index);
        return LoadVerdict::NotJudged(Unjudged::Interrupted(shards.collect()));
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

/// The last step that held and the first that did not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Climb {
    /// The lane that missed a threshold first; where none did, the first lane.
    pub lane: String,
    /// The last window in which everything held; `null` where there is none.
    pub held: Option<Step>,
    /// The first window that missed a threshold; `null` where none did.
    pub broke: Option<Step>,
}

/// A window and its rates a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Step {
    /// The window, from 1 and the warm-up included.
    pub window: usize,
    /// Requests a minute, at the beginning and at the end of the window.
    pub requests_per_minute: (u32, u32),
    /// Events a minute, at the beginning and at the end of the window; `null` where no events are sent.
    pub events_per_minute: Option<(u32, u32)>,
}

impl Step {
    fn of(lane: &LaneRecord, window: usize) -> Self {
        let (from, to) = lane.window_rates.get(window).copied().unwrap_or_default();
        let events = |rate: u32| rate.saturating_mul(lane.events_per_request);
        let events_per_minute = (lane.events_per_request > 0).then(|| (events(from), events(to)));
        Self { window: window + 1, requests_per_minute: (from, to), events_per_minute }
    }
}

/// `700 requests (70,000 events) a minute`, `300 to 400 requests a minute`.
impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let span = |(from, to): (u32, u32)| match from == to {
            true => grouped(from.into()),
            false => format!("{} to {}", grouped(from.into()), grouped(to.into())),
        };
        write!(formatter, "{} requests", span(self.requests_per_minute))?;
        if let Some(events) = self.events_per_minute {
            write!(formatter, " ({} events)", span(events))?;
        }
        formatter.write_str(" a minute")
    }
}

impl fmt::Display for Climb {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ", self.lane)?;
        match (&self.broke, &self.held) {
            (Some(broke), Some(held)) => {
                write!(formatter, "broke at {broke}, in window {}; it held {held}", broke.window)
            }
            (Some(broke), None) => {
                write!(formatter, "broke at {broke}, in window {}, the first that was judged", broke.window)
            }
            (None, Some(held)) => write!(formatter, "held to the end, at {held}"),
            (None, None) => formatter.write_str("was not judged"),
        }
    }
}

/// The first window, from 1, that missed a threshold, with the lane that did.
fn first_miss<'r>(run: &'r RunRecord, findings: &[Finding]) -> Option<(usize, &'r LaneRecord)> {
    let of_lane = |lane: &LaneRecord| {
        let of_lane = findings.iter().filter(|finding| finding.lane == lane.name);
        let misses =
            of_lane.filter(|finding| finding.about == About::Target).flat_map(|finding| &finding.misses);
        misses.filter_map(|miss| miss.window).min()
    };
    // Lanes that begin later count their windows later.
    run.lanes.iter().filter_map(|lane| Some((of_lane(lane)?, lane))).min_by_key(|(at, _)| *at)
}

/// Ends a climb with the first window in which any key missed. Where it is made of shards, each stopped by itself, and
/// others have gone on; but from there on they were alone, and what they met says nothing about all keys together.
pub(super) fn end_with_first_miss(run: &mut RunRecord) {
    let Some((window, _)) = first_miss(run, &findings(run)).filter(|_| run.stop_at_first_miss) else {
        return;
    };
    let last = u32::try_from(window).unwrap_or(u32::MAX);
    for lane in &mut run.lanes {
        lane.whole_windows = lane.whole_windows.min(last);
    }
}

/// How far the target came; `None` of a run that was not to end with its first miss.
fn climb(run: &RunRecord, findings: &[Finding]) -> Option<Climb> {
    if !run.stop_at_first_miss {
        return None;
    }
    let (lane, broke) = match first_miss(run, findings) {
        Some((window, lane)) => (lane, Some(window - 1)),
        None => (run.lanes.first()?, None),
    };
    let held = lane
        .judged()
        .map(|(window, _)| window)
        .take_while(|window| broke.is_none_or(|broke| *window < broke));
    let held = held.last().map(|window| Step::of(lane, window));
    Some(Climb { lane: lane.name.clone(), held, broke: broke.map(|window| Step::of(lane, window)) })
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
