//! The sliding counter: one count for each second, forgotten one window after the second began.

use std::collections::VecDeque;

use super::usage::{Usage, Used};
use super::{Decision, Rules};

/// The width of a bucket in milliseconds.
const SECOND: u64 = 1_000;

/// The counts by second, oldest first; at most one window's worth of them.
#[derive(Debug, Default)]
pub(super) struct Buckets {
    seconds: VecDeque<Bucket>,
    requests: u32,
    events: u32,
}

#[derive(Debug)]
struct Bucket {
    start: u64,
    requests: u32,
    events: u32,
}

impl Buckets {
    pub(super) fn check(&mut self, now: u64, events: u32, rules: &Rules) -> Decision {
        self.forget(now, rules);
        let mut used = (self.requests, self.events);
        if rules.fits(rules.requests, used.0, used.1, events) {
            return Decision::Admitted;
        }
        let by = Rules::by(rules.requests, used.0);
        for bucket in &self.seconds {
            used = (used.0.saturating_sub(bucket.requests), used.1.saturating_sub(bucket.events));
            if rules.fits(rules.requests, used.0, used.1, events) {
                return Decision::Refused { wait_ms: bucket.start + rules.window_ms - now, by };
            }
        }
        Decision::Refused { wait_ms: rules.window_ms, by }
    }

    pub(super) fn count(&mut self, now: u64, events: u32, rules: &Rules) {
        self.forget(now, rules);
        let start = now - now % SECOND;
        match self.seconds.back_mut() {
            Some(last) if last.start == start => {
                last.requests = last.requests.saturating_add(1);
                last.events = last.events.saturating_add(events);
            }
            _ => self.seconds.push_back(Bucket { start, requests: 1, events }),
        }
        self.requests = self.requests.saturating_add(1);
        self.events = self.events.saturating_add(events);
    }

    pub(super) fn usage(&mut self, now: u64, rules: &Rules) -> Usage {
        self.forget(now, rules);
        let first = |bucket: Option<&Bucket>| bucket.map_or(0, |bucket| bucket.start + rules.window_ms);
        Usage {
            requests: Used::until(self.requests, first(self.seconds.front())),
            events: Used::until(self.events, first(self.seconds.iter().find(|bucket| bucket.events > 0))),
        }
    }

    fn forget(&mut self, now: u64, rules: &Rules) {
        while let Some(bucket) = self.seconds.front() {
            if now < bucket.start + rules.window_ms {
                break;
            }
            self.requests = self.requests.saturating_sub(bucket.requests);
            self.events = self.events.saturating_sub(bucket.events);
            self.seconds.pop_front();
        }
    }
}
