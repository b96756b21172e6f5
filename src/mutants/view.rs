//! A hunt for programs. The descriptions end up in the JSON Schema.

use std::io;
use std::path::Path;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde::Serialize;

use super::compositions::{CompositionHunt, CompositionSummary, CompositionView};
use super::hunt::Hunt;
use super::judge::{Examined, Held, Outcome};
use super::mutant::Nature;
use super::summary::{Failing, GroupCount, IdleCheck, Summary};
use crate::report::{level_word, save};

/// The report of one run of `trenchcheck mutants`.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "trenchcheck mutants report", extend("$id" = "urn:trenchcheck:schema:mutants"))]
struct Document<'a> {
    /// The version of this form. It rises when something is renamed or removed, not when something is added.
    #[schemars(extend("const" = 1))]
    schema: u8,
    /// The version of trenchcheck that wrote it.
    version: &'static str,
    /// When it was written, RFC 3339 in UTC.
    written_at: String,
    /// Wall time in milliseconds.
    took_ms: u64,
    /// Whether waits moved a clock instead of taking real time.
    virtual_time: bool,
    /// Whether every mutant was played against.
    complete: bool,
    /// Whether Ctrl-C ended it early.
    interrupted: bool,
    /// The number the process exits with.
    exit_code: u8,
    /// The catalogue's groups, in numbers.
    groups: Vec<GroupView>,
    /// How many checks failed because of one of them; null unless the whole suite was played against all of them.
    failing: Option<FailingView>,
    /// Gating checks that caught nothing; null unless every mutant was played against.
    idle_checks: Option<Vec<IdleView<'a>>>,
    /// Every mutant that was played against.
    mutants: Vec<MutantView<'a>>,
    /// The seed by which servers with several deviations were chosen.
    seed: Option<u64>,
    /// Every server with several deviations that was played against; a run has either these or mutants.
    compositions: Vec<CompositionView<'a>>,
}

/// A group of the catalogue.
#[derive(Serialize, JsonSchema)]
struct GroupView {
    /// Its name.
    group: String,
    /// Deviations played against.
    deviations: usize,
    /// Of these, caught by a check that is about what they break.
    caught: usize,
    /// Of these, caught as well, with checks failing that they do not declare.
    foreign: usize,
    /// Of these, caught by checks about something else only.
    weak: usize,
    /// Of these, not caught.
    survived: usize,
    /// Limiters and legal variants played against.
    conforming: usize,
    /// Of these, passed.
    passed: usize,
    /// Of both, those without a verdict.
    undecided: usize,
}

/// How many checks fail because of one deviation, or one server with several.
#[derive(Serialize, JsonSchema)]
struct FailingView {
    /// On average.
    mean: f64,
    /// In the middle.
    median: f64,
    /// At most.
    most: usize,
}

/// A gating check that caught nothing.
#[derive(Serialize, JsonSchema)]
struct IdleView<'a> {
    /// Its id.
    check: &'a str,
    /// Why no mutant can break it, where that is so.
    why: Option<&'static str>,
}

/// A mutant.
#[derive(Serialize, JsonSchema)]
struct MutantView<'a> {
    /// Its name.
    name: &'a str,
    /// Its group; null for the reference.
    group: Option<String>,
    /// What it does.
    about: &'static str,
    /// Whether it breaks a promise.
    #[schemars(extend("enum" = ["reference", "conforming", "wrong"]))]
    nature: &'static str,
    /// The greatest weight among the promises it breaks.
    #[schemars(extend("enum" = ["must", "should", "rfc", null]))]
    breaks: Option<&'static str>,
    /// What came of it.
    #[schemars(extend("enum" = ["passed", "accused", "caught", "foreign", "weak", "survived", "undecided"]))]
    outcome: &'static str,
    /// Why there is no verdict.
    reason: Option<&'a str>,
    /// The checks that are about what it breaks and failed.
    caught_by: &'a [String],
    /// The checks that are about what it breaks and did not fail.
    missed_by: &'a [String],
    /// Checks that failed and that it does not declare.
    foreign: Vec<HeldView<'a>>,
    /// How many checks failed.
    failing: usize,
    /// Whether it met every check, not only those.
    whole_suite: bool,
    /// Other checks that it met and that did not pass.
    held: Vec<HeldView<'a>>,
    /// Requests sent.
    requests: u64,
    /// Wall time in milliseconds.
    took_ms: u64,
}

/// A check that did not pass.
#[derive(Serialize, JsonSchema)]
pub(super) struct HeldView<'a> {
    /// Its id.
    check: &'a str,
    /// How much it weighs.
    #[schemars(extend("enum" = ["must", "should", "rfc", "observe"]))]
    level: &'static str,
    /// What it came to.
    #[schemars(extend("enum" = ["fail", "advisory", "explained", "blocked", "inconclusive"]))]
    verdict: &'static str,
    /// What broke first, or why there is no verdict.
    says: &'a str,
}

