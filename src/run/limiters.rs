//! The limiters that keep the page's promise, and what they can explain: fixed windows from the first use or by the
//! clock, logs, and counters that weigh in the minute before.
//!
//! A burst that admits too many may have crossed a reset; one that admits too few may have met a window that was not
//! fresh, a limiter that slides, or somebody else with the same key. So a wrong count is at first a suspicion. It
//! becomes a proof when no conforming limiter explains all suspicions of the case together.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::instant::Instant;
use crate::contract::WINDOW_SECONDS;

/// The documented window.
pub(crate) const WINDOW: Duration = Duration::from_secs(WINDOW_SECONDS);

/// A silence after which even a limiter that weighs in the window before has all of its quota again.
pub(crate) const LONG_SILENCE: Duration = Duration::from_secs(121);

/// A silence after which every other one has.
pub(crate) const SHORT_SILENCE: Duration = Duration::from_secs(61);

/// Why nothing follows where a promise was to be had.
pub(crate) const NO_PROMISE: &str = "no 429 promised anything at that time";

/// Why nothing can be seen of a key that is used up.
pub(crate) const NOT_HELD: &str = "quota comes back so fast that the key cannot be held used up";

/// Why nothing follows where requests got no answer, in the same words for every check: it has one cause.
pub(crate) fn no_answer(fault: impl std::fmt::Display) -> String {
    format!("some requests got no answer, so nothing exact is known: {fault}")
}

/// How long a counter that weighs in the minute before needs for one more request, at the smallest of the limits.
pub(crate) const SOON: Duration = Duration::from_secs(2);

/// From a request leaving to its answer being complete.
pub(crate) type Span = (Instant, Instant);

/// A wrong count, with what is needed to tell whether something conforming explains it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Suspicion {
    /// More were admitted than the quota holds.
    TooMany {
        /// How many.
        admitted: u32,
        /// The key's limit.
        limit: u32,
        /// When the quota began to be spent, and when the last answer was complete.
        span: Span,
    },
    /// Part of a quota came back before the minute was over, within this span. That is how it looks when a limiter weighs
    /// in the minute before, but only after its clock's minute began.
    CameBack {
        /// From when on it may have come back, and when it had.
        span: Span,
        /// Whether nothing before this quota was weighed in. Else it may have come back at any time.
        rested: bool,
        /// Whose quota it was: the minutes of each key may begin with its first request.
        key: String,
    },
    /// Fewer were admitted than the quota holds.
    TooFew {
        /// How many were missing.
        missing: u32,
        /// How many of these may have been used before, by requests that are perhaps counted elsewhere.
        spent: u32,
        /// How long the key had been silent before.
        silence: Duration,
        /// Whether the window was one that a promise was waited for, and kept.
        promised: bool,
        /// Whether it is the next window after one that the case used up.
        next: bool,
        /// Whether a later look, well inside the same window, found that quota trickles back.
        trickles: Option<bool>,
        /// Whether nobody else can have the key, as in a workspace of a mock.
        private: bool,
        /// Whether there was none of it at all.
        none: bool,
    },
    /// A request within the quota was refused after so long a silence.
    Limited(Duration),
    /// A key that was used up was let in where a promise was to be had: within this span its window may have ended.
    Unpromised(Span),
    /// Some requests got no answer, or one that a crowded connection explains.
    Noise(String),
    /// The requests came so that nothing follows from their answers.
    Unclear(String),
    /// The target needed so long that the window may have ended meanwhile.
    TooSlow(Duration),
}

/// What the suspicions of a case amount to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Assessment {
    /// No conforming limiter explains them.
    Proof,
    /// A conforming one may; another play would tell.
    Doubt,
    /// A conforming one does.
    Explained(String),
}

