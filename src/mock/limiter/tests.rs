use proptest::prelude::*;

use super::*;

const STANDARD: Rules = Rules::reference(60, None);
const INGESTION: Rules = Rules::reference(1_000, Some(100_000));

fn conforming(kind: Kind) -> Rules {
    Rules { kind, requests: 5, events: Some(40), epoch_ms: 17, ..STANDARD }
}

#[test]
fn a_window_grants_the_limit_and_says_when_it_ends() {
    let mut limiter = Limiter::default();
    for step in 0..60 {
        assert_eq!(limiter.admit(1_000 + step, 0, &STANDARD), Decision::Admitted);
    }
    assert_eq!(
        limiter.admit(1_060, 0, &STANDARD),
        Decision::Refused { wait_ms: 59_940, by: Budget::Requests }
    );
    assert_eq!(limiter.admit(60_999, 0, &STANDARD), Decision::Refused { wait_ms: 1, by: Budget::Requests });
    assert_eq!(limiter.admit(61_000, 0, &STANDARD), Decision::Admitted);
}

#[test]
fn a_refused_batch_uses_neither_a_request_nor_events() {
    let mut limiter = Limiter::default();
    for _ in 0..99 {
        assert_eq!(limiter.admit(0, 1_000, &INGESTION), Decision::Admitted);
    }
    assert_eq!(limiter.admit(0, 999, &INGESTION), Decision::Admitted);
    for _ in 0..2_000 {
        assert!(matches!(limiter.admit(1, 2, &INGESTION), Decision::Refused { .. }));
    }
    assert_eq!(limiter.admit(2, 1, &INGESTION), Decision::Admitted);
    for _ in 0..899 {
        assert_eq!(limiter.admit(3, 0, &INGESTION), Decision::Admitted, "reading goes on without events");
    }
    assert!(matches!(limiter.admit(4, 0, &INGESTION), Decision::Refused { .. }));
}

#[test]
fn the_aligned_window_ends_with_the_minute_of_the_calendar() {
    let rules = Rules { kind: Kind::Aligned, epoch_ms: 90_000, requests: 1, ..STANDARD };
    let mut limiter = Limiter::default();
    assert_eq!(limiter.admit(10, 0, &rules), Decision::Admitted);
    assert_eq!(limiter.admit(20, 0, &rules), Decision::Refused { wait_ms: 29_980, by: Budget::Requests });
    assert_eq!(limiter.admit(30_000, 0, &rules), Decision::Admitted);
}

/// The contract's limiter in the most obvious way: remember everything, recount every time.
#[derive(Default)]
struct Oracle {
    admitted: Vec<(u64, u32)>,
}

impl Oracle {
    fn admit(&mut self, now: u64, events: u32, rules: &Rules) -> Decision {
        // The current window begins at the first admission that no earlier window covers.
        let mut start = None;
        for &(at, _) in &self.admitted {
            if start.is_none_or(|start| at >= start + rules.window_ms) {
                start = Some(at);
            }
        }
        let start = start.filter(|start| now < start + rules.window_ms).unwrap_or(now);
        let window = self.admitted.iter().filter(|(at, _)| *at >= start);
        let (requests, sum) = window.fold((0, 0), |(n, sum), (_, events)| (n + 1, sum + u64::from(*events)));
        let over = requests >= rules.requests
            || events > 0 && rules.events.is_some_and(|most| sum + u64::from(events) > u64::from(most));
        if over {
            let by = if requests >= rules.requests { Budget::Requests } else { Budget::Events };
            return Decision::Refused { wait_ms: start + rules.window_ms - now, by };
        }
        self.admitted.push((now, events));
        Decision::Admitted
    }
}

fn arrivals() -> impl Strategy<Value = Vec<(u64, u32)>> {
    let step = prop_oneof![4 => 0_u64..5, 3 => 0_u64..5_000, 1 => 55_000_u64..65_000, 1 => 0_u64..200_000];
    let events = prop_oneof![2 => Just(0_u32), 3 => 1_u32..12, 1 => 35_u32..=40];
    prop::collection::vec((step, events), 1..120)
}

