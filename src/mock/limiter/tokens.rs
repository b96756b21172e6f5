//! The token bucket: a burst is granted again bit by bit, so one minute can hold almost twice the limit.

use super::{Decision, Rules};

/// What was taken and not yet refilled, in units of 1/window: a whole request is `window_ms` of them.
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
        match lack(self.requests, 1, rules.requests).max(for_events) {
            0 => Decision::Admitted,
            wait_ms => Decision::Refused { wait_ms },
        }
    }

    pub(super) fn count(&mut self, now: u64, events: u32, rules: &Rules) {
        self.refill(now, rules);
        self.requests += rules.window_ms;
        self.events += u64::from(events) * rules.window_ms;
    }

    fn refill(&mut self, now: u64, rules: &Rules) {
        let passed = now.saturating_sub(self.at);
        self.at = now;
        self.requests = self.requests.saturating_sub(passed * u64::from(rules.requests));
        let events = u64::from(rules.events.unwrap_or(0));
        self.events = self.events.saturating_sub(passed * events);
    }
}