/// Weighs a suspicion with those of the same check before it and beside it.
pub(crate) fn weigh(newest: &Suspicion, others: &[Suspicion]) -> Assessment {
    let proven = match newest {
        Suspicion::TooMany { admitted, limit, span } => {
            // At most one reset fits into less than a window, and nobody conforming admits more than two quotas then.
            (span.1 - span.0 < WINDOW && *admitted > limit.saturating_mul(2))
                || others.iter().any(
                    |other| matches!(other, Suspicion::TooMany { span: before, .. } if apart(*before, *span)),
                )
        }
        Suspicion::CameBack { span, rested, key } => {
            let with = |mut spans: Vec<Span>| {
                spans.push(*span);
                (spans.len() > 1, explained_by_a_clock(&spans).is_some())
            };
            // What was weighed in from before may give something back at any time: it can agree, and nothing else.
            let (all, rested_alone) = (with(came_back(others, None)), with(came_back(others, Some(key))));
            return match (all, *rested, rested_alone) {
                ((true, true), ..) | (_, true, (true, true)) => Assessment::Explained(
                    "quota came back bit by bit after the clock's minute may have begun, as where the minute before is \
                     weighed in"
                        .to_owned(),
                ),
                (_, true, (_, false)) => Assessment::Proof,
                _ => Assessment::Doubt,
            };
        }
        Suspicion::TooFew { next: true, trickles: Some(true), .. } => {
            return Assessment::Explained(
                "right after a promise less than a quota was there, and the rest came back bit by bit, as where the \
                 limiter slides"
                    .to_owned(),
            );
        }
        Suspicion::TooFew { missing, spent, silence, promised, next: _, trickles, private, none } => {
            // Somebody else's requests would make it another number each time.
            let as_before = others.iter().any(|other| {
                matches!(other, Suspicion::TooFew { missing: before, spent: used, none: before_none, .. }
                    if *private || *none && *before_none || before.abs_diff(*missing) <= *used.max(spent))
            });
            let rested = *silence >= WINDOW || *promised;
            as_before && (*silence >= LONG_SILENCE || (rested && *trickles == Some(false)))
        }
        Suspicion::Limited(silence) => *silence >= LONG_SILENCE,
        Suspicion::Unpromised(_) | Suspicion::Noise(_) | Suspicion::Unclear(_) | Suspicion::TooSlow(_) => {
            false
        }
    };
    if proven { Assessment::Proof } else { Assessment::Doubt }
}

/// Why nothing follows from a suspicion that another play did not prove.
pub(crate) fn explain(suspicion: &Suspicion) -> String {
    match suspicion {
        Suspicion::TooMany { admitted, limit, span } => format!(
            "{admitted} were admitted where {limit} were due, but a reset of the window may lie within the {:.1} s that \
             each try took",
            (span.1 - span.0).as_secs_f64()
        ),
        Suspicion::CameBack { span, .. } => format!(
            "part of a quota began to come back within {:.1} s of its being spent; a clock's minute may have begun then",
            (span.1 - span.0).as_secs_f64()
        ),
        Suspicion::TooFew { missing, .. } => {
            format!("{missing} of the quota were missing: is somebody else using this key?")
        }
        Suspicion::Limited(_) => {
            "the key was over its limit when it should not have been: is somebody else using it?".to_owned()
        }
        Suspicion::Unpromised(_) => NO_PROMISE.to_owned(),
        Suspicion::Noise(what) | Suspicion::Unclear(what) => what.clone(),
        Suspicion::TooSlow(took) => too_slow(*took),
    }
}

/// Why nothing follows from a burst that took so long.
pub(crate) fn too_slow(took: Duration) -> String {
    let seconds = took.as_secs_f64();
    format!("the target needed {seconds:.0} s for the burst, so the window may have ended meanwhile")
}

/// The spans in which part of a quota came back; only those of one key that was rested, where that alone counts.
fn came_back(suspicions: &[Suspicion], of: Option<&str>) -> Vec<Span> {
    let span = |suspicion: &Suspicion| match suspicion {
        Suspicion::CameBack { span, rested, key } if of.is_none_or(|of| *rested && key == of) => Some(*span),
        _ => None,
    };
    suspicions.iter().filter_map(span).collect()
}

