//! What is played against: the reference, and every change to it that the mock knows.

use super::ground::Server;
use crate::mock::{Breach, Entry, Group, LimiterKind, Nature as Change, catalogue};

/// The name of the reference among the mutants.
const REFERENCE: &str = "reference";

/// Legal variants whose answers take their time: who plays against them mostly waits.
const UNHURRIED: [&str; 3] = ["slow-answers", "jitter", "slow-beside-limited"];

/// The reference with at most one change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mutant {
    /// The name in the catalogue; `reference`, and `limiter-…` for the limiters.
    pub name: String,
    /// What the change is about; none for the reference.
    pub group: Option<Group>,
    /// What it does, in one sentence.
    pub about: &'static str,
    /// Whether it breaks a promise.
    pub nature: Nature,
    /// The limiter, where that is the change.
    pub limiter: Option<&'static str>,
}

/// Whether a mutant breaks a promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nature {
    /// It is what everything is compared with.
    Reference,
    /// It does otherwise than the reference and breaks nothing.
    Conforming,
    /// It breaks something.
    Wrong {
        /// The greatest weight among the promises it breaks.
        breach: Breach,
        /// Ids of the checks of which at least one has to fail: those that are about what it breaks.
        checks: &'static [&'static str],
        /// Ids of checks that may fail as well, since what they promise is broken too.
        also: &'static [&'static str],
    },
}

impl Mutant {
    /// What is played against.
    pub(super) fn server(&self) -> Server {
        let changes = match (self.nature, self.limiter) {
            (Nature::Reference, _) | (_, Some(_)) => Vec::new(),
            _ => vec![self.name.clone()],
        };
        Server { name: self.name.clone(), changes, limiter: self.limiter }
    }

    /// Whether playing against it takes time rather than a processor, also where clocks are moved.
    pub(super) fn is_unhurried(&self) -> bool {
        UNHURRIED.contains(&self.name.as_str())
    }

    /// The checks that ought to name it.
    pub fn checks(&self) -> &'static [&'static str] {
        match self.nature {
            Nature::Wrong { checks, .. } => checks,
            Nature::Reference | Nature::Conforming => &[],
        }
    }

    /// Whether this check may fail because of it.
    pub fn declares(&self, check: &str) -> bool {
        match self.nature {
            Nature::Wrong { checks, also, .. } => checks.contains(&check) || also.contains(&check),
            Nature::Reference | Nature::Conforming => false,
        }
    }
}

impl From<&Entry> for Mutant {
    fn from(entry: &Entry) -> Self {
        Self {
            name: entry.name.to_owned(),
            group: Some(entry.group),
            about: entry.about,
            nature: match entry.nature {
                Change::Deviation { breach, checks, also } => Nature::Wrong { breach, checks, also },
                Change::LegalVariant => Nature::Conforming,
            },
            limiter: None,
        }
    }
}

/// The reference, the limiters, and the catalogue by groups.
pub fn mutants() -> Vec<Mutant> {
    let reference = Mutant {
        name: REFERENCE.to_owned(),
        group: None,
        about: "The reference, unchanged.",
        nature: Nature::Reference,
        limiter: None,
    };
    let limiters = LimiterKind::CONFORMING.iter().map(|(word, _)| Mutant {
        name: format!("limiter-{word}"),
        group: Some(Group::Limits),
        about: "The reference with this limiter.",
        nature: Nature::Conforming,
        limiter: Some(word),
    });
    std::iter::once(reference).chain(limiters).chain(catalogue().iter().map(Mutant::from)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_the_mock_knows_is_among_them_once() {
        let all = mutants();
        let mut names: Vec<&str> = all.iter().map(|mutant| mutant.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all.len());
        assert_eq!(all.len(), 1 + LimiterKind::CONFORMING.len() + catalogue().len());
    }

    #[test]
    fn those_that_take_their_time_are_known_to_the_mock() {
        let unhurried = mutants().into_iter().filter(Mutant::is_unhurried);
        assert_eq!(unhurried.count(), UNHURRIED.len());
    }
}
