//! Servers that break the promise are failed, each by the threshold that names its fault.

use std::borrow::Cow;

use super::*;

/// Plays a profile and sees that a threshold is missed, in these words.
fn found(profile: &str, world: &World, threshold: &str, words: &str) {
    let shelved = Library(&Source::Builtin).find(profile).unwrap();
    // Whole batches take long to read; how many requests are admitted does not depend on them.
    let batch = ["soak", "fleet", "neighbours"].contains(&profile).then_some(1);
    let run = world.play_with(&shelved, &Overrides { batch, ..Overrides::default() });
    let missed = missed(&run);
    let named = missed.iter().any(|(name, sentence)| name == threshold && sentence.contains(words));
    assert!(named, "{profile} under {:?}: {missed:#?}", world.deviations);
    let verdict = judge(&run);
    assert_eq!(verdict.word(), "missed", "{:?}", verdict.reasons());
}

fn under(profile: &str, deviation: &'static str, threshold: &str, words: &str) {
    found(profile, &World::deviating(&[deviation]), threshold, words);
}

#[test]
fn a_limit_off_by_one() {
    under("sustain-standard", "standard-limit-59", "limited", "window 1: limited 1, expected at most 0");
    under("ceiling-standard", "standard-limit-61", "admitted", "admitted 61, expected exactly 60 (limit)");
    under("sustain-premium", "premium-limit-299", "admitted", "admitted 299 of 300");
    under("ceiling-premium", "premium-limit-301", "admitted", "admitted 301, expected exactly 300 (limit)");
}

#[test]
fn an_ingestion_limit_off_by_one() {
    let words = "admitted 1001, expected exactly 1000 (limit); and in 2 more windows";
    under("ceiling-ingestion", "ingestion-limit-1001", "admitted", words);
}

#[test]
fn an_events_limit_off_by_one() {
    let words = "events_admitted 99900 of 100000, expected all that were sent; and in 2 more windows";
    under("sustain-ingestion", "events-limit-one-less", "events_admitted", words);
    let words = "events_admitted 101000, expected exactly 100000 (limit); and in 2 more windows";
    let world =
        World { rules: |rules| rules.events = rules.events.map(|limit| limit + 1_000), ..World::default() };
    found("ceiling-events", &world, "events_admitted", words);
}

#[test]
fn ninety_nine_percent_of_the_limit() {
    let world = World { rules: |rules| rules.requests = rules.requests * 99 / 100, ..World::default() };
    found(
        "sustain-premium",
        &world,
        "limited",
        "window 1: limited 3, expected at most 0; and in 2 more windows",
    );
    found(
        "ceiling-premium",
        &world,
        "admitted",
        "admitted 297, expected exactly 300 (limit); and in 2 more windows",
    );
}

#[test]
fn a_window_of_50_seconds() {
    let world = World { rules: |rules| rules.window_ms = 50_000, ..World::default() };
    found("ceiling-standard", &world, "admitted", "window 1: admitted 75, expected exactly 60 (limit)");
    found("ceiling-premium", &world, "admitted", "expected exactly 300 (limit); and in 2 more windows");
}

#[test]
fn a_window_of_90_seconds() {
    under(
        "sustain-standard",
        "window-90s",
        "limited",
        "limited 30, expected at most 0; and in 2 more windows",
    );
    under("ceiling-standard", "window-90s", "wrong_429", "wrong_429");
    // The same, with a Retry-After that hides it.
    found("obey", &World::deviating(&["window-90s", "constant-60"]), "errors", "errors");
}

#[test]
fn windows_that_slide_on_or_refill() {
    under("sustain-standard", "idle-expiry", "limited", "window 2: limited");
    under("soak", "idle-expiry", "limited", "window 2: limited");
    under(
        "ceiling-standard",
        "token-bucket",
        "admitted",
        "expected exactly 60 (limit); and in 2 more windows",
    );
    under("sustain-standard", "later-windows-one-less", "limited", "limited 1, expected at most 0");
    under("ceiling-standard", "leak", "admitted", "expected exactly 60 (limit); and in 2 more windows");
    under("ceiling-premium", "no-limit", "admitted", "window 1: admitted 825, expected exactly 300 (limit)");
}

