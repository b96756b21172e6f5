//! All that a run has sent and seen, to be kept: every verdict comes from it, at the end of the run and at any later time,
//! without anything being sent.
//!
//! A [`Recording`] holds no keys: they are masked when it is made ([`mask`]), before anything is judged by it. One that is
//! read from a file is held against rules first ([`sound`]), and against the suite it is judged by ([`fit`]).

mod file;
mod fit;
mod mask;
mod sound;

use std::time::Duration;

use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::UnboundedSender;

use super::evidence::Evidence;
use super::instant::nanoseconds;
use super::options::Options;
use super::run_context::RunContext;
use super::{causes, job, judge};
use crate::report::{self, CheckResult, Event, ExitCode, RunInfo, RunSummary};
use crate::scenario::Suite;
use fit::Planned;

pub use file::EvidenceError;

/// What every such file says it is.
const DOCUMENT: &str = "trenchcheck evidence";
/// The version of the form that is written. Those before it are read, too.
const SCHEMA: u32 = 2;

/// What a run has sent and seen, and all that its verdicts need beside that. Its form is committed as
/// `schemas/evidence.schema.json`. Keys are masked in it.
///
/// ```
/// use trenchcheck::run::Recording;
///
/// let error = serde_json::from_str::<Recording>(r#"{"document": "a novel"}"#).unwrap_err();
/// assert!(error.to_string().contains("missing field"));
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "EvidenceFile")]
pub struct Recording(EvidenceFile);

/// What `trenchcheck test --evidence` writes and `trenchcheck judge` reads: what a run has sent and seen.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "trenchcheck evidence", extend("$id" = "urn:trenchcheck:schema:evidence"))]
struct EvidenceFile {
    /// What this is.
    #[schemars(extend("const" = "trenchcheck evidence"))]
    document: String,
    /// The version of this form. It rises when an older trenchcheck could not read it, or would misread it.
    #[schemars(extend("enum" = [1, 2]))]
    schema: u32,
    /// What wrote it.
    tool: Tool,
    /// The run.
    run: About,
    /// Every case that was to be played.
    cases: Vec<Planned>,
    /// What was sent and seen.
    evidence: Evidence,
}

/// A program.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Tool {
    /// `trenchcheck`.
    name: String,
    /// Its version.
    version: String,
}

/// A run.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct About {
    /// Where the keys came from.
    keys: String,
    /// When it began, RFC 3339 in UTC.
    started_at: String,
    /// The command line that plays it again, without the checks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    again: Option<String>,
    /// Wall time in nanoseconds.
    #[serde(with = "nanoseconds")]
    #[schemars(with = "u64")]
    took: Duration,
    /// Requests sent in all.
    requests: u64,
    /// Whether level `should` gated.
    strict: bool,
    /// Whether level `rfc` gated.
    rfc: bool,
    /// Whether Ctrl-C ended it early.
    interrupted: bool,
    /// Whether every check there was then was played.
    whole_suite: bool,
    /// Ids of the checks that were played.
    checks: Vec<String>,
    /// Facts about the target as a whole.
    facts: Vec<String>,
}

/// A run that is over.
pub(super) struct Ended {
    /// What it was.
    pub(super) info: RunInfo,
    /// Wall time.
    pub(super) took: Duration,
    /// Requests sent in all.
    pub(super) requests: u64,
    /// Whether Ctrl-C ended it early.
    pub(super) interrupted: bool,
    /// Facts about the target as a whole.
    pub(super) facts: Vec<String>,
    /// What was sent and seen.
    pub(super) evidence: Evidence,
}

