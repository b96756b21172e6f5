//! How far a key is in its window, for who asks; asking counts nothing.

use super::{Limiter, Rules, State};

/// How much of one count is used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Use {
    /// How many.
    pub used: u32,
    /// When the first of them are free again, in milliseconds; nothing while none is used.
    pub frees_at: Option<u64>,
}

impl Use {
    pub(super) fn until(used: u32, frees_at: u64) -> Self {
        Self { used, frees_at: (used > 0).then_some(frees_at) }
    }
}

/// How much of a key's limits is used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    /// Requests in the window.
    pub requests: Use,
    /// Events in the window.
    pub events: Use,
}

impl Limiter {
    /// How much is used at `now`, in milliseconds.
    pub fn standing(&mut self, now: u64, rules: &Rules) -> Standing {
        match &mut self.state {
            State::Fresh => Standing::default(),
            State::Window(window) => window.standing(now),
            State::Log(log) => log.standing(now, rules),
            State::Buckets(buckets) => buckets.standing(now, rules),
            State::Tokens(tokens) => tokens.standing(now, rules),
        }
    }
}
