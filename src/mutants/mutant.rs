//! What is played against: the reference, every change to it that the mock knows, and several of them in one server.

use std::str::FromStr;

use crate::mock::{
    Breach, Clash, Entry, Group, LimiterKind, Nature, UnknownDeviation, catalogue, find, get_along,
};

/// Between the names of the deviations of one server.
const AND: char = '+';

/// Legal variants whose answers take their time: who plays against them mostly waits.
const UNHURRIED: [&str; 3] = ["slow-answers", "jitter", "slow-beside-limited"];

/// A server that is played against: the reference, with a limiter of its own or with changes of the catalogue. Several of
/// them get along, so that each shows beside the others.
///
/// ```
/// use trenchcheck::mutants::Mutant;
///
/// let both: Mutant = "accept-bearer+retry-after-missing".parse()?;
/// assert_eq!(both.changes.len(), 2);
/// assert_eq!(both.name, "accept-bearer+retry-after-missing");
/// let hidden = "no-limit+retry-after-missing".parse::<Mutant>().unwrap_err();
/// assert!(hidden.to_string().starts_with("`no-limit` changes Status429"));
/// # Ok::<(), trenchcheck::mutants::BadComposition>(())
/// ```
#[derive(Debug, Clone)]
pub struct Mutant {
    /// `reference`, `limiter-…` for the limiters, or the names of its changes joined by `+`.
    pub name: String,
    /// Its changes: none, one, or several deviations.
    pub changes: Vec<&'static Entry>,
    /// The limiter, where that is the change.
    pub limiter: Option<&'static str>,
}

/// Why some names are no composition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadComposition {
    /// There is no such deviation.
    #[error("no deviation is called `{}`; did you mean `{}`?", .0.name, .0.nearest)]
    Unknown(#[from] UnknownDeviation),
    /// Two of them do not get along.
    #[error(transparent)]
    Clash(#[from] Clash),
    /// There are not at least two of them.
    #[error("`{0}` is only one deviation")]
    Alone(String),
}

/// Mutants have the same name where they are the same.
impl PartialEq for Mutant {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Mutant {
    /// The reference with these changes, of which there is at least one.
    pub(super) fn of(changes: Vec<&'static Entry>) -> Self {
        let names: Vec<&str> = changes.iter().map(|change| change.name).collect();
        Self { name: names.join(&AND.to_string()), changes, limiter: None }
    }

    /// Whether some text is meant to be a server with several deviations.
    pub fn is_composition(text: &str) -> bool {
        text.contains(AND)
    }

    /// Whether it has several deviations.
    pub fn is_composed(&self) -> bool {
        self.changes.len() > 1
    }

    /// Whether it is what everything is compared with.
    pub fn is_reference(&self) -> bool {
        self.changes.is_empty() && self.limiter.is_none()
    }

    /// Whether playing against it takes time rather than a processor, also where clocks are moved.
    pub(super) fn is_unhurried(&self) -> bool {
        UNHURRIED.contains(&self.name.as_str())
    }

    /// What its one change is about; none for the reference, and where there are several.
    pub fn group(&self) -> Option<Group> {
        match (self.changes.as_slice(), self.limiter) {
            ([], limiter) => limiter.map(|_| Group::Limits),
            ([change], _) => Some(change.group),
            _ => None,
        }
    }

    /// What it does, in one sentence; of several changes, what the first one does.
    pub fn about(&self) -> &'static str {
        match (self.changes.first(), self.limiter) {
            (Some(change), _) => change.about,
            (None, Some(_)) => "The reference with this limiter.",
            (None, None) => "The reference, unchanged.",
        }
    }

    /// The greatest weight among the promises that it breaks; of several changes, that of the first.
    pub fn breaks(&self) -> Option<Breach> {
        self.changes.iter().find_map(|change| match change.nature {
            Nature::Deviation { breach, .. } => Some(breach),
            Nature::LegalVariant => None,
        })
    }

    /// The checks that ought to name it.
    pub fn checks(&self) -> Vec<&'static str> {
        self.changes.iter().flat_map(|change| checks(change)).copied().collect()
    }

    /// Whether this check may fail because of it.
    pub fn declares(&self, check: &str) -> bool {
        self.changes.iter().any(|change| change.declared().contains(&check))
    }
}

/// The checks that ought to name a change.
pub(super) fn checks(change: &Entry) -> &'static [&'static str] {
    match change.nature {
        Nature::Deviation { checks, .. } => checks,
        Nature::LegalVariant => &[],
    }
}

impl FromStr for Mutant {
    type Err = BadComposition;

    /// Puts several deviations together.
    fn from_str(text: &str) -> Result<Self, BadComposition> {
        let mut changes: Vec<&'static Entry> = Vec::new();
        for name in text.split(AND) {
            let change = find(name)?;
            changes.iter().try_for_each(|other| get_along(other, change))?;
            changes.push(change);
        }
        if changes.len() < 2 { Err(BadComposition::Alone(text.to_owned())) } else { Ok(Self::of(changes)) }
    }
}

/// The reference, the limiters, and the catalogue by groups.
pub fn mutants() -> Vec<Mutant> {
    let unchanged = |name: String, limiter| Mutant { name, changes: Vec::new(), limiter };
    let limiters = LimiterKind::CONFORMING.iter();
    let limiters = limiters.map(|(word, _)| unchanged(format!("limiter-{word}"), Some(*word)));
    let changed = catalogue().iter().map(|change| Mutant::of(vec![change]));
    std::iter::once(unchanged("reference".to_owned(), None)).chain(limiters).chain(changed).collect()
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
