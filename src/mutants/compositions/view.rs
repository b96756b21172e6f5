//! Servers with several deviations for programs. The descriptions end up in the JSON Schema.

use schemars::JsonSchema;
use serde::Serialize;

use super::judge::{CameTo, CompositionOutcome, ExaminedComposition, Missed};
use crate::mutants::view::{HeldView, held, millis};

/// A server with several deviations.
#[derive(Serialize, JsonSchema)]
pub(in crate::mutants) struct CompositionView<'a> {
    /// What `trenchcheck mutants` takes to play against it again.
    name: String,
    /// The deviations.
    constituents: Vec<&'a str>,
    /// What came of it.
    #[schemars(extend("enum" = ["named", "foreign", "missed", "undecided"]))]
    outcome: &'static str,
    /// Why there is no verdict.
    reason: Option<&'a str>,
    /// The deviations that are named.
    named: &'a [String],
    /// Those that are not.
    missed: Vec<MissedView<'a>>,
    /// Checks that failed and that none of the deviations declares.
    foreign: Vec<HeldView<'a>>,
    /// How many checks failed.
    failing: usize,
    /// How many causes the results speak of; there should be as many as there are deviations.
    causes: usize,
    /// Requests sent.
    requests: u64,
    /// Wall time in milliseconds.
    took_ms: u64,
}

/// A deviation that no check names.
#[derive(Serialize, JsonSchema)]
struct MissedView<'a> {
    /// Its name.
    name: &'a str,
    /// The checks that ought to name it.
    checks: Vec<CameToView<'a>>,
}

/// A check that ought to name a deviation.
#[derive(Serialize, JsonSchema)]
struct CameToView<'a> {
    /// Its id.
    check: &'a str,
    /// The word for its verdict; `absent` where the suite has no such check.
    verdict: &'static str,
    /// Why, where it says so; else empty.
    why: &'a str,
}

impl<'a> From<&'a ExaminedComposition> for CompositionView<'a> {
    fn from(one: &'a ExaminedComposition) -> Self {
        Self {
            name: one.composition.to_string(),
            constituents: one.composition.parts().iter().map(|part| part.name.as_str()).collect(),
            outcome: one.outcome.word(),
            reason: match &one.outcome {
                CompositionOutcome::Undecided(why) => Some(why),
                _ => None,
            },
            named: &one.named,
            missed: one.missed.iter().map(missed).collect(),
            foreign: one.foreign.iter().map(held).collect(),
            failing: one.failing,
            causes: one.causes,
            requests: one.requests,
            took_ms: millis(one.took),
        }
    }
}

fn missed(missed: &Missed) -> MissedView<'_> {
    MissedView { name: &missed.name, checks: missed.checks.iter().map(came_to).collect() }
}

fn came_to(check: &CameTo) -> CameToView<'_> {
    CameToView { check: &check.check, verdict: check.verdict, why: &check.why }
}
