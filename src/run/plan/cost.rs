//! What a case costs: requests, events and time, worked out from its steps without sending anything.
//!
//! A case is walked through as the player would play it, at a deployment that answers quickly, keeps its promises and
//! counts in fixed windows. What it leaves behind on its keys is what the next case finds there.

use std::collections::BTreeMap;
use std::time::Duration;

use super::jobs::{is_measured, needs_no_room};
use super::key::KeyModel;
use crate::contract::Scope;
use crate::run::credentials::counts_against_key;
use crate::run::ledger::WINDOW;
use crate::run::steps::{endpoint_scope, fingerprint};
use crate::run::suspicion::LONG_SILENCE;
use crate::scenario::model::{
    Burst, Case, Credentials, Exhaust, Fingerprint, Pace, Poll, RequestDef, Send, Step,
};
use crate::scenario::span::Spanned;
use crate::scenario::words::WaitFor;

/// How long an answer to one request is assumed to take.
const ALONE: Duration = Duration::from_millis(5);
/// How long each of many requests is assumed to take that are under way together, on top of each other.
const TOGETHER: Duration = Duration::from_micros(800);
/// How long an event in a batch is assumed to take.
const EVENT: Duration = Duration::from_micros(10);
/// How long a positive control stays good.
const CONTROL_GOOD_FOR: Duration = Duration::from_secs(30);

/// What playing a case takes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Bill {
    /// Requests sent, positive controls included.
    pub(crate) requests: u64,
    /// Events in them.
    pub(crate) events: u64,
    /// When it is over.
    pub(crate) until: Duration,
    /// When it does nothing but wait.
    pub(crate) waits: Vec<(Duration, Duration)>,
}

/// The requests that cases name.
pub(crate) type Requests = BTreeMap<String, Spanned<RequestDef>>;

/// How a case comes to a fresh window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Time {
    /// It moves the clock: silence costs nothing, and no key is used up only to learn when its window ends.
    Virtual,
    /// It uses its keys up and waits.
    Real,
    /// As `Real`, but keys that were not used yet, or not for a minute, are taken for fresh.
    Trusting,
}

/// Plays `case` from `from` on with these keys, by the names its steps use for them.
pub(crate) fn bill(
    case: &Case,
    requests: &Requests,
    keys: &mut BTreeMap<String, KeyModel>,
    from: Duration,
    time: Time,
) -> Bill {
    let silent =
        keys.iter().all(|(name, key)| key.fresh_by_silence(from).is_some() || !is_measured(case, name));
    let (is_virtual, trusts) = (time == Time::Virtual, time == Time::Trusting && silent);
    let mut walk =
        Walk { requests, keys, now: from, is_virtual, trusts, has_aligned: false, bill: Bill::default() };
    walk.begin(case);
    for step in &case.steps {
        walk.step(case, step);
    }
    walk.bill.until = walk.now;
    walk.bill
}

struct Walk<'a> {
    requests: &'a Requests,
    keys: &'a mut BTreeMap<String, KeyModel>,
    now: Duration,
    is_virtual: bool,
    /// Whether the first window needs no waiting for.
    trusts: bool,
    /// Whether a window was waited for already.
    has_aligned: bool,
    bill: Bill,
}