/// Whether one clock that resets once a minute cannot have reset in both spans: they do not meet modulo a minute.
fn apart(one: Span, other: Span) -> bool {
    let window = WINDOW.as_nanos();
    let length = |span: Span| (span.1 - span.0).as_nanos();
    let (first, second) = (one.0.0.as_nanos() % window, other.0.0.as_nanos() % window);
    // Going round the minute from each start, the other one's start must lie beyond the first one's end.
    let gap = |from: u128, to: u128| (to + window - from) % window;
    gap(first, second) > length(one) && gap(second, first) > length(other)
}

/// When in the minute a clock's minute may begin for it to lie in every span in which quota came back: from the one
/// instant to the other, which is greater than a minute where the span goes over its end. The longest such time where
/// there are several, and `None` where no clock's minute does.
fn explained_by_a_clock(spans: &[Span]) -> Option<(Duration, Duration)> {
    let around = |&(from, to): &Span| {
        let start = phase(from.0);
        (start, start + (to - from))
    };
    let (first, others) = spans.split_first()?;
    let mut left = vec![around(first)];
    for other in others {
        let other = around(other);
        left = left.into_iter().flat_map(|one| meet(one, other)).collect();
    }
    let (from, to) = left.into_iter().max_by_key(|(from, to)| *to - *from)?;
    Some((phase(from), phase(from) + (to - from)))
}

/// Where two spans meet around the minute: in two places where each begins within the other.
fn meet(
    one: (Duration, Duration),
    other: (Duration, Duration),
) -> impl Iterator<Item = (Duration, Duration)> {
    let turns = [(Duration::ZERO, Duration::ZERO), (WINDOW, Duration::ZERO), (Duration::ZERO, WINDOW)];
    turns.into_iter().filter_map(move |(turn, other_turn)| {
        let from = (one.0 + turn).max(other.0 + other_turn);
        let to = (one.1 + turn).min(other.1 + other_turn);
        (from <= to).then(|| (phase(from), phase(from) + (to - from)))
    })
}

/// Where in a minute an instant lies.
fn phase(instant: Duration) -> Duration {
    Duration::from_nanos(u64::try_from(instant.as_nanos() % WINDOW.as_nanos()).unwrap_or_default())
}

/// Whether no more was admitted beyond a quota than comes back while it is spent, where quota comes back all the time.
pub(crate) fn is_no_more_than_a_refill(suspicion: &Suspicion) -> bool {
    let Suspicion::TooMany { admitted, limit, span } = suspicion else { return false };
    admitted > limit && f64::from(admitted - limit) <= comes_back(*limit, span.1 - span.0).max(1.0)
}

/// How much of a quota of `limit` a minute comes back within a time, where quota comes back all the time.
pub(crate) fn comes_back(limit: u32, within: Duration) -> f64 {
    f64::from(limit) * within.as_secs_f64() / WINDOW.as_secs_f64()
}

/// Whether what came back within a minute is a part of what was spent `before`: neither the whole of the limit, nor as much as
/// before, which is another window of a smaller quota.
pub(crate) fn is_part(whole: u32, before: u32, limit: u32) -> bool {
    whole < limit && whole.abs_diff(before) > before / 10
}

/// Whether part of a quota came back to several keys so soon that no clocks explain it: one clock would have begun its minute
/// for all of them at the same instant, and a clock for each key hardly begins it just then for so many.
pub(crate) fn comes_back_to_all(seen: &[(&str, Span)]) -> bool {
    const KEYS: usize = 3;
    const VERY_SOON: Duration = Duration::from_secs(6);
    let soon: BTreeMap<&str, Span> =
        seen.iter().copied().filter(|(_, span)| span.1 - span.0 <= VERY_SOON).collect();
    let spans: Vec<Span> = soon.values().copied().collect();
    let keys: BTreeSet<&str> = seen.iter().map(|(key, _)| *key).collect();
    spans.len() >= KEYS && spans.len() == keys.len() && explained_by_a_clock(&spans).is_none()
}

/// The key with which another play tells more than with any other.
pub(crate) fn wanted_key(suspicions: &[Suspicion]) -> Option<&str> {
    suspicions.iter().rev().find_map(|suspicion| match suspicion {
        Suspicion::CameBack { rested: true, key, .. } => Some(key.as_str()),
        _ => None,
    })
}

