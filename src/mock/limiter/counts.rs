//! The ways of counting: a fixed window, a sliding one, and a bucket that refills.

use std::collections::VecDeque;

use super::rules::{Budget, Decision, Kind, Rules, Usage, Used};

/// The fixed window, anchored at the first counted request or aligned to the clock.
#[derive(Debug, Default)]
pub(super) struct FixedWindow {
    ends: u64,
    requests: u32,
    events: u32,
    /// How many windows began before this one.
    earlier: u32,
}

impl FixedWindow {
    pub(super) fn check(&mut self, now: u64, events: u32, rules: &Rules) -> Decision {
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

    pub(super) fn count(&mut self, now: u64, events: u32, rules: &Rules) {
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

    pub(super) fn add_events(&mut self, events: u32) {
        self.events = self.events.saturating_add(events);
    }

    pub(super) fn usage(&self, now: u64) -> Usage {
        let (requests, events) = if now < self.ends { (self.requests, self.events) } else { (0, 0) };
        Usage { requests: Used::until(requests, self.ends), events: Used::until(events, self.ends) }
    }
}

/// The sliding window: counts by the millisecond or by the second, each forgotten one window after it began.
#[derive(Debug, Default)]
pub(super) struct Sliding {
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
    pub(super) fn check(&mut self, now: u64, events: u32, rules: &Rules) -> Decision {
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

    pub(super) fn count(&mut self, now: u64, events: u32, rules: &Rules) {
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

    pub(super) fn usage(&mut self, now: u64, rules: &Rules) -> Usage {
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
pub(super) struct Tokens {
    at: u64,
    requests: u64,
    events: u64,
}

impl Tokens {
    pub(super) fn check(&mut self, now: u64, events: u32, rules: &Rules) -> Decision {
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

    pub(super) fn count(&mut self, now: u64, events: u32, rules: &Rules) {
        self.refill(now, rules);
        self.requests += rules.window_ms;
        self.events += u64::from(events) * rules.window_ms;
    }

    pub(super) fn usage(&mut self, now: u64, rules: &Rules) -> Usage {
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
