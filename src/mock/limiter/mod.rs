//! The limiter: a small state for each key, and pure arithmetic in integer milliseconds.
//!
//! The reference is [`Kind::Anchored`]. The other kinds keep the documented promise as well, each with a
//! `Retry-After` after which the refused request is really admitted.
//!
//! There are three ways of counting: a fixed window, a sliding one, and a bucket that refills.

use std::collections::VecDeque;
use std::str::FromStr;

use crate::contract::WINDOW_SECONDS;
use crate::words::words;

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

/// The fixed window, anchored at the first counted request or aligned to the clock.
#[derive(Debug, Default)]
struct FixedWindow {
    ends: u64,
    requests: u32,
    events: u32,
    /// How many windows began before this one.
    earlier: u32,
}

impl FixedWindow {
    fn check(&mut self, now: u64, events: u32, rules: &Rules) -> Decision {
        let has_ended = now >= self.ends;
        let earlier = if has_ended { u32::from(self.ends > 0) } else { self.earlier };
        let limit = rules.requests.saturating_add_signed(if earlier == 0 { 0 } else { rules.later_windows });
        let used = if has_ended { (0, 0) } else { (self.requests, self.events) };
        if rules.fits(limit, used, events) {
            return Decision::Admitted;
        }
        let by = Rules::by(limit, used);
        if has_ended {
            return Decision::Refused { wait_ms: rules.window_ms, by };
        }
        if rules.refusals_extend {
            self.ends = now + rules.window_ms;
        }
        Decision::Refused { wait_ms: self.ends - now, by }
    }

    fn count(&mut self, now: u64, events: u32, rules: &Rules) {
        let has_ended = now >= self.ends;
        if has_ended {
            self.earlier += u32::from(self.ends > 0);
            self.requests = 0;
            self.events = 0;
        }
        if has_ended || rules.idle_expiry {
            let into = if rules.kind == Kind::Aligned { (now + rules.epoch_ms) % rules.window_ms } else { 0 };
            self.ends = now + rules.window_ms - into;
        }
        self.requests = self.requests.saturating_add(1);
        self.add_events(events);
    }

    fn add_events(&mut self, events: u32) {
        self.events = self.events.saturating_add(events);
    }

    fn usage(&self, now: u64) -> Usage {
        let (requests, events) = if now < self.ends { (self.requests, self.events) } else { (0, 0) };
        Usage { requests: Used::until(requests, self.ends), events: Used::until(events, self.ends) }
    }
}

/// The sliding window: counts by the millisecond or by the second, each forgotten one window after it began.
#[derive(Debug, Default)]
struct Sliding {
    /// Oldest first; at most one window's worth of them.
    spans: VecDeque<Span>,
    requests: u32,
    events: u32,
}

#[derive(Debug)]
struct Span {
    start: u64,
    requests: u32,
    events: u32,
}

impl Sliding {
    fn check(&mut self, now: u64, events: u32, rules: &Rules) -> Decision {
        self.forget(now, rules);
        let mut used = (self.requests, self.events);
        if rules.fits(rules.requests, used, events) {
            return Decision::Admitted;
        }
        let by = Rules::by(rules.requests, used);
        for span in &self.spans {
            used = (used.0.saturating_sub(span.requests), used.1.saturating_sub(span.events));
            if rules.fits(rules.requests, used, events) {
                return Decision::Refused { wait_ms: span.start + rules.window_ms - now, by };
            }
        }
        Decision::Refused { wait_ms: rules.window_ms, by }
    }

    fn count(&mut self, now: u64, events: u32, rules: &Rules) {
        self.forget(now, rules);
        let width = if rules.kind == Kind::SlidingCounter { 1_000 } else { 1 };
        let start = now - now % width;
        match self.spans.back_mut() {
            Some(last) if last.start == start => {
                last.requests = last.requests.saturating_add(1);
                last.events = last.events.saturating_add(events);
            }
            _ => self.spans.push_back(Span { start, requests: 1, events }),
        }
        self.requests = self.requests.saturating_add(1);
        self.events = self.events.saturating_add(events);
    }

    fn usage(&mut self, now: u64, rules: &Rules) -> Usage {
        self.forget(now, rules);
        let ends = |span: Option<&Span>| span.map_or(0, |span| span.start + rules.window_ms);
        Usage {
            requests: Used::until(self.requests, ends(self.spans.front())),
            events: Used::until(self.events, ends(self.spans.iter().find(|span| span.events > 0))),
        }
    }

    fn forget(&mut self, now: u64, rules: &Rules) {
        while let Some(span) = self.spans.pop_front_if(|span| now >= span.start + rules.window_ms) {
            self.requests = self.requests.saturating_sub(span.requests);
            self.events = self.events.saturating_sub(span.events);
        }
    }
}

/// The token bucket: a burst is granted again bit by bit, so one minute can hold almost twice the limit.
///
/// It holds what was taken and not yet refilled, in units of 1/window: a whole request is `window_ms` of them.
#[derive(Debug, Default)]
struct Tokens {
    at: u64,
    requests: u64,
    events: u64,
}

impl Tokens {
    fn check(&mut self, now: u64, events: u32, rules: &Rules) -> Decision {
        self.refill(now, rules);
        let lack = |taken: u64, cost: u32, limit: u32| {
            let over = (taken + u64::from(cost) * rules.window_ms)
                .saturating_sub(u64::from(limit) * rules.window_ms);
            over.div_ceil(u64::from(limit.max(1)))
        };
        let for_events = rules.events.map_or(0, |limit| lack(self.events, events, limit));
        let for_request = lack(self.requests, 1, rules.requests);
        let by = if for_request > 0 { Budget::Requests } else { Budget::Events };
        match for_request.max(for_events) {
            0 => Decision::Admitted,
            wait_ms => Decision::Refused { wait_ms, by },
        }
    }

    fn count(&mut self, now: u64, events: u32, rules: &Rules) {
        self.refill(now, rules);
        self.requests += rules.window_ms;
        self.events += u64::from(events) * rules.window_ms;
    }

    fn usage(&mut self, now: u64, rules: &Rules) -> Usage {
        self.refill(now, rules);
        let used = |taken: u64, limit: u32| {
            let whole = u32::try_from(taken.div_ceil(rules.window_ms)).unwrap_or(u32::MAX);
            Used::until(whole, now + taken.div_ceil(u64::from(limit.max(1))))
        };
        Usage {
            requests: used(self.requests, rules.requests),
            events: used(self.events, rules.events.unwrap_or(0)),
        }
    }

    fn refill(&mut self, now: u64, rules: &Rules) {
        let passed = now.saturating_sub(self.at);
        self.at = now;
        let refilled = |taken: u64, limit: u32| taken.saturating_sub(passed * u64::from(limit));
        self.requests = refilled(self.requests, rules.requests);
        self.events = refilled(self.events, rules.events.unwrap_or(0));
    }
}

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
    fn fits(&self, limit: u32, used: (u32, u32), events: u32) -> bool {
        let within = |most| used.1.checked_add(events).is_some_and(|sum| sum <= most);
        used.0 < limit && (events == 0 || self.events.is_none_or(within))
    }

    /// What refuses a request that does not fit.
    fn by(limit: u32, used: (u32, u32)) -> Budget {
        if used.0 < limit { Budget::Events } else { Budget::Requests }
    }
}

words! {
    /// One of the two counts of a key.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Budget: as_str {
        /// Requests in the window.
        Requests => "requests",
        /// Events in the window.
        Events => "events",
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
    fn until(used: u32, frees_at: u64) -> Self {
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

#[cfg(test)]
mod tests;