impl Walk<'_> {
    /// Finding room, and the positive controls.
    fn begin(&mut self, case: &Case) {
        if self.trusts {
            return;
        }
        let measures_itself = needs_no_room(case);
        let sends = case.steps.iter().filter(|step| step.send.is_some()).count();
        let sends = u32::try_from(sends).unwrap_or(u32::MAX);
        for name in self.names() {
            if !measures_itself {
                self.make_room(&name, sends);
            }
            let Some(key) = self.keys.get(&name) else { continue };
            let worked = key.worked.is_some_and(|worked| self.now.saturating_sub(worked) < CONTROL_GOOD_FOR);
            if !key.used_up(self.now) && !worked {
                if !measures_itself {
                    self.make_room(&name, 2);
                }
                let request = if key_reads(&self.keys[&name]) { "list-sessions" } else { "post-events" };
                self.requests(&name, request, 1, None, None, ALONE);
                if let Some(key) = self.keys.get_mut(&name) {
                    key.worked = Some(self.now);
                }
            }
        }
        for burst in case.steps.iter().filter_map(|step| step.burst.as_ref()) {
            let name = self.name(burst.key.as_ref());
            let Some(key) = self.keys.get(&name) else { continue };
            let known = key.admitted.contains(&*burst.request) || key.used_up(self.now);
            if burst.credentials.is_none() && !known {
                self.make_room(&name, 1);
                self.control(&name, &burst.request);
            }
        }
    }

    fn step(&mut self, case: &Case, step: &Step) {
        if let Some(send) = &step.send {
            self.send(send);
        } else if let Some(burst) = &step.burst {
            self.burst(burst);
        } else if let Some(pace) = &step.pace {
            self.pace(pace);
        } else if let Some(poll) = &step.poll {
            self.poll(poll);
        } else if let Some(fingerprint) = &step.fingerprint {
            self.fingerprint(fingerprint);
        } else if step.align.is_some() {
            self.align(case);
        } else if let Some(exhaust) = &step.exhaust {
            let name = self.name(exhaust.key.as_ref());
            self.exhaust(&name, exhaust);
        } else if let Some(wait) = step.wait {
            self.wait(wait);
        } else if let Some(find) = &step.find_session {
            let name = self.name(find.key.as_ref());
            self.requests(&name, "list-sessions", 1, None, None, ALONE);
        }
    }

    fn send(&mut self, send: &Send) {
        let name = self.name(send.key.as_ref());
        let events = send.body.as_ref().and_then(|body| body.events);
        self.requests(&name, &send.request, 1, events, send.credentials.as_ref(), ALONE);
    }

    fn burst(&mut self, burst: &Burst) {
        let name = self.name(burst.key.as_ref());
        let Some(limits) = self.keys.get(&name).map(KeyModel::limits) else { return };
        let credentials = burst.credentials.as_ref();
        match (burst.events, burst.count) {
            (Some(events), _) => {
                let limit = limits.events.unwrap_or(0);
                let batch = burst.batch.unwrap_or(1).max(1);
                let count = events.resolve(limit, limit).div_ceil(batch);
                self.requests(&name, &burst.request, count, Some(batch), credentials, TOGETHER);
            }
            (None, count) => {
                let limit = limits.requests;
                let count = count.map_or(0, |count| count.resolve(limit, limit));
                self.requests(&name, &burst.request, count, burst.batch, credentials, TOGETHER);
            }
        }
    }

    fn pace(&mut self, pace: &Pace) {
        let name = self.name(pace.key.as_ref());
        let Some(limits) = self.keys.get(&name).map(KeyModel::limits) else { return };
        let over = pace.over.map_or(Duration::ZERO, |over| over.duration());
        let count = match (pace.share, pace.count) {
            (Some(share), _) => share.over(limits.requests, over),
            (None, count) => count.map_or(0, |count| count.resolve(limits.requests, limits.requests)),
        };
        let begun = self.now;
        for place in 0..count {
            self.now = self.now.max(begun + over.mul_f64(f64::from(place) / f64::from(count)));
            self.requests(&name, &pace.request, 1, None, None, ALONE);
        }
    }

    fn poll(&mut self, poll: &Poll) {
        let name = self.name(poll.key.as_ref());
        let every = poll.every.map_or(WINDOW, |every| every.duration());
        let over = poll.over.map_or(Duration::ZERO, |over| over.duration());
        // Counted from when the window began.
        let open = self.keys.get(&name).and_then(|key| key.ends(self.now));
        let end = open.map_or(self.now, |ends| ends.saturating_sub(WINDOW)) + over;
        while self.now < end {
            let next = self.now + every;
            self.requests(&name, &poll.request, 1, None, None, ALONE);
            self.wait_until(next.min(end));
        }
    }

    fn fingerprint(&mut self, fingerprint: &Fingerprint) {
        let name = self.name(fingerprint.key.as_ref());
        let Some(limits) = self.keys.get(&name).map(KeyModel::limits) else { return };
        let request = &fingerprint.request;
        self.wait_until(self.now + fingerprint::OFF_THE_CLOCK);
        let first = self.now;
        self.requests(&name, request, limits.requests / 2, None, None, TOGETHER);
        self.wait_until(first + fingerprint::APART);
        self.requests(&name, request, limits.requests + fingerprint::OVER, None, None, TOGETHER);
        while self.now < first + WINDOW {
            self.wait_until(self.now + fingerprint::EVERY);
            self.requests(&name, request, 1, None, None, ALONE);
        }
        self.wait_until(self.now + fingerprint::SETTLED);
        self.requests(&name, request, limits.requests, None, None, TOGETHER);
    }

    fn align(&mut self, case: &Case) {
        let mut ready = self.now;
        let first = !std::mem::replace(&mut self.has_aligned, true);
        for name in self.names().into_iter().filter(|name| is_measured(case, name)) {
            let Some(key) = self.keys.get(&name) else { continue };
            if self.trusts
                && first
                && let Some(fresh_at) = key.fresh_by_silence(self.now)
            {
                ready = ready.max(fresh_at);
                continue;
            }
            if self.is_virtual {
                ready = ready.max(key.last.map_or(self.now, |last| last + LONG_SILENCE));
                continue;
            }
            let request = if key_reads(key) { "list-sessions" } else { "post-events" };
            if !key.admitted.contains(request) && !key.used_up(self.now) {
                self.control(&name, request);
            }
            self.use_up(&name, request, 1, None);
            let ends = self.keys.get(&name).and_then(|key| key.ends(self.now));
            ready = ready.max(ends.unwrap_or(self.now));
        }
        self.wait_until(ready);
    }

    fn exhaust(&mut self, name: &str, exhaust: &Exhaust) {
        let known = self
            .keys
            .get(name)
            .is_some_and(|key| key.used_up(self.now) || key.admitted.contains(&*exhaust.request));
        if !known {
            self.control(name, &exhaust.request);
        }
        self.use_up(name, &exhaust.request, exhaust.collect.unwrap_or(1), exhaust.batch);
    }

    fn use_up(&mut self, name: &str, request: &str, collect: u32, batch: Option<u32>) {
        let Some(key) = self.keys.get(name) else { return };
        let quota = match batch {
            _ if key.used_up(self.now) => 0,
            Some(batch) => key.limits().events.unwrap_or(0).div_ceil(batch.max(1)),
            None => key.limits().requests,
        };
        if quota > 0 || collect > 1 {
            self.requests(name, request, quota.saturating_add(collect.max(1)), batch, None, TOGETHER);
        }
        self.requests(name, request, 1, batch, None, ALONE);
    }

    fn wait(&mut self, wait: WaitFor) {
        let ends = self.keys.values().filter_map(|key| key.ends(self.now)).min().unwrap_or(self.now);
        let last = self.keys.values().filter_map(|key| key.last).max().unwrap_or(self.now);
        self.wait_until(match wait {
            WaitFor::For(time) => self.now + time,
            WaitFor::SilentWindow => last + WINDOW,
            WaitFor::Promise { early } => ends.saturating_sub(early),
            WaitFor::FirstPromise => ends,
        });
    }

    /// Waits until the key lets `more` requests in.
    fn make_room(&mut self, name: &str, more: u32) {
        let Some(key) = self.keys.get(name) else { return };
        if !key.has_room(more, self.now)
            && let Some(ends) = key.ends(self.now)
        {
            self.wait_until(ends);
        }
    }

    fn wait_until(&mut self, moment: Duration) {
        if moment > self.now {
            self.bill.waits.push((self.now, moment));
            self.now = moment;
        }
    }

    /// Makes sure once that a request is admitted with which quota is measured.
    fn control(&mut self, name: &str, request: &str) {
        self.requests(name, request, 1, None, None, ALONE);
        if let Some(key) = self.keys.get_mut(name) {
            key.admitted.insert(request.to_owned());
        }
    }

    /// Requests of one kind; with `events`, batches of so many instead of the request's own body.
    fn requests(
        &mut self,
        name: &str,
        request: &str,
        count: u32,
        events: Option<u32>,
        credentials: Option<&Credentials>,
        each: Duration,
    ) {
        let def = self.requests.get(request).map(|def| &def.value);
        let own = def.and_then(|def| def.body.as_ref()).and_then(|body| body.events);
        let events = events.filter(|events| *events > 0).or(own).unwrap_or(0);
        self.bill.requests += u64::from(count);
        self.bill.events += u64::from(count) * u64::from(events);
        let from = self.now;
        self.now += (each + EVENT * events) * count;
        let Some(key) = self.keys.get_mut(name) else { return };
        if count > 0 && counts_against_key(credentials) && key.may(def.and_then(endpoint_scope)) {
            if !key.used_up(from) {
                key.admitted.insert(request.to_owned());
            }
            key.spend(count, events, from, self.now);
        }
    }

    fn names(&self) -> Vec<String> {
        self.keys.keys().cloned().collect()
    }

    fn name(&self, name: Option<&Spanned<String>>) -> String {
        name.map_or_else(|| crate::run::stage::OWN.to_owned(), |name| name.value.clone())
    }
}

