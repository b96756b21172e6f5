//! When each request is due, as a pure value: no clock, no thread.
//!
//! Request `i` of a constant rate of `N` a minute is due at `i * 60 s / N`, in integer nanoseconds: 1,000 a
//! minute are 60 ms apart exactly, 7 a minute never drift. A rate that rises or falls is a straight line
//! between two rates, and the `i`th request is due when the line's integral reaches `i`.
//!
//! Lanes of equal rate would all fire at the same moments. So each may be shifted by a part of its interval, never by
//! so much that a request leaves its segment: every window holds the same requests with and without it.

use std::time::Duration;

const MINUTE_NS: u128 = 60_000_000_000;

/// The highest rate a segment may have, in requests a minute. Beyond it the arithmetic of long ramps would
/// leave 128 bits, and no key has so much.
pub const HIGHEST_RATE: u32 = 3_000_000;
/// The longest a segment may be.
pub const LONGEST_SEGMENT: Duration = Duration::from_secs(3_600);

/// A stretch of the schedule: a rate, or a straight line from one rate to another, and silence after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Requests a minute at its beginning.
    pub from: u32,
    /// Requests a minute at its end.
    pub to: u32,
    /// How long requests are sent.
    pub send: Duration,
    /// How long nothing is sent after that.
    pub rest: Duration,
}

impl Segment {
    /// Its length, the silence included.
    pub const fn length(&self) -> Duration {
        self.send.saturating_add(self.rest)
    }

    /// How many requests are due in it: those that the line's integral reaches before its end.
    fn requests(&self) -> u64 {
        let area = (u128::from(self.from) + u128::from(self.to)) * self.send.as_nanos();
        u64::try_from(area.div_ceil(2 * MINUTE_NS)).unwrap_or(u64::MAX)
    }

    /// When its request `i` is due, counted from its beginning.
    fn due(&self, i: u64) -> Duration {
        if i == 0 {
            return Duration::ZERO;
        }
        if self.from == self.to
            && let Some(minutes) = i.checked_mul(MINUTE_NS as u64)
        {
            return Duration::from_nanos(minutes / u64::from(self.from.max(1))).min(self.send);
        }
        // f t + (g - f) t² / 2T = i M, solved for t in the form that needs no division by g - f.
        let (from, to) = (i128::from(self.from), i128::from(self.to));
        let (send, minute, i) = (self.send.as_nanos() as i128, MINUTE_NS as i128, i128::from(i));
        let slope = from * send;
        let root = (slope * slope + 2 * (to - from) * minute * send * i).max(0).isqrt();
        let nanos = 2 * minute * send * i / (slope + root).max(1);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)).min(self.send)
    }
}

/// Which part of an interval a lane is shifted by: `Phase(u32::MAX / 2)` is half of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Phase(pub u32);

impl Phase {
    /// The phase of the lane at this place among all lanes of a run: multiples of the golden ratio, so that any
    /// number of neighbours lie about evenly in the interval. The first lane is not shifted.
    pub const fn of(place: u32) -> Self {
        Self(place.wrapping_mul(2_654_435_769))
    }

