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

/// Every conforming limiter at several phases of its clock, with requests that are late by chance.
fn never_failed(profile: &str) {
    never_failed_at(profile, &PHASES, Overrides::default());
}

fn never_failed_at(profile: &str, phases: &[i64], overrides: Overrides) {
    let shelved = Library(&Source::Builtin).find(profile).unwrap();
    for (name, limiter) in LimiterKind::CONFORMING {
        for phase_ms in phases.iter().copied() {
            for network in [|_| Duration::from_millis(1), jitter] {
                let world = World { limiter: Some(limiter), phase_ms, network, ..World::default() };
                let run = world.play_with(&shelved, &overrides);
                let missed = missed(&run);
                assert!(missed.is_empty(), "{profile} against {name} at {phase_ms}: {missed:#?}");
                let whole = run.lanes.iter().all(|lane| lane.judged().next().is_some());
                assert!(whole, "{profile} against {name} at {phase_ms}");
            }
        }
    }
}

/// Whole batches take long to read, and where events are not what is limited, they say nothing.
const ONE_EACH: Overrides =
    Overrides { batch: Some(1), rate: None, duration: None, keys: None, no_align: false };
/// So do long runs.
const TWO_PHASES: [i64; 2] = [17_003, 59_990];

/// Whole batches at one phase, for so long.
fn never_failed_for(profile: &str, seconds: u64) {
    let duration = Some(Duration::from_secs(seconds));
    never_failed_at(profile, &[44_750], Overrides { duration, ..Overrides::default() });
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
    never_failed_at("neighbours", &PHASES, ONE_EACH);
}

#[test]
fn sustain_ingestion() {
    never_failed_for("sustain-ingestion", 124);
}

#[test]
fn ceiling_ingestion() {
    never_failed_at("ceiling-ingestion", &TWO_PHASES, ONE_EACH);
}

#[test]
fn ceiling_events() {
    never_failed_for("ceiling-events", 120);
}

#[test]
fn fleet() {
    never_failed_at("fleet", &TWO_PHASES, ONE_EACH);
}

#[test]
fn ramp() {
    never_failed_at("ramp", &TWO_PHASES, ONE_EACH);
}

#[test]
fn soak() {
    let duration = Some(Duration::from_secs(600));
    never_failed_at("soak", &TWO_PHASES, Overrides { duration, ..ONE_EACH });
}

#[test]
fn no_shipped_profile_is_left_out() {
    let here = include_str!("conforming.rs");
    for shelved in Library(&Source::Builtin).all().unwrap() {
        let name = &shelved.profile.profile.value;
        let played = ["", "_at", "_for"].map(|how| format!("never_failed{how}(\"{name}\""));
        assert!(played.iter().any(|call| here.contains(call)), "{name}");
    }
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
