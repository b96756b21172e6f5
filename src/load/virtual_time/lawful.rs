//! Servers that keep the promise in their own way are never failed.

use super::*;

/// On the way for up to 400 ms, each request for another time.
fn jitter(nth: u64) -> Duration {
    // Mixed well: neighbours, and requests of the same place in two windows, have nothing in common.
    let mixed = nth.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    Duration::from_micros((mixed ^ (mixed >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9) % 400_001)
}

/// How far the server's minute is when the run begins, in milliseconds.
const PHASES: [i64; 8] = [0, 990, 17_003, 31_500, 44_750, 50_100, 58_100, 59_990];

/// Every lawful limiter at several phases of its clock, with requests that are late by chance.
fn never_failed(profile: &str) {
    for (name, limiter) in LimiterKind::LAWFUL {
        for phase_ms in PHASES {
            for network in [|_| Duration::from_millis(1), jitter] {
                let world = World { limiter: Some(limiter), phase_ms, network, ..World::default() };
                let shelved = Library(&Source::Builtin).find(profile).unwrap();
                // Whole batches take long to read, and the noisy neighbour's say nothing.
                let batch = (profile == "neighbours").then_some(1);
                let run = world.play_with(&shelved, &Overrides { batch, ..Overrides::default() });
                // How long answers take is no promise of the page.
                let missed: Vec<_> =
                    missed(&run).into_iter().filter(|(name, _)| !name.ends_with("_ms")).collect();
                assert!(missed.is_empty(), "{profile} against {name} at {phase_ms}: {missed:#?}");
            }
        }
    }
}

#[test]
fn sustain_standard() {
    never_failed("sustain-standard");
}

#[test]
fn sustain_premium() {
    never_failed("sustain-premium");
}

#[test]
fn ceiling_standard() {
    never_failed("ceiling-standard");
}

#[test]
fn ceiling_premium() {
    never_failed("ceiling-premium");
}

#[test]
fn obey() {
    never_failed("obey");
}

#[test]
fn neighbours() {
    never_failed("neighbours");
}

#[test]
fn quick_ingestion() {
    never_failed("quick-ingestion");
}

/// Answers that come late, break off nothing and say the same.
#[test]
fn other_ways_to_answer() {
    let meddle = |_: u64, reply: &mut Reply| {
        if reply.status == 200 {
            reply.status = 201;
        }
    };
    for profile in ["sustain-premium", "ceiling-premium", "obey", "quick-ingestion"] {
        for deviations in
            [vec![], vec!["jitter"], vec!["slow-answers"], vec!["constant-60"], vec!["extra-headers"]]
        {
            let run = World { meddle, deviations: deviations.clone(), ..World::default() }.play(profile);
            assert_eq!(judge(&run), LoadVerdict::Met, "{profile} against {deviations:?}");
        }
    }
}
