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
    /// It is wrong, a check that is about what it breaks fails, and so do checks that it does not declare.
    Foreign,
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
            Self::Foreign => "foreign",
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
    /// The checks that ought to have noticed it and did not; those the suite does not have are among them.
    pub missed_by: Vec<String>,
    /// Checks that failed and that it does not declare: somebody else is blamed.
    pub foreign: Vec<Held>,
    /// Everything else that did not pass.
    pub held: Vec<Held>,
    /// Whether the whole suite was played, not only the checks that name the mutant.
    pub whole_suite: bool,
    /// Requests sent.
    pub requests: u64,
    /// Wall time.
    pub took: Duration,
}

impl Examined {
    /// How many checks failed.
    pub fn failing(&self) -> usize {
        let more = self.held.iter().filter(|held| held.verdict == "fail").count();
        self.caught_by.len() + self.foreign.len() + more
    }
}

/// Whether a check that is about something noticed it: it failed, or another one that failed explains why it need not.
pub(super) fn noticed(result: &CheckResult) -> bool {
    result.verdict == Verdict::Fail || result.verdict.word() == "explained"
}

/// Judges one mutant by the results of its checks, everything gating that can gate.
pub(super) fn judge(mutant: &Mutant, results: &[CheckResult], whole_suite: bool, took: Duration) -> Examined {
    let declared = |result: &&CheckResult| mutant.checks().contains(&result.id.as_str());
    let failed = |result: &&CheckResult| result.verdict == Verdict::Fail;
    let of_check = |id: &str| results.iter().find(|result| result.id == id);
    let caught_by = results.iter().filter(declared).filter(failed).map(|result| result.id.clone()).collect();
    let missed_by = mutant.checks().iter().filter(|id| !of_check(id).is_some_and(noticed));
    let is_foreign = |result: &&CheckResult| {
        matches!(mutant.nature, Nature::Wrong { .. }) && failed(result) && !mutant.declares(&result.id)
    };
    let not_passed = results
        .iter()
        .filter(|result| !(declared(result) && failed(result)))
        .filter(|result| !matches!(result.verdict, Verdict::Pass | Verdict::Skipped(_)));
    let (foreign, others): (Vec<&CheckResult>, Vec<&CheckResult>) = not_passed.partition(is_foreign);
    let mut examined = Examined {
        outcome: Outcome::Passed,
        caught_by,
        missed_by: missed_by.map(|id| (*id).to_owned()).collect(),
        foreign: foreign.into_iter().map(held).collect(),
        held: others.into_iter().map(held).collect(),
        whole_suite,
        requests: results.iter().map(|result| result.requests).sum(),
        took,
        mutant: mutant.clone(),
    };
    examined.outcome = outcome(&examined);
    examined
}

fn outcome(one: &Examined) -> Outcome {
    match one.mutant.nature {
        Nature::Wrong { .. } if !one.caught_by.is_empty() && one.foreign.is_empty() => Outcome::Caught,
        Nature::Wrong { .. } if !one.caught_by.is_empty() => Outcome::Foreign,
        Nature::Wrong { .. } if one.failing() > 0 => Outcome::Weak,
        Nature::Wrong { .. } => undecided(&one.held).unwrap_or(Outcome::Survived),
        Nature::Reference => conforming(&one.held, |_| true),
        // What another level asks for is advice, which a conforming deployment may not follow.
        Nature::Conforming => conforming(&one.held, |level| level == Level::Must),
    }
}

fn conforming(held: &[Held], accuses: impl Fn(Level) -> bool) -> Outcome {
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

pub(super) fn held(result: &CheckResult) -> Held {
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

    const WRONG: Nature = Nature::Wrong {
        breach: Breach::Must,
        checks: &["scope.named", "scope.absent"],
        also: &["rate.tolerated"],
    };

    fn outcome(nature: Nature, results: &[CheckResult]) -> Outcome {
        judge(&mutant(nature), results, true, Duration::ZERO).outcome
    }

    #[test]
    fn a_named_check_catches_and_another_one_only_weakly() {
        let named = || result("scope.named", Level::Must, Verdict::Fail);
        let other = || result("auth.other", Level::Must, Verdict::Fail);
        let held = || result("scope.named", Level::Must, Verdict::Pass);
        assert_eq!(outcome(WRONG, &[named()]), Outcome::Caught);
        assert_eq!(outcome(WRONG, &[held(), other()]), Outcome::Weak);
        assert_eq!(outcome(WRONG, &[held()]), Outcome::Survived);
    }

    #[test]
    fn who_is_blamed_besides_is_foreign_unless_that_was_declared() {
        let fail = |id: &str| result(id, Level::Must, Verdict::Fail);
        let said = |results: &[CheckResult]| judge(&mutant(WRONG), results, true, Duration::ZERO);
        let one = said(&[fail("scope.named"), fail("auth.other"), fail("rate.tolerated")]);
        assert_eq!((one.failing(), &one.outcome), (3, &Outcome::Foreign));
        assert_eq!(
            (one.caught_by, one.missed_by),
            (vec!["scope.named".to_owned()], vec!["scope.absent".to_owned()])
        );
        assert_eq!(one.foreign.iter().map(|held| held.check.as_str()).collect::<Vec<_>>(), ["auth.other"]);
        assert_eq!(one.held.iter().map(|held| held.check.as_str()).collect::<Vec<_>>(), ["rate.tolerated"]);

        let tolerated = said(&[fail("scope.named"), fail("rate.tolerated")]);
        assert_eq!((tolerated.failing(), tolerated.outcome), (2, Outcome::Caught));
        assert_eq!(said(&[fail("rate.tolerated")]).outcome, Outcome::Weak, "it does not name it");
        let conforming = judge(&mutant(Nature::Conforming), &[fail("auth.other")], true, Duration::ZERO);
        assert_eq!((conforming.outcome, conforming.foreign.len()), (Outcome::Accused, 0));
    }

    #[test]
    fn what_came_to_no_verdict_is_no_survivor() {
        let unsure = result("scope.named", Level::Must, Verdict::Inconclusive("slow".to_owned()));
        assert!(
            matches!(outcome(WRONG, std::slice::from_ref(&unsure)), Outcome::Undecided(why) if why.contains("slow"))
        );
        assert!(matches!(outcome(Nature::Conforming, &[unsure]), Outcome::Undecided(_)));
        let observed = result("scope.seen", Level::Observe, Verdict::Blocked("dead".to_owned()));
        assert_eq!(outcome(Nature::Conforming, &[observed]), Outcome::Passed);
    }

    #[test]
    fn the_conforming_may_ignore_advice_and_the_reference_may_not() {
        let advice = result("limit.agrees", Level::Should, Verdict::Fail);
        let promise = result("limit.body", Level::Must, Verdict::Fail);
        assert_eq!(outcome(Nature::Conforming, std::slice::from_ref(&advice)), Outcome::Passed);
        assert_eq!(outcome(Nature::Conforming, &[promise]), Outcome::Accused);
        assert_eq!(outcome(Nature::Reference, &[advice]), Outcome::Accused);
        assert_eq!(outcome(Nature::Reference, &[]), Outcome::Passed);
    }
}
