//! How far a target came in a run that ends with the first window that misses a threshold.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use super::findings::{About, Finding, findings};
use super::record::{LaneRecord, RunRecord};
use crate::report::wording::grouped;

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
pub(super) fn climb(run: &RunRecord, findings: &[Finding]) -> Option<Climb> {
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
