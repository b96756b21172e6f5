//! The limiter: a small state for each key, and pure arithmetic in integer milliseconds.
//!
//! The reference is [`Kind::Anchored`]. The other kinds keep the documented promise as well, each with a
//! `Retry-After` after which the refused request is really admitted.

mod counts;
mod rules;

use counts::{FixedWindow, Sliding, Tokens};

pub use rules::{Budget, Decision, Kind, Rules, UnknownLimiter, Usage, Used, WINDOW_MS};

/// The state of one key. It begins empty and takes the form its rules need.
#[derive(Debug, Default)]
pub struct Limiter {
    state: State,
    refused: u32,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Fresh,
    Fixed(FixedWindow),
    // The others are larger, and only who asks for another limiter has them: there may be a million keys.
    Sliding(Box<Sliding>),
    Tokens(Box<Tokens>),
}

impl Limiter {
    /// Admits a request with so many events and counts both, or refuses it and counts neither.
    /// `now` is in milliseconds and never goes back.
    pub fn admit(&mut self, now: u64, events: u32, rules: &Rules) -> Decision {
        let decision = self.check(now, events, rules);
        if decision == Decision::Admitted {
            self.count(now, events, rules);
        }
        decision
    }

    /// Says what [`Limiter::admit`] would, without counting.
    pub fn check(&mut self, now: u64, events: u32, rules: &Rules) -> Decision {
        let decision = match self.state(rules) {
            State::Fresh => Decision::Admitted,
            State::Fixed(window) => window.check(now, events, rules),
            State::Sliding(sliding) => sliding.check(now, events, rules),
            State::Tokens(tokens) => tokens.check(now, events, rules),
        };
        if decision != Decision::Admitted && rules.leak_every > 0 {
            self.refused += 1;
            if self.refused.is_multiple_of(rules.leak_every) {
                return Decision::Admitted;
            }
        }
        decision
    }

    /// Counts a request with so many events, whatever the limits say.
    pub fn count(&mut self, now: u64, events: u32, rules: &Rules) {
        match self.state(rules) {
            State::Fresh => {}
            State::Fixed(window) => window.count(now, events, rules),
            State::Sliding(sliding) => sliding.count(now, events, rules),
            State::Tokens(tokens) => tokens.count(now, events, rules),
        }
    }

    /// How much is used at `now`, in milliseconds; asking counts nothing.
    pub fn usage(&mut self, now: u64, rules: &Rules) -> Usage {
        match &mut self.state {
            State::Fresh => Usage::default(),
            State::Fixed(window) => window.usage(now),
            State::Sliding(sliding) => sliding.usage(now, rules),
            State::Tokens(tokens) => tokens.usage(now, rules),
        }
    }

    /// Adds events to those of a request counted before. Only the fixed window, which counts late
    /// in one deviation, can tell them apart from the request.
    pub(super) fn add_events(&mut self, events: u32) {
        if let State::Fixed(window) = &mut self.state {
            window.add_events(events);
        }
    }

    fn state(&mut self, rules: &Rules) -> &mut State {
        if matches!(self.state, State::Fresh) {
            self.state = match rules.kind {
                Kind::Anchored | Kind::Aligned => State::Fixed(FixedWindow::default()),
                Kind::Sliding | Kind::SlidingCounter => State::Sliding(Box::default()),
                Kind::TokenBucket => State::Tokens(Box::default()),
            };
        }
        &mut self.state
    }
}

#[cfg(test)]
mod tests;
