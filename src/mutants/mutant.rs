//! What is played against: the reference, every change to it that the mock knows, and several of them in one server; and
//! the choice among them by a share, or by chance.

use std::str::FromStr;

use schemars::JsonSchema;
use serde::Serialize;

use crate::amounts::part;
use crate::mock::{
    Breach, Clash, Group, LimiterKind, NamedChange, UnknownDeviation, catalogue, find, get_along,
};
use crate::system::mixed;

/// Between the names of the deviations of one server.
const AND: char = '+';

/// What the names of limiters begin with.
const LIMITER: &str = "limiter-";

/// How many deviations one server may have that is put together by chance: 2, 3 or 4.
const SIZES: usize = 3;

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
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Mutant {
    /// Its name.
    pub name: String,
    /// Its group; null for the reference.
    pub group: Option<String>,
    /// What it does.
    pub about: &'static str,
    /// Whether it breaks a promise.
    #[schemars(extend("enum" = ["reference", "conforming", "wrong"]))]
    pub nature: &'static str,
    /// The greatest weight among the promises it breaks.
    #[schemars(extend("enum" = ["must", "should", "rfc", null]))]
    pub breaks: Option<&'static str>,
    /// Its changes: none, one, or several deviations.
    #[serde(skip)]
    pub changes: Vec<&'static NamedChange>,
    /// The limiter, where that is the change.
    #[serde(skip)]
    pub limiter: Option<&'static str>,
}

/// Why some names are no composition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadComposition {
    /// There is no such deviation.
    #[error(transparent)]
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
    /// The reference, or the reference with a limiter.
    fn unchanged(limiter: Option<&'static str>) -> Self {
        Self {
            name: limiter.map_or("reference".to_owned(), |word| format!("{LIMITER}{word}")),
            group: limiter.map(|_| Group::Limits.to_string()),
            about: limiter.map_or("The reference, unchanged.", |_| "The reference with this limiter."),
            nature: if limiter.is_some() { "conforming" } else { "reference" },
            breaks: None,
            changes: Vec::new(),
            limiter,
        }
    }

    /// The reference with one change.
    fn changed(change: &'static NamedChange) -> Self {
        let breaks = change.breach.map(Breach::as_str);
        let nature = if breaks.is_some() { "wrong" } else { "conforming" };
        let (name, group) = (change.name.to_owned(), Some(change.group.to_string()));
        Self { name, group, about: change.about, nature, breaks, changes: vec![change], limiter: None }
    }

    /// The reference with several deviations.
    pub(super) fn composed(changes: Vec<&'static NamedChange>) -> Self {
        let names: Vec<&str> = changes.iter().map(|change| change.name).collect();
        let name = names.join(&AND.to_string());
        Self { name, nature: "wrong", changes, ..Self::unchanged(None) }
    }

    /// Whether some text is meant to be a server with several deviations.
    pub fn is_composition(text: &str) -> bool {
        text.contains(AND)
    }

    /// Whether it has several deviations.
    pub fn is_composed(&self) -> bool {
        self.changes.len() > 1 || self.limiter.is_some() && !self.changes.is_empty()
    }

    /// Whether it breaks a promise.
    pub fn is_wrong(&self) -> bool {
        self.nature == "wrong"
    }

    /// Whether playing against it takes time rather than a processor, also where clocks are moved.
    pub(super) fn is_unhurried(&self) -> bool {
        UNHURRIED.contains(&self.name.as_str())
    }

    /// The checks that ought to name it.
    pub fn checks(&self) -> Vec<&'static str> {
        self.changes.iter().flat_map(|change| change.checks).copied().collect()
    }

    /// Whether this check may fail because of it.
    pub fn declares(&self, check: &str) -> bool {
        self.changes.iter().any(|change| change.declared().contains(&check))
    }
}

impl FromStr for Mutant {
    type Err = BadComposition;