/// How exactly shifts are sought.
const STEP: Duration = Duration::from_secs(1);

/// Bursts hardly ever take longer than this.
const AMPLE: Duration = Duration::from_secs(10);

/// How much later than `planned` another play must begin for its windows to lie apart from all that made these suspicions.
pub(crate) fn shift(suspicions: &[Suspicion], planned: Instant) -> Duration {
    let back = wanted_key(suspicions).map_or_else(Vec::new, |key| came_back(suspicions, Some(key)));
    if !back.is_empty()
        && let Some((_, end)) = explained_by_a_clock(&back)
    {
        // Right after the span in which a clock's minute may begin, so that nothing conforming comes back for the longest time.
        return phase(end + SOON + STEP + WINDOW - phase(planned.0));
    }
    apart_from(suspicions, planned)
}

/// How much later than `planned` a burst must begin to lie apart from those in which a window may have ended.
pub(crate) fn apart_from(suspicions: &[Suspicion], planned: Instant) -> Duration {
    let spans: Vec<Span> = suspicions
        .iter()
        .filter_map(|suspicion| match suspicion {
            Suspicion::TooMany { span, .. } | Suspicion::Unpromised(span) => Some(*span),
            _ => None,
        })
        .collect();
    let longest = spans.iter().map(|span| span.1 - span.0).max().unwrap_or_default();
    // Room for a burst that takes a little longer than the last one; better for one that takes much longer, as with a key of
    // another tier.
    let least = longest + longest / 2 + STEP;
    let is_apart = |shift: &Duration, room: Duration| {
        let from = planned + *shift;
        spans.iter().all(|span| apart(*span, (from, from + room)))
    };
    let with_room = |room: Duration| (0..60).map(|steps| STEP * steps).find(|shift| is_apart(shift, room));
    with_room(least.max(AMPLE)).or_else(|| with_room(least)).unwrap_or_default()
}

/// A limiter may count by the second, and then it remembers a request a little longer than a minute.
const GRAIN: Duration = Duration::from_secs(1);

/// Whether some conforming limiter may have refused the request seen in `refused` when `others` had been sent, whether or
/// not these were admitted.
pub(crate) fn may_refuse(others: &[Span], refused: Span, limit: u32) -> bool {
    let earlier: Vec<Span> = others.iter().copied().filter(|other| other.0 <= refused.1).collect();
    let limit = limit as usize;
    // A fixed window, wherever it begins, and a log: nothing older than a window counts.
    let in_a_window = earlier.iter().filter(|other| other.1 + WINDOW + GRAIN >= refused.0).count();
    in_a_window >= limit || may_refuse_by_weight(&earlier, refused, limit)
}

