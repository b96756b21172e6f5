//! A hunt for programs. The descriptions end up in the JSON Schema.

use std::io;
use std::path::Path;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde::Serialize;

use super::hunt::Hunt;
use super::judge::{Examined, Held, Outcome};
use super::mutant::Nature;
use super::summary::{GroupCount, IdleCheck, Summary};
use crate::report::{level_word, save};

/// The report of one run of `trenchcheck mutants`.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "trenchcheck mutants report")]
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
    /// Gating checks that caught nothing; null unless every mutant was played against.
    idle_checks: Option<Vec<IdleView<'a>>>,
    /// Every mutant that was played against.
    mutants: Vec<MutantView<'a>>,
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
    /// Of these, caught by checks about something else only.
    weak: usize,
    /// Of these, not caught.
    survived: usize,
    /// Limiters and legal variants played against.
    lawful: usize,
    /// Of these, passed.
    passed: usize,
    /// Of both, those without a verdict.
    undecided: usize,
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
    #[schemars(extend("enum" = ["reference", "lawful", "wrong"]))]
    nature: &'static str,
    /// The greatest weight among the promises it breaks.
    #[schemars(extend("enum" = ["must", "should", "rfc", null]))]
    breaks: Option<&'static str>,
    /// What came of it.
    #[schemars(extend("enum" = ["passed", "accused", "caught", "weak", "survived", "undecided"]))]
    outcome: &'static str,
    /// Why there is no verdict.
    reason: Option<&'a str>,
    /// The checks that are about what it breaks and failed.
    caught_by: &'a [String],
    /// The checks that are about what it breaks and did not fail.
    missed_by: &'a [String],
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
struct HeldView<'a> {
    /// Its id.
    check: &'a str,
    /// How much it weighs.
    #[schemars(extend("enum" = ["must", "should", "rfc", "observe"]))]
    level: &'static str,
    /// What it came to.
    #[schemars(extend("enum" = ["fail", "advisory", "blocked", "inconclusive"]))]
    verdict: &'static str,
    /// What broke first, or why there is no verdict.
    says: &'a str,
}

/// Writes the report as JSON; `written_at` is the time in RFC 3339.
///
/// # Errors
/// Where the file could not be written.
pub fn save_hunt(path: &Path, hunt: &Hunt, summary: &Summary, written_at: String) -> io::Result<()> {
    let mut text = serde_json::to_string_pretty(&document(hunt, summary, written_at))?;
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
        idle_checks: summary.idle.as_ref().map(|idle| idle.iter().map(idle_check).collect()),
        mutants: hunt.examined.iter().map(mutant).collect(),
    }
}

fn group(count: &GroupCount) -> GroupView {
    let GroupCount { group, deviations, caught, weak, survived, lawful, passed, undecided } = *count;
    GroupView { group: group.to_string(), deviations, caught, weak, survived, lawful, passed, undecided }
}

fn idle_check(idle: &IdleCheck) -> IdleView<'_> {
    IdleView { check: &idle.check, why: idle.why }
}

fn mutant(one: &Examined) -> MutantView<'_> {
    let (nature, breaks) = match one.mutant.nature {
        Nature::Reference => ("reference", None),
        Nature::Lawful => ("lawful", None),
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
        whole_suite: one.whole_suite,
        held: one.held.iter().map(held).collect(),
        requests: one.requests,
        took_ms: millis(one.took),
    }
}

fn held(held: &Held) -> HeldView<'_> {
    HeldView { check: &held.check, level: level_word(held.level), verdict: held.verdict, says: &held.says }
}

/// Whole milliseconds; a time beyond 2⁶⁴ of them does not occur.
fn millis(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[path = "view_tests.rs"]
mod tests;
