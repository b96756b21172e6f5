//! The limiter's step: how a request is counted, and for whom.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use crate::contract::{Limits, Tier};
use crate::mock::behaviour::{Behaviour, Concurrency, CountedFor, Straddle};
use crate::mock::context::RequestContext;
use crate::mock::keys::KeyEntry;
use crate::mock::limiter::{Budget, Decision, Limiter, Rules};
use crate::mock::message::OnLeave;
use crate::mock::sync::lock;
use crate::mock::workspace::Workspace;

use super::site::Site;

/// What became of a request at the limiter.
pub(super) struct Admission {
    pub(super) decision: Decision,
    /// How many events of the batch may be stored.
    pub(super) events: u32,
    /// What remains to be counted when the reply leaves.
    pub(super) on_leave: Option<OnLeave>,
}

/// Who counts: the key's own limiter, or a named one that a deviation made.
pub(super) enum Counter {
    Own(Arc<KeyEntry>),
    Named(Arc<Mutex<Limiter>>),
}

impl Counter {
    pub(super) fn of(unit: CountedFor, site: &Site, key: &Arc<KeyEntry>) -> Self {
        match (unit, &site.apart) {
            (CountedFor::Key, None) => Self::Own(Arc::clone(key)),
            (CountedFor::Key, Some(apart)) => Self::Named(site.counter(format!("{apart}{}", key.id))),
            (CountedFor::Named(name), None) => Self::Named(site.counter(name)),
            (CountedFor::Named(name), Some(apart)) => Self::Named(site.counter(format!("{apart}{name}"))),
        }
    }

    pub(super) fn limiter(&self) -> &Mutex<Limiter> {
        match self {
            Self::Own(key) => &key.limiter,
            Self::Named(limiter) => limiter,
        }
    }
}

/// The rules for a key in its workspace; none where its tier has no limit.
pub(super) fn rules(site: &Site, context: &RequestContext<'_>, tier: Tier) -> Option<Rules> {
    let behaviour = site.behaviour();
    let quota = site.settings.quotas.of(tier)?;
    let change = |limits: Limits, change: &fn(&RequestContext<'_>, Tier, Limits) -> Limits| {
        change(context, tier, limits)
    };
    let limits = behaviour.limits.iter().fold(quota.limits, change);
    let mut rules = Rules { window_ms: quota.window_ms, ..Rules::reference(limits.requests, limits.events) };
    for change in &behaviour.rules {
        change(&mut rules);
    }
    if behaviour.bad_keys_drain {
        rules.requests = rules.requests.saturating_sub(site.bad_keys.load(Ordering::Relaxed));
    }
    // Only its phase within a window matters, so what lies before 1970 may count as 1970.
    rules.epoch_ms = u64::try_from(context.wall_ms).unwrap_or(0).saturating_sub(context.now);
    Some(rules)
}

/// Asks the limiter for one request with so many events.
pub(super) fn admit(
    site: &Site,
    context: &RequestContext<'_>,
    key: &Arc<KeyEntry>,
    events: u32,
    rules: &Rules,
) -> Admission {
    let behaviour = site.behaviour();
    if behaviour.free.iter().any(|free| free(context)) {
        return Admission { decision: Decision::Admitted, events, on_leave: None };
    }
    let now = context.now;
    let counter = Counter::of((behaviour.unit)(context), site, key);
    if (behaviour.events_bar)(context) {
        let decision = lock(counter.limiter()).check(now, 1, rules);
        if decision != Decision::Admitted {
            return Admission { decision, events: 0, on_leave: None };
        }
    }
    match behaviour.counting {
        Concurrency::StreamsWhenTheReplyLeaves if context.request.http2 => {
            late(counter, now, events, *rules, false)
        }
        Concurrency::Exact | Concurrency::StreamsWhenTheReplyLeaves => match behaviour.event_unit {
            None => exact(behaviour, &counter, now, events, rules),
            Some(unit) => {
                let shared = Counter::of(unit(context), site, key);
                apart(&counter, &shared, now, events, rules, &behaviour.event_rules)
            }
        },
        Concurrency::WhenTheReplyLeaves => late(counter, now, events, *rules, false),
        Concurrency::EventsWhenTheReplyLeaves => late(counter, now, events, *rules, true),
        Concurrency::OneAtATime => one_at_a_time(site, &counter, now, events, rules),
    }
}

