//! Which of the matching requests a fault meets, and how long each takes: pure, and the same for the same seed.

use super::spec::{Distribution, FaultSpec, Latency};

/// Whether a fault meets the matching request with this number, from 0. All conditions given must hold.
pub(super) fn happens(spec: &FaultSpec, ordinal: u64) -> bool {
    spec.first.is_none_or(|first| ordinal < first)
        && spec.every.is_none_or(|every| (ordinal + 1).is_multiple_of(every.max(1)))
        && spec.share.is_none_or(|share| unit(spec.seed.unwrap_or(0), ordinal, 0) < share)
}

/// How long the matching request with this number takes, in milliseconds.
pub(super) fn latency_ms(latency: &Latency, ordinal: u64) -> u64 {
    /// As many uniform numbers have the variance 1, and their sum looks normal.
    const SUMMANDS: u64 = 12;
    let (middle, spread) = (latency.ms as f64, latency.spread_ms as f64);
    let off = match latency.distribution {
        Distribution::Fixed => 0.0,
        Distribution::Uniform => 2.0 * unit(latency.seed, ordinal, 1) - 1.0,
        Distribution::Normal => {
            (1..=SUMMANDS).map(|draw| unit(latency.seed, ordinal, draw)).sum::<f64>() - SUMMANDS as f64 / 2.0
        }
    };
    // Below zero is at once; the cast cuts off what lies beyond the numbers.
    (middle + off * spread).round().max(0.0) as u64
}

/// A number from 0 to below 1, decided by three others (SplitMix64).
fn unit(seed: u64, ordinal: u64, draw: u64) -> f64 {
    let mut bits = seed;
    for step in [ordinal, draw] {
        bits = mixed(bits.wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_add(step));
    }
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

fn mixed(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_agrees_with_counting_on_ones_fingers(
            first in prop::option::of(0_u64..20), every in prop::option::of(1_u64..9), requests in 0_u64..60,
        ) {
            let spec = FaultSpec { first, every, ..FaultSpec::default() };
            let met: Vec<u64> = (0..requests).filter(|&ordinal| happens(&spec, ordinal)).collect();
            // The oracle counts aloud, as a person would.
            let (mut expected, mut aloud) = (Vec::new(), 0);
            for ordinal in 0..requests {
                aloud += 1;
                let on_turn = every.is_none_or(|every| aloud == every);
                if every == Some(aloud) {
                    aloud = 0;
                }
                if on_turn && first.is_none_or(|first| ordinal < first) {
                    expected.push(ordinal);
                }
            }
            prop_assert_eq!(met, expected);
        }

        #[test]
        fn a_share_is_about_that_share_and_the_same_for_the_same_seed(seed: u64, percent in 0_u32..=100) {
            let spec = FaultSpec { share: Some(f64::from(percent) / 100.0), seed: Some(seed), ..FaultSpec::default() };
            let met = || (0..10_000).filter(|&ordinal| happens(&spec, ordinal)).count() as i64;
            // Six standard deviations of 10,000 tosses are 300.
            prop_assert!((met() - i64::from(percent) * 100).abs() <= 300, "{}", met());
            prop_assert_eq!(met(), met());
        }

        #[test]
        fn latencies_lie_around_their_middle(seed: u64, ms in 500_u64..1_000, spread_ms in 0_u64..80) {
            for distribution in [Distribution::Fixed, Distribution::Uniform, Distribution::Normal] {
                let latency = Latency { ms, spread_ms, distribution, seed };
                let all: Vec<i64> = (0..2_000).map(|ordinal| latency_ms(&latency, ordinal) as i64).collect();
                let (ms, spread) = (ms as i64, spread_ms as i64);
                let widest = match distribution {
                    Distribution::Fixed => 0,
                    Distribution::Uniform => spread,
                    Distribution::Normal => 6 * spread,
                };
                prop_assert!(all.iter().all(|got| (got - ms).abs() <= widest));
                let mean = all.iter().sum::<i64>() / 2_000;
                prop_assert!((mean - ms).abs() <= spread / 6 + 1, "{mean} is not about {ms}");
                if spread > 20 && distribution == Distribution::Normal {
                    let within = all.iter().filter(|got| (*got - ms).abs() <= spread).count();
                    prop_assert!((1_230..1_500).contains(&within), "{within} of 2,000 within one deviation");
                }
            }
        }
    }

    #[test]
    fn two_seeds_meet_others() {
        let spec = |seed| FaultSpec { share: Some(0.5), seed: Some(seed), ..FaultSpec::default() };
        let met = |seed| (0..64).map(|ordinal| happens(&spec(seed), ordinal)).collect::<Vec<_>>();
        assert_ne!(met(1), met(2));
    }
}
