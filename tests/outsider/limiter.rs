//! Three ways to keep the promise of so much a minute, and two that do not. Each counts one thing, by weight, so a key
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
        let mut over =
            (self.sum() + u64::from(weight)).saturating_sub(u64::from(limit) + u64::from(self.saved));
        if over == 0 {
            return Ok(());
        }
        Err(match how {
            Algorithm::Clock => window - now % window,
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
