//! Putting deviations together that get along.

use std::fmt;
use std::str::FromStr;

use crate::mock::{Clash, Entry, UnknownDeviation, aspects, catalogue, find, get_along};
use crate::mutants::dice::Dice;
use crate::mutants::ground::Server;
use crate::mutants::mutant::Mutant;

/// Between the names of the deviations of one server.
const AND: char = '+';

/// How many deviations one server may have that is put together by chance: 2, 3 or 4.
const SIZES: usize = 3;

/// One server with several deviations that get along.
///
/// ```
/// use trenchcheck::mutants::Composition;
///
/// let both: Composition = "accept-bearer+retry-after-missing".parse()?;
/// assert_eq!(both.parts().len(), 2);
/// assert_eq!(both.to_string(), "accept-bearer+retry-after-missing");
/// let hidden = "no-limit+retry-after-missing".parse::<Composition>().unwrap_err();
/// assert!(hidden.to_string().starts_with("`no-limit` changes Status429"));
/// # Ok::<(), trenchcheck::mutants::BadComposition>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Composition(Vec<Mutant>);

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

impl Composition {
    /// The deviations, each as a mutant of its own.
    pub fn parts(&self) -> &[Mutant] {
        &self.0
    }

    /// Whether this check may fail because of one of them.
    pub fn declares(&self, check: &str) -> bool {
        self.0.iter().any(|part| part.declares(check))
    }

    /// Whether some text is meant to be one.
    pub fn is_meant_by(text: &str) -> bool {
        text.contains(AND)
    }

    /// What is played against.
    pub(super) fn server(&self) -> Server {
        let changes = self.0.iter().map(|part| part.name.clone()).collect();
        Server { name: self.to_string(), changes, limiter: None }
    }

    fn of(entries: &[&Entry]) -> Self {
        Self(entries.iter().map(|entry| Mutant::from(*entry)).collect())
    }
}

impl fmt::Display for Composition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.0.iter().map(|part| part.name.as_str()).collect();
        formatter.write_str(&names.join(&AND.to_string()))
    }
}

impl FromStr for Composition {
    type Err = BadComposition;

    fn from_str(text: &str) -> Result<Self, BadComposition> {
        let mut entries: Vec<&Entry> = Vec::new();
        for name in text.split(AND) {
            let entry = find(name)?;
            entries.iter().try_for_each(|other| get_along(other, entry))?;
            entries.push(entry);
        }
        if entries.len() < 2 {
            return Err(BadComposition::Alone(text.to_owned()));
        }
        Ok(Self::of(&entries))
    }
}

/// So many servers of two to four deviations each, chosen by the seed; a higher `count` adds servers at the end. Every
/// deviation leads one of them, or joins one, before any has its second turn but to fill up.
pub fn compose(count: usize, seed: u64) -> Vec<Composition> {
    let pool: Vec<&Entry> = catalogue().iter().filter(|entry| !aspects(entry.name).is_empty()).collect();
    let mut dice = Dice::new(seed);
    let mut deck: Vec<&Entry> = Vec::new();
    let servers = (0..count).map(|_| {
        let size = 2 + dice.below(SIZES);
        if deck.is_empty() {
            deck.clone_from(&pool);
            dice.shuffle(&mut deck);
        }
        let mut others = pool.clone();
        dice.shuffle(&mut others);
        let parts = deal(&deck, &others, size);
        deck.retain(|entry| !parts.iter().any(|part| part.name == entry.name));
        Composition::of(&parts)
    });
    servers.collect()
}

/// So many entries that get along: those of the deck first, then others.
fn deal<'a>(deck: &[&'a Entry], others: &[&'a Entry], size: usize) -> Vec<&'a Entry> {
    let mut parts: Vec<&Entry> = Vec::new();
    for entry in deck.iter().chain(others) {
        if parts.len() == size {
            break;
        }
        if parts.iter().all(|part| get_along(part, entry).is_ok()) {
            parts.push(entry);
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn names(composition: &Composition) -> Vec<&str> {
        composition.parts().iter().map(|part| part.name.as_str()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn two_to_four_get_along_and_no_aspect_or_check_is_there_twice(seed: u64) {
            let servers = compose(12, seed);
            for server in &servers {
                prop_assert!((2..=4).contains(&server.parts().len()), "{server}");
                let (mut changed, mut declared) = (BTreeSet::new(), BTreeSet::new());
                for part in server.parts() {
                    prop_assert!(aspects(&part.name).iter().all(|aspect| changed.insert(aspect)), "{server}");
                    let entry = find(&part.name).unwrap();
                    prop_assert!(entry.declared().into_iter().all(|check| declared.insert(check)), "{server}");
                }
            }
            prop_assert_eq!(&servers, &compose(12, seed));
            prop_assert_eq!(&servers[..5], &compose(5, seed)[..]);
        }
    }

    #[test]
    fn every_deviation_has_its_turn_and_sizes_differ() {
        let servers = compose(120, 1);
        let seen: BTreeSet<&str> = servers.iter().flat_map(names).collect();
        let pool = catalogue().iter().filter(|entry| !aspects(entry.name).is_empty());
        for entry in pool {
            assert!(seen.contains(entry.name), "{}", entry.name);
        }
        for size in 2..=4 {
            assert!(servers.iter().any(|server| server.parts().len() == size), "{size}");
        }
        assert_ne!(compose(3, 1), compose(3, 2));
    }

    #[test]
    fn a_server_is_put_together_again_by_its_name() {
        for server in compose(10, 3) {
            assert_eq!(server.to_string().parse(), Ok(server));
        }
        let said = |text: &str| text.parse::<Composition>().unwrap_err().to_string();
        assert_eq!(
            said("accept-bearer+accept-cooky"),
            "no deviation is called `accept-cooky`; did you mean `accept-cookie`?"
        );
        assert!(said("accept-bearer+jitter").contains("`jitter` is no single deviation"));
        assert!(said("accept-bearer").contains("only one"));
        assert!(said("accept-bearer+accept-bearer").contains("accept-bearer"));
    }
}
