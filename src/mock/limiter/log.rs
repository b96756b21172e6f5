//! The sliding log: every admitted request is remembered for one window.

use std::collections::VecDeque;

use super::usage::{Usage, Used};
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
        let by = Rules::by(rules.requests, used.0);
        for &(at, cost) in &self.entries {
            used = (used.0 - 1, used.1 - cost);
            if rules.fits(rules.requests, used.0, used.1, events) {
                return Decision::Refused { wait_ms: at + rules.window_ms - now, by };
            }
        }
        Decision::Refused { wait_ms: rules.window_ms, by }
    }

    pub(super) fn count(&mut self, now: u64, events: u32, rules: &Rules) {
        self.forget(now, rules);
        self.entries.push_back((now, events));
        self.events = self.events.saturating_add(events);
    }

    pub(super) fn usage(&mut self, now: u64, rules: &Rules) -> Usage {
        self.forget(now, rules);
        let first = |entry: Option<&(u64, u32)>| entry.map_or(0, |(at, _)| at + rules.window_ms);
        Usage {
            requests: Used::until(self.entries.len() as u32, first(self.entries.front())),
            events: Used::until(self.events, first(self.entries.iter().find(|(_, events)| *events > 0))),
        }
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
