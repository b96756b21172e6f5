//! The reports after a run, the same for one machine and for merged shards.

pub mod compared;
mod html;
mod junit;
mod markdown;
mod pictures;
mod tables;
mod terminal;

use std::io::{self, Write};
use std::path::PathBuf;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};

use super::findings::{Finding, findings};
use super::record::{RunRecord, groups};
use super::series::{Quantile, Series};
use super::store::store;
use super::verdict::{Climb, LoadVerdict, judge};
use crate::report::{ExitCode, Redactor, Tool, save};

/// What a run is written to, besides the terminal.
#[derive(Debug, Clone, Default)]
pub struct Outputs {
    /// A JSON report; see `schemas/load.schema.json`.
    pub json: Option<PathBuf>,
    /// A JUnit report.
    pub junit: Option<PathBuf>,
    /// A report to look at, in one HTML file.
    pub html: Option<PathBuf>,
    /// A report in Markdown.
    pub markdown: Option<PathBuf>,
    /// A directory that `trenchcheck merge` reads.
    pub save: Option<PathBuf>,
}

/// What came of reporting a run.
#[derive(Debug)]
pub struct Reported {
    /// The verdict on the run.
    pub verdict: LoadVerdict,
    /// The reports that could not be written; they do not stop the others.
    pub unwritten: Vec<io::Error>,
}

impl Reported {
    /// What the process exits with: the verdict's code, and a fault of ours where a good run could not be
    /// written down.
    pub fn exit(&self) -> ExitCode {
        match self.verdict.exit() {
            ExitCode::Conforms if !self.unwritten.is_empty() => ExitCode::Internal,
            exit => exit,
        }
    }
}

/// Judges a run and reports it: to `out` for people, and to files. Keys the redactor knows stay out of all of them.
pub fn report(
    mut run: RunRecord,
    redactor: &Redactor,
    outputs: &Outputs,
    out: &mut dyn Write,
    colour: bool,
) -> Reported {
    redact(&mut run, redactor);
    let run = &run;
    let verdict = judge(run);
    let to = |path: &Option<PathBuf>, text: fn(&RunRecord) -> io::Result<String>| match path {
        Some(path) => text(run).and_then(|text| save(path, text.as_bytes())),
        None => Ok(()),
    };
    let written = [
        outputs.save.as_ref().map_or(Ok(()), |directory| store(run, directory)),
        to(&outputs.json, json),
        to(&outputs.junit, junit::text),
        to(&outputs.html, html::text),
        to(&outputs.markdown, |run| Ok(markdown::text(run))),
        terminal::page(run, &verdict).write(out, colour).and_then(|()| out.flush()),
    ];
    Reported { verdict, unwritten: written.into_iter().filter_map(Result::err).collect() }
}

/// Masks keys in whatever a user or a target may have put into the record.
fn redact(run: &mut RunRecord, redactor: &Redactor) {
    run.target = redactor.scrub(&run.target);
    for lane in &mut run.lanes {
        for (fault, times) in std::mem::take(&mut lane.faults) {
            *lane.faults.entry(redactor.scrub(&fault)).or_default() += times;
        }
    }
}

/// The version of the form. It rises when something is renamed or removed, not when something is added.
pub(super) const SCHEMA: u8 = 1;

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
    climb: Option<Climb>,
    /// What was run, and every count.
    run: &'a RunRecord,
    /// Every threshold of every lane that could be judged, held or not.
    thresholds: Vec<Finding>,
    /// Times by group of lanes, clock and outcome; those of a group are added up bucket by bucket.
    times: Vec<GroupTimes>,
}

/// What a run came to.
#[derive(Serialize, JsonSchema)]
struct Verdict {
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
pub(super) struct GroupTimes {
    /// The lane of the profile.
    pub(super) group: String,
    /// How many keys it had.
    keys: u32,
    /// What was timed, of requests of which outcome: `admitted.response`, `send-lag`.
    pub(super) series: String,
    /// How many times were taken.
    samples: u64,
    /// The percentiles, in milliseconds: `p50`, `p90`, `p99`, `p99_9`, `max`.
    milliseconds: Milliseconds,
    /// All of them, in microseconds: an HdrHistogram in its V2 form, deflated, in base64.
    pub(super) histogram: String,
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
pub(super) fn json(run: &RunRecord) -> io::Result<String> {
    let verdict = judge(run);
    let document = LoadReport {
        schema: SCHEMA,
        tool: Tool::THIS,
        verdict: verdict_of(&verdict),
        climb: verdict.climb(run),
        run,
        thresholds: findings(run),
        times: times(run)?,
    };
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

fn verdict_of(verdict: &LoadVerdict) -> Verdict {
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
    SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<LoadReport<'_>>()
}

#[cfg(test)]
mod tests;
