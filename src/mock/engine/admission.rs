//! The limiter's step: how a request is counted, and for whom.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::Mutex;

use crate::contract::Tier;
use crate::mock::behaviour::{Concurrency, Straddle};
use crate::mock::keys::KeyEntry;
use crate::mock::limiter::{Budget, Decision, Limiter, Rules};
use crate::mock::reply::OnLeave;
use crate::mock::workspace::Workspace;

use super::handling::Handling;

pub(super) struct Admission {
    pub(super) decision: Decision,
    /// How many events of the batch may be stored.
    pub(super) events: u32,
    /// What remains to be counted when the reply leaves.
    pub(super) on_leave: Option<OnLeave>,
}

impl Admission {
    fn at_once(decision: Decision, events: u32) -> Self {
        Self { decision, events, on_leave: None }
    }
}

/// Who counts: the key's own limiter, or a named one that a deviation made.
pub(super) enum Counter {
    Own(Arc<KeyEntry>),
    Named(Arc<Mutex<Limiter>>),
}

impl Counter {
    pub(super) fn limiter(&self) -> &Mutex<Limiter> {
        match self {
            Self::Own(key) => &key.limiter,
            Self::Named(limiter) => limiter,
        }
    }
}

impl Handling<'_> {
    /// The rules for a key of this tier; none where it has no limit.
    pub(super) fn rules(&self, tier: Tier) -> Option<Rules> {
        let (behaviour, context) = (self.behaviour(), &self.context);
        let quota = self.settings.quotas.of(tier)?;
        let limits =
            behaviour.limits.iter().fold(quota.limits, |limits, change| change(context, tier, limits));
        let reference = Rules::reference(limits.requests, limits.events);
        let mut rules = Rules { kind: behaviour.limiter, window_ms: quota.window_ms, ..reference };
        behaviour.rules.iter().for_each(|change| change(&mut rules));
        if behaviour.bad_keys_drain {
            rules.requests = rules.requests.saturating_sub(self.workspace.bad_keys.load(Ordering::Relaxed));
        }
        // Only its phase within a window matters, so what lies before 1970 may count as 1970.
        let since_1970 = |wall_ms| u64::try_from(wall_ms).unwrap_or(0);
        rules.epoch_ms = since_1970(context.wall_ms).saturating_sub(context.now);
        if let (Some(after), Some(key)) = (behaviour.minute_ends_after, &context.key) {
            let ends = since_1970(key.created_at).saturating_add(after);
            let into = ends % rules.window_ms.max(1);
            rules.epoch_ms = rules.epoch_ms.saturating_add(rules.window_ms - into);
        }
        Some(rules)
    }

    /// Who counts under this name; none for the key's own limiter.
    pub(super) fn counter(&self, name: Option<String>, key: &Arc<KeyEntry>) -> Counter {
        let name = match (name, &self.counted_apart) {
            (None, None) => return Counter::Own(Arc::clone(key)),
            (Some(name), None) => name,
            (name, Some(apart)) => format!("{apart}{}", name.as_deref().unwrap_or(&key.id)),
        };
        Counter::Named(self.workspace.counter(name))
    }

    /// Asks the limiter for one request with so many events.
    pub(super) fn admit(&self, key: &Arc<KeyEntry>, events: u32, rules: &Rules) -> Admission {
        let (behaviour, context) = (self.behaviour(), &self.context);
        if behaviour.free.iter().any(|free| free(context)) {
            return Admission::at_once(Decision::Admitted, events);
        }
        let now = context.now;
        let counter = self.counter((behaviour.unit)(context), key);
        if (behaviour.events_bar)(context) {
            let decision = counter.limiter().lock().check(now, 1, rules);
            if decision != Decision::Admitted {
                return Admission::at_once(decision, 0);
            }
        }
        match behaviour.concurrency {
            Concurrency::StreamsWhenTheReplyLeaves if context.request.http2 => {
                late(counter, now, events, *rules, false)
            }
            Concurrency::Exact | Concurrency::StreamsWhenTheReplyLeaves => match behaviour.event_unit {
                None => self.exact(&counter, events, rules),
                Some(unit) => self.apart(&counter, &self.counter(Some(unit(context)), key), events, rules),
            },
            Concurrency::WhenTheReplyLeaves => late(counter, now, events, *rules, false),
            Concurrency::EventsWhenTheReplyLeaves => late(counter, now, events, *rules, true),
            Concurrency::OneAtATime => self.one_at_a_time(&counter, events, rules),
        }
    }

    /// The reference: checked and counted under one lock.
    fn exact(&self, counter: &Counter, events: u32, rules: &Rules) -> Admission {
        let (behaviour, now) = (self.behaviour(), self.context.now);
        let mut limiter = counter.limiter().lock();
        if behaviour.one_budget {
            let requests = if rules.events.is_some() { u32::MAX } else { rules.requests };
            return Admission::at_once(limiter.admit(now, events, &Rules { requests, ..*rules }), events);
        }
        let decision = limiter.admit(now, events, rules);
        if decision == Decision::Admitted || events == 0 || behaviour.straddle == Straddle::Refused {
            return Admission::at_once(decision, events);
        }
        // At the edge: the largest part of the batch that fits.
        let part = (1..events).rev().find(|&part| limiter.check(now, part, rules) == Decision::Admitted);
        let Some(part) = part else {
            return Admission::at_once(decision, 0);
        };
        let (decision, taken) = match behaviour.straddle {
            Straddle::Admitted => (Decision::Admitted, events),
            Straddle::PartlyAccepted => (Decision::Admitted, part),
            Straddle::PartlyStored | Straddle::Refused => (decision, part),
        };
        limiter.count(now, taken, rules);
        Admission::at_once(decision, taken)
    }

    /// Requests and events counted for different units, one after the other.
    fn apart(&self, requests: &Counter, for_events: &Counter, events: u32, rules: &Rules) -> Admission {
        let now = self.context.now;
        let mut only_events = Rules { requests: u32::MAX, ..*rules };
        self.behaviour().event_rules.iter().for_each(|change| change(&mut only_events));
        if events > 0 {
            let decision = for_events.limiter().lock().check(now, events, &only_events);
            if decision != Decision::Admitted {
                return Admission::at_once(decision, events);
            }
        }
        let only_requests = Rules { events: None, ..*rules };
        let decision = requests.limiter().lock().admit(now, 0, &only_requests);
        if decision == Decision::Admitted && events > 0 {
            for_events.limiter().lock().count(now, events, &only_events);
        }
        Admission::at_once(decision, events)
    }

    /// Refuses whoever comes while another request is under way.
    fn one_at_a_time(&self, counter: &Counter, events: u32, rules: &Rules) -> Admission {
        let busy = self.workspace.under_way.fetch_add(1, Ordering::AcqRel) > 0;
        let under_way = UnderWay(Arc::clone(self.workspace));
        let decision = if busy {
            Decision::Refused { wait_ms: 1, by: Budget::Requests }
        } else {
            counter.limiter().lock().admit(self.context.now, events, rules)
        };
        Admission { decision, events, on_leave: Some(Box::new(move || drop(under_way))) }
    }
}

/// Checked now, counted when the reply leaves: whoever arrives in between is not seen.
fn late(counter: Counter, now: u64, events: u32, rules: Rules, only_events: bool) -> Admission {
    let decision = {
        let mut limiter = counter.limiter().lock();
        let decision = limiter.check(now, events, &rules);
        if only_events && decision == Decision::Admitted {
            limiter.count(now, 0, &rules);
        }
        decision
    };
    let on_leave: OnLeave = Box::new(move || {
        let mut limiter = counter.limiter().lock();
        if only_events { limiter.add_events(events) } else { limiter.count(now, events, &rules) }
    });
    Admission { decision, events, on_leave: (decision == Decision::Admitted).then_some(on_leave) }
}

/// A request under way; it ends when the reply leaves, or when the client went away before that.
struct UnderWay(Arc<Workspace>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::AcqRel);
    }
}
