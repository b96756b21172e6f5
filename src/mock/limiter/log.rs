//! The sliding log: every admitted request is remembered for one window.

use std::collections::VecDeque;

use super::{Decision, Rules};

/// The admitted requests, oldest first. Never longer than the limit of requests.
#[derive(Debug, Default)]
pub(super) struct Log {
    entries: VecDeque<(u64, u32)>,
    events: u32,
}

impl Log {
    pub(super) fn check(&mut self, now: u64, events: u32, rules: &Rules) -> Decision {
        self.forget(now, rules);
        let mut used = (self.entries.len() as u32, self.events);
        if rules.fits(rules.requests, used.0, used.1, events) {
            return Decision::Admitted;
        }
        for &(at, cost) in &self.entries {
            used = (used.0 - 1, used.1 - cost);
            if rules.fits(rules.requests, used.0, used.1, events) {
                return Decision::Refused { wait_ms: at + rules.window_ms - now };
            }
        }
        Decision::Refused { wait_ms: rules.window_ms }
    }

    pub(super) fn count(&mut self, now: u64, events: u32, rules: &Rules) {
        self.forget(now, rules);
        self.entries.push_back((now, events));
        self.events = self.events.saturating_add(events);
    }

    fn forget(&mut self, now: u64, rules: &Rules) {
        while let Some(&(at, events)) = self.entries.front() {
            if now < at + rules.window_ms {
                break;
            }
            self.entries.pop_front();
            self.events = self.events.saturating_sub(events);
        }
    }
}