/// Whether an estimate from two of the clock's minutes may be over the limit: all of the one that is open, and of the
/// one before it the share that the last minute still overlaps.
fn may_refuse_by_weight(earlier: &[Span], refused: Span, limit: usize) -> bool {
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

    fn at(milliseconds: u64) -> Instant {
        Instant(Duration::from_millis(milliseconds))
    }

    /// Weighs the last of these with those before it.
    fn weighed_together(all: &[Suspicion]) -> Assessment {
        let (newest, others) = all.split_last().unwrap();
        weigh(newest, others)
    }

    fn too_many(from: u64, to: u64) -> Suspicion {
        Suspicion::TooMany { admitted: 61, limit: 60, span: (at(from), at(to)) }
    }

    fn too_few(missing: u32, silence: u64, trickles: Option<bool>) -> Suspicion {
        let silence = Duration::from_secs(silence);
        Suspicion::TooFew {
            missing,
            spent: 0,
            silence,
            promised: false,
            next: false,
            trickles,
            private: false,
            none: false,
        }
    }

    fn came_back_at(began: u64, back: u64) -> Suspicion {
        Suspicion::CameBack { span: (at(began), at(back)), rested: true, key: "A".to_owned() }
    }

    #[test]
    fn one_burst_too_many_may_have_crossed_a_reset() {
        assert_eq!(weighed_together(&[too_many(0, 500)]), Assessment::Doubt);
        assert_eq!(weighed_together(&[too_many(0, 500), too_many(60_100, 60_600)]), Assessment::Doubt);
        assert_eq!(weighed_together(&[too_many(0, 500), too_many(62_000, 62_500)]), Assessment::Proof);
    }

    #[test]
    fn what_comes_back_all_the_time_admits_little_more_while_a_quota_is_spent() {
        let beyond = |beyond: u32, milliseconds: u64| Suspicion::TooMany {
            admitted: 300 + beyond,
            limit: 300,
            span: (at(0), at(milliseconds)),
        };
        assert!(is_no_more_than_a_refill(&beyond(1, 10)) && is_no_more_than_a_refill(&beyond(5, 1_000)));
        assert!(!is_no_more_than_a_refill(&beyond(2, 10)) && !is_no_more_than_a_refill(&beyond(6, 1_000)));
        assert!(!is_no_more_than_a_refill(&too_few(1, 0, None)));
    }

    #[test]
    fn each_key_may_have_minutes_of_its_own() {
        let back = |key: &str, began: u64| Suspicion::CameBack {
            span: (at(began), at(began + 2_000)),
            rested: true,
            key: key.to_owned(),
        };
        assert_eq!(weighed_together(&[back("A", 0), back("B", 150_000)]), Assessment::Doubt);
        assert_eq!(weighed_together(&[back("A", 0), back("B", 150_000), back("B", 330_000)]), {
            weighed_together(&[back("B", 150_000), back("B", 330_000)])
        });
        assert_eq!(weighed_together(&[back("B", 150_000), back("B", 300_000)]), Assessment::Proof);
        assert_eq!(wanted_key(&[back("A", 0), back("B", 150_000)]), Some("B"));
    }

    #[test]
    fn what_comes_back_soon_to_every_key_is_no_clock() {
        let back = |key: &'static str, began: u64| (key, (at(began), at(began + 4_000)));
        assert!(comes_back_to_all(&[back("A", 0), back("B", 20_000), back("C", 40_000)]));
        // One clock's minute began for all of them.
        assert!(!comes_back_to_all(&[back("A", 0), back("B", 1_000), back("C", 60_500)]));
        assert!(!comes_back_to_all(&[back("A", 0), back("B", 20_000)]));
        // To one of them nothing came back for half a minute.
        let late = ("D", (at(0), at(30_000)));
        assert!(!comes_back_to_all(&[back("A", 0), back("B", 20_000), back("C", 40_000), late]));
    }

    #[test]
    fn what_comes_back_in_part_tells_a_limiter_that_slides_from_a_smaller_quota() {
        for (whole, before) in [(28, 60), (37, 3), (50, 60), (3, 60), (1, 0)] {
            assert!(is_part(whole, before, 60), "{whole} after {before}");
        }
        for (whole, before) in [(60, 60), (60, 3), (61, 60), (30, 30), (30, 33), (57, 60)] {
            assert!(!is_part(whole, before, 60), "{whole} after {before}");
        }
    }

    #[test]
    fn another_play_leaves_room_for_a_burst_that_takes_much_longer() {
        let before = too_many(121_210, 121_750);
        let begins = at(298_500) + shift(std::slice::from_ref(&before), at(298_500));
        assert!(apart((at(121_210), at(121_750)), (begins, begins + Duration::from_secs(3))), "{begins}");
        // Where so much room is nowhere, it is enough for one like the last.
        let all: Vec<Suspicion> = (0..8).map(|nth| too_many(nth * 7_500, nth * 7_500 + 500)).collect();
        let begins = at(120_000) + shift(&all, at(120_000));
        for nth in 0..8 {
            let span = (at(nth * 7_500), at(nth * 7_500 + 500));
            assert!(apart(span, (begins, begins + Duration::from_millis(700))), "{begins}");
        }
    }

    #[test]
    fn three_quotas_are_too_many_at_once() {
        let flood = |to| Suspicion::TooMany { admitted: 160, limit: 60, span: (at(0), at(to)) };
        assert_eq!(weighed_together(&[flood(900)]), Assessment::Proof);
        // Two resets fit into a minute and more.
        assert_eq!(weighed_together(&[flood(60_000)]), Assessment::Doubt);
    }

    #[test]
    fn what_trickles_back_right_after_every_burst_is_no_clocks_minute() {
        assert_eq!(weighed_together(&[came_back_at(0, 1_200)]), Assessment::Doubt);
        let soon = [came_back_at(0, 1_200), came_back_at(182_200, 183_400)];
        assert_eq!(weighed_together(&soon), Assessment::Proof);
        // Not quite half a minute after each burst.
        let later = [came_back_at(0, 25_000), came_back_at(206_000, 231_000)];
        assert_eq!(weighed_together(&later), Assessment::Proof);
    }

    #[test]
    fn what_trickles_back_at_one_instant_of_the_minute_is_conforming() {
        // The clock's minute begins at 29 s of ours, and a sixtieth of a minute later there is room.
        let tries = [came_back_at(0, 30_100), came_back_at(211_100, 270_100)];
        assert_eq!(weighed_together(&tries[..1]), Assessment::Doubt);
        assert!(matches!(weighed_together(&tries), Assessment::Explained(_)));
        // Windows that were not fresh say nothing of it.
        let late = [too_few(30, 60, None), too_few(20, 61, None), came_back_at(0, 30_100)];
        assert_eq!(weighed_together(&late), Assessment::Doubt);
        // After more than half a minute it may be by the clock or by the burst, and the clock is given the benefit.
        let same = [came_back_at(0, 32_000), came_back_at(213_000, 245_000)];
        assert!(matches!(weighed_together(&same), Assessment::Explained(_)));
        let [one, other] = same;
        assert_eq!(weighed_together(&[one, other, came_back_at(425_500, 457_500)]), Assessment::Proof);
    }

    #[test]
    fn two_spans_may_meet_in_two_places_around_the_minute() {
        // The clock's minute begins at 45.6 s of ours. The first two tries meet at 58 s, too, but only for an instant.
        let tries = [came_back_at(58_001, 117_000), came_back_at(180_000, 238_001)];
        let wider = (Duration::ZERO, Duration::from_secs(57));
        assert_eq!(explained_by_a_clock(&came_back(&tries, None)), Some(wider));
        let [one, other] = tries;
        let third = came_back_at(361_001, 405_623);
        assert!(matches!(weighed_together(&[one, other, third]), Assessment::Explained(_)));
    }

    #[test]
    fn too_few_needs_the_same_twice_and_a_limiter_that_has_forgotten() {
        let of = |all: &[Suspicion]| weighed_together(all);
        assert_eq!(of(&[too_few(1, 200, None)]), Assessment::Doubt);
        assert_eq!(of(&[too_few(1, 60, None), too_few(1, 61, None)]), Assessment::Doubt);
        assert_eq!(of(&[too_few(1, 60, None), too_few(1, 61, Some(true))]), Assessment::Doubt);
        assert_eq!(of(&[too_few(1, 60, None), too_few(1, 59, Some(false))]), Assessment::Doubt);
        assert_eq!(of(&[too_few(1, 60, None), too_few(1, 61, Some(false))]), Assessment::Proof);
        assert_eq!(of(&[too_few(1, 121, None), too_few(1, 138, None)]), Assessment::Proof);
        // What was used before may have been counted elsewhere.
        let beside = |spent| Suspicion::TooFew {
            missing: 97,
            spent,
            silence: Duration::from_secs(121),
            promised: false,
            next: false,
            trickles: None,
            private: false,
            none: false,
        };
        assert_eq!(of(&[beside(3), too_few(100, 121, None)]), Assessment::Proof);
        assert_eq!(of(&[beside(2), too_few(100, 121, None)]), Assessment::Doubt);
        let varying = [too_few(9, 60, None), too_few(13, 61, Some(false)), too_few(5, 121, None)];
        assert_eq!(of(&varying), Assessment::Doubt);
        assert!(explain(&varying[2]).contains("somebody else"));
        // Nothing at all is the same of every key.
        let nothing = |missing| match too_few(missing, 61, Some(false)) {
            Suspicion::TooFew { missing, spent, silence, promised, next, trickles, private, .. } => {
                Suspicion::TooFew { missing, spent, silence, promised, next, trickles, private, none: true }
            }
            other => other,
        };
        assert_eq!(of(&[nothing(60), nothing(300)]), Assessment::Proof);
        assert_eq!(of(&[too_few(60, 61, None), nothing(300)]), Assessment::Doubt);
        // Where nobody else can have used the key, another number each time is no excuse.
        let ours = varying.map(|suspicion| match suspicion {
            Suspicion::TooFew { missing, spent, silence, promised, trickles, .. } => Suspicion::TooFew {
                missing,
                spent,
                silence,
                promised,
                next: false,
                trickles,
                private: true,
                none: false,
            },
            other => other,
        });
        assert_eq!(of(&ours), Assessment::Proof);
    }

    #[test]
    fn a_kept_promise_is_as_good_as_a_silent_minute() {
        let promised = |trickles| Suspicion::TooFew {
            spent: 0,
            missing: 1,
            silence: Duration::from_secs(2),
            promised: true,
            next: false,
            trickles,
            private: false,
            none: false,
        };
        assert_eq!(weighed_together(&[promised(Some(false)), promised(Some(true))]), Assessment::Doubt);
        assert_eq!(weighed_together(&[promised(None), promised(Some(false))]), Assessment::Proof);
    }

    #[test]
    fn what_is_not_there_yet_when_a_sliding_limiter_promised_comes_back_bit_by_bit() {
        let short = |next, trickles| Suspicion::TooFew {
            spent: 0,
            missing: 7,
            silence: Duration::from_secs(1),
            promised: true,
            next,
            trickles,
            private: true,
            none: false,
        };
        let alone = |suspicion: Suspicion| weigh(&suspicion, &[]);
        assert!(matches!(alone(short(true, Some(true))), Assessment::Explained(_)));
        // A window that was waited for to measure it is measured again after a long silence.
        assert_eq!(alone(short(false, Some(true))), Assessment::Doubt);
        assert_eq!(alone(short(true, Some(false))), Assessment::Doubt);
    }

    #[test]
    fn a_refusal_is_none_of_ours_only_while_something_may_be_remembered() {
        let limited = |seconds| Suspicion::Limited(Duration::from_secs(seconds));
        assert_eq!(weighed_together(&[limited(120)]), Assessment::Doubt);
        assert_eq!(weighed_together(&[limited(121)]), Assessment::Proof);
        for nothing in [Suspicion::Noise("lost".to_owned()), Suspicion::TooSlow(Duration::from_secs(70))] {
            assert_eq!(weigh(&nothing, &[nothing.clone(), nothing.clone()]), Assessment::Doubt);
        }
    }

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

    fn seen(sent: &[u64], late: &[u64]) -> Vec<Span> {
        sent.iter().zip(late).map(|(sent, late)| (at(*sent), at(sent + late))).collect()
    }

    /// A paced request leaves when it is due; `late` is how long after that it is counted.
    fn paced(limit: u32, percent: u64, minutes: u64) -> Vec<u64> {
        let count = u64::from(limit) * percent * minutes / 100;
        (0..count).map(|place| place * MINUTE * minutes / count).collect()
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
            let resets_in = |from: u64, to: u64| from + (phase + MINUTE - from % MINUTE) % MINUTE <= to;
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
                    prop_assert_ne!(weighed_together(&tries), Assessment::Proof);
                }
                let planned = at(back + later.get(place).copied().unwrap_or_default());
                now = u64::try_from((planned + shift(&tries, planned)).0.as_millis()).unwrap_or_default();
            }
        }

        /// A first play whose key had been used before may see quota come back whenever it likes; two rested ones decide.
        #[test]
        fn what_was_weighed_in_from_before_convicts_nobody(
            begins in 0_u64..60_000, first in 0_u64..60_000, trickled in 1_000_u64..59_000,
            later in prop::collection::vec(121_000_u64..200_000, 2), late in 0_u64..2_000,
        ) {
            let span = (at(first), at(first + trickled));
            let came_back = |span, rested| Suspicion::CameBack { span, rested, key: "A".to_owned() };
            let mut tries = vec![came_back(span, false)];
            let mut now = first + trickled;
            for later in later {
                let planned = at(now + later);
                let burst = u64::try_from((planned + shift(&tries, planned)).0.as_millis()).unwrap();
                let back = burst + (begins + 60_000 - burst % 60_000) % 60_000 + late;
                tries.push(came_back((at(back.saturating_sub(4_000)), at(back)), true));
                prop_assert_ne!(weighed_together(&tries), Assessment::Proof);
                now = back;
            }
            let settled = weighed_together(&tries);
            prop_assert!(matches!(settled, Assessment::Explained(_)), "{:?}", settled);
        }

        /// What refills bit by bit from the burst on, in less than 28 s, is found by the second play at the
        /// latest, however much later that was planned.
        #[test]
        fn a_bucket_is_called_one_by_the_second_play(
            first in 0_u64..60_000, refills in 100_u64..28_000, later in 60_000_u64..200_000,
        ) {
            let before = came_back_at(first, first + refills);
            let planned = at(first + later);
            let begins = planned + shift(std::slice::from_ref(&before), planned);
            let span = (begins, begins + Duration::from_millis(refills));
            let again = Suspicion::CameBack { span, rested: true, key: "A".to_owned() };
            prop_assert_eq!(weigh(&again, &[before]), Assessment::Proof);
        }

        #[test]
        fn the_shift_brings_a_burst_apart(from in 0_u64..100_000, long in 0_u64..20_000, planned in 0_u64..300_000) {
            let span = (at(from), at(from + long));
            for doubtful in [too_many(from, from + long), Suspicion::Unpromised(span)] {
                let begins = at(planned) + shift(&[doubtful], at(planned));
                prop_assert!(apart(span, (begins, begins + Duration::from_millis(long))));
            }
        }

        /// No refusal of a conforming limiter is ever called nonconforming, however the requests came and however long each took.
        #[test]
        fn what_a_conforming_limiter_refuses_is_explained(
            mut sent in prop::collection::vec(0_u64..150_000, 8..60),
            late in prop::collection::vec((0_u64..1_500, 0_u64..1_500), 60),
            limit in 3_u32..20, phase in 0_u64..MINUTE,
        ) {
            sent.sort_unstable();
            // Requests are counted in the order in which they get there, not in that in which they left.
            let mut on_their_way: Vec<(u64, Span)> = sent.iter().zip(&late).map(|(sent, (there, back))| {
                (sent + there, (at(*sent), at(sent + there + back)))
            }).collect();
            on_their_way.sort_by_key(|one| one.0);
            let counted: Vec<u64> = on_their_way.iter().map(|one| one.0).collect();
            for place in refusals(&counted, limit as usize, phase).into_iter().flatten() {
                let others: Vec<Span> = on_their_way[..place].iter().map(|one| one.1).collect();
                prop_assert!(may_refuse(&others, on_their_way[place].1, limit));
            }
        }

        /// The pace of `rate.paced` is one that no conforming limiter refuses, at any limit of the page, with answers that
        /// take up to 400 ms.
        #[test]
        fn nobody_conforming_refuses_the_pace(
            limit in prop::sample::select(vec![60_u32, 300]),
            late in prop::collection::vec(0_u64..400, 600), phase in 0_u64..MINUTE,
        ) {
            let sent = paced(limit, 95, 2);
            let mut counted: Vec<u64> = sent.iter().zip(&late).map(|(sent, late)| sent + late).collect();
            counted.sort_unstable();
            prop_assert_eq!(refusals(&counted, limit as usize, phase), [None; 4]);
        }

        /// A window that every request prolongs refuses within that pace, and nothing conforming explains it.
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