fn key_reads(key: &KeyModel) -> bool {
    key.may(Some(Scope::ReadAnalytics))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::contract::Tier;
    use crate::scenario::{Source, Suite};
    use crate::target::Role;

    fn suite() -> Suite {
        Suite::load(&Source::Builtin).unwrap()
    }

    fn case<'s>(suite: &'s Suite, id: &str) -> &'s Case {
        &suite.checks.iter().find(|check| check.id == id).unwrap().cases[0]
    }

    fn keys_for(case: &Case) -> BTreeMap<String, KeyModel> {
        let model =
            |role: Role| KeyModel::new(role.tier().unwrap_or(Tier::Standard).limits(), &role.scopes());
        super::super::jobs::parts(case).into_iter().map(|part| (part.name, model(part.role))).collect()
    }

    fn seconds(bill: &Bill) -> u64 {
        bill.until.as_secs()
    }

    #[test]
    fn a_measured_window_costs_the_exhaustion_the_wait_and_the_burst() {
        let suite = suite();
        let case = case(&suite, "rate.standard");
        let mut keys = keys_for(case);
        let fresh = bill(case, &suite.requests, &mut keys, Duration::ZERO, Time::Real);
        // A control, a quota and one more, one alone; then the burst.
        assert_eq!((fresh.requests, fresh.events), (1 + 61 + 1 + 160, 0));
        assert_eq!((seconds(&fresh), fresh.waits.len()), (60, 1));
        assert!(keys["own"].used_up(fresh.until));
        // The next one finds the key used up, and asks for the promise only.
        let next = bill(case, &suite.requests, &mut keys, fresh.until, Time::Real);
        assert_eq!((next.requests, seconds(&next)), (1 + 160, 120));
        let on_a_clock_that_moves =
            bill(case, &suite.requests, &mut keys_for(case), Duration::ZERO, Time::Virtual);
        assert_eq!(on_a_clock_that_moves.requests, 1 + 160);
        // A key that was not used yet is taken for fresh where that is safe.
        let trusted = bill(case, &suite.requests, &mut keys_for(case), Duration::ZERO, Time::Trusting);
        assert_eq!((trusted.requests, trusted.waits.len()), (160, 0));
    }

    #[test]
    fn looking_at_429s_costs_a_quota_once() {
        let suite = suite();
        let case = case(&suite, "limit.retry-after-present");
        let mut keys = keys_for(case);
        let first = bill(case, &suite.requests, &mut keys, Duration::ZERO, Time::Real);
        let second = bill(case, &suite.requests, &mut keys, first.until, Time::Real);
        assert_eq!((first.requests, second.requests), (1 + 160 + 1, 100 + 1));
        assert!(seconds(&second) == 0 && second.waits.is_empty());
    }

    #[test]
    fn events_are_counted_in_batches() {
        let suite = suite();
        let case = case(&suite, "events.quota");
        let mut keys = keys_for(case);
        let bill = bill(case, &suite.requests, &mut keys, Duration::ZERO, Time::Real);
        assert!((101_000..102_500).contains(&bill.events), "{}", bill.events);
        assert!(keys["own"].used_up(bill.until));
    }

    proptest! {
        /// From whatever moment on, in whatever order, with whatever was left behind: time goes forwards, waits lie
        /// inside the case and do not overlap, and no wait is longer than the longest that the language can ask for.
        #[test]
        fn cases_can_follow_each_other_in_any_order(
            chosen in proptest::collection::vec(any::<proptest::sample::Index>(), 1..12),
            gap in 0_u64..90,
            time in prop::sample::select(vec![Time::Virtual, Time::Real, Time::Trusting]),
        ) {
            let suite = suite();
            let cases: Vec<&Case> = suite.checks.iter().flat_map(|check| &check.cases).collect();
            let mut keys: BTreeMap<String, KeyModel> = BTreeMap::new();
            let mut now = Duration::ZERO;
            for index in chosen {
                let case = index.get(&cases);
                let mut own = keys_for(case);
                for (name, key) in &mut own {
                    if let Some(before) = keys.get(name).filter(|before| before.limits() == key.limits()) {
                        *key = before.clone();
                    }
                }
                let bill = bill(case, &suite.requests, &mut own, now, time);
                keys.extend(own);
                prop_assert!(bill.until >= now);
                let mut at = now;
                for (from, until) in &bill.waits {
                    prop_assert!(*from >= at && until > from && *until <= bill.until);
                    at = *until;
                }
                now = bill.until + Duration::from_secs(gap);
            }
        }
    }
}
