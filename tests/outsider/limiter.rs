//! Four ways to keep the promise of so much a minute, and others that do not. Each counts one thing, by weight, so a key
//! has one for its requests and one for its events.

use std::collections::VecDeque;

/// A minute in milliseconds.
pub(crate) const MINUTE: u64 = 60_000;

/// How something is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    /// All that was admitted is remembered for a minute.
    Log,
    /// All is forgotten when the minute of the clock is over.
    Clock,
    /// All is forgotten a minute after the first that was admitted; requests and events each in their own minute.
    Apart,
    /// What was admitted in the clock's minute, and of the one before the share that the last minute still overlaps.
    Weighed,
    /// The same with the share that it does not overlap.
    WeighedWrongly,
    /// A log in which refusals count as well, so that only who is silent is let in again.
    Strict,
}

/// What was counted.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    /// When, and how much.
    taken: VecDeque<(u64, u32)>,
    /// How much is left of the minute before, where that is saved.
    saved: u32,
}

impl Meter {
    /// Forgets what is over.
    fn settle(&mut self, now: u64, window: u64, how: Algorithm) {
        let over = |from: u64| match how {
            Algorithm::Log | Algorithm::Strict => from + window <= now,
            Algorithm::Clock => from / window < now / window,
            Algorithm::Weighed | Algorithm::WeighedWrongly => from / window + 1 < now / window,
            Algorithm::Apart => false,
        };
        while self.taken.front().is_some_and(|(from, _)| over(*from)) {
            self.taken.pop_front();
        }
        if how == Algorithm::Apart && self.taken.front().is_some_and(|(from, _)| from + window <= now) {
            self.taken.clear();
        }
    }

    fn sum(&self) -> u64 {
        self.taken.iter().map(|(_, weight)| u64::from(*weight)).sum()
    }

    /// What counts at `now`, in thousandths, where the minute before is weighed in.
    fn estimate(&self, now: u64, window: u64, how: Algorithm) -> u64 {
        let gone = (now % window) * 1_000 / window;
        let share = if how == Algorithm::Weighed { 1_000 - gone } else { gone };
        let weight = |from: u64| match now / window - from / window {
            0 => 1_000,
            1 => share,
            _ => 0,
        };
        self.taken.iter().map(|(from, taken)| u64::from(*taken) * weight(*from)).sum()
    }

    /// Whether so much fits where the minute before is weighed in.
    fn fits_by_weight(
        &self,
        now: u64,
        weight: u32,
        limit: u32,
        window: u64,
        how: Algorithm,
    ) -> Result<(), u64> {
        const STEP: u64 = 100;
        let over =
            |at: u64| self.estimate(at, window, how) + u64::from(weight) * 1_000 > u64::from(limit) * 1_000;
        match over(now) {
            false => Ok(()),
            true => Err((1..).map(|steps| steps * STEP).find(|wait| !over(now + wait)).unwrap_or(window)),
        }
    }

    /// Whether so much fits, or how many milliseconds it takes until it does.
    pub(crate) fn fits(
        &mut self,
        now: u64,
        weight: u32,
        limit: u32,
        window: u64,
        how: Algorithm,
    ) -> Result<(), u64> {
        self.settle(now, window, how);
        if matches!(how, Algorithm::Weighed | Algorithm::WeighedWrongly) {
            return self.fits_by_weight(now, weight, limit, window, how);
        }
        let mut over =
            (self.sum() + u64::from(weight)).saturating_sub(u64::from(limit) + u64::from(self.saved));
        if over == 0 {
            return Ok(());
        }
        Err(match how {
            Algorithm::Clock | Algorithm::Weighed | Algorithm::WeighedWrongly => window - now % window,
            Algorithm::Apart => self.taken.front().map_or(window, |(from, _)| from + window - now),
            Algorithm::Strict => {
                self.taken.push_back((now, weight.min(1)));
                window
            }
            Algorithm::Log => {
                let mut wait = window;
                for (from, weight) in &self.taken {
                    wait = from + window - now;
                    over = over.saturating_sub(u64::from(*weight));
                    if over == 0 {
                        break;
                    }
                }
                wait
            }
        })
    }

    /// Counts so much.
    pub(crate) fn take(&mut self, now: u64, weight: u32) {
        match self.taken.back_mut() {
            // What came in one millisecond is forgotten together.
            Some((from, taken)) if *from == now => *taken += weight,
            _ => self.taken.push_back((now, weight)),
        }
    }

    /// Lets what is unused of a minute be used in the next one.
    pub(crate) fn save(&mut self, now: u64, limit: u32) {
        let idle = self.taken.back().is_none_or(|(last, _)| last + MINUTE <= now);
        self.saved = if idle && now > MINUTE { limit } else { self.saved };
    }

    /// When the oldest of what is remembered came.
    pub(crate) fn oldest(&self) -> Option<u64> {
        self.taken.front().map(|(from, _)| *from)
    }

    /// Forgets one of what was taken first.
    pub(crate) fn give_back_one(&mut self) {
        if let Some((_, weight)) = self.taken.front_mut() {
            *weight -= 1;
            if *weight == 0 {
                self.taken.pop_front();
            }
        }
    }

    pub(crate) fn clear(&mut self) {
        self.taken.clear();
    }
}
