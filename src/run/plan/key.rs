//! A key as the plan sees it: a fixed window that opens with the first request, which is what most limiters do.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::contract::{Limits, Scope};
use crate::run::ledger::{WINDOW, fresh_by_silence};

/// What was sent with a key in its window. Times count from the beginning of the run.
#[derive(Debug, Clone)]
pub(crate) struct KeyModel {
    limits: Limits,
    scopes: Vec<Scope>,
    /// When the open window ends, if one is open.
    ends: Option<Duration>,
    requests: u32,
    events: u32,
    /// When the last request was answered.
    pub(super) last: Option<Duration>,
    /// When a positive control last succeeded.
    pub(super) worked: Option<Duration>,
    /// The requests that were seen to be admitted.
    pub(super) admitted: BTreeSet<String>,
}

impl KeyModel {
    /// A key that nobody has used.
    pub(crate) fn new(limits: Limits, scopes: &[Scope]) -> Self {
        Self {
            limits,
            scopes: scopes.to_vec(),
            ends: None,
            requests: 0,
            events: 0,
            last: None,
            worked: None,
            admitted: BTreeSet::new(),
        }
    }

    /// What the key is granted.
    pub(super) fn limits(&self) -> Limits {
        self.limits
    }

    /// Whether the key may do what needs this scope.
    pub(super) fn may(&self, scope: Option<Scope>) -> bool {
        scope.is_none_or(|scope| self.scopes.contains(&scope))
    }

    /// Whether nothing was sent with it yet.
    pub(crate) fn unused(&self) -> bool {
        self.last.is_none()
    }

    /// When there is a fresh window although nobody uses the key up first; see [`fresh_by_silence`].
    pub(super) fn fresh_by_silence(&self, now: Duration) -> Option<Duration> {
        fresh_by_silence(self.last, self.ends(now), now)
    }

    /// The end of the window that is open at `now`.
    pub(crate) fn ends(&self, now: Duration) -> Option<Duration> {
        self.ends.filter(|ends| *ends > now)
    }

    /// Whether the key is answered 429 at `now`.
    pub(super) fn used_up(&self, now: Duration) -> bool {
        self.ends(now).is_some() && (self.left(now).0 == 0 || self.left(now).1 == 0)
    }

    /// The requests and events that the key has left at `now`.
    pub(super) fn left(&self, now: Duration) -> (u32, u32) {
        let events = self.limits.events.unwrap_or(u32::MAX);
        match self.ends(now) {
            Some(_) => {
                (self.limits.requests.saturating_sub(self.requests), events.saturating_sub(self.events))
            }
            None => (self.limits.requests, events),
        }
    }

    /// Whether `more` requests fit at `now`.
    pub(crate) fn has_room(&self, more: u32, now: Duration) -> bool {
        !self.used_up(now) && self.left(now).0 >= more
    }

    /// Takes note of requests of so many events each that leave at `from` and are answered by `to`.
    pub(super) fn spend(&mut self, requests: u32, events_each: u32, from: Duration, to: Duration) {
        if self.ends(from).is_none() {
            (self.ends, self.requests, self.events) = (Some(from + WINDOW), 0, 0);
        }
        let (requests_left, events_left) = self.left(from);
        let fitting = events_left.checked_div(events_each).unwrap_or(u32::MAX);
        let admitted = requests.min(requests_left).min(fitting);
        self.requests += admitted;
        self.events = self.events.saturating_add(admitted.saturating_mul(events_each));
        // Whatever is left of the events is no use to batches of this size.
        if admitted < requests && requests_left > admitted {
            self.events = self.limits.events.unwrap_or(u32::MAX);
        }
        self.last = self.last.max(Some(to));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::contract::Tier;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_window_opens_with_the_first_request_and_ends_a_minute_later() {
        let mut key = KeyModel::new(Tier::Standard.limits(), &[]);
        key.spend(59, 0, at(5), at(6));
        assert!(!key.used_up(at(6)) && key.has_room(1, at(6)) && !key.has_room(2, at(6)));
        key.spend(2, 0, at(7), at(7));
        assert!(key.used_up(at(64)));
        assert_eq!(key.ends(at(64)), Some(at(65)));
        assert!(!key.used_up(at(65)) && key.has_room(60, at(65)));
    }

    #[test]
    fn events_use_a_key_up_too() {
        let mut key = KeyModel::new(Tier::Ingestion.limits(), &[]);
        key.spend(100, 1_000, at(0), at(1));
        assert!(key.used_up(at(1)));
        let mut straddled = KeyModel::new(Tier::Ingestion.limits(), &[]);
        straddled.spend(34, 3_000, at(0), at(1));
        assert!(straddled.used_up(at(1)));
    }

    proptest! {
        /// However requests are spread, no window of the model holds more than the quota.
        #[test]
        fn no_window_holds_more_than_the_quota(sends in proptest::collection::vec((0_u64..90, 1_u32..80), 1..20)) {
            let mut key = KeyModel::new(Tier::Standard.limits(), &[]);
            let (mut now, mut admitted, mut opened) = (0, 0, None);
            for (later, requests) in sends {
                now += later;
                if opened.is_none_or(|opened| now >= opened + 60) {
                    (opened, admitted) = (Some(now), 0);
                }
                let left = key.left(at(now)).0;
                prop_assert_eq!(left, 60 - admitted);
                key.spend(requests, 0, at(now), at(now));
                admitted += requests.min(left);
                prop_assert_eq!(key.used_up(at(now)), admitted == 60);
            }
        }
    }
}
