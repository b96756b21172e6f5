//! Whether a lawful limiter may have refused a request, given everything else that was sent with its key.
//!
//! We know when a request left and when its answer was complete, and nothing of when the limiter looked at it. So
//! every request counts wherever it may have been counted.

use std::time::Duration;

use super::clock::Moment;
use super::ledger::WINDOW;

/// A limiter may count by the second, and then it remembers a request a little longer than a minute.
const GRAIN: Duration = Duration::from_secs(1);

/// From a request leaving to its answer being complete.
pub(crate) type Seen = (Moment, Moment);

/// Whether some lawful limiter may have refused the request seen in `refused` when `others` had been sent, whether or
/// not these were admitted.
pub(crate) fn may_refuse(others: &[Seen], refused: Seen, limit: u32) -> bool {
    let earlier: Vec<Seen> = others.iter().copied().filter(|other| other.0 <= refused.1).collect();
    let limit = limit as usize;
    // A fixed window, wherever it begins, and a log: nothing older than a window counts.
    let in_a_window = earlier.iter().filter(|other| other.1 + WINDOW + GRAIN >= refused.0).count();
    in_a_window >= limit || may_refuse_by_weight(&earlier, refused, limit)
}

/// Whether an estimate from two of the clock's minutes may be over the limit: all of the one that is open, and of the
/// one before it the share that the last minute still overlaps.
fn may_refuse_by_weight(earlier: &[Seen], refused: Seen, limit: usize) -> bool {
    let window = WINDOW.as_secs_f64();
    // Between these instants nothing changes but the share, which is the greater the later the minute began.
    let moments = earlier.iter().flat_map(|seen| [seen.0, seen.1, seen.0 + WINDOW, seen.1 + WINDOW]);
    // A minute that was over by then is not the open one.
    let beginnings =
        moments.chain([refused.1]).filter(|began| *began <= refused.1 && *began + WINDOW > refused.0);
    beginnings.into_iter().any(|began| {
        // One that was under way just then weighs most in the minute that is open.
        let open = earlier.iter().filter(|seen| seen.1 >= began).count();
        let before = earlier.iter().filter(|seen| seen.1 < began && seen.1 + WINDOW >= began).count();
        let overlap = 1.0 - ((refused.0 - began).as_secs_f64() / window).min(1.0);
        // One for the request itself.
        open as f64 + before as f64 * overlap + 1.0 > limit as f64
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: u64 = 60_000;

    /// Limiters as simple as can be, in milliseconds, over the instants at which requests were counted.
    fn anchored(counted: &[u64], limit: usize) -> Option<usize> {
        let (mut began, mut used) = (None, 0);
        counted.iter().position(|at| {
            if began.is_none_or(|began| *at >= began + MINUTE) {
                (began, used) = (Some(*at), 0);
            }
            used += 1;
            used > limit
        })
    }

    fn aligned(counted: &[u64], limit: usize, phase: u64) -> Option<usize> {
        let minute = |at: u64| (at + phase) / MINUTE;
        (0..counted.len()).find(|place| {
            counted[..*place].iter().filter(|at| minute(**at) == minute(counted[*place])).count() >= limit
        })
    }

    fn log(counted: &[u64], limit: usize) -> Option<usize> {
        (0..counted.len()).find(|place| {
            counted[..*place].iter().filter(|at| **at + MINUTE > counted[*place]).count() >= limit
        })
    }

    fn weighed(counted: &[u64], limit: usize, phase: u64) -> Option<usize> {
        let minute = |at: u64| (at + phase) / MINUTE;
        (0..counted.len()).find(|place| {
            let now = counted[*place];
            let of =
                |wanted: u64| counted[..*place].iter().filter(|at| minute(**at) == wanted).count() as f64;
            let open = of(minute(now));
            let before = if minute(now) == 0 { 0.0 } else { of(minute(now) - 1) };
            let share = 1.0 - ((now + phase) % MINUTE) as f64 / MINUTE as f64;
            open + before * share + 1.0 > limit as f64
        })
    }

    /// A window that ends a minute after the last request.
    fn idle_expiry(counted: &[u64], limit: usize) -> Option<usize> {
        let (mut ends, mut used) = (0, 0);
        counted.iter().position(|at| {
            if *at >= ends {
                used = 0;
            }
            used += 1;
            ends = at + MINUTE;
            used > limit
        })
    }

    fn refusals(counted: &[u64], limit: usize, phase: u64) -> [Option<usize>; 4] {
        [
            anchored(counted, limit),
            aligned(counted, limit, phase),
            log(counted, limit),
            weighed(counted, limit, phase),
        ]
    }

    fn seen(sent: &[u64], late: &[u64]) -> Vec<Seen> {
        let at = |ms: u64| Moment(Duration::from_millis(ms));
        sent.iter().zip(late).map(|(sent, late)| (at(*sent), at(sent + late))).collect()
    }

    /// A paced request leaves when it is due; `late` is how long after that it is counted.
    fn paced(limit: u32, percent: u64, minutes: u64) -> Vec<u64> {
        let count = u64::from(limit) * percent * minutes / 100;
        (0..count).map(|place| place * MINUTE * minutes / count).collect()
    }

    proptest! {
        /// No refusal of a lawful limiter is ever called unlawful, however the requests came and however long each took.
        #[test]
        fn what_a_lawful_limiter_refuses_is_explained(
            mut sent in prop::collection::vec(0_u64..150_000, 8..60),
            late in prop::collection::vec((0_u64..1_500, 0_u64..1_500), 60),
            limit in 3_u32..20, phase in 0_u64..MINUTE,
        ) {
            sent.sort_unstable();
            // Requests are counted in the order in which they get there, not in that in which they left.
            let mut on_their_way: Vec<(u64, Seen)> = sent.iter().zip(&late).map(|(sent, (there, back))| {
                let at = |ms: u64| Moment(Duration::from_millis(ms));
                (sent + there, (at(*sent), at(sent + there + back)))
            }).collect();
            on_their_way.sort_by_key(|one| one.0);
            let counted: Vec<u64> = on_their_way.iter().map(|one| one.0).collect();
            for place in refusals(&counted, limit as usize, phase).into_iter().flatten() {
                let others: Vec<Seen> =
                    on_their_way[..place].iter().map(|one| one.1).collect();
                prop_assert!(may_refuse(&others, on_their_way[place].1, limit));
            }
        }

        /// The pace of `rate.paced` is one that no lawful limiter refuses, at any limit of the page, with answers that
        /// take up to 400 ms.
        #[test]
        fn nobody_lawful_refuses_the_pace(
            limit in prop::sample::select(vec![60_u32, 300]),
            late in prop::collection::vec(0_u64..400, 600), phase in 0_u64..MINUTE,
        ) {
            let sent = paced(limit, 95, 2);
            let mut counted: Vec<u64> = sent.iter().zip(&late).map(|(sent, late)| sent + late).collect();
            counted.sort_unstable();
            prop_assert_eq!(refusals(&counted, limit as usize, phase), [None; 4]);
        }

        /// A window that every request prolongs refuses within that pace, and nothing lawful explains it.
        #[test]
        fn a_window_that_is_prolonged_is_found(late in prop::collection::vec(0_u64..300, 120)) {
            let sent = paced(60, 95, 2);
            let mut counted: Vec<u64> = sent.iter().zip(&late).map(|(sent, late)| sent + late).collect();
            counted.sort_unstable();
            let place = idle_expiry(&counted, 60).unwrap();
            let seen = seen(&sent, &late);
            prop_assert!(!may_refuse(&seen[..place], seen[place], 60));
        }
    }
}