/// The reference: checked and counted under one lock.
fn exact(behaviour: &Behaviour, counter: &Counter, now: u64, events: u32, rules: &Rules) -> Admission {
    let mut limiter = lock(counter.limiter());
    if behaviour.one_budget {
        let requests = if rules.events.is_some() { u32::MAX } else { rules.requests };
        let decision = limiter.admit(now, events, &Rules { requests, ..*rules });
        return Admission { decision, events, on_leave: None };
    }
    let decision = limiter.admit(now, events, rules);
    if decision == Decision::Admitted || events == 0 || behaviour.straddle == Straddle::Refused {
        return Admission { decision, events, on_leave: None };
    }
    // At the edge: the largest part of the batch that fits.
    let part = (1..events).rev().find(|&part| limiter.check(now, part, rules) == Decision::Admitted);
    let Some(part) = part else {
        return Admission { decision, events: 0, on_leave: None };
    };
    match behaviour.straddle {
        Straddle::Admitted => {
            limiter.count(now, events, rules);
            Admission { decision: Decision::Admitted, events, on_leave: None }
        }
        Straddle::PartlyAccepted => {
            limiter.count(now, part, rules);
            Admission { decision: Decision::Admitted, events: part, on_leave: None }
        }
        Straddle::PartlyStored | Straddle::Refused => {
            limiter.count(now, part, rules);
            Admission { decision, events: part, on_leave: None }
        }
    }
}

/// Requests and events counted for different units, one after the other.
fn apart(
    requests: &Counter,
    shared: &Counter,
    now: u64,
    events: u32,
    rules: &Rules,
    changes: &[fn(&mut Rules)],
) -> Admission {
    let mut only_events = Rules { requests: u32::MAX, ..*rules };
    changes.iter().for_each(|change| change(&mut only_events));
    if events > 0 {
        let decision = lock(shared.limiter()).check(now, events, &only_events);
        if decision != Decision::Admitted {
            return Admission { decision, events, on_leave: None };
        }
    }
    let only_requests = Rules { events: None, ..*rules };
    let decision = lock(requests.limiter()).admit(now, 0, &only_requests);
    if decision == Decision::Admitted && events > 0 {
        lock(shared.limiter()).count(now, events, &only_events);
    }
    Admission { decision, events, on_leave: None }
}

/// Checked now, counted when the reply leaves: whoever arrives in between is not seen.
fn late(counter: Counter, now: u64, events: u32, rules: Rules, only_events: bool) -> Admission {
    let decision = {
        let mut limiter = lock(counter.limiter());
        let decision = limiter.check(now, events, &rules);
        if only_events && decision == Decision::Admitted {
            limiter.count(now, 0, &rules);
        }
        decision
    };
    let on_leave: Option<OnLeave> = (decision == Decision::Admitted).then(|| {
        let count: OnLeave = Box::new(move || {
            let mut limiter = lock(counter.limiter());
            if only_events { limiter.add_events(events) } else { limiter.count(now, events, &rules) }
        });
        count
    });
    Admission { decision, events, on_leave }
}

/// A request under way; it ends when the reply leaves, or when the client went away before that.
struct UnderWay(Arc<Workspace>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Refuses whoever comes while another request is under way.
fn one_at_a_time(
    workspace: &Arc<Workspace>,
    counter: &Counter,
    now: u64,
    events: u32,
    rules: &Rules,
) -> Admission {
    let busy = workspace.under_way.fetch_add(1, Ordering::AcqRel) > 0;
    let under_way = UnderWay(Arc::clone(workspace));
    let decision = if busy {
        Decision::Refused { wait_ms: 1, by: Budget::Requests }
    } else {
        lock(counter.limiter()).admit(now, events, rules)
    };
    Admission { decision, events, on_leave: Some(Box::new(move || drop(under_way))) }
}
