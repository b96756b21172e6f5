//! The report for programs.

use std::io;
use std::time::Duration;

use schemars::{JsonSchema, Schema};
use serde::Serialize;

use super::event::{Cause, RunSummary};
use super::results::{ClauseTally, Counts, Record, by_clause, causes};
use super::save::{json_text, schema_of};
use super::verdict::CheckResult;

/// A program.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Tool {
    /// `trenchcheck`.
    pub(crate) name: &'static str,
    /// Its version.
    pub(crate) version: &'static str,
}

impl Tool {
    pub(crate) const THIS: Self = Self { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION") };
}

/// The report for programs. Its form is committed as `schemas/report.schema.json`.
pub(super) fn text(record: &Record, run: &RunSummary) -> io::Result<String> {
    json_text(&document(record, run, &causes(&record.results, record.info.as_ref(), run)))
}

/// The report of one run of `trenchcheck test`.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "trenchcheck report", extend("$id" = "urn:trenchcheck:schema:report"))]
pub(super) struct TestReport<'a> {
    /// The version of this form. It rises when something is renamed or removed, not when something is added.
    #[schemars(extend("const" = 2))]
    schema: u8,
    /// What wrote the report.
    tool: Tool,
    /// What was run against what.
    run: Run<'a>,
    /// What it came to.
    outcome: RunOutcome,
    /// How many checks came to what.
    summary: Counts,
    /// What is wrong, each cause once, the gravest first.
    causes: &'a [Cause],
    /// Every clause of the page, in the page's order.
    clauses: Vec<ClauseTally>,
    /// What could not be checked, and what would change that.
    could_not_check: &'a [String],
    /// Facts about the target as a whole.
    facts: &'a [String],
    /// Ids of the checks an interrupted run did not bring to a verdict.
    not_finished: Vec<&'a str>,
    /// Every finished check, in the order of finishing.
    checks: &'a [CheckResult],
}

/// A run.
#[derive(Serialize, JsonSchema)]
struct Run<'a> {
    /// The target's base URL.
    target: &'a str,
    /// Where the keys came from.
    keys: &'a str,
    /// Whether waits advanced the target's clock instead of taking real time.
    virtual_time: bool,
    /// When it began, RFC 3339 in UTC.
    started_at: &'a str,
    /// Wall time in milliseconds.
    #[serde(rename = "took_ms", with = "super::millis")]
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
}

/// The outcome of a run.
#[derive(Serialize, JsonSchema)]
struct RunOutcome {
    /// The number the process exits with.
    exit_code: u8,
    /// The word for that number.
    #[schemars(extend("enum" = [
        "conforms", "failed", "usage", "unreachable", "inconclusive", "stale-deviation",
        "threshold-missed", "invalid-load", "internal", "interrupted"
    ]))]
    word: &'static str,
}

/// The whole document, with these causes. A run that never began has no target.
pub(super) fn document<'a>(record: &'a Record, run: &'a RunSummary, causes: &'a [Cause]) -> TestReport<'a> {
    let info = record.info.as_ref();
    TestReport {
        schema: 2,
        tool: Tool::THIS,
        run: Run {
            target: info.map_or("", |info| &info.target),
            keys: info.map_or("", |info| &info.keys),
            virtual_time: info.is_some_and(|info| info.virtual_time),
            started_at: info.map_or("", |info| &info.started_at),
            took: run.took,
            requests: run.requests,
            strict: info.is_some_and(|info| info.strict),
            rfc: info.is_some_and(|info| info.rfc),
            interrupted: run.interrupted,
        },
        outcome: RunOutcome { exit_code: run.exit.code(), word: run.exit.word() },
        summary: Counts::of(&record.results),
        causes,
        clauses: by_clause(&record.results),
        could_not_check: &run.could_not_check,
        facts: &run.facts,
        not_finished: record.unfinished().collect(),
        checks: &record.results,
    }
}

/// The JSON Schema of the JSON report.
pub fn report_schema() -> Schema {
    schema_of::<TestReport<'_>>()
}

#[cfg(test)]
mod tests;
