//! What a run comes to; and how far a target came in one that ends with the first window that misses a threshold.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use super::findings::{About, Finding, findings};
use super::record::{LaneRecord, RunRecord, missing_shards, shards_named};
use crate::amounts::grouped;
use crate::report::ExitCode;
use crate::report::page::Tone;

/// The verdict on a load run. The first line that applies decides:
///
/// | seen | verdict | exit code |
/// |---|---|---|
/// | Ctrl-C | `NotJudged` | 130 |
/// | the generator fell behind, or shards are missing or did not run together | `Invalid` | 7 |
/// | a count, a body or a time that is not as asked | `Missed` | 6 |
/// | a lane without a whole window after its warm-up, or no lane | `NotJudged` | 4 |
/// | anything else | `Met` | 0 |
#[derive(Debug, Clone, PartialEq)]
pub enum LoadVerdict {
    /// Nothing was decided.
    NotJudged(Unjudged),
    /// The load was not the one that was asked for, at least in this: the run says nothing about the target.
    Invalid(Vec<Finding>),
    /// The target missed these thresholds, at least one.
    Missed(Vec<Finding>),
    /// Every threshold held.
    Met,
}

/// Why a run was not judged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unjudged {
    /// Ctrl-C.
    #[error(
        "{} interrupted{}; what was measured is reported, and no threshold is judged",
        interrupted(.shards), and_missing(.missing)
    )]
    Interrupted {
        /// Of a run that was merged, the shards that were.
        shards: Vec<u32>,
        /// And those that are not there.
        missing: Vec<u32>,
    },
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
    if shards.is_empty() { "the run was".to_owned() } else { with_verb(shards, ["was", "were"]) }
}

/// `, and shard 3 is missing`; nothing of a whole run.
fn and_missing(shards: &[u32]) -> String {
    match shards.is_empty() {
        true => String::new(),
        false => format!(", and {} missing", with_verb(shards, ["is", "are"])),
    }
}

fn with_verb(shards: &[u32], [one, many]: [&str; 2]) -> String {
    format!("{} {}", shards_named(shards), if shards.len() == 1 { one } else { many })
}

