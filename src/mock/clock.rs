//! A workspace's clock: it can be set forward, stopped, and made to run faster or slower. It never goes back.

use std::time::{SystemTime, UNIX_EPOCH};

/// One second a second, in thousandths.
const REAL_TIME: u32 = 1_000;

/// The end of time, far enough from the end of the numbers that sums with it stay numbers.
const END: u64 = u64::MAX / 4;

/// The time 0 of an engine that starts now, in milliseconds since 1970.
pub(super) fn epoch_ms() -> i64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX)
}

/// A clock over the server's time; all times are in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Clock {
    /// The server's time of the last change, and the clock's time then.
    changed: u64,
    shown: u64,
    /// Thousandths of a second that pass in a second of the server.
    speed: u32,
    frozen: bool,
}

impl Default for Clock {
    fn default() -> Self {
        Self { changed: 0, shown: 0, speed: REAL_TIME, frozen: false }
    }
}

impl Clock {
    /// The slowest and the fastest speed, in thousandths.
    pub(crate) const SPEEDS: std::ops::RangeInclusive<u32> = 1..=1_000_000;

    pub(crate) fn time(&self, now: u64) -> u64 {
        if self.frozen {
            return self.shown;
        }
        let passed = now.saturating_sub(self.changed);
        if self.speed == REAL_TIME {
            return self.shown.saturating_add(passed).min(END);
        }
        let passed = u128::from(passed);
        let shown = u128::from(self.shown) + passed * u128::from(self.speed) / u128::from(REAL_TIME);
        u64::try_from(shown).unwrap_or(END).min(END)
    }

    /// Sets it forward; it stops at the end of time instead of starting over.
    pub(crate) fn advance(&mut self, now: u64, ms: u64) {
        self.change(now);
        self.shown = self.shown.saturating_add(ms).min(END);
    }

    /// Stops it, or lets it go on.
    pub(crate) fn freeze(&mut self, now: u64, frozen: bool) {
        self.change(now);
        self.frozen = frozen;
    }

    /// Sets its speed in thousandths, within [`Clock::SPEEDS`].
    pub(crate) fn set_speed(&mut self, now: u64, speed: u32) {
        self.change(now);
        self.speed = speed.clamp(*Self::SPEEDS.start(), *Self::SPEEDS.end());
    }

    /// Its speed in thousandths, also while it is frozen.
    pub(crate) fn speed(&self) -> u32 {
        self.speed
    }

    pub(crate) fn is_frozen(&self) -> bool {
        self.frozen
    }

    /// From here on the past is a single number.
    fn change(&mut self, now: u64) {
        self.shown = self.time(now);
        self.changed = self.changed.max(now);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Turn {
        Wait(u64),
        Advance(u64),
        Freeze(bool),
        Speed(u32),
    }

    fn turns() -> impl Strategy<Value = Vec<Turn>> {
        let turn = prop_oneof![
            (0_u64..5_000).prop_map(Turn::Wait),
            (0_u64..100_000).prop_map(Turn::Advance),
            any::<bool>().prop_map(Turn::Freeze),
            (1_u32..=100).prop_map(|factor| Turn::Speed(factor * 1_000)),
        ];
        prop::collection::vec(turn, 0..40)
    }

    proptest! {
        #[test]
        fn it_agrees_with_counting_every_millisecond(turns in turns()) {
            let (mut clock, mut now, mut shown) = (Clock::default(), 0, 0);
            let (mut factor, mut frozen) = (1, false);
            for turn in turns {
                match turn {
                    Turn::Wait(ms) => {
                        now += ms;
                        for _ in 0..ms {
                            shown += if frozen { 0 } else { factor };
                        }
                    }
                    Turn::Advance(ms) => {
                        clock.advance(now, ms);
                        shown += ms;
                    }
                    Turn::Freeze(freeze) => {
                        clock.freeze(now, freeze);
                        frozen = freeze;
                    }
                    Turn::Speed(speed) => {
                        clock.set_speed(now, speed);
                        factor = u64::from(speed) / 1_000;
                    }
                }
                prop_assert_eq!(clock.time(now), shown);
            }
        }
    }

    #[test]
    fn it_ends_instead_of_starting_over_and_ignores_times_before_a_change() {
        let mut clock = Clock::default();
        clock.advance(5, u64::MAX);
        clock.advance(6, u64::MAX);
        assert_eq!(clock.time(u64::MAX), END);
        let mut clock = Clock::default();
        clock.freeze(10, true);
        clock.freeze(10, false);
        assert_eq!(clock.time(4), 10, "a late reader sees no time before the change");
    }
}
