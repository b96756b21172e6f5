//! How far a key is in its window, for who asks; asking counts nothing.

use super::{Limiter, Rules, State};

/// How much of one count is used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Used {
    /// How many.
    pub used: u32,
    /// When the first of them are free again, in milliseconds; nothing while none is used.
    pub frees_at: Option<u64>,
}

impl Used {
    pub(super) fn until(used: u32, frees_at: u64) -> Self {
        Self { used, frees_at: (used > 0).then_some(frees_at) }
    }
}

/// How much of a key's limits is used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Requests in the window.
    pub requests: Used,
    /// Events in the window.
    pub events: Used,
}

impl Limiter {
    /// How much is used at `now`, in milliseconds.
    pub fn usage(&mut self, now: u64, rules: &Rules) -> Usage {
        match &mut self.state {
            State::Fresh => Usage::default(),
            State::Window(window) => window.usage(now),
            State::Log(log) => log.usage(now, rules),
            State::Buckets(buckets) => buckets.usage(now, rules),
            State::Tokens(tokens) => tokens.usage(now, rules),
        }
    }
}