impl LoadVerdict {
    /// The word for it, as in reports.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::NotJudged(_) => "not-judged",
            Self::Invalid(_) => "invalid",
            Self::Missed(_) => "missed",
            Self::Met => "met",
        }
    }

    /// What the process exits with.
    pub const fn exit(&self) -> ExitCode {
        match self {
            Self::NotJudged(Unjudged::Interrupted { .. }) => ExitCode::Interrupted,
            Self::NotJudged(_) => ExitCode::Inconclusive,
            Self::Invalid(_) => ExitCode::InvalidLoad,
            Self::Missed(_) => ExitCode::ThresholdMissed,
            Self::Met => ExitCode::Conforms,
        }
    }

    pub(super) const fn tone(&self) -> Tone {
        match self {
            Self::Met => Tone::Good,
            Self::NotJudged(_) => Tone::Warn,
            Self::Missed(_) | Self::Invalid(_) => Tone::Bad,
        }
    }

    /// How far the target came in a run that was to end with its first miss; nothing, where this is no verdict on
    /// the target.
    pub fn breaking_point(&self, run: &RunRecord) -> Option<BreakingPoint> {
        match self {
            Self::Missed(_) | Self::Met if run.stop_at_first_miss => breaking_point(run),
            _ => None,
        }
    }

    /// Why, a sentence each.
    pub fn reasons(&self) -> Vec<String> {
        match self {
            Self::NotJudged(why) => vec![why.to_string()],
            Self::Invalid(reasons) | Self::Missed(reasons) => {
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
        let (shards, missing) = (shards.collect(), missing_shards(&run.parts));
        return LoadVerdict::NotJudged(Unjudged::Interrupted { shards, missing });
    }
    if run.lanes.is_empty() {
        return LoadVerdict::NotJudged(Unjudged::NoLanes);
    }
    let broken = findings(run).into_iter().filter(|finding| !finding.held());
    let (invalid, missed): (Vec<_>, Vec<_>) = broken.partition(|finding| finding.about == About::Generator);
    if !invalid.is_empty() {
        return LoadVerdict::Invalid(invalid);
    }
    if !missed.is_empty() {
        return LoadVerdict::Missed(missed);
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
#[schemars(rename = "Climb")]
pub struct BreakingPoint {
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

impl fmt::Display for BreakingPoint {
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
fn first_miss(run: &RunRecord) -> Option<(usize, &LaneRecord)> {
    let findings = findings(run);
    let of_lane = |lane: &LaneRecord| {
        let of_target =
            findings.iter().filter(|finding| finding.lane == lane.name && finding.about == About::Target);
        of_target.flat_map(|finding| &finding.misses).filter_map(|miss| miss.window).min()
    };
    // Lanes that begin later count their windows later.
    run.lanes.iter().filter_map(|lane| Some((of_lane(lane)?, lane))).min_by_key(|(at, _)| *at)
}

/// Where a run is to end with the first window in which any key missed, nothing beyond it is judged: shards have each stopped
/// by itself, and what those that went on met says nothing about all keys together.
pub(super) fn end_with_first_miss(run: &mut RunRecord) {
    if run.stop_at_first_miss
        && let Some((window, _)) = first_miss(run)
    {
        let last = u32::try_from(window).unwrap_or(u32::MAX);
        run.lanes.iter_mut().for_each(|lane| lane.whole_windows = lane.whole_windows.min(last));
    }
}

fn breaking_point(run: &RunRecord) -> Option<BreakingPoint> {
    let (lane, broke) = match first_miss(run) {
        Some((window, lane)) => (lane, Some(window - 1)),
        None => (run.lanes.first()?, None),
    };
    let before = lane.judged().take_while(|(window, _)| broke.is_none_or(|broke| *window < broke));
    let held = before.last().map(|(window, _)| Step::of(lane, window));
    Some(BreakingPoint { lane: lane.name.clone(), held, broke: broke.map(|window| Step::of(lane, window)) })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::load::samples::{GOOD, lane, run};
    use crate::load::{LaneRecord, Outcome, Series, WindowCounts};

    const SUSTAIN: &str = r#"{"admitted": "limit", "limited": 0}"#;

    /// The verdict's word and its reasons.
    fn of(lanes: Vec<LaneRecord>, thresholds: &str) -> (&'static str, Vec<String>) {
        let verdict = judge(&run(lanes, thresholds));
        (verdict.word(), verdict.reasons())
    }

    fn one(windows: &[WindowCounts], thresholds: &str) -> (&'static str, Vec<String>) {
        of(vec![lane(0, windows)], thresholds)
    }

    fn missed(reason: &str) -> (&'static str, Vec<String>) {
        ("missed", vec![reason.to_owned()])
    }

    #[test]
    fn what_was_asked_for_and_seen_is_met() {
        assert_eq!(one(&[GOOD; 3], SUSTAIN), ("met", vec![]));
        assert_eq!(judge(&run(vec![lane(0, &[GOOD])], SUSTAIN)).exit(), ExitCode::Conforms);
    }

    #[test]
    fn one_admitted_too_few_or_too_many_is_missed_in_its_window() {
        let few = WindowCounts { admitted: 59, limited: 1, ..GOOD };
        assert_eq!(
            one(&[GOOD, few, few], r#"{"admitted": "limit"}"#),
            missed("standard-1, window 2: admitted 59, expected exactly 60 (limit); and in 1 more window")
        );
        let many = WindowCounts { planned: 180, sent: 180, admitted: 61, limited: 119, ..GOOD };
        assert_eq!(
            one(&[many], r#"{"admitted": "limit"}"#),
            missed("standard-1, window 1: admitted 61, expected exactly 60 (limit)")
        );
    }

    #[test]
    fn of_a_window_in_which_fewer_are_due_than_a_threshold_speaks_of_all_must_be_admitted() {
        let short = WindowCounts {
            planned: 30,
            sent: 30,
            admitted: 30,
            events_sent: 3_000,
            events_admitted: 3_000,
            ..GOOD
        };
        assert_eq!(one(&[short], SUSTAIN), ("met", vec![]));
        let mut events = lane(0, &[short]);
        events.events_limit = Some(6_000);
        assert_eq!(of(vec![events], r#"{"events_admitted": "limit"}"#), ("met", vec![]));
        assert_eq!(
            one(&[short, WindowCounts { admitted: 29, limited: 1, ..short }], r#"{"admitted": "limit"}"#),
            missed(
                "standard-1, window 2: admitted 29 of 30, expected exactly 60 (limit), or all that are due in a window where \
             those are fewer"
            )
        );
    }

    #[test]
    fn errors_and_wrong_429s_count_even_where_the_profile_is_silent() {
        let bad = WindowCounts { admitted: 58, errors: 1, limited: 1, wrong_429: 1, ..GOOD };
        let (word, reasons) = one(&[bad], "{}");
        assert_eq!(word, "missed");
        assert_eq!(
            reasons,
            [
                "standard-1, window 1: errors 1, expected at most 0",
                "standard-1, window 1: wrong_429 1, expected at most 0"
            ]
        );
        assert_eq!(one(&[bad], r#"{"errors": 1, "wrong_429": 1}"#), ("met", vec![]));
    }

    #[test]
    fn events_are_counted_to_the_one() {
        let mut full = lane(0, &[WindowCounts { events_admitted: 99_999, events_sent: 100_000, ..GOOD }]);
        full.events_limit = Some(100_000);
        assert_eq!(
            of(vec![full], r#"{"events_admitted": "limit"}"#),
            missed("standard-1, window 1: events_admitted 99999, expected exactly 100000 (limit)")
        );
        assert_eq!(
            one(&[GOOD], r#"{"events_admitted": "limit"}"#),
            missed(
                "standard-1, window 1: events_admitted 6000, expected limit, and the key has no such limit"
            )
        );
    }

    #[test]
    fn the_warm_up_and_an_incomplete_last_window_are_never_judged() {
        let bad = WindowCounts { admitted: 10, errors: 50, ..GOOD };
        let mut record = lane(0, &[bad, GOOD, bad]);
        record.warm_up_windows = 1;
        record.whole_windows = 2;
        assert_eq!(of(vec![record.clone()], SUSTAIN), ("met", vec![]));
        record.whole_windows = 3;
        assert_eq!(of(vec![record], SUSTAIN).0, "missed");
    }

    #[test]
    fn a_run_without_a_window_to_judge_is_not_judged() {
        let mut idle = lane(1, &[GOOD]);
        idle.whole_windows = 0;
        let verdict = judge(&run(vec![lane(0, &[GOOD]), idle], SUSTAIN));
        assert_eq!(verdict.exit(), ExitCode::Inconclusive);
        assert_eq!(
            verdict.reasons(),
            ["no whole window after the warm-up was played by standard-2; give the run more time"]
        );
        assert_eq!(judge(&run(vec![], SUSTAIN)), LoadVerdict::NotJudged(Unjudged::NoLanes));
    }

    #[test]
    fn a_generator_that_fell_behind_invalidates_the_run_whatever_else_is_wrong() {
        let behind = WindowCounts { sent: 59, admitted: 50, errors: 9, ..GOOD };
        let verdict = judge(&run(vec![lane(0, &[GOOD, behind])], SUSTAIN));
        assert_eq!(verdict.exit(), ExitCode::InvalidLoad);
        assert_eq!(
            verdict.reasons(),
            [
                "standard-1, window 2: achieved_rate 0.983 (59 of 60 planned were sent), expected at least 0.995"
            ]
        );
    }

    #[test]
    fn requests_never_sent_are_no_shortfall_of_the_target() {
        // 0.997 of the rate is enough, the exact count is not there, and the target admitted all it saw.
        let counts = WindowCounts { planned: 300, sent: 299, admitted: 299, ..GOOD };
        assert_eq!(
        one(&[counts], r#"{"admitted": 300}"#),
        (
            "invalid",
            vec![
                "standard-1, window 1: admitted 299 with 1 of 300 planned requests unsent, expected exactly 300"
                    .to_owned()
            ]
        )
    );
        let refused = WindowCounts { admitted: 298, limited: 1, ..counts };
        assert_eq!(one(&[refused], r#"{"admitted": 300}"#).0, "missed");
    }

    #[test]
    fn a_late_generator_invalidates_the_run() {
        let mut late = lane(0, &[GOOD]);
        for _ in 0..10 {
            late.times[Series::SendLag].record(Duration::from_millis(7));
        }
        assert_eq!(of(vec![late.clone()], "{}").0, "met");
        assert_eq!(
            of(vec![late], r#"{"send_lag_p99_ms": 5}"#),
            ("invalid", vec!["standard-1: send_lag_p99_ms 7.003 ms, expected at most 5 ms".to_owned()])
        );
    }

    #[test]
    fn times_are_judged_by_outcome_and_by_clock() {
        let windows = [WindowCounts { planned: 180, sent: 180, admitted: 60, limited: 120, ..GOOD }];
        let asked = r#"{"response": {"admitted": {"p50_ms": 30, "max_ms": 60}, "limited": {"max_ms": 2}},
                    "service": {"admitted": {"p50_ms": 30.1, "max_ms": 60.1}}}"#;
        assert_eq!(
            one(&windows, asked),
            (
                "missed",
                vec![
                    "standard-1: response.admitted.p50_ms 30.063 ms, expected at most 30 ms".to_owned(),
                    "standard-1: response.admitted.max_ms 60.063 ms, expected at most 60 ms".to_owned()
                ]
            )
        );
    }

    #[test]
    fn a_limit_on_the_times_of_the_admitted_is_missed_where_nothing_was_admitted() {
        let nothing = WindowCounts { admitted: 0, limited: 60, ..GOOD };
        assert_eq!(
            one(&[nothing], r#"{"response": {"admitted": {"p99_ms": 50}, "error": {"p99_ms": 1}}}"#),
            missed(
                "standard-1: response.admitted.p99_ms unknown, for nothing was admitted, expected at most 50 ms"
            )
        );
    }

    #[test]
    fn a_lane_has_thresholds_of_its_own() {
        let over = WindowCounts { planned: 300, sent: 300, limited: 240, ..GOOD };
        let mut loud = lane(0, &[over]);
        loud.thresholds = serde_json::from_str(r#"{"limited": 240}"#).unwrap();
        assert_eq!(of(vec![loud.clone(), lane(1, &[GOOD])], SUSTAIN), ("met", vec![]));
        loud.thresholds = Default::default();
        assert_eq!(
            of(vec![loud, lane(1, &[GOOD])], SUSTAIN),
            missed("standard-1, window 1: limited 240, expected at most 0")
        );
    }

    #[test]
    fn an_interrupted_run_is_not_judged() {
        let mut record = run(vec![lane(0, &[WindowCounts { errors: 60, admitted: 0, ..GOOD }])], SUSTAIN);
        record.interrupted = true;
        assert_eq!(judge(&record).exit(), ExitCode::Interrupted);
    }

    #[test]
    fn every_threshold_asked_for_is_found_whether_it_held_or_not() {
        let record = run(
            vec![lane(0, &[GOOD])],
            r#"{"admitted": "all", "limited": 0, "errors": 0, "wrong_429": 0, "events_admitted": "all",
            "achieved_rate": 1, "send_lag_p99_ms": 1, "service": {"error": {"p99_9_ms": 1}}}"#,
        );
        let found = findings(&record);
        let names: Vec<&str> = found.iter().map(|finding| finding.threshold.as_str()).collect();
        assert_eq!(
            names,
            [
                "achieved_rate",
                "send_lag_p99_ms",
                "errors",
                "wrong_429",
                "admitted",
                "limited",
                "events_admitted",
                "service.error.p99_9_ms"
            ]
        );
        assert!(found.iter().all(Finding::held));
        assert_eq!(found[4].to_string(), "standard-1: admitted is all that were sent");
        assert_eq!(record.lanes[0].times[Series::Response(Outcome::Admitted)].len(), 60);
    }

    #[test]
    fn what_is_limited_after_a_request_that_came_too_late_is_not_held_against_the_target() {
        let mut late = lane(0, &[GOOD, WindowCounts { admitted: 59, limited: 1, ..GOOD }]);
        late.rest = Duration::from_secs(2);
        late.times[Series::SendLag].record(Duration::from_millis(1_900));
        assert_eq!(
            of(vec![late.clone()], r#"{"limited": 0}"#),
            missed("standard-1, window 2: limited 1, expected at most 0")
        );
        late.times[Series::SendLag].record(Duration::from_millis(2_300));
        assert_eq!(
        of(vec![late.clone()], r#"{"limited": 0}"#),
        (
            "invalid",
            vec![
                "standard-1, window 2: limited 1, expected at most 0 while no request is more than 2.0 s late, and \
                 one was sent 2.3 s late"
                    .to_owned()
            ]
        )
    );
        late.windows = vec![GOOD; 2];
        assert_eq!(of(vec![late], r#"{"limited": 0}"#).0, "met");
    }

    #[test]
    fn times_are_held_against_those_of_another_lane() {
        let mut alone = lane(0, &[GOOD]);
        alone.name = "alone".to_owned();
        alone.group = "alone".to_owned();
        let mut beside = lane(1, &[GOOD]);
        let asked = |limit: &str| {
            let json = format!(r#"{{"response": {{"admitted": {{"p99_ms": "{limit}"}}}}}}"#);
            serde_json::from_str::<crate::load::Thresholds>(&json).unwrap()
        };
        beside.thresholds = asked("1.5 x alone");
        let both = |beside: &LaneRecord| of(vec![alone.clone(), beside.clone()], "{}");
        assert_eq!(both(&beside), ("met", vec![]));
        for _ in 0..60 {
            let time = Duration::from_millis(100);
            beside.times.record(Outcome::Admitted, time, time);
        }
        let expected = "standard-2: response.admitted.p99_ms 100.031 ms, expected at most 90.095 ms (1.5 x alone, which \
                    took 60.063 ms)";
        assert_eq!(both(&beside), missed(expected));
        beside.thresholds = asked("101 or 1.5 x alone");
        assert_eq!(both(&beside), ("met", vec![]));
        beside.thresholds = asked("1.5 x nobody");
        let expected = "standard-2: response.admitted.p99_ms 100.031 ms, expected at most 1.5 x nobody, and nobody has no \
                    such time";
        assert_eq!(both(&beside), missed(expected));
    }

    #[test]
    fn a_target_that_holds_every_slot_to_the_end_misses_the_rate_unless_slots_are_few() {
        let few = WindowCounts { planned: 60, sent: 20, admitted: 20, ..GOOD };
        let mut held = lane(0, &[few]);
        held.held_up = true;
        let asked = r#"{"admitted": "all"}"#;
        assert_eq!(
            of(vec![held.clone()], asked),
            missed(
                "standard-1, window 1: achieved_rate 0.333 (20 of 60 planned were sent; the target held all 4 slots to \
             the end), expected at least 0.995"
            )
        );
        // What it did not let us send, it did not admit either.
        let exact = of(vec![held.clone()], r#"{"admitted": "limit"}"#);
        assert_eq!((exact.0, exact.1.len()), ("missed", 2));
        held.in_flight_suffices = false;
        let words = "standard-1, window 1: achieved_rate 0.333 (20 of 60 planned were sent; 4 slots are few for 60 requests \
                 a minute), expected at least 0.995";
        assert_eq!(of(vec![held], asked), ("invalid", vec![words.to_owned()]));
    }

    #[test]
    fn a_wait_for_the_target_is_no_lag_of_ours_unless_slots_are_few() {
        let mut held = lane(0, &[GOOD]);
        for _ in 0..10 {
            held.times[Series::SlotWait].record(Duration::from_millis(900));
        }
        assert_eq!(of(vec![held.clone()], r#"{"send_lag_p99_ms": 5}"#), ("met", vec![]));
        // The ledger of such a lane counts the wait as lag.
        held.in_flight_suffices = false;
        held.times[Series::SendLag] = held.times[Series::SlotWait].clone();
        let words = "standard-1: send_lag_p99_ms 900.095 ms; 4 slots are few for 60 requests a minute, expected at most 5 ms";
        assert_eq!(of(vec![held], r#"{"send_lag_p99_ms": 5}"#), ("invalid", vec![words.to_owned()]));
    }

    #[test]
    fn what_is_limited_after_the_target_held_a_request_back_is_held_against_it() {
        let mut late = lane(0, &[GOOD, WindowCounts { admitted: 59, limited: 1, ..GOOD }]);
        late.rest = Duration::from_secs(2);
        late.times[Series::SlotWait].record(Duration::from_millis(2_300));
        assert_eq!(
            of(vec![late], r#"{"limited": 0}"#),
            missed(
                "standard-1, window 2: limited 1, expected at most 0, and no slot held for more than 2.0 s, where one was \
             held for 2.3 s"
            )
        );
    }
}
