//! What a case costs: requests, events and time, worked out from its steps without sending anything.
//!
//! A case is walked through as it would be played at a deployment that answers quickly, keeps its promises and counts in
//! fixed windows. What it leaves behind on its keys is what the next case finds there.

use std::collections::BTreeMap;
use std::time::Duration;

use super::environment::OWN;
use super::request::granted;
use super::walk::{ALONE, Cost, KeyModel, Requests, Walk};
use super::{case, job, steps};
use crate::scenario::model::{Body, Case};

/// What the survey costs, one key after the other.
pub(crate) fn survey(requests: &Requests, keys: &mut [KeyModel]) -> Cost {
    let mut cost = Cost::default();
    for key in keys {
        for (_, def) in granted(requests, &key.scopes) {
            let events = def.body.as_ref().and_then(Body::events).unwrap_or(0);
            key.spend(1, events, cost.until, cost.until + ALONE);
            cost.until += ALONE;
            cost.requests += 1;
            cost.events += u64::from(events);
        }
    }
    cost
}

/// What playing the first `steps` of `case` from `from` on costs with these keys, by the names its steps use for them.
/// Where time `is_virtual`, the clock is moved.
pub(crate) fn estimate(
    case: &Case,
    steps: usize,
    requests: &Requests,
    keys: &mut BTreeMap<String, KeyModel>,
    from: Duration,
    is_virtual: bool,
) -> Cost {
    let mut walk = Walk {
        case,
        requests,
        keys,
        now: from,
        is_virtual,
        last_burst: Duration::ZERO,
        refused: false,
        next: OWN,
        cost: Cost::default(),
    };
    if !is_virtual && !case::needs_no_room(case) {
        walk.make_room();
    }
    for (place, step) in case.steps.iter().take(steps).enumerate() {
        walk.refused = is_refused(case, place);
        walk.next = job::next_to_send(case, place);
        steps::of(&step.value.action).cost(&mut walk);
    }
    walk.cost.until = walk.now;
    walk.cost
}