    /// Puts several deviations together, or one of them and a limiter, such as `window-30s+limiter-sliding`.
    fn from_str(text: &str) -> Result<Self, BadComposition> {
        let mut changes: Vec<&'static NamedChange> = Vec::new();
        let mut limiter = None;
        for name in text.split(AND) {
            let is_called =
                |(word, _): &&(&'static str, LimiterKind)| name.strip_prefix(LIMITER) == Some(word);
            if let Some((word, _)) = LimiterKind::CONFORMING.iter().find(is_called) {
                limiter = Some(*word);
                continue;
            }
            let change = find(name)?;
            changes.iter().try_for_each(|other| get_along(other, change))?;
            changes.push(change);
        }
        if changes.len() + usize::from(limiter.is_some()) < 2 || changes.is_empty() {
            return Err(BadComposition::Alone(text.to_owned()));
        }
        let mutant = Self::composed(changes);
        Ok(match limiter {
            Some(word) => {
                Self { name: format!("{}{AND}{LIMITER}{word}", mutant.name), limiter: Some(word), ..mutant }
            }
            None => mutant,
        })
    }
}

/// The reference, the limiters, and the catalogue by groups.
pub fn mutants() -> Vec<Mutant> {
    let limiters = LimiterKind::CONFORMING.iter().map(|(word, _)| Mutant::unchanged(Some(word)));
    let changed = catalogue().iter().map(Mutant::changed);
    std::iter::once(Mutant::unchanged(None)).chain(limiters).chain(changed).collect()
}

/// So many servers of two to four deviations each, chosen by the seed; a higher `count` adds servers at the end. Every
/// deviation leads one of them, or joins one, before any has its second turn but to fill up.
pub fn compose(count: usize, seed: u64) -> Vec<Mutant> {
    let pool: Vec<&'static NamedChange> =
        catalogue().iter().filter(|entry| !entry.changes.is_empty()).collect();
    let mut dice = Dice(seed);
    let mut deck: Vec<&NamedChange> = Vec::new();
    let servers = (0..count).map(|_| {
        let size = 2 + dice.below(SIZES);
        if deck.is_empty() {
            deck.clone_from(&pool);
            dice.shuffle(&mut deck);
        }
        let mut others = pool.clone();
        dice.shuffle(&mut others);
        let mut parts: Vec<&'static NamedChange> = Vec::new();
        for entry in deck.iter().chain(&others) {
            if parts.len() < size && parts.iter().all(|part| get_along(part, entry).is_ok()) {
                parts.push(entry);
            }
        }
        deck.retain(|entry| !parts.iter().any(|part| part.name == entry.name));
        Mutant::composed(parts)
    });
    servers.collect()
}

/// One of several shares that together are all mutants, written `1/4`.
///
/// ```
/// use trenchcheck::mutants::{Share, mutants};
///
/// let quarter: Share = "1/4".parse()?;
/// assert_eq!(quarter.of(mutants(), 1).len(), mutants().len().div_ceil(4));
/// assert!("5/4".parse::<Share>().is_err());
/// # Ok::<(), trenchcheck::mutants::NoShare>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    number: usize,
    among: usize,
}

/// A text that is no share.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a share is written 1/4, 2/4, 3/4 or 4/4, with any other number in place of 4")]
pub struct NoShare;

impl FromStr for Share {
    type Err = NoShare;

    fn from_str(text: &str) -> Result<Self, NoShare> {
        part(text).map(|(number, among)| Self { number, among }).ok_or(NoShare)
    }
}

impl Share {
    /// This share of the mutants, in their order. Who gets which is decided by the seed.
    pub fn of(self, all: Vec<Mutant>, seed: u64) -> Vec<Mutant> {
        let mut places: Vec<usize> = (0..all.len()).collect();
        Dice(seed).shuffle(&mut places);
        let mine = all.into_iter().zip(places).filter(|(_, place)| place % self.among == self.number - 1);
        mine.map(|(mutant, _)| mutant).collect()
    }
}

/// Numbers that are the same each time a seed is given again (SplitMix64).
#[derive(Debug)]
struct Dice(u64);