#[test]
fn one_wrong_429_among_many() {
    for (deviation, fault) in [
        ("retry-after-sometimes-missing", "a 429 without Retry-After"),
        ("retry-after-61", "a 429 whose Retry-After is over 60"),
        ("retry-after-date", "a 429 whose Retry-After is no whole number of seconds"),
    ] {
        under("ceiling-standard", deviation, "wrong_429", "window 1: wrong_429");
        let run = World::deviating(&[deviation]).play("ceiling-standard");
        assert!(run.lanes[0].faults.contains_key(fault), "{:?}", run.lanes[0].faults);
    }
    let meddle = |nth: u64, reply: &mut Reply| {
        if nth.is_multiple_of(50) && reply.status == 429 {
            reply.body = Cow::Borrowed(br#"{"error":{"code":"RATE_LIMITED","message":"Slow down."}}"#);
        }
    };
    let world = World { meddle, ..World::default() };
    found("ceiling-premium", &world, "wrong_429", "window 1: wrong_429 10, expected at most 0");
}

#[test]
fn now_and_then_a_500() {
    let meddle = |nth: u64, reply: &mut Reply| {
        if nth % 100 == 99 {
            *reply = Reply::json(500, &b"{}"[..]);
        }
    };
    let world = World { meddle, ..World::default() };
    for (profile, words) in
        [("sustain-premium", "errors 3"), ("ceiling-premium", "errors 8"), ("fleet", "errors ")]
    {
        found(profile, &world, "errors", words);
    }
}

#[test]
fn a_200_that_accepts_nothing() {
    let meddle = |_: u64, reply: &mut Reply| {
        if reply.text().contains("accepted") {
            reply.body = Cow::Borrowed(br#"{"data":{"accepted":0,"rejected":100}}"#);
        }
    };
    let world = World { meddle, ..World::default() };
    for profile in ["quick-ingestion", "fleet", "ramp"] {
        found(profile, &world, "events_admitted", "events_admitted 0 of ");
    }
}

#[test]
fn promises_that_are_not_kept() {
    for deviation in ["retry-after-always-1", "retry-after-one-less", "retry-after-half"] {
        under("obey", deviation, "errors", "expected at most 0");
        let run = World::deviating(&[deviation]).play("obey");
        let fault = "a second 429 in a row, after the time Retry-After had promised";
        assert!(run.lanes[0].faults.contains_key(fault), "{deviation}: {:?}", run.lanes[0].faults);
    }
}

#[test]
fn keys_that_share() {
    under("neighbours", "shared-by-all-keys", "limited", "beside, window 1: limited");
    under("fleet", "shared-by-tier", "limited", "limited");
    under("fleet", "tier-by-route", "limited", "premium-1, window 1: limited");
    under("quick-ingestion", "ingestion-not-automatic", "admitted", "admitted 60 of 167");
}

#[test]
fn a_neighbour_that_slows_everybody_down() {
    let words = "beside: response.admitted.p99_ms 252.031 ms, expected at most 50 ms (50 or 3 x alone, which took 2 ms)";
    under("neighbours", "slow-beside-limited", "response.admitted.p99_ms", words);
}

#[test]
fn a_rising_rate_says_where_it_broke() {
    let run = World::deviating(&["ingestion-not-automatic"]).play("ramp");
    let verdict = judge(&run);
    let climb = verdict.breaking_point(&run).unwrap();
    assert_eq!(
        climb.to_string(),
        "ingestion broke at 200 requests (20,000 events) a minute, in window 2; it held 100 requests (10,000 events) \
         a minute"
    );
    // It ended there: the next step was begun, and not played to its end.
    assert_eq!((run.lanes[0].whole_windows, run.lanes[0].windows.len()), (2, 3));
    assert!(run.lanes[0].windows[2].planned < 10, "{:?}", run.lanes[0].windows);

    let slow =
        World { meddle: |nth, reply| reply.delay = Duration::from_millis(nth * 2 / 5), ..World::default() };
    let run = slow.play("ramp");
    let climb = judge(&run).breaking_point(&run).unwrap();
    let (broke, held) = (climb.broke.unwrap(), climb.held.unwrap());
    assert_eq!((broke.window, held.window), (8, 7));
    let reasons = judge(&run).reasons();
    assert!(reasons[0].starts_with(&format!("ingestion, window {}: response", broke.window)), "{reasons:?}");

    let run = World::default().play("ramp");
    let climb = judge(&run).breaking_point(&run).unwrap();
    let words = "ingestion held to the end, at 1,000 requests (100,000 events) a minute";
    assert_eq!((climb.to_string(), run.lanes[0].windows.len()), (words.to_owned(), 10));
}

#[test]
fn every_shipped_profile_has_a_test_here() {
    let here = include_str!("wrong.rs");
    for shelved in Library(&Source::Builtin).all().unwrap() {
        let name = &shelved.profile.profile.value;
        assert!(
            here.contains(&format!("(\"{name}\"")) || here.contains(&format!(".play(\"{name}\")")),
            "{name}"
        );
    }
}