/// Whether a check expects that the request of this step is refused.
fn is_refused(case: &Case, step: usize) -> bool {
    let mut items = case.readings.iter().flat_map(|reading| &reading.items);
    items.any(|item| {
        let status = item.expect.as_ref().and_then(|expect| expect.status.as_ref());
        item.steps.contains(&step) && status.is_some_and(|status| !status.contains(200))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::contract::Tier;
    use crate::deployment::Role;
    use crate::scenario::{Source, Suite};

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_window_opens_with_the_first_request_and_ends_a_minute_later() {
        let mut key = KeyModel::new(Tier::Standard.limits(), &[]);
        key.spend(59, 0, at(5), at(6));
        assert!(!key.used_up(at(6)) && key.has_room(1, at(6)) && !key.has_room(2, at(6)));
        key.spend(2, 0, at(7), at(7));
        assert!(key.used_up(at(64)));
        assert_eq!(key.ends(at(64)), Some(at(65)));
        assert!(!key.used_up(at(65)) && key.has_room(60, at(65)));
    }

    #[test]
    fn events_use_a_key_up_too() {
        let mut key = KeyModel::new(Tier::Ingestion.limits(), &[]);
        key.spend(100, 1_000, at(0), at(1));
        assert!(key.used_up(at(1)));
        let mut straddled = KeyModel::new(Tier::Ingestion.limits(), &[]);
        straddled.spend(34, 3_000, at(0), at(1));
        assert!(straddled.used_up(at(1)));
    }

    fn suite() -> Suite {
        Suite::load(&Source::Builtin).unwrap()
    }

    /// The first case that a check reads, and how many of its steps that takes.
    fn read_by<'s>(suite: &'s Suite, id: &str) -> (&'s Case, usize) {
        let check = suite.checks.iter().position(|check| check.id == id).unwrap();
        let place = crate::run::job::places(suite, &[check])[0];
        let case = place.of(suite);
        (case, crate::run::case::steps_needed(case, &[check]))
    }

    fn keys_for(case: &Case) -> BTreeMap<String, KeyModel> {
        let model =
            |role: Role| KeyModel::new(role.tier().unwrap_or(Tier::Standard).limits(), &role.scopes());
        crate::run::job::keys_needed(case).into_iter().map(|need| (need.name, model(need.role))).collect()
    }

    #[test]
    fn a_measured_window_costs_the_exhaustion_the_wait_and_the_burst() {
        let suite = suite();
        let (case, steps) = read_by(&suite, "rate.standard");
        let cost =
            |keys: &mut _, from, is_virtual| estimate(case, steps, &suite.requests, keys, from, is_virtual);
        let mut keys = keys_for(case);
        // A key that was not used yet is taken for fresh.
        let fresh = cost(&mut keys, Duration::ZERO, false);
        assert_eq!((fresh.requests, fresh.events, fresh.waits.len()), (160, 0, 0));
        assert!(keys["own"].used_up(fresh.until));
        // The next one finds the key used up, and knows what was promised.
        let next = cost(&mut keys, fresh.until, false);
        assert_eq!((next.requests, next.until.as_secs(), next.waits.len()), (160, 60, 1));
        // A key of which much was spent is used up: a quota and one more, one alone.
        let mut begun = keys_for(case);
        begun.get_mut("own").unwrap().spend(20, 0, at(0), at(1));
        let begun = cost(&mut begun, at(10), false);
        assert_eq!((begun.requests, begun.until.as_secs()), (61 + 1 + 160, 60));
        // On a clock that moves, nothing is sent to know when a window ends.
        let mut moved = keys_for(case);
        moved.get_mut("own").unwrap().spend(20, 0, at(0), at(1));
        let moved = cost(&mut moved, at(10), true);
        assert_eq!((moved.requests, moved.until.as_secs()), (160, 1 + 121));
    }

    #[test]
    fn looking_at_429s_costs_a_quota_once() {
        let suite = suite();
        let check = suite.checks.iter().position(|check| check.id == "limit.body").unwrap();
        let place = crate::run::job::places(&suite, &[check])[0];
        let case = place.of(&suite);
        let mut keys = keys_for(case);
        let first = estimate(case, 1, &suite.requests, &mut keys, Duration::ZERO, false);
        let second = estimate(case, 1, &suite.requests, &mut keys, first.until, false);
        assert_eq!((first.requests, second.requests), (160 + 1, 100 + 1));
        assert!(second.until.as_secs() == 0 && second.waits.is_empty());
    }

    #[test]
    fn events_are_counted_in_batches() {
        let suite = suite();
        let (case, _) = read_by(&suite, "events.window");
        let mut keys = keys_for(case);
        let cost = estimate(case, 2, &suite.requests, &mut keys, Duration::ZERO, false);
        assert_eq!((cost.requests, cost.events), (110, 110_000));
        assert!(keys["own"].used_up(cost.until));
    }

    #[test]
    fn steps_that_nobody_reads_cost_nothing() {
        let suite = suite();
        let (case, steps) = read_by(&suite, "rate.standard");
        let cost = |steps| {
            let cost = estimate(case, steps, &suite.requests, &mut keys_for(case), Duration::ZERO, false);
            (cost.requests, cost.until.as_secs())
        };
        assert!(steps < case.steps.len());
        assert!(cost(steps).0 < cost(usize::MAX).0 && cost(steps).1 < 1 && cost(usize::MAX).1 >= 60);
        assert_eq!(cost(case.steps.len()), cost(usize::MAX));
    }

    proptest! {
        /// However requests are spread, no window of the model holds more than the quota.
        #[test]
        fn no_window_holds_more_than_the_quota(sends in proptest::collection::vec((0_u64..90, 1_u32..80), 1..20)) {
            let mut key = KeyModel::new(Tier::Standard.limits(), &[]);
            let (mut now, mut admitted, mut opened) = (0, 0, None);
            for (later, requests) in sends {
                now += later;
                if opened.is_none_or(|opened| now >= opened + 60) {
                    (opened, admitted) = (Some(now), 0);
                }
                let left = key.left(at(now)).0;
                prop_assert_eq!(left, 60 - admitted);
                key.spend(requests, 0, at(now), at(now));
                admitted += requests.min(left);
                prop_assert_eq!(key.used_up(at(now)), admitted == 60);
            }
        }

        /// From whatever moment on, in whatever order, with whatever was left behind: time goes forwards, waits lie
        /// inside the case and do not overlap.
        #[test]
        fn cases_can_follow_each_other_in_any_order(
            chosen in proptest::collection::vec(any::<proptest::sample::Index>(), 1..12),
            gap in 0_u64..90,
            is_virtual: bool,
        ) {
            let suite = suite();
            let cases: Vec<&Case> = suite.experiments.iter().flat_map(|one| &one.cases).collect();
            let mut keys: BTreeMap<String, KeyModel> = BTreeMap::new();
            let mut now = Duration::ZERO;
            for index in chosen {
                let case = index.get(&cases);
                let mut own = keys_for(case);
                for (name, key) in &mut own {
                    if let Some(before) = keys.get(name).filter(|before| before.limits == key.limits) {
                        *key = before.clone();
                    }
                }
                let cost = estimate(case, usize::MAX, &suite.requests, &mut own, now, is_virtual);
                keys.extend(own);
                prop_assert!(cost.until >= now);
                let mut at = now;
                for (from, until) in &cost.waits {
                    prop_assert!(*from >= at && until > from && *until <= cost.until);
                    at = *until;
                }
                now = cost.until + Duration::from_secs(gap);
            }
        }
    }
}
