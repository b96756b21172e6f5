//! What the results of a run against a mutant say about the suite.

use std::time::Duration;

use super::mutant::{Mutant, Nature};
use crate::report::{CheckResult, Verdict};
use crate::scenario::model::Level;

/// What came of a mutant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It breaks nothing, and nothing that the page promises is held against it.
    Passed,
    /// It breaks nothing, and a check fails it all the same.
    Accused,
    /// It is wrong, and a check that is about what it breaks fails.
    Caught,
    /// It is wrong, and only checks about something else fail.
    Weak,
    /// It is wrong, and no check fails.
    Survived,
    /// Checks that would decide came to no verdict.
    Undecided(String),
}

impl Outcome {
    /// The word for it, as in the table and the JSON.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Accused => "accused",
            Self::Caught => "caught",
            Self::Weak => "weak",
            Self::Survived => "survived",
            Self::Undecided(_) => "undecided",
        }
    }

    /// Whether this is how it should be.
    pub const fn is_in_order(&self) -> bool {
        matches!(self, Self::Passed | Self::Caught)
    }
}

/// A check that did not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Its id.
    pub check: String,
    /// How much it weighs.
    pub level: Level,
    /// The word for its verdict.
    pub verdict: &'static str,
    /// What broke first, or why there is no verdict.
    pub says: String,
}

/// A mutant that was played against.
#[derive(Debug, Clone)]
pub struct Examined {
    /// The mutant.
    pub mutant: Mutant,
    /// What came of it.
    pub outcome: Outcome,
    /// The checks that name it and failed.
    pub caught_by: Vec<String>,
    /// The checks that ought to have failed and did not; those the suite does not have are among them.
    pub missed_by: Vec<String>,
    /// Everything else that did not pass.
    pub held: Vec<Held>,
    /// Whether the whole suite was played, not only the checks that name the mutant.
    pub whole_suite: bool,
    /// Requests sent.
    pub requests: u64,
    /// Wall time.
    pub took: Duration,
}

/// Judges one mutant by the results of its checks, everything gating that can gate.
pub(super) fn judge(mutant: &Mutant, results: &[CheckResult], whole_suite: bool, took: Duration) -> Examined {
    let failed = |id: &str| results.iter().any(|result| result.id == id && result.verdict == Verdict::Fail);
    let (caught_by, missed_by): (Vec<&str>, Vec<&str>) = mutant.checks().iter().partition(|id| failed(id));
    let held: Vec<Held> = results
        .iter()
        .filter(|result| !caught_by.contains(&result.id.as_str()))
        .filter(|result| !matches!(result.verdict, Verdict::Pass | Verdict::Skipped(_)))
        .map(held)
        .collect();
    let outcome = match mutant.nature {
        Nature::Wrong { .. } if !caught_by.is_empty() => Outcome::Caught,
        Nature::Wrong { .. } if held.iter().any(|held| held.verdict == "fail") => Outcome::Weak,
        Nature::Wrong { .. } => undecided(&held).unwrap_or(Outcome::Survived),
        Nature::Reference => lawful(&held, |_| true),
        // What another level asks for is advice, which a lawful deployment may not follow.
        Nature::Lawful => lawful(&held, |level| level == Level::Must),
    };
    let names = |ids: Vec<&str>| ids.into_iter().map(str::to_owned).collect();
    Examined {
        outcome,
        caught_by: names(caught_by),
        missed_by: names(missed_by),
        held,
        whole_suite,
        requests: results.iter().map(|result| result.requests).sum(),
        took,
        mutant: mutant.clone(),
    }
}

fn lawful(held: &[Held], accuses: impl Fn(Level) -> bool) -> Outcome {
    if held.iter().any(|held| held.verdict == "fail" && accuses(held.level)) {
        return Outcome::Accused;
    }
    undecided(held).unwrap_or(Outcome::Passed)
}

/// The first gating check without a verdict.
fn undecided(held: &[Held]) -> Option<Outcome> {
    let open = held
        .iter()
        .find(|held| held.level != Level::Observe && matches!(held.verdict, "blocked" | "inconclusive"))?;
    Some(Outcome::Undecided(format!("{} is {}: {}", open.check, open.verdict, open.says)))
}

fn held(result: &CheckResult) -> Held {
    let broken = result.failures.first().map(|failure| match failure.case.as_str() {
        "" => failure.what.clone(),
        case => format!("{} ({case})", failure.what),
    });
    Held {
        check: result.id.clone(),
        level: result.level,
        verdict: result.verdict.word(),
        says: broken.or_else(|| result.verdict.reason().map(str::to_owned)).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mock::{Breach, Group};
    use crate::report::samples::result;

    fn mutant(nature: Nature) -> Mutant {
        Mutant { name: "m".to_owned(), group: Some(Group::Scopes), about: "A.", nature, limiter: None }
    }

    const WRONG: Nature = Nature::Wrong { breach: Breach::Must, checks: &["scope.named", "scope.absent"] };

    fn outcome(nature: Nature, results: &[CheckResult]) -> Outcome {
        judge(&mutant(nature), results, true, Duration::ZERO).outcome
    }

    #[test]
    fn a_named_check_catches_and_another_one_only_weakly() {
        let named = || result("scope.named", Level::Must, Verdict::Fail);
        let other = || result("auth.other", Level::Must, Verdict::Fail);
        let held = || result("scope.named", Level::Must, Verdict::Pass);
        assert_eq!(outcome(WRONG, &[named(), other()]), Outcome::Caught);
        assert_eq!(outcome(WRONG, &[held(), other()]), Outcome::Weak);
        assert_eq!(outcome(WRONG, &[held()]), Outcome::Survived);

        let examined = judge(&mutant(WRONG), &[named(), other()], true, Duration::ZERO);
        assert_eq!(
            (examined.caught_by, examined.missed_by),
            (vec!["scope.named".to_owned()], vec!["scope.absent".to_owned()])
        );
        assert_eq!(examined.held.iter().map(|held| held.check.as_str()).collect::<Vec<_>>(), ["auth.other"]);
    }

    #[test]
    fn what_came_to_no_verdict_is_no_survivor() {
        let unsure = result("scope.named", Level::Must, Verdict::Inconclusive("slow".to_owned()));
        assert!(
            matches!(outcome(WRONG, std::slice::from_ref(&unsure)), Outcome::Undecided(why) if why.contains("slow"))
        );
        assert!(matches!(outcome(Nature::Lawful, &[unsure]), Outcome::Undecided(_)));
        let observed = result("scope.seen", Level::Observe, Verdict::Blocked("dead".to_owned()));
        assert_eq!(outcome(Nature::Lawful, &[observed]), Outcome::Passed);
    }

    #[test]
    fn the_lawful_may_ignore_advice_and_the_reference_may_not() {
        let advice = result("limit.agrees", Level::Should, Verdict::Fail);
        let promise = result("limit.body", Level::Must, Verdict::Fail);
        assert_eq!(outcome(Nature::Lawful, std::slice::from_ref(&advice)), Outcome::Passed);
        assert_eq!(outcome(Nature::Lawful, &[promise]), Outcome::Accused);
        assert_eq!(outcome(Nature::Reference, &[advice]), Outcome::Accused);
        assert_eq!(outcome(Nature::Reference, &[]), Outcome::Passed);
    }
}
