//! A hunt in numbers, and how it ends.

use super::hunt::Hunt;
use super::judge::{Examined, Outcome};
use super::mutant::Nature;
use crate::mock::Group;
use crate::report::ExitCode;
use crate::scenario::Suite;
use crate::scenario::model::Level;

/// Checks that no mutant can break, and why. They are shown failing elsewhere.
const BEYOND_THE_MOCK: &[(&str, &str)] = &[(
    "auth.header-name-case",
    "the mock's HTTP library shows header names in small letters only; tests/contract shows it failing",
)];

/// One group of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupCount {
    /// The group.
    pub group: Group,
    /// Deviations played against.
    pub deviations: usize,
    /// Of these, caught by a check that names them.
    pub caught: usize,
    /// Of these, caught as well, with checks failing that they do not declare.
    pub foreign: usize,
    /// Of these, caught by checks about something else only.
    pub weak: usize,
    /// Of these, not caught.
    pub survived: usize,
    /// Limiters and legal variants played against.
    pub conforming: usize,
    /// Of these, passed.
    pub passed: usize,
    /// Of both, those without a verdict.
    pub undecided: usize,
}

/// A gating check that failed against no deviation that names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdleCheck {
    /// Its id.
    pub check: String,
    /// Why no deviation of the mock can break it, where that is so.
    pub why: Option<&'static str>,
}

/// How many checks fail because of one thing that is wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Failing {
    /// On average.
    pub mean: f64,
    /// In the middle.
    pub median: f64,
    /// At most.
    pub most: usize,
}

impl Failing {
    /// Counts; none where there is nothing to count.
    pub fn of(numbers: impl Iterator<Item = usize>) -> Option<Self> {
        let mut sorted: Vec<usize> = numbers.collect();
        sorted.sort_unstable();
        let most = *sorted.last()?;
        let middle = sorted.len() / 2;
        let middles = if sorted.len().is_multiple_of(2) {
            &sorted[middle - 1..=middle]
        } else {
            &sorted[middle..=middle]
        };
        let mean = |numbers: &[usize]| numbers.iter().sum::<usize>() as f64 / numbers.len() as f64;
        Some(Self { mean: mean(&sorted), median: mean(middles), most })
    }
}

/// A hunt in numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Each group of which something was played against.
    pub groups: Vec<GroupCount>,
    /// How many checks fail because of one deviation; none is known unless the whole suite was played against them.
    pub failing: Option<Failing>,
    /// Gating checks that caught nothing; none is known unless every mutant was played against.
    pub idle: Option<Vec<IdleCheck>>,
    /// How it ends.
    pub exit: ExitCode,
}

impl Summary {
    /// Counts a hunt.
    pub fn of(hunt: &Hunt, suite: &Suite) -> Self {
        let groups = Group::ALL.into_iter().map(|group| count(group, &hunt.examined));
        let wrong = |one: &&Examined| matches!(one.mutant.nature, Nature::Wrong { .. });
        let whole = hunt.examined.iter().filter(wrong).all(|one| one.whole_suite);
        let idle = hunt.complete.then(|| idle(hunt, suite));
        Self {
            groups: groups.filter(|count| count.deviations + count.conforming > 0).collect(),
            failing: Failing::of(hunt.examined.iter().filter(wrong).map(Examined::failing)).filter(|_| whole),
            exit: exit(hunt, idle.as_deref().unwrap_or_default()),
            idle,
        }
    }
}

fn count(group: Group, examined: &[Examined]) -> GroupCount {
    let of_group = || examined.iter().filter(|one| one.mutant.group == Some(group));
    let wrong = |one: &&Examined| matches!(one.mutant.nature, Nature::Wrong { .. });
    let came_to = |wanted: &str| of_group().filter(|one| one.outcome.word() == wanted).count();
    GroupCount {
        group,
        deviations: of_group().filter(wrong).count(),
        caught: came_to(Outcome::Caught.word()),
        foreign: came_to(Outcome::Foreign.word()),
        weak: came_to(Outcome::Weak.word()),
        survived: came_to(Outcome::Survived.word()),
        conforming: of_group().filter(|one| !wrong(one)).count(),
        passed: came_to(Outcome::Passed.word()),
        undecided: of_group().filter(|one| matches!(one.outcome, Outcome::Undecided(_))).count(),
    }
}

fn idle(hunt: &Hunt, suite: &Suite) -> Vec<IdleCheck> {
    // What another check explains was noticed all the same.
    let noticed = |one: &Examined, id: &str| {
        one.caught_by.iter().any(|by| by == id)
            || one.held.iter().any(|held| held.check == id && held.verdict == "explained")
    };
    let catches = |id: &str| hunt.examined.iter().any(|one| noticed(one, id));
    let gating = suite.checks.iter().filter(|check| check.level != Level::Observe);
    gating
        .filter(|check| !catches(&check.id))
        .map(|check| IdleCheck {
            check: check.id.clone(),
            why: BEYOND_THE_MOCK.iter().find(|(id, _)| *id == check.id).map(|(_, why)| *why),
        })
        .collect()
}