impl Recording {
    /// What is to be kept of a run of the checks at these places. Keys are masked.
    pub(super) fn of(run: &RunContext, selected: &[usize], ended: Ended) -> Self {
        let Ended { info, took, requests, interrupted, facts, mut evidence } = ended;
        run.suite.checks.iter().for_each(|check| run.redactor.keep(&check.id));
        mask::mask(&mut evidence, &run.redactor);
        let suite = &run.suite;
        let planned = |place: job::Place| {
            let case = place.of(suite);
            let experiment = suite.experiments[place.experiment].name.clone();
            Planned { experiment, row: case.row.clone(), digest: case.digest.clone() }
        };
        Self(EvidenceFile {
            document: DOCUMENT.to_owned(),
            schema: SCHEMA,
            tool: Tool { name: "trenchcheck".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() },
            run: About {
                keys: info.keys,
                started_at: info.started_at,
                again: Some(run.redactor.scrub(&info.again)),
                took,
                requests,
                strict: info.strict,
                rfc: info.rfc,
                interrupted,
                whole_suite: selected.len() == suite.checks.len(),
                checks: info.checks,
                facts: facts.iter().map(|fact| run.redactor.scrub(fact)).collect(),
            },
            cases: job::places(suite, selected).into_iter().map(planned).collect(),
            evidence,
        })
    }

    /// What was run against what.
    pub fn info(&self) -> RunInfo {
        let EvidenceFile { run, evidence, .. } = &self.0;
        RunInfo {
            target: evidence.deployment.base_url.clone(),
            keys: run.keys.clone(),
            virtual_time: evidence.deployment.virtual_time,
            checks: run.checks.clone(),
            strict: run.strict,
            rfc: run.rfc,
            started_at: run.started_at.clone(),
            again: run.again.clone().unwrap_or_else(|| RunInfo::plays(self.base_url())),
        }
    }

    /// Where the deployment was, unless it is gone with the run.
    fn base_url(&self) -> Option<&str> {
        let deployment = &self.0.evidence.deployment;
        (!deployment.built_in).then_some(deployment.base_url.as_str())
    }

    /// The places in the suite of the checks that were played; where every check was, of all there are now.
    pub fn checks_in(&self, suite: &Suite) -> Vec<usize> {
        let run = &self.0.run;
        let places = suite.checks.iter().enumerate();
        let wanted = places.filter(|(_, check)| run.whole_suite || run.checks.contains(&check.id));
        wanted.map(|(place, _)| place).collect()
    }

    /// Judges the checks at these places and tells what they come to.
    pub(super) fn conclude(
        &self,
        suite: &Suite,
        selected: &[usize],
        options: &Options,
        tell: impl Fn(Event),
    ) -> (Vec<CheckResult>, ExitCode) {
        let EvidenceFile { run, cases, evidence, .. } = &self.0;
        let mut evidence = fit::fit(evidence.clone(), cases, suite);
        let taught = judge::learn(suite, &mut evidence);
        let judged = selected.iter().map(|check| judge::judge(suite, &evidence, &taught, *check)).collect();
        let (mut results, causes) = causes::attribute(suite, judged, options, &self.info().again);
        results.sort_by(|one, other| one.id.cmp(&other.id));
        for result in &results {
            tell(Event::CheckFinished(Box::new(result.clone())));
        }
        let exit = ExitCode::of(&results, run.interrupted);
        let mut could_not_check = report::could_not_check(&results);
        could_not_check.extend(fit::gone(&run.checks, suite));
        tell(Event::Finished(RunSummary {
            took: run.took,
            requests: run.requests,
            exit,
            interrupted: run.interrupted,
            could_not_check,
            facts: run.facts.clone(),
            causes,
        }));
        (results, exit)
    }
}

/// Judges the checks at `selected` places of the suite by what an earlier run has seen, and tells `events` what a run
/// tells. Nothing is sent. Of the options count which levels gate and what is known to fail.
///
/// The same recording, suite and options come to the same results, whenever and wherever; those of the run itself came about
/// in this way, too.
pub fn judge_recording(
    suite: &Suite,
    recording: &Recording,
    selected: &[usize],
    options: &Options,
    events: &UnboundedSender<Event>,
) -> (Vec<CheckResult>, ExitCode) {
    let tell = |event: Event| {
        // Nobody listening any more means that nobody wants to know.
        let _ = events.send(event);
    };
    tell(Event::Started(RunInfo {
        checks: selected.iter().map(|place| suite.checks[*place].id.clone()).collect(),
        strict: options.strict,
        rfc: options.rfc,
        ..recording.info()
    }));
    recording.conclude(suite, selected, options, tell)
}

/// The JSON Schema of evidence.
pub fn evidence_schema() -> Schema {
    schemars::generate::SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<EvidenceFile>()
}

#[cfg(test)]
mod tests;