/// Writes the report as JSON; `written_at` is the time in RFC 3339.
///
/// # Errors
/// Where the file could not be written.
pub fn save_hunt(path: &Path, hunt: &Hunt, summary: &Summary, written_at: String) -> io::Result<()> {
    write(path, &document(hunt, summary, written_at))
}

/// Writes the report on servers with several deviations as JSON; `written_at` is the time in RFC 3339.
///
/// # Errors
/// Where the file could not be written.
pub fn save_compositions(
    path: &Path,
    hunt: &CompositionHunt,
    summary: &CompositionSummary,
    written_at: String,
) -> io::Result<()> {
    write(path, &document_of_compositions(hunt, summary, written_at))
}

fn write(path: &Path, document: &Document<'_>) -> io::Result<()> {
    let mut text = serde_json::to_string_pretty(document)?;
    text.push('\n');
    save(path, text.as_bytes())
}

/// The JSON Schema of that report, committed as `schemas/mutants.schema.json`.
pub fn hunt_schema() -> Schema {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    settings.into_generator().into_root_schema_for::<Document<'_>>()
}

fn document<'a>(hunt: &'a Hunt, summary: &'a Summary, written_at: String) -> Document<'a> {
    Document {
        schema: 1,
        version: env!("CARGO_PKG_VERSION"),
        written_at,
        took_ms: millis(hunt.took),
        virtual_time: hunt.virtual_time,
        complete: hunt.complete,
        interrupted: hunt.interrupted,
        exit_code: summary.exit.code(),
        groups: summary.groups.iter().map(group).collect(),
        failing: summary.failing.as_ref().map(failing),
        idle_checks: summary.idle.as_ref().map(|idle| idle.iter().map(idle_check).collect()),
        mutants: hunt.examined.iter().map(mutant).collect(),
        seed: None,
        compositions: Vec::new(),
    }
}

fn document_of_compositions<'a>(
    hunt: &'a CompositionHunt,
    summary: &CompositionSummary,
    written_at: String,
) -> Document<'a> {
    Document {
        schema: 1,
        version: env!("CARGO_PKG_VERSION"),
        written_at,
        took_ms: millis(hunt.took),
        virtual_time: hunt.virtual_time,
        complete: false,
        interrupted: hunt.interrupted,
        exit_code: summary.exit.code(),
        groups: Vec::new(),
        failing: summary.failing.as_ref().map(failing),
        idle_checks: None,
        mutants: Vec::new(),
        seed: hunt.seed,
        compositions: hunt.examined.iter().map(CompositionView::from).collect(),
    }
}

fn group(count: &GroupCount) -> GroupView {
    let GroupCount { group, deviations, caught, foreign, weak, survived, conforming, passed, undecided } =
        *count;
    GroupView {
        group: group.to_string(),
        deviations,
        caught,
        foreign,
        weak,
        survived,
        conforming,
        passed,
        undecided,
    }
}

fn failing(failing: &Failing) -> FailingView {
    FailingView { mean: failing.mean, median: failing.median, most: failing.most }
}

fn idle_check(idle: &IdleCheck) -> IdleView<'_> {
    IdleView { check: &idle.check, why: idle.why }
}

fn mutant(one: &Examined) -> MutantView<'_> {
    let (nature, breaks) = match one.mutant.nature {
        Nature::Reference => ("reference", None),
        Nature::Conforming => ("conforming", None),
        Nature::Wrong { breach, .. } => ("wrong", Some(breach.as_str())),
    };
    MutantView {
        name: &one.mutant.name,
        group: one.mutant.group.map(|group| group.to_string()),
        about: one.mutant.about,
        nature,
        breaks,
        outcome: one.outcome.word(),
        reason: match &one.outcome {
            Outcome::Undecided(why) => Some(why),
            _ => None,
        },
        caught_by: &one.caught_by,
        missed_by: &one.missed_by,
        foreign: one.foreign.iter().map(held).collect(),
        failing: one.failing(),
        whole_suite: one.whole_suite,
        held: one.held.iter().map(held).collect(),
        requests: one.requests,
        took_ms: millis(one.took),
    }
}

pub(super) fn held(held: &Held) -> HeldView<'_> {
    HeldView { check: &held.check, level: level_word(held.level), verdict: held.verdict, says: &held.says }
}

/// Whole milliseconds; a time beyond 2⁶⁴ of them does not occur.
pub(super) fn millis(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
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
