//! What the results of a run against a mutant say about the suite.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use super::mutant::Mutant;
use crate::amounts::whole_millis;
use crate::mock::NamedChange;
use crate::report::{CheckResult, Verdict};
use crate::words::words;

words! {
    /// What came of a mutant.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
    #[serde(rename_all = "lowercase")]
    pub enum MutantStatus: word {
        /// It breaks nothing, and nothing that the page promises is held against it.
        Passed => "passed",
        /// It breaks nothing, and a check fails it all the same.
        Accused => "accused",
        /// It is wrong, and a check that is about what it breaks fails.
        Caught => "caught",
        /// It has several deviations, each of them is named, and nobody else is blamed.
        Named => "named",
        /// It is wrong, each deviation is named by a check that is about it, and checks fail that none of them declares.
        Foreign => "foreign",
        /// It is wrong, and only checks about something else fail.
        Weak => "weak",
        /// It is wrong, and no check fails.
        Survived => "survived",
        /// It has several deviations, and one of them is not named.
        Missed => "missed",
        /// Checks that would decide came to no verdict.
        Undecided => "undecided",
    }
}

impl MutantStatus {
    /// Whether this is how it should be.
    pub const fn is_in_order(self) -> bool {
        matches!(self, Self::Passed | Self::Caught | Self::Named)
    }
}

/// A check that did not pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "HeldView")]
pub struct Held {
    /// Its id.
    pub check: String,
    /// How much it weighs.
    #[schemars(extend("enum" = ["must", "should", "rfc", "observe"]))]
    pub level: &'static str,
    /// What it came to.
    #[schemars(extend("enum" = ["fail", "advisory", "explained", "blocked", "inconclusive"]))]
    pub verdict: &'static str,
    /// What broke first, or why there is no verdict.
    pub says: String,
}

/// A check that ought to name a deviation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "CameToView")]
pub struct CameTo {
    /// Its id.
    pub check: &'static str,
    /// The word for its verdict; `absent` where the suite has no such check.
    pub verdict: &'static str,
    /// Why, where it says so; else empty.
    pub why: String,
}

/// A deviation that no check names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "MissedView")]
pub struct Missed {
    /// Its name.
    pub name: &'static str,
    /// The checks that ought to name it.
    pub checks: Vec<CameTo>,
}

/// A mutant.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "MutantView")]
pub struct Examined {
    /// The mutant.
    #[serde(flatten)]
    pub mutant: Mutant,
    /// What came of it.
    #[schemars(with = "String", extend("enum" = ["passed", "accused", "caught", "foreign", "weak", "survived", "undecided"]))]
    pub outcome: MutantStatus,
    /// Why there is no verdict.
    pub reason: Option<String>,
    /// The checks that are about what it breaks and failed.
    pub caught_by: Vec<String>,
    /// The checks that are about what it breaks and did not fail.
    // Those that are explained by one that failed are not among them; of several deviations, each only has to be named.
    pub missed_by: Vec<&'static str>,
    /// The names of its deviations that a check names.
    #[serde(skip)]
    pub named: Vec<&'static str>,
    /// Its deviations that none does.
    #[serde(skip)]
    pub missed: Vec<Missed>,
    /// Checks that failed and that it does not declare.
    pub foreign: Vec<Held>,
    /// How many checks failed.
    // What another one explains does not fail, so every failure is a cause.
    pub failing: usize,
    /// Whether it met every check, not only those.
    pub whole_suite: bool,
    /// Other checks that it met and that did not pass.
    pub held: Vec<Held>,
    /// Requests sent.
    pub requests: u64,
    /// Wall time in milliseconds.
    pub took_ms: u64,
}

