//! Judging the judge: the suite against every wrong behaviour the mock knows.
//!
//! A *mutant* is the reference with one change. [`mutants`] lists them: the reference itself, the limiters and legal
//! variants, which nothing may be held against, and the deviations, each of which some check has to name. [`hunt()`]
//! plays the suite against them and says which deviation survived, and which check never caught one.
//!
//! A mutant may also be one server with several deviations that show beside each other: each has to be named, and no check
//! may fail that is about none of them.
//!
//! This is the one place that knows both the mock's catalogue and the judge. They still know nothing of each other.
//!
//! Descriptions of what is written for programs end up in the JSON Schema.

mod hunt;
mod judge;
mod mutant;
#[cfg(test)]
mod samples;
mod summary;

use std::io;
use std::path::Path;

use schemars::{JsonSchema, Schema};
use serde::Serialize;

use crate::report::{json_text, save, schema_of};

pub use hunt::{Ground, Hunt, HuntError, HuntOptions, hunt};
pub use judge::{CameTo, Examined, Held, Missed, MutantStatus};
pub use mutant::{BadComposition, Mutant, NoShare, Share, compose, mutants};
pub use summary::{Failing, GroupCount, IdleCheck, Summary, print};

/// The report of one run of `trenchcheck mutants`.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "trenchcheck mutants report", extend("$id" = "urn:trenchcheck:schema:mutants"))]
struct MutantsReport<'a> {
    /// The version of this form. It rises when something is renamed or removed, not when something is added.
    #[schemars(extend("const" = 1))]
    schema: u8,
    /// The version of trenchcheck that wrote it.
    version: &'static str,
    /// When it was written, RFC 3339 in UTC.
    written_at: String,
    #[serde(flatten)]
    hunt: &'a Hunt,
    #[serde(flatten)]
    summary: &'a Summary,
    /// Every mutant that was played against.
    mutants: Vec<&'a Examined>,
    /// The seed by which servers with several deviations were chosen.
    seed: Option<u64>,
    /// Every server with several deviations that was played against; a run has either these or mutants.
    compositions: Vec<CompositionView<'a>>,
}

/// A server with several deviations.
#[derive(Serialize, JsonSchema)]
struct CompositionView<'a> {
    /// What `trenchcheck mutants` takes to play against it again.
    name: &'a str,
    /// The deviations.
    constituents: Vec<&'static str>,
    /// What came of it.
    #[schemars(extend("enum" = ["named", "foreign", "missed", "undecided"]))]
    outcome: &'static str,
    /// Why there is no verdict.
    reason: Option<&'a str>,
    /// The deviations that are named.
    named: &'a [&'static str],
    /// Those that are not.
    missed: &'a [Missed],
    /// Checks that failed and that none of the deviations declares.
    foreign: &'a [Held],
    /// How many checks failed.
    failing: usize,
    /// How many causes the results speak of; there should be as many as there are deviations.
    causes: usize,
    /// Requests sent.
    requests: u64,
    /// Wall time in milliseconds.
    took_ms: u64,
}

/// Writes the report as JSON; `written_at` is the time in RFC 3339.
///
/// # Errors
/// Where the file could not be written.
pub fn save_hunt(path: &Path, hunt: &Hunt, summary: &Summary, written_at: String) -> io::Result<()> {
    let (composed, mutants): (Vec<&Examined>, Vec<&Examined>) =
        hunt.examined.iter().partition(|one| one.mutant.is_composed());
    let document = MutantsReport {
        schema: 1,
        version: env!("CARGO_PKG_VERSION"),
        written_at,
        hunt,
        summary,
        mutants,
        seed: hunt.seed,
        compositions: composed.into_iter().map(CompositionView::from).collect(),
    };
    save(path, json_text(&document)?.as_bytes())
}

/// The JSON Schema of that report, committed as `schemas/mutants.schema.json`.
pub fn hunt_schema() -> Schema {
    schema_of::<MutantsReport<'_>>()
}

impl<'a> From<&'a Examined> for CompositionView<'a> {
    fn from(one: &'a Examined) -> Self {
        Self {
            name: &one.mutant.name,
            constituents: one.mutant.changes.iter().map(|change| change.name).collect(),
            outcome: one.outcome.word(),
            reason: one.reason.as_deref(),
            named: &one.named,
            missed: &one.missed,
            foreign: &one.foreign,
            failing: one.failing,
            causes: one.failing,
            requests: one.requests,
            took_ms: one.took_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mutants::samples::mixed;
    use crate::scenario::{Source, Suite};

    const COMMITTED: &str = include_str!("../../schemas/mutants.schema.json");

    fn written() -> serde_json::Value {
        let hunt = mixed();
        let summary = Summary::of(&hunt, &Suite::load(&Source::Builtin).unwrap());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mutants.json");
        save_hunt(&path, &hunt, &summary, "2026-01-02T03:04:05Z".to_owned()).unwrap();
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    }

    #[test]
    fn the_schema_that_is_committed_is_the_one_of_this_program() {
        let mut current = serde_json::to_string_pretty(&hunt_schema()).unwrap();
        current.push('\n');
        if std::env::var_os("UPDATE_SCHEMAS").is_some() {
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/mutants.schema.json");
            std::fs::write(path, &current).unwrap();
        }
        assert_eq!(current, COMMITTED, "run the test with UPDATE_SCHEMAS=1 and look at what changed");
    }

    #[test]
    fn the_report_keeps_to_its_schema() {
        let schema: serde_json::Value = serde_json::from_str(COMMITTED).unwrap();
        let report = written();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let errors: Vec<String> = validator.iter_errors(&report).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}");
        let mut wrong = report;
        wrong["mutants"][0]["outcome"] = "killed".into();
        assert!(!validator.is_valid(&wrong));
    }

    #[test]
    fn every_outcome_is_written_with_what_led_to_it() {
        let report = written();
        let mutants = report["mutants"].as_array().unwrap();
        let of = |name: &str| mutants.iter().find(|mutant| mutant["name"] == name).unwrap();
        assert_eq!(of("accept-bearer")["caught_by"][0], "auth.no-bearer");
        assert_eq!(of("accept-basic")["missed_by"][0], "auth.no-basic");
        assert_eq!(of("write-implies-read")["foreign"][0]["check"], "scope.before-body");
        assert_eq!(of("json-indented")["outcome"], "passed");
        assert!(of("standard-limit-61")["reason"].as_str().unwrap().contains("crossed a reset"));
    }
}
