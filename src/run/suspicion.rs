//! When a wrong count proves a wrong limiter, and when something lawful could explain it.
//!
//! A burst that admits too many may have crossed a reset; one that admits too few may have met a window that was
//! not fresh, a limiter that slides, or somebody else with the same key. So a wrong count is at first a suspicion.
//! It becomes a proof when no lawful limiter explains all suspicions of the case together.

use std::time::Duration;

use super::clock::Moment;
use super::ledger::WINDOW;

/// A wrong count, with what is needed to tell whether something lawful explains it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Suspicion {
    /// More were admitted than the quota holds.
    TooMany {
        /// How many.
        admitted: u32,
        /// The key's limit.
        limit: u32,
        /// From when on the quota was being spent.
        from: Moment,
        /// When the last answer was complete.
        to: Moment,
    },
    /// Fewer were admitted than the quota holds.
    TooFew {
        /// How many.
        admitted: u32,
        /// How many there should have been.
        expected: u32,
        /// How long the key had been silent before.
        silence: Duration,
        /// Whether a later look, well inside the same window, found that quota trickles back.
        trickles: Option<bool>,
        /// Whether nobody else can have the key, as in a workspace of a mock.
        private: bool,
    },
    /// A request within the quota was answered 429.
    Limited {
        /// How long the key had been silent before.
        silence: Duration,
    },
    /// Some requests got no answer, or one that a crowded connection explains.
    Noise(String),
    /// The target needed so long that the window may have ended meanwhile.
    TooSlow(Duration),
}

/// What the suspicions of a case amount to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Amount {
    /// No lawful limiter explains them.
    Proof,
    /// Something lawful may: try again.
    TryAgain,
    /// Something lawful may, and there have been tries enough.
    Undecided(String),
}

/// How many tries a case has.
pub(crate) const MOST_TRIES: usize = 3;

/// A silence after which even a limiter that weighs in the window before has all of its quota again.
pub(crate) const LONG_SILENCE: Duration = Duration::from_secs(121);

/// Weighs the suspicions of the tries so far, the newest last.
pub(crate) fn weigh(tries: &[Suspicion]) -> Amount {
    let Some(newest) = tries.last() else { return Amount::TryAgain };
    let earlier = &tries[..tries.len() - 1];
    let proven = match newest {
        Suspicion::TooMany { admitted, limit, from, to } => {
            // At most one reset fits into less than a window, and nobody lawful admits more than two quotas then.
            (*to - *from < WINDOW && *admitted > limit.saturating_mul(2))
                || earlier.iter().any(|other| match other {
                    Suspicion::TooMany { from: earlier_from, to: earlier_to, .. } => {
                        apart((*earlier_from, *earlier_to), (*from, *to))
                    }
                    _ => false,
                })
        }
        Suspicion::TooFew { admitted, expected, silence, trickles, private } => {
            // Somebody else's requests would make it another number each time.
            let as_before = earlier.iter().any(|other| {
                matches!(other, Suspicion::TooFew { admitted: before, expected: wanted, .. }
                    if *private || wanted - before == expected - admitted)
            });
            let forgotten = *silence >= LONG_SILENCE || (*silence >= WINDOW && *trickles == Some(false));
            as_before && forgotten
        }
        Suspicion::Limited { silence } => *silence >= LONG_SILENCE,
        Suspicion::Noise(_) | Suspicion::TooSlow(_) => false,
    };
    if proven {
        Amount::Proof
    } else if tries.len() < MOST_TRIES {
        Amount::TryAgain
    } else {
        Amount::Undecided(explain(newest))
    }
}

/// Whether one clock that resets once a minute cannot have reset in both spans: they do not meet modulo a minute.
fn apart(one: (Moment, Moment), other: (Moment, Moment)) -> bool {
    let window = WINDOW.as_nanos();
    let length = |span: (Moment, Moment)| (span.1 - span.0).as_nanos();
    let (first, second) = (one.0.0.as_nanos() % window, other.0.0.as_nanos() % window);
    // Going round the minute from each start, the other one's start must lie beyond the first one's end.
    let gap = |from: u128, to: u128| (to + window - from) % window;
    gap(first, second) > length(one) && gap(second, first) > length(other)
}

/// How much later than `planned` a span as long as the earlier ones must begin to lie apart from all of them.
pub(crate) fn shift(tries: &[Suspicion], planned: Moment) -> Duration {
    const STEP: Duration = Duration::from_secs(1);
    let spans: Vec<(Moment, Moment)> = tries
        .iter()
        .filter_map(|suspicion| match suspicion {
            Suspicion::TooMany { from, to, .. } => Some((*from, *to)),
            _ => None,
        })
        .collect();
    let longest = spans.iter().map(|span| span.1 - span.0).max().unwrap_or_default();
    // Room for a burst that takes a little longer than the last one.
    let room = longest + longest / 2 + STEP;
    (0..60)
        .map(|steps| STEP * steps)
        .find(|shift| {
            let from = planned + *shift;
            spans.iter().all(|span| apart(*span, (from, from + room)))
        })
        .unwrap_or_default()
}