/// Judges one mutant by the results of its checks, everything gating that can gate.
pub(super) fn judge(mutant: &Mutant, results: &[CheckResult], whole_suite: bool, took: Duration) -> Examined {
    let is_wrong = mutant.is_wrong();
    let named_by = mutant.checks();
    let failed = |result: &&CheckResult| result.verdict == Verdict::Fail;
    let came_to = |id: &str| results.iter().find(|result| result.id == id);
    // It failed, or another one that failed explains why it need not.
    // In a whole suite that includes one that was blocked by it: which of them came first is chance.
    let is_ours = |cause: &String| named_by.contains(&cause.as_str());
    let noticed = |result: &CheckResult| {
        failed(&result)
            || result.verdict.word() == "explained"
            || whole_suite && result.cause.as_ref().is_some_and(is_ours)
    };
    let catches = |result: &&CheckResult| failed(result) && named_by.contains(&result.id.as_str());
    let caught_by: Vec<String> = results.iter().filter(catches).map(|result| result.id.clone()).collect();
    let missed_by = named_by.iter().filter(|id| !mutant.is_composed() && !came_to(id).is_some_and(noticed));
    let (named, missed): (Vec<&NamedChange>, Vec<&NamedChange>) = mutant
        .changes
        .iter()
        .filter(|_| is_wrong)
        .partition(|change| change.checks.iter().any(|id| caught_by.iter().any(|caught| caught == id)));
    let missed = missed.into_iter().map(|change| Missed {
        name: change.name,
        checks: change.checks.iter().map(|id| CameTo::of(id, came_to(id))).collect(),
    });
    let not_passed = results
        .iter()
        .filter(|result| !catches(result) && !matches!(result.verdict, Verdict::Pass | Verdict::Skipped(_)));
    let is_foreign = |result: &&CheckResult| is_wrong && failed(result) && !mutant.declares(&result.id);
    let (foreign, others): (Vec<&CheckResult>, Vec<&CheckResult>) = not_passed.partition(is_foreign);
    let mut examined = Examined {
        outcome: MutantStatus::Passed,
        reason: None,
        missed_by: missed_by.copied().collect(),
        caught_by,
        named: named.into_iter().map(|change| change.name).collect(),
        missed: missed.collect(),
        foreign: foreign.into_iter().map(Held::of).collect(),
        held: others.into_iter().map(Held::of).collect(),
        failing: results.iter().filter(failed).count(),
        whole_suite,
        requests: results.iter().map(|result| result.requests).sum(),
        took_ms: whole_millis(took),
        mutant: mutant.clone(),
    };
    (examined.outcome, examined.reason) = examined.outcome();
    examined
}

impl Examined {
    /// What came of it, and why there is no verdict.
    fn outcome(&self) -> (MutantStatus, Option<String>) {
        let (is_wrong, is_composed) = (self.mutant.is_wrong(), self.mutant.is_composed());
        // What another level asks for is advice, which a conforming deployment may not follow.
        let accuses = |held: &Held| {
            held.verdict == "fail" && (self.mutant.nature == "reference" || held.level == "must")
        };
        let (outcome, open) = match () {
            () if !is_wrong && self.held.iter().any(accuses) => (MutantStatus::Accused, None),
            () if !is_wrong => (MutantStatus::Passed, self.undecided()),
            () if self.missed.is_empty() && !self.foreign.is_empty() => (MutantStatus::Foreign, None),
            () if self.missed.is_empty() && is_composed => (MutantStatus::Named, None),
            () if self.missed.is_empty() => (MutantStatus::Caught, None),
            () if is_composed => (MutantStatus::Missed, self.undecided_part()),
            () if self.failing > 0 => (MutantStatus::Weak, None),
            () => (MutantStatus::Survived, self.undecided()),
        };
        (if open.is_some() { MutantStatus::Undecided } else { outcome }, open)
    }

    /// The first gating check without a verdict.
    fn undecided(&self) -> Option<String> {
        let is_open =
            |held: &&Held| held.level != "observe" && matches!(held.verdict, "blocked" | "inconclusive");
        let open = self.held.iter().find(is_open)?;
        Some(format!("{} is {}: {}", open.check, open.verdict, open.says))
    }

    /// The first check without a verdict, where each deviation that is not named has one. What is blocked, or explained
    /// by what fails, is a miss: these deviations are said to show beside each other.
    fn undecided_part(&self) -> Option<String> {
        let is_open = |check: &&CameTo| check.verdict == "inconclusive";
        let open: Option<Vec<&CameTo>> =
            self.missed.iter().map(|missed| missed.checks.iter().find(is_open)).collect();
        let first = *open?.first()?;
        Some(format!("{} is inconclusive: {}", first.check, first.why))
    }
}

