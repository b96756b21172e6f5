//! Everything that was admitted in the run, by key, and how much of it came together.

use std::collections::BTreeMap;
use std::time::Duration;

use parking_lot::Mutex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::instant::Instant;
use super::limiters::{Span, WINDOW};
use crate::contract::Tier;

/// A span that no two ends of a minute fit into, not even those of a limiter that counts by the second.
const LESS_THAN_A_MINUTE: Duration = Duration::from_secs(59);

/// A key in an environment: where it was used, and what it is called.
type Owner = (String, String);

/// The admissions of every key.
#[derive(Debug, Default)]
pub(crate) struct Admissions {
    by_key: Mutex<BTreeMap<Owner, OfKey>>,
}

#[derive(Debug, Default)]
struct OfKey {
    limit: u32,
    tier: Option<Tier>,
    admitted: Vec<Span>,
}

/// The most that was certainly admitted to a key within less than a minute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Most {
    /// What the key is called.
    pub(crate) variable: String,
    /// How many.
    pub(crate) admitted: u32,
    /// The key's limit.
    pub(crate) limit: u32,
    /// The key's tier, where that is known.
    pub(crate) tier: Option<Tier>,
    /// When the first of them left.
    pub(crate) from: Instant,
}

impl Admissions {
    /// Remembers that a request was admitted.
    pub(crate) fn note(&self, environment: &str, variable: &str, tier: Option<Tier>, limit: u32, seen: Span) {
        let mut all = self.by_key.lock();
        let of_key = all.entry((environment.to_owned(), variable.to_owned())).or_default();
        (of_key.limit, of_key.tier) = (limit, tier);
        of_key.admitted.push(seen);
    }

    /// The fewest requests, of those that are any, that a minute of some clock may have let in which ended less than a
    /// minute before `now`. `None` where there was none.
    pub(crate) fn fewest_in_a_minute_before(
        &self,
        environment: &str,
        variable: &str,
        now: Instant,
    ) -> Option<u32> {
        let mut sent: Vec<Instant> =
            self.earlier(environment, variable, now).iter().map(|seen| seen.0).collect();
        sent.sort_unstable();
        let number = |end: Instant| {
            let begun = sent.partition_point(|sent| *sent + WINDOW < end);
            sent.partition_point(|sent| *sent < end).saturating_sub(begun)
        };
        // A minute that ends, or began, in the middle of a burst is too unlikely to meet twice.
        const STEP: Duration = Duration::from_millis(500);
        let before = |end: Instant, earlier: Duration| Instant(end.0.saturating_sub(earlier));
        let fewest = (0..120)
            .map(|steps| before(now, STEP * steps))
            .filter(|end| number(*end) == number(before(*end, STEP / 2)))
            .map(number)
            .filter(|number| *number > 0)
            .min()?;
        Some(u32::try_from(fewest).unwrap_or(u32::MAX))
    }

    /// How many requests that left before a window's quota `began` to be spent may still have been counted `at` an instant, by a
    /// limiter that remembers each for a minute.
    pub(crate) fn remembered(&self, environment: &str, variable: &str, began: Instant, at: Instant) -> u32 {
        let earlier = self.earlier(environment, variable, began);
        u32::try_from(earlier.iter().filter(|seen| seen.1 + WINDOW > at).count()).unwrap_or(u32::MAX)
    }

    /// Whether a key once had all of its `limit` within a minute, before a window's quota `began` to be spent.
    pub(crate) fn had_all(&self, environment: &str, variable: &str, limit: u32, began: Instant) -> bool {
        let earlier = self.earlier(environment, variable, began);
        together(&earlier, LESS_THAN_A_MINUTE).is_some_and(|(most, _)| most >= limit)
    }

    /// What was admitted to a key that left before this instant.
    fn earlier(&self, environment: &str, variable: &str, than: Instant) -> Vec<Span> {
        let owner = (environment.to_owned(), variable.to_owned());
        let all = self.by_key.lock();
        let admitted = all.get(&owner).map_or(&[][..], |of_key| &of_key.admitted);
        admitted.iter().filter(|seen| seen.0 < than).copied().collect()
    }