fn explain(suspicion: &Suspicion) -> String {
    match suspicion {
        Suspicion::TooMany { admitted, limit, from, to } => format!(
            "{admitted} were admitted where {limit} were due, but each burst took so long ({:.1} s) that a reset \
             of the window may lie inside it",
            (*to - *from).as_secs_f64()
        ),
        Suspicion::TooFew { admitted, expected, .. } => format!(
            "{admitted} of {expected} were admitted, and another number each time: is somebody else using this key?"
        ),
        Suspicion::Limited { .. } => {
            "the key was over its limit when it should not have been: is somebody else using it?".to_owned()
        }
        Suspicion::Noise(what) => what.clone(),
        Suspicion::TooSlow(took) => too_slow(*took),
    }
}

/// Why nothing follows from a burst that took so long.
pub(crate) fn too_slow(took: Duration) -> String {
    let seconds = took.as_secs_f64();
    format!("the target needed {seconds:.0} s for the burst, so the window may have ended meanwhile")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(milliseconds: u64) -> Moment {
        Moment(Duration::from_millis(milliseconds))
    }

    fn too_many(from: u64, to: u64) -> Suspicion {
        Suspicion::TooMany { admitted: 61, limit: 60, from: at(from), to: at(to) }
    }

    fn too_few(admitted: u32, silence: u64, trickles: Option<bool>) -> Suspicion {
        Suspicion::TooFew {
            admitted,
            expected: 60,
            silence: Duration::from_secs(silence),
            trickles,
            private: false,
        }
    }

    #[test]
    fn one_burst_too_many_may_have_crossed_a_reset() {
        assert_eq!(weigh(&[too_many(0, 500)]), Amount::TryAgain);
        assert_eq!(weigh(&[too_many(0, 500), too_many(60_100, 60_600)]), Amount::TryAgain);
        assert_eq!(weigh(&[too_many(0, 500), too_many(62_000, 62_500)]), Amount::Proof);
    }

    #[test]
    fn three_quotas_are_too_many_at_once() {
        let flood = Suspicion::TooMany { admitted: 160, limit: 60, from: at(0), to: at(900) };
        assert_eq!(weigh(&[flood]), Amount::Proof);
    }

    #[test]
    fn too_few_needs_the_same_twice_and_a_limiter_that_has_forgotten() {
        assert_eq!(weigh(&[too_few(59, 200, None)]), Amount::TryAgain);
        assert_eq!(weigh(&[too_few(59, 60, None), too_few(59, 61, None)]), Amount::TryAgain);
        assert_eq!(weigh(&[too_few(59, 60, None), too_few(59, 61, Some(true))]), Amount::TryAgain);
        assert_eq!(weigh(&[too_few(59, 60, None), too_few(59, 61, Some(false))]), Amount::Proof);
        assert_eq!(weigh(&[too_few(59, 121, None), too_few(59, 138, None)]), Amount::Proof);
        let varying = [too_few(51, 60, None), too_few(47, 61, Some(false)), too_few(55, 121, None)];
        assert!(matches!(weigh(&varying), Amount::Undecided(_)));
        let ours = varying.map(|suspicion| match suspicion {
            Suspicion::TooFew { admitted, expected, silence, trickles, .. } => {
                Suspicion::TooFew { admitted, expected, silence, trickles, private: true }
            }
            other => other,
        });
        assert_eq!(weigh(&ours), Amount::Proof);
    }

    proptest! {
        /// A limiter that resets on a clock of its own, once a minute, can explain any one crossing, and never two
        /// bursts that we call apart.
        #[test]
        fn spans_called_apart_share_no_reset(
            one in 0_u64..200_000, one_long in 0_u64..59_000,
            other in 0_u64..200_000, other_long in 0_u64..59_000,
            phase in 0_u64..60_000,
        ) {
            let resets_in = |from: u64, to: u64| {
                (from..=to).next().is_some() && {
                    let first = from + (phase + 60_000 - from % 60_000) % 60_000;
                    first <= to
                }
            };
            let (one_end, other_end) = (one + one_long, other + other_long);
            if apart((at(one), at(one_end)), (at(other), at(other_end))) {
                prop_assert!(!(resets_in(one, one_end) && resets_in(other, other_end)));
            }
        }

        #[test]
        fn the_shift_brings_a_burst_apart(from in 0_u64..100_000, long in 0_u64..20_000, planned in 0_u64..300_000) {
            let tries = [too_many(from, from + long)];
            let begins = at(planned) + shift(&tries, at(planned));
            prop_assert!(apart((at(from), at(from + long)), (begins, begins + Duration::from_millis(long))));
        }
    }
}
