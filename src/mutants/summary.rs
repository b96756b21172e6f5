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
    /// Of these, caught by checks about something else only.
    pub weak: usize,
    /// Of these, not caught.
    pub survived: usize,
    /// Limiters and legal variants played against.
    pub lawful: usize,
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

/// A hunt in numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Each group of which something was played against.
    pub groups: Vec<GroupCount>,
    /// Gating checks that caught nothing; none is known unless every mutant was played against.
    pub idle: Option<Vec<IdleCheck>>,
    /// How it ends.
    pub exit: ExitCode,
}

impl Summary {
    /// Counts a hunt.
    pub fn of(hunt: &Hunt, suite: &Suite) -> Self {
        let groups = Group::ALL.into_iter().map(|group| count(group, &hunt.examined));
        let idle = hunt.complete.then(|| idle(hunt, suite));
        Self {
            groups: groups.filter(|count| count.deviations + count.lawful > 0).collect(),
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
        weak: came_to(Outcome::Weak.word()),
        survived: came_to(Outcome::Survived.word()),
        lawful: of_group().filter(|one| !wrong(one)).count(),
        passed: came_to(Outcome::Passed.word()),
        undecided: of_group().filter(|one| matches!(one.outcome, Outcome::Undecided(_))).count(),
    }
}

fn idle(hunt: &Hunt, suite: &Suite) -> Vec<IdleCheck> {
    let catches = |id: &str| hunt.examined.iter().any(|one| one.caught_by.iter().any(|by| by == id));
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
        matches!(one.outcome, Outcome::Accused | Outcome::Weak | Outcome::Survived)
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
#[path = "summary_tests.rs"]
mod tests;
