//! A part of the mutants, for those who have no time for all of them each time.

use std::str::FromStr;

use super::dice::Dice;
use super::mutant::Mutant;

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
        let (number, among) = text.split_once('/').ok_or(NoShare)?;
        let share = Self { number: number.parse().or(Err(NoShare))?, among: among.parse().or(Err(NoShare))? };
        if (1..=share.among).contains(&share.number) { Ok(share) } else { Err(NoShare) }
    }
}

impl Share {
    /// This share of the mutants, in their order. Who gets which is decided by the seed.
    pub fn of(self, all: Vec<Mutant>, seed: u64) -> Vec<Mutant> {
        let mut places: Vec<usize> = (0..all.len()).collect();
        Dice::new(seed).shuffle(&mut places);
        let mine = all.into_iter().zip(places).filter(|(_, place)| place % self.among == self.number - 1);
        mine.map(|(mutant, _)| mutant).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mutants::mutants;

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
}