fn exit(hunt: &Hunt, idle: &[IdleCheck]) -> ExitCode {
    let wrong = |one: &Examined| {
        matches!(one.outcome, Outcome::Accused | Outcome::Foreign | Outcome::Weak | Outcome::Survived)
            || !one.missed_by.is_empty()
    };
    match () {
        () if hunt.interrupted => ExitCode::Interrupted,
        () if hunt.examined.iter().any(wrong) || idle.iter().any(|idle| idle.why.is_none()) => {
            ExitCode::Failed
        }
        () if hunt.examined.is_empty() || hunt.examined.iter().any(|one| !one.outcome.is_in_order()) => {
            ExitCode::Inconclusive
        }
        () => ExitCode::Conforms,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mutants::samples::{examined, hunt, mixed};
    use crate::report::Verdict;
    use crate::scenario::Source;

    fn suite() -> Suite {
        Suite::load(&Source::Builtin).unwrap()
    }

    #[test]
    fn groups_are_counted_and_those_not_played_left_out() {
        let summary = Summary::of(&mixed(), &suite());
        let groups: Vec<Group> = summary.groups.iter().map(|count| count.group).collect();
        assert_eq!(groups, [Group::Authentication, Group::Scopes, Group::Limits]);
        let first = summary.groups[0];
        assert_eq!((first.deviations, first.caught, first.foreign, first.survived), (3, 1, 1, 1));
        assert_eq!((first.conforming, first.passed), (2, 1));
        assert_eq!((summary.groups[1].weak, summary.groups[2].undecided), (1, 1));
        assert_eq!((summary.exit, summary.idle), (ExitCode::Failed, None));
    }

    #[test]
    fn each_gap_fails_the_hunt_and_no_verdict_is_no_pass() {
        let exit = |one: Examined| Summary::of(&hunt(vec![one]), &suite()).exit;
        let bearer = |verdict| examined("accept-bearer", &[("auth.no-bearer", Level::Must, verdict)]);
        assert_eq!(exit(bearer(Verdict::Fail)), ExitCode::Conforms);
        assert_eq!(exit(bearer(Verdict::Pass)), ExitCode::Failed);
        // The check that is named beside the one that failed is not there: the catalogue promises too much.
        let one_of_two = examined("straddle-admitted", &[("events.straddle", Level::Must, Verdict::Fail)]);
        assert_eq!(exit(one_of_two), ExitCode::Failed);
        let accused = examined("jitter", &[("rate.standard", Level::Must, Verdict::Fail)]);
        assert_eq!(exit(accused), ExitCode::Failed);
        let unsure = Verdict::Inconclusive("slow".to_owned());
        assert_eq!(
            exit(examined("jitter", &[("rate.standard", Level::Must, unsure)])),
            ExitCode::Inconclusive
        );
        assert_eq!(Summary::of(&hunt(Vec::new()), &suite()).exit, ExitCode::Inconclusive);
    }

    #[test]
    fn a_check_that_caught_nothing_is_told_when_all_were_played() {
        let mut whole =
            hunt(vec![examined("accept-bearer", &[("auth.no-bearer", Level::Must, Verdict::Fail)])]);
        whole.complete = true;
        let summary = Summary::of(&whole, &suite());
        let idle = summary.idle.unwrap();
        assert!(!idle.iter().any(|idle| idle.check == "auth.no-bearer"));
        assert!(idle.iter().any(|idle| idle.check == "auth.missing" && idle.why.is_none()));
        assert!(idle.iter().any(|idle| idle.check == "auth.header-name-case" && idle.why.is_some()));
        assert!(
            !idle.iter().any(|idle| idle.check == "auth.options"),
            "what only observes need not catch anything"
        );
        assert_eq!(summary.exit, ExitCode::Failed);
        whole.interrupted = true;
        assert_eq!(Summary::of(&whole, &suite()).exit, ExitCode::Interrupted);
    }

    #[test]
    fn what_is_beyond_the_mock_is_a_check_of_the_suite_that_no_mutant_names() {
        let named: Vec<&str> =
            crate::mutants::mutants().iter().flat_map(|mutant| mutant.checks().to_vec()).collect();
        for (id, _) in BEYOND_THE_MOCK {
            assert!(suite().checks.iter().any(|check| check.id == *id), "{id}");
            assert!(!named.contains(id), "{id}");
        }
    }

    #[test]
    fn who_else_is_blamed_fails_the_hunt_and_the_failing_checks_are_counted() {
        let blamed = examined(
            "accept-bearer",
            &[("auth.no-bearer", Level::Must, Verdict::Fail), ("auth.revoked", Level::Must, Verdict::Fail)],
        );
        let caught = examined("accept-basic", &[("auth.no-basic", Level::Must, Verdict::Fail)]);
        let summary = Summary::of(&hunt(vec![caught.clone(), blamed.clone()]), &suite());
        assert_eq!(
            (summary.groups[0].caught, summary.groups[0].foreign, summary.exit),
            (1, 1, ExitCode::Failed)
        );
        assert_eq!(summary.failing, Some(Failing { mean: 1.5, median: 1.5, most: 2 }));
        let in_part = Examined { whole_suite: false, ..caught };
        assert_eq!(Summary::of(&hunt(vec![in_part, blamed]), &suite()).failing, None);
        assert_eq!(Failing::of([7, 1, 3].into_iter()).map(|failing| failing.median), Some(3.0));
    }
}