    /// This part of a time; always less than the time itself, unless that is 0.
    fn part(self, time: Duration) -> Duration {
        let nanos = (time.as_nanos() * u128::from(self.0)) >> u32::BITS;
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// The schedule of one lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pacer {
    segments: Vec<Placed>,
    total: u64,
    length: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Placed {
    first_due: Duration,
    first: u64,
    segment: Segment,
}

impl Pacer {
    /// The schedule that goes through these segments, after so much silence, with every request of a segment later by a part
    /// of what there is room for: at a constant rate that fits its segment, a part of the interval.
    pub fn new(start: Duration, phase: Phase, segments: impl IntoIterator<Item = Segment>) -> Self {
        let (mut length, mut total) = (start, 0);
        let segments = segments
            .into_iter()
            .map(|segment| {
                let requests = segment.requests();
                let room =
                    requests.checked_sub(1).map_or(Duration::ZERO, |last| segment.send - segment.due(last));
                let placed = Placed { first_due: length + phase.part(room), first: total, segment };
                length += segment.length();
                total += requests;
                placed
            })
            .collect();
        Self { segments, total, length }
    }

    /// How many requests it has.
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// From the start to the end of the last segment.
    pub const fn length(&self) -> Duration {
        self.length
    }

    /// When request `i`, counted from 0, is due; `None` when there is no such request.
    pub fn due(&self, i: u64) -> Option<Duration> {
        if i >= self.total {
            return None;
        }
        let at = self.segments.partition_point(|placed| placed.first <= i).checked_sub(1)?;
        let placed = self.segments.get(at)?;
        Some(placed.first_due + placed.segment.due(i - placed.first))
    }

    /// The number of requests due before `time`: what is planned until then.
    pub fn planned_before(&self, time: Duration) -> u64 {
        let (mut low, mut high) = (0, self.total);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.due(middle) {
                Some(due) if due < time => low = middle + 1,
                _ => high = middle,
            }
        }
        low
    }

    /// The highest rate it has, in requests a minute.
    pub fn highest_rate(&self) -> u32 {
        self.segments
            .iter()
            .map(|placed| placed.segment.from.max(placed.segment.to))
            .max()
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn constant(rate: u32, send: Duration, rest: Duration, windows: usize) -> Pacer {
        Pacer::new(
            Duration::ZERO,
            Phase::default(),
            vec![Segment { from: rate, to: rate, send, rest }; windows],
        )
    }

    const WINDOW: Duration = Duration::from_secs(60);

    #[test]
    fn a_constant_rate_is_a_grid() {
        let rows = [
            (60, 1, 1_000_000_000),
            (300, 7, 1_400_000_000),
            (1_000, 999, 59_940_000_000),
            (1_000, 1_000, 60_000_000_000),
            (7, 1, 8_571_428_571),
            (7, 13, 111_428_571_428),
            (120_000, 3, 1_500_000),
        ];
        for (rate, i, due) in rows {
            let pacer = constant(rate, WINDOW, Duration::ZERO, 3);
            assert_eq!(pacer.due(i), Some(Duration::from_nanos(due)), "request {i} at {rate} a minute");
        }
    }

    #[test]
    fn a_rest_moves_the_next_window_and_nothing_else() {
        let pacer = constant(1_000, WINDOW, Duration::from_millis(50), 2);
        assert_eq!(pacer.due(999), Some(Duration::from_millis(59_940)));
        assert_eq!(pacer.due(1_000), Some(Duration::from_millis(60_050)));
        assert_eq!((pacer.total(), pacer.due(2_000)), (2_000, None));
    }

    #[test]
    fn a_ramp_goes_through_its_integral() {
        // From 0 to 120 a minute in 60 s: 60 requests, request i after sqrt(i / 60) minutes.
        let pacer = Pacer::new(
            Duration::from_secs(5),
            Phase::default(),
            [Segment { from: 0, to: 120, send: WINDOW, rest: Duration::ZERO }],
        );
        assert_eq!(pacer.total(), 60);
        assert_eq!(pacer.due(0), Some(Duration::from_secs(5)));
        assert_eq!(pacer.due(15), Some(Duration::from_secs(35)));
        // And down again: as many, the last ones far apart.
        let down = Segment { from: 120, to: 0, send: WINDOW, rest: Duration::ZERO };
        assert_eq!((down.requests(), down.due(45)), (60, Duration::from_secs(30)));
    }

    #[test]
    fn lanes_of_one_rate_lie_evenly_in_the_interval() {
        let segment = Segment { from: 60, to: 60, send: WINDOW, rest: Duration::ZERO };
        let second = Duration::from_secs(1);
        for lanes in [1_u32, 2, 7, 100, 1_000] {
            let first = |place| Pacer::new(Duration::ZERO, Phase::of(place), [segment; 3]).due(0).unwrap();
            let mut starts: Vec<Duration> = (500..500 + lanes).map(first).collect();
            starts.sort();
            let around = starts.last().map(|last| starts[0] + second - *last);
            let gaps = starts.windows(2).map(|pair| pair[1] - pair[0]).chain(around);
            // By the three-gap theorem the widest is the sum of the others; evenly they would be a second / lanes.
            assert!(gaps.max().unwrap() <= second * 27 / 10 / lanes, "{lanes}");
        }
        assert_eq!(Phase::of(0), Phase::default());
    }

    #[test]
    fn a_phase_is_the_same_part_of_the_interval_in_every_window() {
        let segment = Segment { from: 60, to: 60, send: WINDOW, rest: Duration::from_millis(50) };
        let pacer = Pacer::new(Duration::ZERO, Phase(1 << 30), [segment; 2]);
        assert_eq!(pacer.due(0), Some(Duration::from_millis(250)));
        assert_eq!(pacer.due(60), Some(Duration::from_millis(60_300)));
    }

    #[test]
    fn the_longest_steepest_ramp_stays_in_range() {
        let segment = Segment { from: 0, to: HIGHEST_RATE, send: LONGEST_SEGMENT, rest: Duration::ZERO };
        let last = segment.requests() - 1;
        assert!(segment.due(last) < LONGEST_SEGMENT && segment.due(last) > Duration::from_secs(3_599));
    }

    fn segments() -> impl Strategy<Value = Vec<Segment>> {
        let segment = (0_u32..10_000, 0_u32..10_000, 1_u64..120_000, 0_u64..2_000).prop_map(
            |(from, to, send, rest)| Segment {
                from,
                to,
                send: Duration::from_millis(send),
                rest: Duration::from_millis(rest),
            },
        );
        prop::collection::vec(segment, 1..6)
    }

    proptest! {
        #[test]
        fn requests_come_in_order_and_before_the_end(segments in segments(), phase: u32) {
            let pacer = Pacer::new(Duration::ZERO, Phase(phase), segments);
            let step = (pacer.total() / 200).max(1);
            let mut last = Duration::ZERO;
            for i in (0..pacer.total()).step_by(usize::try_from(step).unwrap()) {
                let due = pacer.due(i).unwrap();
                prop_assert!(due >= last && due < pacer.length(), "{i}: {due:?} after {last:?}");
                last = due;
            }
        }

        #[test]
        fn a_phase_moves_no_request_out_of_its_segment(segments in segments(), phase: u32) {
            let (still, moved) = (
                Pacer::new(Duration::ZERO, Phase::default(), segments.clone()),
                Pacer::new(Duration::ZERO, Phase(phase), segments.clone()),
            );
            prop_assert_eq!(still.total(), moved.total());
            let mut end = Duration::ZERO;
            for segment in segments {
                end += segment.send;
                prop_assert_eq!(still.planned_before(end), moved.planned_before(end));
                end += segment.rest;
                prop_assert_eq!(still.planned_before(end), moved.planned_before(end));
            }
        }

        #[test]
        fn every_window_of_a_constant_rate_has_exactly_its_number(rate in 1_u32..200_000, windows in 1_usize..5) {
            let pacer = constant(rate, WINDOW, Duration::ZERO, windows);
            for window in 1..=windows as u64 {
                let planned = pacer.planned_before(WINDOW * u32::try_from(window).unwrap());
                prop_assert_eq!(planned, u64::from(rate) * window);
            }
        }

        #[test]
        fn no_request_is_early_on_its_grid(rate in 1_u32..200_000, i in 0_u64..200_000) {
            let pacer = constant(rate, WINDOW, Duration::ZERO, 4);
            if let Some(due) = pacer.due(i) {
                let exact = u128::from(i) * MINUTE_NS;
                let scaled = due.as_nanos() * u128::from(rate);
                prop_assert!(scaled <= exact && exact - scaled < u128::from(rate));
            }
        }
    }
}