impl Dice {
    /// A number below `most`; 0 where there is none.
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let most = u64::try_from(most.max(1)).unwrap_or(u64::MAX);
        usize::try_from(mixed(self.0) % most).unwrap_or(0)
    }

    /// Puts the items into another order, any of them as likely as any other.
    fn shuffle<T>(&mut self, items: &mut [T]) {
        for place in (1..items.len()).rev() {
            items.swap(place, self.below(place + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn names(server: &Mutant) -> Vec<&str> {
        server.changes.iter().map(|change| change.name).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn two_to_four_get_along_and_no_aspect_or_check_is_there_twice(seed: u64) {
            let servers = compose(12, seed);
            for server in &servers {
                prop_assert!((2..=4).contains(&server.changes.len()), "{}", server.name);
                let (mut changed, mut declared) = (BTreeSet::new(), BTreeSet::new());
                for part in &server.changes {
                    prop_assert!(part.changes.iter().all(|aspect| changed.insert(aspect)), "{}", server.name);
                                        prop_assert!(part.declared().into_iter().all(|check| declared.insert(check)), "{}", server.name);
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
        let pool = catalogue().iter().filter(|entry| !entry.changes.is_empty());
        for entry in pool {
            assert!(seen.contains(entry.name), "{}", entry.name);
        }
        for size in 2..=4 {
            assert!(servers.iter().any(|server| server.changes.len() == size), "{size}");
        }
        assert_ne!(compose(3, 1), compose(3, 2));
    }

    #[test]
    fn a_server_is_put_together_again_by_its_name() {
        for server in compose(10, 3) {
            assert_eq!(server.name.parse(), Ok(server));
        }
        let said = |text: &str| text.parse::<Mutant>().unwrap_err().to_string();
        assert_eq!(
            said("accept-bearer+accept-cooky"),
            "no deviation is called `accept-cooky`; did you mean `accept-cookie`? `trenchcheck mock --list` shows all"
        );
        assert!(said("accept-bearer+jitter").contains("`jitter` is no single deviation"));
        assert!(said("accept-bearer").contains("only one") && said("limiter-sliding").contains("only one"));
        let sliding: Mutant = "limiter-sliding+window-30s".parse().unwrap();
        assert_eq!((sliding.name.as_str(), sliding.limiter), ("window-30s+limiter-sliding", Some("sliding")));
        assert!(sliding.is_composed() && sliding.is_wrong());
        assert!(said("accept-bearer+accept-bearer").contains("accept-bearer"));
    }

    #[test]
    fn shares_are_all_mutants_together_and_a_seed_deals_them_alike() {
        let names = |text: &str, seed| {
            let dealt = text.parse::<Share>().unwrap().of(mutants(), seed);
            dealt.into_iter().map(|mutant| mutant.name).collect::<Vec<_>>()
        };
        let mut together: Vec<String> =
            ["1/3", "2/3", "3/3"].iter().flat_map(|text| names(text, 5)).collect();
        let mut all = names("1/1", 5);
        together.sort_unstable();
        all.sort_unstable();
        assert_eq!(together, all);
        assert_eq!(names("1/4", 5), names("1/4", 5));
        assert_ne!(names("1/4", 5), names("1/4", 6));
    }

    #[test]
    fn what_is_no_share_is_refused() {
        for text in ["", "1", "0/4", "5/4", "1/0", "0/0", "a/4", "1/4/4", "-1/4"] {
            assert_eq!(text.parse::<Share>(), Err(NoShare), "{text}");
        }
    }

    #[test]
    fn a_seed_gives_the_same_order_again_and_another_one_another() {
        let order = |seed| {
            let mut order: Vec<u8> = (0..50).collect();
            Dice(seed).shuffle(&mut order);
            order
        };
        assert_eq!(order(7), order(7));
        assert_ne!(order(7), order(8));
        let mut sorted = order(7);
        sorted.sort_unstable();
        assert_eq!(sorted, (0..50).collect::<Vec<u8>>());
    }

    #[test]
    fn numbers_are_those_of_splitmix64() {
        let mut dice = Dice(0);
        assert_eq!(dice.below(usize::MAX), 0xE220_A839_7B1D_CDAF % usize::MAX);
        assert_eq!(dice.below(0), 0);
    }

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
