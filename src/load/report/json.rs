//! The report for programs: one JSON document, for `--json` and for the `run.json` of a saved run.

use std::io;

use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};

use super::super::findings::{Finding, findings};
use super::super::record::{RunRecord, groups};
use super::super::series::{Quantile, Series};
use super::super::verdict::{BreakingPoint, LoadVerdict, judge};
use crate::report::{Tool, json_text, schema_of};

/// The version of the form. It rises when something is renamed or removed, not when something is added.
pub(in crate::load) const SCHEMA: u8 = 1;

/// The record of one run of `trenchcheck load`, or of many shards merged by `trenchcheck merge`.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "trenchcheck load report", extend("$id" = "urn:trenchcheck:schema:load"))]
struct LoadReport<'a> {
    /// The version of this form. It rises when something is renamed or removed, not when something is added.
    #[schemars(extend("const" = 1))]
    schema: u8,
    /// What wrote it.
    tool: Tool,
    /// What the run came to.
    verdict: Verdict,
    /// How far the target came, where the run was to end with the first window that misses a threshold; `null` for
    /// any other run, and where the run is invalid or not judged.
    climb: Option<BreakingPoint>,
    /// What was run, and every count.
    run: &'a RunRecord,
    /// Every threshold of every lane that could be judged, held or not.
    thresholds: Vec<Finding>,
    /// Times by group of lanes, clock and outcome; those of a group are added up bucket by bucket.
    times: Vec<GroupTimes>,
}

/// What a run came to.
#[derive(Serialize, JsonSchema)]
pub(super) struct Verdict {
    /// The word for it.
    #[schemars(extend("enum" = ["not-judged", "invalid", "missed", "met"]))]
    word: &'static str,
    /// The number the process exits with.
    exit_code: u8,
    /// Why, a sentence each.
    reasons: Vec<String>,
}

/// The times of one series.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(in crate::load) struct GroupTimes {
    /// The lane of the profile.
    pub(in crate::load) group: String,
    /// How many keys it had.
    keys: u32,
    /// What was timed, of requests of which outcome: `admitted.response`, `send-lag`.
    pub(in crate::load) series: String,
    /// How many times were taken.
    samples: u64,
    /// The percentiles, in milliseconds: `p50`, `p90`, `p99`, `p99_9`, `max`.
    milliseconds: Milliseconds,
    /// All of them, in microseconds: an HdrHistogram in its V2 form, deflated, in base64.
    pub(in crate::load) histogram: String,
}

/// Percentiles in milliseconds.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Milliseconds {
    /// The median.
    p50: f64,
    /// What nine in ten stay within.
    p90: f64,
    /// What 99 in 100 stay within.
    p99: f64,
    /// What 999 in 1,000 stay within.
    p99_9: f64,
    /// The longest.
    max: f64,
}

/// A run for programs, with a line break at its end: one form for `--json` and for the `run.json` of a saved run.
pub(in crate::load) fn text(run: &RunRecord) -> io::Result<String> {
    let verdict = judge(run);
    let document = LoadReport {
        schema: SCHEMA,
        tool: Tool::THIS,
        verdict: verdict_of(&verdict),
        climb: verdict.breaking_point(run),
        run,
        thresholds: findings(run),
        times: times(run)?,
    };
    json_text(&document)
}

pub(super) fn verdict_of(verdict: &LoadVerdict) -> Verdict {
    Verdict { word: verdict.word(), exit_code: verdict.exit().code(), reasons: verdict.reasons() }
}

fn times(run: &RunRecord) -> io::Result<Vec<GroupTimes>> {
    let mut all = Vec::new();
    for group in groups(&run.lanes) {
        for series in Series::ALL.into_iter().filter(|series| !group.sum.times[*series].is_empty()) {
            let times = &group.sum.times[series];
            let [p50, p90, p99, p99_9, max] = Quantile::ALL.map(|which| which.of(times).unwrap_or(0.0));
            all.push(GroupTimes {
                group: group.sum.group.clone(),
                keys: group.keys,
                series: series.name(),
                samples: times.len(),
                milliseconds: Milliseconds { p50, p90, p99, p99_9, max },
                histogram: times.to_text()?,
            });
        }
    }
    Ok(all)
}

/// The JSON Schema of the document, committed as `schemas/load.schema.json`.
pub fn load_schema() -> Schema {
    schema_of::<LoadReport<'_>>()
}
