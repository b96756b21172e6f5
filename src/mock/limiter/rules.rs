//! What a limiter is told to keep, and what it says: kinds, rules, decisions and what is used of a limit.

use std::str::FromStr;

use crate::contract::WINDOW_SECONDS;

/// The documented window in milliseconds.
pub const WINDOW_MS: u64 = WINDOW_SECONDS * 1_000;

/// How a limiter counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A fixed window that begins at the first counted request: the reference.
    Anchored,
    /// A fixed window aligned to the minute of the clock.
    Aligned,
    /// Every admitted request is remembered for exactly one window.
    Sliding,
    /// Counts by the second, each forgotten one window after its second began. (The estimate from two whole
    /// windows that goes by the same name cannot grant a key all of its limit after one silent minute.)
    SlidingCounter,
    /// A bucket that refills all the time. It breaks the promise of a limit per minute, so it is no choice
    /// of `--limiter`.
    TokenBucket,
}

impl Kind {
    /// The kinds that keep the promise, by the names `--limiter` takes.
    pub const CONFORMING: [(&'static str, Self); 4] = [
        ("anchored", Self::Anchored),
        ("aligned", Self::Aligned),
        ("sliding", Self::Sliding),
        ("sliding-counter", Self::SlidingCounter),
    ];
}

/// A word that names no limiter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no limiter is called `{0}`; there are anchored, aligned, sliding and sliding-counter")]
pub struct UnknownLimiter(pub String);

impl FromStr for Kind {
    type Err = UnknownLimiter;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::CONFORMING.iter().find(|(name, _)| *name == text);
        found.map(|&(_, kind)| kind).ok_or_else(|| UnknownLimiter(text.to_owned()))
    }
}

/// The rules a limiter applies; [`Rules::reference`] are the contract's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// How it counts.
    pub kind: Kind,
    /// The length of a window in milliseconds, at least 1.
    pub window_ms: u64,
    /// Requests in a window.
    pub requests: u32,
    /// Events in a window, if they are limited.
    pub events: Option<u32>,
    /// Milliseconds since 1970 at time 0, for what is aligned to the clock.
    pub epoch_ms: u64,
    /// Whether the window ends one window after the last admitted request instead of the first.
    pub idle_expiry: bool,
    /// Whether a refusal starts the wait anew.
    pub refusals_extend: bool,
    /// Added to the limit of requests in every window but the first.
    pub later_windows: i32,
    /// Every so-many-th refusal is admitted after all; 0 for never.
    pub leak_every: u32,
}

impl Rules {
    /// The contract's rules for these limits.
    pub const fn reference(requests: u32, events: Option<u32>) -> Self {
        Self {
            kind: Kind::Anchored,
            window_ms: WINDOW_MS,
            requests,
            events,
            epoch_ms: 0,
            idle_expiry: false,
            refusals_extend: false,
            later_windows: 0,
            leak_every: 0,
        }
    }

    /// Whether one more request with so many events fits, where so many requests and events are used.
    pub(super) fn fits(&self, limit: u32, used: (u32, u32), events: u32) -> bool {
        let within = |most| used.1.checked_add(events).is_some_and(|sum| sum <= most);
        used.0 < limit && (events == 0 || self.events.is_none_or(within))
    }

    /// What refuses a request that does not fit.
    pub(super) fn by(limit: u32, used: (u32, u32)) -> Budget {
        if used.0 < limit { Budget::Events } else { Budget::Requests }
    }
}

/// One of the two counts of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Budget {
    /// Requests in the window.
    Requests,
    /// Events in the window.
    Events,
}

impl Budget {
    /// Its name in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Events => "events",
        }
    }
}

/// What the limiter decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Both the request and its events are within the limits.
    Admitted,
    /// One of them is not; nothing was counted.
    Refused {
        /// Milliseconds until the same request would be admitted, at least 1.
        wait_ms: u64,
        /// What is used up; the requests where both are.
        by: Budget,
    },
}

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
