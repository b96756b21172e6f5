//! The fixed window, anchored at the first counted request or aligned to the clock.

use super::usage::{Usage, Used};
use super::{Decision, Kind, Rules};

/// Counts since the window began.
#[derive(Debug, Default)]
pub(super) struct Window {
    ends: u64,
    requests: u32,
    events: u32,
    /// How many windows began before this one.
    earlier: u32,
}

impl Window {
    pub(super) fn check(&mut self, now: u64, events: u32, rules: &Rules) -> Decision {
        if now >= self.ends {
            let limit = self.limit(rules, u32::from(self.ends > 0));
            return if rules.fits(limit, 0, 0, events) {
                Decision::Admitted
            } else {
                Decision::Refused { wait_ms: rules.window_ms, by: Rules::by(limit, 0) }
            };
        }
        let limit = self.limit(rules, self.earlier);
        if rules.fits(limit, self.requests, self.events, events) {
            return Decision::Admitted;
        }
        if rules.refusals_extend {
            self.ends = now + rules.window_ms;
        }
        Decision::Refused { wait_ms: self.ends - now, by: Rules::by(limit, self.requests) }
    }

    pub(super) fn count(&mut self, now: u64, events: u32, rules: &Rules) {
        if now >= self.ends {
            self.earlier += u32::from(self.ends > 0);
            self.ends = Self::end(now, rules);
            self.requests = 0;
            self.events = 0;
        } else if rules.idle_expiry {
            self.ends = Self::end(now, rules);
        }
        self.requests = self.requests.saturating_add(1);
        self.events = self.events.saturating_add(events);
    }

    pub(super) fn add_events(&mut self, events: u32) {
        self.events = self.events.saturating_add(events);
    }

    pub(super) fn usage(&self, now: u64) -> Usage {
        let (requests, events) = if now < self.ends { (self.requests, self.events) } else { (0, 0) };
        Usage { requests: Used::until(requests, self.ends), events: Used::until(events, self.ends) }
    }

    fn limit(&self, rules: &Rules, earlier: u32) -> u32 {
        if earlier == 0 { rules.requests } else { rules.requests.saturating_add_signed(rules.later_windows) }
    }

    fn end(now: u64, rules: &Rules) -> u64 {
        match rules.kind {
            Kind::Aligned => now + rules.window_ms - (now + rules.epoch_ms) % rules.window_ms,
            _ => now + rules.window_ms,
        }
    }
}
