//! Numbers that are the same each time a seed is given again.

/// A generator of such numbers (SplitMix64).
#[derive(Debug)]
pub(super) struct Dice(u64);

impl Dice {
    /// Begins with a seed.
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `most`; 0 where there is none.
    pub(super) fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        let most = u64::try_from(most.max(1)).unwrap_or(u64::MAX);
        usize::try_from(mixed % most).unwrap_or(0)
    }

    /// Puts the items into another order, any of them as likely as any other.
    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for place in (1..items.len()).rev() {
            items.swap(place, self.below(place + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_order_again_and_another_one_another() {
        let order = |seed| {
            let mut order: Vec<u8> = (0..50).collect();
            Dice::new(seed).shuffle(&mut order);
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
        let mut dice = Dice::new(0);
        assert_eq!(dice.below(usize::MAX), 0xE220_A839_7B1D_CDAF % usize::MAX);
        assert_eq!(dice.below(0), 0);
    }
}
