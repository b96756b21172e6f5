//! What the results of a run against several deviations say about the suite.

use std::time::Duration;

use super::compose::Composition;
use crate::mutants::judge::{Held, held};
use crate::mutants::mutant::Mutant;
use crate::report::{CheckResult, Verdict};

/// What came of a server with several deviations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CompositionOutcome {
    /// Every one of them is named, and nobody else is blamed.
    Named,
    /// Every one of them is named, and checks fail that none of them declares.
    Foreign,
    /// One of them is not named.
    Missed,
    /// A check that would name one of them came to no verdict.
    Undecided(String),
}

impl CompositionOutcome {
    /// The word for it, as in the table and the JSON.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Named => "named",
            Self::Foreign => "foreign",
            Self::Missed => "missed",
            Self::Undecided(_) => "undecided",
        }
    }
}

/// A check that ought to name a deviation, and what it came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CameTo {
    /// Its id.
    pub check: String,
    /// The word for its verdict; `absent` where the suite has no such check.
    pub verdict: &'static str,
    /// Why, where it says so.
    pub why: String,
}

/// A deviation that no check names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missed {
    /// Its name.
    pub name: String,
    /// The checks that ought to name it.
    pub checks: Vec<CameTo>,
}

/// A server with several deviations that was played against.
#[derive(Debug, Clone)]
pub struct ExaminedComposition {
    /// The deviations.
    pub composition: Composition,
    /// What came of it.
    pub outcome: CompositionOutcome,
    /// The deviations that are named.
    pub named: Vec<String>,
    /// Those that are not.
    pub missed: Vec<Missed>,
    /// Checks that failed and that none of them declares.
    pub foreign: Vec<Held>,
    /// How many checks failed.
    pub failing: usize,
    /// How many causes the results speak of; there should be as many as there are deviations.
    pub causes: usize,
    /// Requests sent.
    pub requests: u64,
    /// Wall time.
    pub took: Duration,
}

/// Judges a server by the results of the whole suite.
pub(in crate::mutants) fn judge(
    composition: &Composition,
    results: &[CheckResult],
    took: Duration,
) -> ExaminedComposition {
    let failed = |result: &&CheckResult| result.verdict == Verdict::Fail;
    let is_named = |part: &&Mutant| {
        results.iter().filter(failed).any(|result| part.checks().contains(&result.id.as_str()))
    };
    let (named, missed): (Vec<&Mutant>, Vec<&Mutant>) = composition.parts().iter().partition(is_named);
    let missed: Vec<Missed> = missed.into_iter().map(|part| self::missed(part, results)).collect();
    let foreign: Vec<Held> =
        results.iter().filter(failed).filter(|result| !composition.declares(&result.id)).map(held).collect();
    let failing = results.iter().filter(failed).count();
    ExaminedComposition {
        outcome: outcome(&missed, &foreign),
        named: named.into_iter().map(|part| part.name.clone()).collect(),
        missed,
        foreign,
        failing,
        // What another check explains does not fail, so every failure is a cause.
        causes: failing,
        requests: results.iter().map(|result| result.requests).sum(),
        took,
        composition: composition.clone(),
    }
}

fn missed(part: &Mutant, results: &[CheckResult]) -> Missed {
    let checks = part.checks().iter().map(|id| {
        let result = results.iter().find(|result| result.id == *id);
        CameTo {
            check: (*id).to_owned(),
            verdict: result.map_or("absent", |result| result.verdict.word()),
            why: result.and_then(|result| result.verdict.reason()).unwrap_or_default().to_owned(),
        }
    });
    Missed { name: part.name.clone(), checks: checks.collect() }
}

fn outcome(missed: &[Missed], foreign: &[Held]) -> CompositionOutcome {
    let open = |missed: &Missed| missed.checks.iter().find(|check| check.verdict == "inconclusive").cloned();
    // What is blocked, or explained by what fails, is a miss: these deviations are said to show beside each other.
    let silent = missed.iter().find(|missed| open(missed).is_none());
    match (silent, missed.first().and_then(open)) {
        (Some(_), _) => CompositionOutcome::Missed,
        (None, Some(open)) => {
            CompositionOutcome::Undecided(format!("{} is inconclusive: {}", open.check, open.why))
        }
        (None, None) if foreign.is_empty() => CompositionOutcome::Named,
        (None, None) => CompositionOutcome::Foreign,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::result;
    use crate::scenario::model::Level;

    /// Two deviations; the second has a check that may fail as well.
    const BOTH: &str = "accept-bearer+window-30s";

    fn said(results: &[(&str, Verdict)]) -> ExaminedComposition {
        let of = |(id, verdict): &(&str, Verdict)| result(id, Level::Must, verdict.clone());
        let results: Vec<CheckResult> = results.iter().map(of).collect();
        judge(&BOTH.parse().unwrap(), &results, Duration::ZERO)
    }

    const BEARER: (&str, Verdict) = ("auth.no-bearer", Verdict::Fail);
    const WINDOW: (&str, Verdict) = ("rate.window-length", Verdict::Fail);

    #[test]
    fn all_are_named_and_what_is_declared_is_not_foreign() {
        let one = said(&[BEARER, WINDOW, ("events.window", Verdict::Fail), ("auth.missing", Verdict::Pass)]);
        assert_eq!((one.outcome, one.missed.len(), one.foreign.len()), (CompositionOutcome::Named, 0, 0));
        assert_eq!((one.named.len(), one.failing, one.causes, one.requests), (2, 3, 3, 8));
        let one = said(&[BEARER, WINDOW, ("auth.missing", Verdict::Fail)]);
        assert_eq!(
            (one.outcome, one.foreign[0].check.as_str()),
            (CompositionOutcome::Foreign, "auth.missing")
        );
    }

    #[test]
    fn who_is_not_named_by_a_check_of_its_own_is_missed() {
        let blocked = Verdict::Blocked("dead".to_owned());
        let one = said(&[BEARER, ("rate.window-length", blocked), ("events.window", Verdict::Fail)]);
        assert_eq!((one.outcome, one.named.len(), one.missed.len()), (CompositionOutcome::Missed, 1, 1));
        let check = &one.missed[0].checks[0];
        assert_eq!(
            (one.missed[0].name.as_str(), check.verdict, check.why.as_str()),
            ("window-30s", "blocked", "dead")
        );
        assert_eq!(said(&[WINDOW]).missed[0].checks[0].verdict, "absent");
        let open = Verdict::Inconclusive("slow".to_owned());
        let one = said(&[BEARER, ("rate.window-length", open)]);
        assert!(matches!(one.outcome, CompositionOutcome::Undecided(why) if why.contains("slow")));
    }
}
