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
    /// Part of a quota came back before the minute was over. That is how it looks when a limiter weighs in the minute
    /// before, but only after its clock's minute began.
    CameBack {
        /// When the quota began to be spent.
        began: Moment,
        /// By when some of it was back.
        back: Moment,
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
    /// Something lawful does, as all of them show.
    Explained(String),
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
        Suspicion::CameBack { .. } => explained_by_a_clock(tries).is_none(),
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
    } else if matches!(newest, Suspicion::CameBack { .. }) && is_a_clocks(&came_back(tries)) {
        Amount::Explained(
            "quota came back bit by bit in each try after the clock's minute may have begun, as where the minute before \
             is weighed in"
                .to_owned(),
        )
    } else if tries.len() < MOST_TRIES || came_back_lately(tries) {
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

/// Whether the newest try is one in which part of a quota came back, of which there were not enough yet. What came
/// before may have been a window that was not fresh, for such a limiter needs longer silences.
fn came_back_lately(tries: &[Suspicion]) -> bool {
    matches!(tries.last(), Some(Suspicion::CameBack { .. }))
        && came_back(tries).len() < MOST_TRIES
        && tries.len() < 2 * MOST_TRIES
}

/// The spans in which part of a quota came back.
fn came_back(tries: &[Suspicion]) -> Vec<(Moment, Moment)> {
    let span = |suspicion: &Suspicion| match suspicion {
        Suspicion::CameBack { began, back } => Some((*began, *back)),
        _ => None,
    };
    tries.iter().filter_map(span).collect()
}

/// Whether what came back did so by a clock: each time after another while, or, where that was by chance the same, in
/// every try.
fn is_a_clocks(spans: &[(Moment, Moment)]) -> bool {
    const SAME: Duration = Duration::from_secs(5);
    let whiles = || spans.iter().map(|(began, back)| *back - *began);
    let (least, most) = (whiles().min().unwrap_or_default(), whiles().max().unwrap_or_default());
    spans.len() > 1 && (most - least > SAME || spans.len() >= MOST_TRIES)
}

/// When in the minute a clock's minute may begin for it to lie in every span in which quota came back: from the one
/// instant to the other, which is greater than a minute where the span goes over its end. `None` where no clock's does.
fn explained_by_a_clock(tries: &[Suspicion]) -> Option<(Duration, Duration)> {
    let mut left: Option<(Duration, Duration)> = None;
    for (from, to) in came_back(tries) {
        let start = phase(from.0);
        let span = (start, start + (to - from));
        left = match left {
            None => Some(span),
            // Each try begins where the span that was left ended, so it meets it in one place only.
            Some(left) => [Duration::ZERO, WINDOW].into_iter().find_map(|turn| {
                [Duration::ZERO, WINDOW].into_iter().find_map(|other| {
                    let (from, to) = (left.0 + turn, left.1 + turn);
                    let (begins, ends) = (span.0 + other, span.1 + other);
                    (begins.max(from) <= ends.min(to)).then(|| (begins.max(from), ends.min(to)))
                })
            }),
        };
        left?;
    }
    left.map(|(from, to)| (phase(from), phase(from) + (to - from)))
}

/// Where in a minute an instant lies.
fn phase(instant: Duration) -> Duration {
    Duration::from_nanos(u64::try_from(instant.as_nanos() % WINDOW.as_nanos()).unwrap_or_default())
}

/// How much later than `planned` a span as long as the earlier ones must begin to lie apart from all of them.
pub(crate) fn shift(tries: &[Suspicion], planned: Moment) -> Duration {
    const STEP: Duration = Duration::from_secs(1);
    if let Some((_, end)) = explained_by_a_clock(tries) {
        // Right after the span in which a clock's minute may begin, so that nothing lawful comes back for the longest time.
        return phase(end + STEP + WINDOW - phase(planned.0));
    }
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
        Suspicion::CameBack { began, back } => format!(
            "part of a quota came back {:.1} s after it began to be spent; a clock's minute may have begun meanwhile",
            (*back - *began).as_secs_f64()
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

    fn came_back_at(began: u64, back: u64) -> Suspicion {
        Suspicion::CameBack { began: at(began), back: at(back) }
    }

    #[test]
    fn what_trickles_back_right_after_every_burst_is_no_clocks_minute() {
        assert_eq!(weigh(&[came_back_at(0, 1_200)]), Amount::TryAgain);
        assert_eq!(weigh(&[came_back_at(0, 1_200), came_back_at(182_200, 183_400)]), Amount::Proof);
        // Half a minute after each burst.
        assert_eq!(weigh(&[came_back_at(0, 25_000), came_back_at(206_000, 231_000)]), Amount::Proof);
    }

    #[test]
    fn what_trickles_back_at_one_instant_of_the_minute_is_lawful() {
        // The clock's minute begins at 29 s of ours, and a sixtieth of a minute later there is room.
        let tries = [came_back_at(0, 30_100), came_back_at(211_100, 270_100)];
        assert_eq!(weigh(&tries[..1]), Amount::TryAgain);
        assert!(matches!(weigh(&tries), Amount::Explained(_)));
        // Windows that were not fresh at first leave tries enough.
        let late = [too_few(30, 60, None), too_few(40, 61, None), came_back_at(0, 30_100)];
        assert_eq!(weigh(&late), Amount::TryAgain);
        // After the same while, it may be by the burst; a third try tells.
        let same = [came_back_at(0, 32_000), came_back_at(213_000, 245_000)];
        assert_eq!(weigh(&same), Amount::TryAgain);
        let [one, other] = same;
        assert_eq!(weigh(&[one, other, came_back_at(425_500, 457_500)]), Amount::Proof);
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

        /// A limiter that weighs in the minute before gives quota back soon after its clock's minute began, wherever
        /// in ours that is, and is not accused for it.
        #[test]
        fn no_clocks_minute_is_called_a_bucket(
            begins in 0_u64..60_000, first in 0_u64..60_000, later in prop::collection::vec(60_000_u64..200_000, 2),
            late in prop::collection::vec(0_u64..20_000, 3),
        ) {
            let mut tries: Vec<Suspicion> = Vec::new();
            let mut now = first;
            for (place, late) in late.into_iter().enumerate() {
                let until = (begins + 60_000 - now % 60_000) % 60_000 + late;
                // What is not back within a minute is not seen.
                let back = now + if until >= 59_000 { 59_000 } else { until };
                if until < 59_000 {
                    tries.push(came_back_at(now, back));
                    prop_assert_ne!(weigh(&tries), Amount::Proof);
                }
                let planned = at(back + later.get(place).copied().unwrap_or_default());
                now = u64::try_from((planned + shift(&tries, planned)).0.as_millis()).unwrap_or_default();
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
