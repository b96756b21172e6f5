//! Whether keys share a quota, as a run learns it of one tier after the other.

use std::collections::{BTreeMap, BTreeSet};

use crate::contract::Tier;

/// What was seen of the keys of a tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// One that was used up left the other its quota.
    Apart,
    /// One that was used up left the other nothing.
    Shared,
    /// There was nothing for the first one already: something else than these keys takes it.
    Starved,
}

/// What was seen by now.
pub(crate) type Seen = BTreeMap<Tier, Sharing>;

/// Which tiers have keys that share a quota, as far as that is known. What starves is not known while others, who may be those
/// that take it, are `waited_for`.
pub(super) fn shares(seen: &Seen, waited_for: &BTreeSet<Tier>) -> BTreeMap<Tier, bool> {
    let all_told = waited_for.iter().all(|tier| seen.contains_key(tier));
    let takes = |tier: &Tier| seen.iter().any(|(other, of)| other != tier && *of != Sharing::Apart);
    let known = seen.iter().filter_map(|(tier, of)| match of {
        Sharing::Apart => Some((*tier, false)),
        Sharing::Shared => Some((*tier, true)),
        Sharing::Starved => all_told.then(|| (*tier, takes(tier))),
    });
    known.collect()
}

#[cfg(test)]
mod tests {
    use super::Sharing::{Apart, Shared, Starved};
    use super::*;

    #[test]
    fn who_starves_beside_those_that_share_shares_with_them() {
        let (standard, premium) = (Tier::Standard, Tier::Premium);
        let told = |seen: &[(Tier, Sharing)], waited_for: &[Tier]| {
            shares(&seen.iter().copied().collect(), &waited_for.iter().copied().collect())
        };
        let both = [standard, premium];
        assert!(told(&[(standard, Starved)], &both).is_empty(), "Premium may be who takes it");
        let of_both = |one, other| BTreeMap::from([(standard, one), (premium, other)]);
        assert_eq!(told(&[(standard, Starved), (premium, Shared)], &both), of_both(true, true));
        assert_eq!(told(&[(standard, Starved), (premium, Starved)], &both), of_both(true, true));
        assert_eq!(told(&[(standard, Starved), (premium, Apart)], &both), of_both(false, false));
        assert_eq!(told(&[(standard, Shared)], &both), BTreeMap::from([(standard, true)]));
        assert_eq!(told(&[(standard, Starved)], &[]), BTreeMap::from([(standard, false)]));
    }
}
