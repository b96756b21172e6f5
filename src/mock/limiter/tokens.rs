//! The token bucket: a burst is granted again bit by bit, so one minute can hold almost twice the limit.

use super::usage::{Usage, Used};
use super::{Budget, Decision, Rules};

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
        let whole = |taken: u64| u32::try_from(taken.div_ceil(rules.window_ms)).unwrap_or(u32::MAX);
        let refilled = |taken: u64, limit: u32| now + taken.div_ceil(u64::from(limit.max(1)));
        Usage {
            requests: Used::until(whole(self.requests), refilled(self.requests, rules.requests)),
            events: Used::until(whole(self.events), refilled(self.events, rules.events.unwrap_or(0))),
        }
    }

    fn refill(&mut self, now: u64, rules: &Rules) {
        let passed = now.saturating_sub(self.at);
        self.at = now;
        self.requests = self.requests.saturating_sub(passed * u64::from(rules.requests));
        let events = u64::from(rules.events.unwrap_or(0));
        self.events = self.events.saturating_sub(passed * events);
    }
}