    /// For every key the most that was admitted together, the greatest share of a limit first.
    pub(crate) fn most(&self) -> Vec<Most> {
        let mut most: Vec<Most> = self
            .by_key
            .lock()
            .iter()
            .filter_map(|((_, variable), of_key)| {
                let (admitted, from) = together(&of_key.admitted, LESS_THAN_A_MINUTE)?;
                Some(Most {
                    variable: variable.clone(),
                    admitted,
                    limit: of_key.limit,
                    tier: of_key.tier,
                    from,
                })
            })
            .collect();
        let share = |most: &Most| f64::from(most.admitted) / f64::from(most.limit.max(1));
        most.sort_by(|one, other| share(other).total_cmp(&share(one)));
        most
    }
}

/// The most requests that left and were answered within `span`, and when the first of these left.
fn together(admitted: &[Span], span: Duration) -> Option<(u32, Instant)> {
    let mut sent: Vec<Instant> = admitted.iter().map(|seen| seen.0).collect();
    let mut done: Vec<Instant> = admitted.iter().map(|seen| seen.1).collect();
    sent.sort_unstable();
    done.sort_unstable();
    sent.iter()
        .enumerate()
        .map(|(earlier, from)| {
            // Whatever left before `from` is taken off, also where it was answered too late to have been counted.
            let answered = done.partition_point(|done| *done < *from + span);
            (u32::try_from(answered.saturating_sub(earlier)).unwrap_or(u32::MAX), *from)
        })
        .max_by(|one, other| one.0.cmp(&other.0).then(other.1.cmp(&one.1)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(ms: u64) -> Instant {
        Instant(Duration::from_millis(ms))
    }

    fn beyond_two_quotas(admissions: &Admissions) -> usize {
        admissions.most().iter().filter(|most| most.admitted > 2 * most.limit).count()
    }

    #[test]
    fn two_quotas_are_conforming_and_three_are_not() {
        let admissions = Admissions::default();
        let burst = |from: u64| {
            for number in 0..60 {
                admissions.note("here", "K", None, 60, (at(from + number), at(from + number + 5)));
            }
            beyond_two_quotas(&admissions)
        };
        assert_eq!((burst(0), burst(58_000), burst(120_000)), (0, 0, 0));
        assert_eq!(burst(121_000), 0);
        assert_eq!(burst(150_000), 1);
        assert_eq!(admissions.most()[0].admitted, 180);
        // Sixty each left from 120, 121 and 150 s on.
        let fewest = |now| admissions.fewest_in_a_minute_before("here", "K", at(now));
        assert_eq!((fewest(179_900), fewest(209_000), fewest(300_000)), (Some(60), Some(60), None));
        // The last sixty left from 150 s on, one each millisecond, and were answered 5 ms later.
        let remembered = |began, left| admissions.remembered("here", "K", at(began), at(left));
        assert_eq!((remembered(200_000, 209_900), remembered(200_000, 210_024)), (60, 40));
        assert_eq!((remembered(200_000, 210_064), remembered(150_000, 150_000)), (0, 120));
        let had_all = |limit, began| admissions.had_all("here", "K", limit, at(began));
        assert_eq!((had_all(60, 50_000), had_all(61, 50_000), had_all(60, 30)), (true, false, false));
    }

    #[test]
    fn keys_and_stages_are_apart() {
        let admissions = Admissions::default();
        for (environment, variable) in [("one", "A"), ("two", "A"), ("one", "B")] {
            for _ in 0..2 {
                admissions.note(environment, variable, None, 1, (at(0), at(1)));
            }
        }
        assert_eq!(admissions.most().len(), 3);
        assert_eq!(beyond_two_quotas(&admissions), 0);
    }

    proptest! {
        /// However long the answers took, no more is claimed than certainly lay within the span.
        #[test]
        fn no_more_is_claimed_than_is_certain(
            seen in prop::collection::vec((0_u64..1_000, 0_u64..300), 0..40), span in 1_u64..500,
        ) {
            let admitted: Vec<Span> = seen.iter().map(|(from, took)| (at(*from), at(from + took))).collect();
            let span = Duration::from_millis(span);
            let certain = |from: Instant| {
                admitted.iter().filter(|seen| seen.0 >= from && seen.1 < from + span).count() as u32
            };
            let most = admitted.iter().map(|seen| certain(seen.0)).max().unwrap_or(0);
            let claimed = together(&admitted, span).map_or(0, |most| most.0);
            prop_assert!(claimed <= most);
            // Answers that come in order leave no doubt.
            let in_order = admitted.iter().all(|one| admitted.iter().all(|other| (one.0 < other.0) <= (one.1 <= other.1)));
            prop_assert!(!in_order || claimed == most || admitted.iter().any(|one| one.1 - one.0 >= span));
        }
    }
}