impl Held {
    fn of(result: &CheckResult) -> Self {
        let broken = result.failures.first().map(|failure| match failure.case.as_str() {
            "" => failure.what.clone(),
            case => format!("{} ({case})", failure.what),
        });
        Self {
            check: result.id.clone(),
            level: result.level.word(),
            verdict: result.verdict.word(),
            says: broken.or_else(|| result.verdict.reason().map(str::to_owned)).unwrap_or_default(),
        }
    }
}

impl CameTo {
    fn of(check: &'static str, result: Option<&CheckResult>) -> Self {
        let verdict = result.map(|result| &result.verdict);
        Self {
            check,
            verdict: verdict.map_or("absent", Verdict::word),
            why: verdict.and_then(Verdict::reason).unwrap_or_default().to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mutants::mutants;
    use crate::report::samples::result;
    use crate::scenario::model::Level;

    fn mutant(name: &str) -> Mutant {
        mutants().into_iter().find(|mutant| mutant.name == name).unwrap()
    }

    /// Breaks `rate.per-key` and `rate.per-key-same-owner`; `events.per-key` may fail as well.
    const WRONG: &str = "shared-by-all-keys";
    const CONFORMING: &str = "slow-answers";
    const REFERENCE: &str = "reference";

    fn outcome(name: &str, results: &[CheckResult]) -> MutantStatus {
        judge(&mutant(name), results, true, Duration::ZERO).outcome
    }

    #[test]
    fn a_named_check_catches_and_another_one_only_weakly() {
        let named = || result("rate.per-key", Level::Must, Verdict::Fail);
        let other = || result("auth.other", Level::Must, Verdict::Fail);
        let held = || result("rate.per-key", Level::Must, Verdict::Pass);
        assert_eq!(outcome(WRONG, &[named()]), MutantStatus::Caught);
        assert_eq!(outcome(WRONG, &[held(), other()]), MutantStatus::Weak);
        assert_eq!(outcome(WRONG, &[held()]), MutantStatus::Survived);
    }

    #[test]
    fn who_is_blamed_besides_is_foreign_unless_that_was_declared() {
        let fail = |id: &str| result(id, Level::Must, Verdict::Fail);
        let said = |results: &[CheckResult]| judge(&mutant(WRONG), results, true, Duration::ZERO);
        let one = said(&[fail("rate.per-key"), fail("auth.other"), fail("events.per-key")]);
        assert_eq!((one.failing, &one.outcome), (3, &MutantStatus::Foreign));
        assert_eq!(
            (one.caught_by, one.missed_by),
            (vec!["rate.per-key".to_owned()], vec!["rate.per-key-same-owner"])
        );
        assert_eq!(one.foreign.iter().map(|held| held.check.as_str()).collect::<Vec<_>>(), ["auth.other"]);
        assert_eq!(one.held.iter().map(|held| held.check.as_str()).collect::<Vec<_>>(), ["events.per-key"]);

        let tolerated = said(&[fail("rate.per-key"), fail("events.per-key")]);
        assert_eq!((tolerated.failing, tolerated.outcome), (2, MutantStatus::Caught));
        assert_eq!(said(&[fail("events.per-key")]).outcome, MutantStatus::Weak, "it does not name it");
        let conforming = judge(&mutant(CONFORMING), &[fail("auth.other")], true, Duration::ZERO);
        assert_eq!((conforming.outcome, conforming.foreign.len()), (MutantStatus::Accused, 0));
    }

    #[test]
    fn in_a_whole_suite_a_check_that_another_of_its_own_blocks_has_not_missed() {
        let fail = result("rate.per-key", Level::Must, Verdict::Fail);
        let blocked = |cause: &str| CheckResult {
            cause: Some(cause.to_owned()),
            ..result("rate.per-key-same-owner", Level::Must, Verdict::Blocked("it is not known".to_owned()))
        };
        let missed_by = |cause: &str, whole_suite: bool| {
            judge(&mutant(WRONG), &[fail.clone(), blocked(cause)], whole_suite, Duration::ZERO).missed_by
        };
        assert_eq!(missed_by("rate.per-key", true), Vec::<&str>::new());
        assert_eq!(missed_by("rate.per-key", false), ["rate.per-key-same-owner"]);
        assert_eq!(missed_by("auth.other", true), ["rate.per-key-same-owner"]);
    }

    #[test]
    fn what_came_to_no_verdict_is_no_survivor() {
        let unsure = result("rate.per-key", Level::Must, Verdict::Inconclusive("slow".to_owned()));
        assert!(
            judge(&mutant(WRONG), std::slice::from_ref(&unsure), true, Duration::ZERO)
                .reason
                .is_some_and(|why| why.contains("slow"))
        );
        assert_eq!(outcome(CONFORMING, &[unsure]), MutantStatus::Undecided);
        let observed = result("scope.seen", Level::Observe, Verdict::Blocked("dead".to_owned()));
        assert_eq!(outcome(CONFORMING, &[observed]), MutantStatus::Passed);
    }

    #[test]
    fn the_conforming_may_ignore_advice_and_the_reference_may_not() {
        let advice = result("limit.agrees", Level::Should, Verdict::Fail);
        let promise = result("limit.body", Level::Must, Verdict::Fail);
        assert_eq!(outcome(CONFORMING, std::slice::from_ref(&advice)), MutantStatus::Passed);
        assert_eq!(outcome(CONFORMING, &[promise]), MutantStatus::Accused);
        assert_eq!(outcome(REFERENCE, &[advice]), MutantStatus::Accused);
        assert_eq!(outcome(REFERENCE, &[]), MutantStatus::Passed);
    }

    /// Two deviations; the second has a check that may fail as well.
    const BOTH: &str = "accept-bearer+window-30s";

    fn both_said(results: &[(&str, Verdict)]) -> Examined {
        let of = |(id, verdict): &(&str, Verdict)| result(id, Level::Must, verdict.clone());
        let results: Vec<CheckResult> = results.iter().map(of).collect();
        judge(&BOTH.parse().unwrap(), &results, true, Duration::ZERO)
    }

    const BEARER: (&str, Verdict) = ("auth.no-bearer", Verdict::Fail);
    const WINDOW: (&str, Verdict) = ("rate.window-length", Verdict::Fail);

    #[test]
    fn all_are_named_and_what_is_declared_is_not_foreign() {
        let one =
            both_said(&[BEARER, WINDOW, ("events.window", Verdict::Fail), ("auth.missing", Verdict::Pass)]);
        assert_eq!((one.outcome, one.missed.len(), one.foreign.len()), (MutantStatus::Named, 0, 0));
        assert_eq!((one.named.len(), one.failing, one.failing, one.requests), (2, 3, 3, 8));
        let one = both_said(&[BEARER, WINDOW, ("auth.missing", Verdict::Fail)]);
        assert_eq!((one.outcome, one.foreign[0].check.as_str()), (MutantStatus::Foreign, "auth.missing"));
    }

    #[test]
    fn who_is_not_named_by_a_check_of_its_own_is_missed() {
        let blocked = Verdict::Blocked("dead".to_owned());
        let one = both_said(&[BEARER, ("rate.window-length", blocked), ("events.window", Verdict::Fail)]);
        assert_eq!((one.outcome, one.named.len(), one.missed.len()), (MutantStatus::Missed, 1, 1));
        let check = &one.missed[0].checks[0];
        assert_eq!(
            (one.missed[0].name, check.verdict, check.why.as_str()),
            ("window-30s", "blocked", "dead")
        );
        assert_eq!(both_said(&[WINDOW]).missed[0].checks[0].verdict, "absent");
        let open = Verdict::Inconclusive("slow".to_owned());
        let one = both_said(&[BEARER, ("rate.window-length", open)]);
        assert!(one.outcome == MutantStatus::Undecided && one.reason.is_some_and(|why| why.contains("slow")));
    }
}