proptest! {
    #[test]
    fn the_reference_agrees_with_the_oracle(arrivals in arrivals(), requests in 1_u32..9, start in 0_u64..100_000) {
        let rules = Rules { requests, ..conforming(Kind::Anchored) };
        let (mut limiter, mut oracle, mut now) = (Limiter::default(), Oracle::default(), start);
        for (step, events) in arrivals {
            now += step;
            prop_assert_eq!(limiter.admit(now, events, &rules), oracle.admit(now, events, &rules));
        }
    }

    #[test]
    fn every_conforming_kind_keeps_its_promise(arrivals in arrivals(), kind in 0..Kind::CONFORMING.len()) {
        let rules = conforming(Kind::CONFORMING[kind].1);
        let mut limiter = Limiter::default();
        let mut now = 0;
        for (step, events) in arrivals {
            now += step;
            if let Decision::Refused { wait_ms, .. } = limiter.admit(now, events, &rules) {
                prop_assert!((1..=WINDOW_MS).contains(&wait_ms), "{wait_ms}");
                now += wait_ms.div_ceil(1_000) * 1_000;
                prop_assert_eq!(limiter.admit(now, events, &rules), Decision::Admitted);
            }
        }
    }

    #[test]
    fn every_conforming_kind_grants_all_of_it_after_a_silent_minute(
        arrivals in arrivals(), kind in 0..Kind::CONFORMING.len()
    ) {
        let rules = conforming(Kind::CONFORMING[kind].1);
        let mut limiter = Limiter::default();
        let mut now = 0;
        for (step, events) in arrivals {
            now += step;
            limiter.admit(now, events, &rules);
        }
        now += WINDOW_MS;
        for _ in 0..rules.requests {
            prop_assert_eq!(limiter.admit(now, 8, &rules), Decision::Admitted);
        }
        let refused = matches!(limiter.admit(now, 0, &rules), Decision::Refused { .. });
        prop_assert!(refused);
    }

    #[test]
    fn what_is_said_to_be_used_decides_and_is_freed_when_promised(
        arrivals in arrivals(), kind in 0..Kind::CONFORMING.len()
    ) {
        let rules = conforming(Kind::CONFORMING[kind].1);
        let mut limiter = Limiter::default();
        let mut now = 0;
        for (step, events) in arrivals {
            now += step;
            let before = limiter.usage(now, &rules);
            prop_assert_eq!(before, limiter.usage(now, &rules), "asking counts nothing");
            let fits = before.requests.used < rules.requests
                && (events == 0 || before.events.used + events <= rules.events.unwrap());
            let decision = limiter.admit(now, events, &rules);
            prop_assert_eq!(decision == Decision::Admitted, fits);
            if let Decision::Refused { by, .. } = decision {
                prop_assert_eq!(by == Budget::Requests, before.requests.used >= rules.requests);
            }
            let after = limiter.usage(now, &rules);
            prop_assert_eq!(after.requests.used, before.requests.used + u32::from(fits));
            if let Some(frees_at) = after.requests.frees_at {
                prop_assert!((now + 1..=now + WINDOW_MS).contains(&frees_at));
            }
        }
        let usage = limiter.usage(now, &rules);
        if let Some(frees_at) = usage.requests.frees_at {
            prop_assert_eq!(limiter.usage(frees_at - 1, &rules).requests.used, usage.requests.used);
            prop_assert!(limiter.usage(frees_at, &rules).requests.used < usage.requests.used);
        }
    }

    #[test]
    fn no_minute_holds_more_than_twice_the_limit(arrivals in arrivals(), kind in 0..Kind::CONFORMING.len()) {
        let rules = conforming(Kind::CONFORMING[kind].1);
        let mut limiter = Limiter::default();
        let (mut now, mut admitted) = (0, Vec::new());
        for (step, events) in arrivals {
            now += step;
            if limiter.admit(now, events, &rules) == Decision::Admitted {
                admitted.push(now);
            }
        }
        for &from in &admitted {
            let span = admitted.iter().filter(|at| (from..from + WINDOW_MS).contains(*at)).count();
            prop_assert!(span <= 2 * rules.requests as usize);
        }
    }
}
