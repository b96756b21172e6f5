//! What we know of a key: what it has sent, what its 429s promised, how long its limiter remembers.

use std::collections::VecDeque;
use std::time::Duration;

use parking_lot::Mutex;

use super::evidence::Answer;
use super::instant::Instant;
use super::limiters::{LONG_SILENCE, Span, WINDOW};
use crate::contract::{Limits, Tier, WINDOW_SECONDS};
use crate::deployment::{Key, Target};

/// How long the longest memory of a conforming limiter is, and some more: two windows, where one weighs in the other.
const REMEMBERED: Duration = Duration::from_secs(2 * WINDOW_SECONDS + 30);

/// When a key has a fresh window although nobody uses it up first: at once where this run has not used it, else a minute
/// after its last answer. Nothing where the window that is open by all appearances ends well before that.
pub(crate) fn fresh_by_silence(
    last_answer: Option<Duration>,
    window_ends: Option<Duration>,
    now: Duration,
) -> Option<Duration> {
    const WELL: Duration = Duration::from_secs(1);
    let Some(last) = last_answer else { return Some(now) };
    let silent = (last + WINDOW).max(now);
    let open_until = window_ends.filter(|ends| *ends > now);
    open_until.is_none_or(|ends| ends + WELL >= silent).then_some(silent)
}

/// Whether so few requests of a window that began so long ago leave its quota as good as whole.
pub(crate) fn is_little(requests: u32, limits: Limits, ago: Duration) -> bool {
    const LATELY: Duration = Duration::from_secs(10);
    requests <= limits.requests / 5 && ago < LATELY
}

/// A key in an environment, with its history there.
#[derive(Debug)]
pub(crate) struct KeyState {
    /// The key.
    pub(crate) key: Key,
    /// What it is granted in a window.
    pub(crate) limits: Limits,
    history: Mutex<History>,
}

#[derive(Debug, Default)]
struct History {
    /// When requests that may have been counted left and were answered, as long as any conforming limiter remembers them.
    sends: VecDeque<Span>,
    /// When the last answer to such a request was complete.
    last_answer: Option<Instant>,
    /// When the last one was complete that did not say that there was no quota.
    last_spent: Option<Instant>,
    /// What was promised since the key was used up.
    promises: Option<Promises>,
    /// Whether the last thing seen was a 429.
    used_up: bool,
    /// When the last 429 came.
    limited_at: Option<Instant>,
    /// When the window ends that a fixed window of the key's own would have open.
    window_ends: Option<Instant>,
    /// What was spent of the quota since it was whole.
    spent: Option<Spent>,
    /// How long the key had been silent before that, or as good as that.
    rest: Option<Duration>,
}

/// What was spent of a window's quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spent {
    /// When the first request left.
    pub(crate) since: Instant,
    /// How many requests were admitted.
    pub(crate) requests: u32,
    /// How many events were accepted.
    pub(crate) events: u32,
    /// Whether some were answered otherwise, so that nobody can tell what they cost.
    pub(crate) unsure: bool,
}

/// The instants that 429s promised, one after the other.
#[derive(Debug, Clone, Copy)]
struct Promises {
    earliest: Instant,
    last: Instant,
    /// Whether none lay clearly before an earlier one.
    only_later: bool,
}

impl Promises {
    /// By how much promises may differ through rounding and slow answers.
    const SLACK: Duration = Duration::from_millis(1_500);

    fn one(promise: Instant) -> Self {
        Self { earliest: promise, last: promise, only_later: true }
    }

    fn and(self, promise: Instant) -> Self {
        Self {
            earliest: self.earliest.min(promise),
            last: promise,
            only_later: self.only_later && promise + Self::SLACK >= self.last,
        }
    }

    /// The promise that must be kept. Who asks again has not waited, and a limiter may count that: where each
    /// further 429 promised a later instant, only the last one still stands. Else the earliest does.
    fn standing(self) -> Instant {
        let moved = self.last - self.earliest > Self::SLACK;
        if self.only_later && moved { self.last } else { self.earliest }
    }
}

impl History {
    fn promise(&self) -> Option<Instant> {
        self.promises.map(Promises::standing)
    }

    /// Takes note of a request that was over then, of which nobody can tell whether it was counted.
    fn note_uncertain(&mut self, done: Instant) {
        self.last_answer = self.last_answer.max(Some(done));
        self.last_spent = self.last_spent.max(Some(done));
        if let Some(spent) = &mut self.spent {
            spent.unsure = true;
        }
    }
}

impl KeyState {
    /// A key of which nothing is known yet.
    pub(crate) fn unused(key: Key, target: &Target) -> Self {
        // A key that only reads may be on either tier; the smaller quota is the safe guess.
        let limits = target.limits(key.tier.unwrap_or(Tier::Standard));
        Self::new(key, limits)
    }

    /// A key nothing is known of yet.
    pub(crate) fn new(key: Key, limits: Limits) -> Self {
        Self { key, limits, history: Mutex::default() }
    }

    /// Takes note of an answer to a request that carried the key as it should, with so many events.
    pub(crate) fn note(&self, answer: &Answer, events: u32) {
        let mut history = self.history.lock();
        let rest = history.last_answer.map(|last| answer.sent - last);
        let rested = rest.is_none_or(|rest| rest >= WINDOW);
        if rested {
            history.rest = rest;
        }
        history.sends.push_back((answer.sent, answer.done));
        history.last_answer = history.last_answer.max(Some(answer.done));
        if !answer.limited {
            history.last_spent = history.last_spent.max(Some(answer.done));
        }
        let since = Instant(answer.sent.0.saturating_sub(REMEMBERED));
        while history.sends.front().is_some_and(|seen| seen.1 < since) {
            history.sends.pop_front();
        }
        let opened = Spent { since: answer.sent, requests: 0, events: 0, unsure: false };
        let spent = match &mut history.spent {
            Some(spent) if !rested => spent,
            spent => spent.insert(opened),
        };
        if answer.admitted() {
            spent.requests += 1;
            spent.events += events.min(answer.accepted.unwrap_or(events));
        } else {
            spent.unsure = true;
        }
        if answer.limited {
            history.used_up = true;
            history.limited_at = history.limited_at.max(Some(answer.done));
            if let Some(promise) = answer.promise {
                let earlier = history.promises;
                history.promises = Some(earlier.map_or(Promises::one(promise), |some| some.and(promise)));
            }
        } else if answer.admitted() {
            history.used_up = false;
            history.promises = None;
            if history.window_ends.is_none_or(|ends| answer.sent >= ends) {
                history.window_ends = Some(answer.sent + WINDOW);
            }
        }
    }

    /// From now on the quota is taken for whole, as after so long a silence: the next request opens its window.
    pub(crate) fn begin_window(&self, rest: Duration) {
        let mut history = self.history.lock();
        (history.spent, history.rest, history.used_up) = (None, Some(rest), false);
    }

    /// How long the key was silent before its quota was last whole, or as good as that; longer than any conforming limiter
    /// remembers where it was never used.
    pub(crate) fn rest(&self) -> Duration {
        self.history.lock().rest.unwrap_or(LONG_SILENCE)
    }

    /// What was spent of the quota since it was whole; nothing where no request was sent since.
    pub(crate) fn spent(&self) -> Option<Spent> {
        self.history.lock().spent
    }

    /// Whether so little was sent, and so lately, that the quota is as good as whole: what was admitted is known, and
    /// nothing was refused.
    pub(crate) fn hardly_used(&self, now: Instant) -> bool {
        let history = self.history.lock();
        let little =
            |spent: Spent| !spent.unsure && is_little(spent.requests, self.limits, now - spent.since);
        !history.used_up && history.spent.is_some_and(little)
    }

    /// Takes note of a request that was let in with this key shown as it should not be: it may have been counted.
    pub(crate) fn note_let_in(&self, answer: &Answer) {
        let mut history = self.history.lock();
        history.spent.get_or_insert(Spent { since: answer.sent, requests: 0, events: 0, unsure: true });
        history.note_uncertain(answer.done);
    }

    /// Takes note of a request that left and got no answer: it may have been counted.
    pub(crate) fn note_lost(&self, sent: Instant, given_up: Instant) {
        let mut history = self.history.lock();
        history.sends.push_back((sent, given_up));
        history.note_uncertain(given_up);
    }

    /// Remembers that a 429 was among answers whose order is not known.
    pub(crate) fn mark_used_up(&self) {
        self.history.lock().used_up = true;
    }

    /// Forgets promises: those of answers that overlapped with admitted ones may belong to a window that is over.
    pub(crate) fn forget_promise(&self) {
        self.history.lock().promises = None;
    }

    /// Forgets all promises but that of this answer.
    pub(crate) fn promise_only(&self, answer: Option<&Answer>) {
        self.history.lock().promises = answer.and_then(|answer| answer.promise).map(Promises::one);
    }

    /// The instant from which on the key is promised to be let in again.
    pub(crate) fn promise(&self) -> Option<Instant> {
        self.history.lock().promise()
    }

    /// The earliest instant promised since the key was used up, whatever was promised after it.
    pub(crate) fn first_promise(&self) -> Option<Instant> {
        self.history.lock().promises.map(|promises| promises.earliest)
    }

    /// When the key is likely to have a fresh window: by its promise, else as if it had a fixed window that opens with
    /// its first request, which is how the plan sees it. Only good for choosing between keys.
    pub(crate) fn likely_fresh_at(&self, now: Instant) -> Instant {
        let history = self.history.lock();
        history.promise().or(history.window_ends).map_or(now, |fresh| fresh.max(now))
    }

    /// When the key has a fresh window although nobody uses it up first; see [`fresh_by_silence`].
    pub(crate) fn fresh_by_silence(&self, now: Instant) -> Option<Instant> {
        let history = self.history.lock();
        let moment = |moment: Instant| moment.0;
        let ends = history.promise().or(history.window_ends);
        fresh_by_silence(history.last_answer.map(moment), ends.map(moment), now.0).map(Instant)
    }

    /// Whether the key is used up at `now`, as far as its own promise goes.
    pub(crate) fn used_up_at(&self, now: Instant) -> bool {
        let history = self.history.lock();
        history.used_up && history.promise().is_none_or(|promise| promise > now)
    }

    /// Whether a 429 came so lately that little of the quota can have come back, short of a reset.
    pub(crate) fn limited_just_now(&self, now: Instant) -> bool {
        const LATELY: Duration = Duration::from_secs(5);
        let history = self.history.lock();
        history.limited_at.is_some_and(|limited| now - limited < LATELY)
    }

    /// When the last answer to this key was complete.
    pub(crate) fn last_answer(&self) -> Option<Instant> {
        self.history.lock().last_answer
    }

    /// When the last answer to this key was complete that may have spent some of its quota.
    pub(crate) fn last_spent(&self) -> Option<Instant> {
        self.history.lock().last_spent
    }

    /// The requests that any conforming limiter may remember.
    pub(crate) fn remembered(&self) -> Vec<Span> {
        self.history.lock().sends.iter().copied().collect()
    }

    /// From when on `more` further requests fit into the quota whatever the limiter's algorithm;
    /// `now` where they do already.
    pub(crate) fn room_for(&self, more: u32, now: Instant) -> Instant {
        let history = self.history.lock();
        let since = now.0.saturating_sub(WINDOW);
        let sends = history.sends.iter().map(|seen| seen.0);
        let recent: Vec<Instant> = sends.filter(|sent| sent.0 > since).collect();
        if history.used_up {
            let silent = history.last_answer.map_or(now, |last| last + WINDOW);
            return history.promise().map_or(silent, |promise| promise.min(silent)).max(now);
        }
        let limit = self.limits.requests as usize;
        let too_many = (recent.len() + more as usize).saturating_sub(limit);
        match too_many {
            0 => now,
            some => recent.get(some.min(recent.len()) - 1).map_or(now, |sent| *sent + WINDOW),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{ApiKey, Tier};

    fn at(seconds: u64) -> Instant {
        Instant(Duration::from_secs(seconds))
    }

    fn answer(status: u16, second: u64, retry_after: Option<u64>) -> Answer {
        let moment = at(second);
        Answer {
            look: 0,
            status,
            limited: status == 429,
            accepted: None,
            promise: retry_after.map(|wait| moment + Duration::from_secs(wait)),
            sent: moment,
            answered: moment,
            done: moment,
        }
    }

    fn standard() -> KeyState {
        let key = Key {
            variable: "K".to_owned(),
            secret: ApiKey::new("ct_live_abcdefghijkl").unwrap(),
            tier: Some(Tier::Standard),
            scopes: Vec::new(),
            account: None,
            given_for: None,
            mock_id: None,
        };
        KeyState::new(key, Tier::Standard.limits())
    }

    #[test]
    fn the_earliest_promise_counts_until_something_is_admitted() {
        let key = standard();
        key.note(&answer(429, 10, Some(50)), 0);
        key.note(&answer(429, 11, Some(48)), 0);
        key.note(&answer(429, 12, None), 0);
        assert_eq!(key.promise(), Some(at(59)));
        assert!(key.used_up_at(at(58)) && !key.used_up_at(at(59)));
        key.note(&answer(200, 61, None), 0);
        assert_eq!(key.promise(), None);
        assert!(!key.used_up_at(at(61)));
    }

    #[test]
    fn who_asks_again_may_be_told_to_wait_longer() {
        let counts_refusals = standard();
        for second in [10, 11, 12, 13] {
            counts_refusals.note(&answer(429, second, Some(30)), 0);
        }
        assert_eq!(counts_refusals.promise(), Some(at(43)));
        assert_eq!(counts_refusals.first_promise(), Some(at(40)));
        let jumps = standard();
        for (second, seconds) in [(10, 30), (11, 50), (12, 20), (13, 55)] {
            jumps.note(&answer(429, second, Some(seconds)), 0);
        }
        assert_eq!(jumps.promise(), Some(at(32)));
    }

    #[test]
    fn a_key_is_likely_to_be_fresh_a_minute_after_its_first_request_or_when_promised() {
        let key = standard();
        assert_eq!(key.likely_fresh_at(at(3)), at(3));
        key.note(&answer(200, 10, None), 0);
        key.note(&answer(200, 40, None), 0);
        assert_eq!(key.likely_fresh_at(at(41)), at(70));
        key.note(&answer(429, 42, Some(20)), 0);
        assert_eq!(key.likely_fresh_at(at(43)), at(62));
        // Who was let in again has opened the next window.
        key.note(&answer(200, 71, None), 0);
        assert_eq!(key.likely_fresh_at(at(71)), at(131));
        assert_eq!(key.likely_fresh_at(at(140)), at(140));
    }

    #[test]
    fn silence_makes_a_key_fresh_unless_its_window_ends_well_before_that() {
        let key = standard();
        assert_eq!(key.fresh_by_silence(at(3)), Some(at(3)));
        key.note(&answer(200, 10, None), 0);
        assert_eq!(key.fresh_by_silence(at(11)), Some(at(70)));
        assert_eq!(key.fresh_by_silence(at(80)), Some(at(80)));
        key.note(&answer(200, 40, None), 0);
        assert_eq!(key.fresh_by_silence(at(41)), None);
        // The window is over, and it takes a silent minute to know of another one.
        assert_eq!(key.fresh_by_silence(at(75)), Some(at(100)));
    }

    #[test]
    fn room_is_counted_over_the_last_window() {
        let key = standard();
        for second in 0..60 {
            key.note(&answer(200, second, None), 0);
        }
        assert_eq!(key.room_for(5, at(59)), at(64));
        assert_eq!(key.room_for(5, at(70)), at(70));
        key.note(&answer(429, 70, Some(7)), 0);
        assert_eq!(key.room_for(1, at(71)), at(77));
    }

    #[test]
    fn what_is_spent_counts_from_the_first_request_after_a_silent_minute() {
        let key = standard();
        assert_eq!(key.spent(), None);
        let batch = |second: u64, accepted: Option<u32>| Answer { accepted, ..answer(200, second, None) };
        key.note(&batch(10, None), 500);
        key.note(&batch(30, Some(100)), 500);
        // More than was sent is not believed.
        key.note(&batch(40, Some(9_000)), 500);
        let spent = Spent { since: at(10), requests: 3, events: 1_100, unsure: false };
        assert_eq!(key.spent(), Some(spent));
        key.note(&answer(400, 50, None), 500);
        assert_eq!(key.spent(), Some(Spent { unsure: true, ..spent }));
        // The last answer came at 50 s.
        key.note(&batch(109, None), 1);
        assert_eq!(key.spent().unwrap().since, at(10));
        key.note(&batch(169, None), 1);
        assert_eq!(key.spent(), Some(Spent { since: at(169), requests: 1, events: 1, unsure: false }));
        key.begin_window(WINDOW);
        assert_eq!(key.spent(), None);
    }

    #[test]
    fn a_key_knows_how_long_it_rested_before_its_quota_was_whole() {
        let key = standard();
        assert_eq!(key.rest(), LONG_SILENCE);
        key.note(&answer(200, 10, None), 0);
        assert_eq!(key.rest(), LONG_SILENCE);
        key.note(&answer(200, 75, None), 0);
        key.note(&answer(200, 80, None), 0);
        assert_eq!(key.rest(), Duration::from_secs(65));
        key.begin_window(WINDOW);
        key.note(&answer(200, 81, None), 0);
        assert_eq!(key.rest(), WINDOW);
    }

    #[test]
    fn a_key_is_hardly_used_while_all_that_was_sent_is_little_known_and_lately() {
        let key = standard();
        assert!(!key.hardly_used(at(0)), "nothing was sent");
        for _ in 0..12 {
            key.note(&answer(200, 10, None), 0);
        }
        assert!(key.hardly_used(at(19)) && !key.hardly_used(at(20)));
        key.note(&answer(200, 11, None), 0);
        assert!(!key.hardly_used(at(12)));
        let refused = standard();
        refused.note(&answer(200, 10, None), 0);
        refused.note(&answer(403, 10, None), 0);
        assert!(!refused.hardly_used(at(11)), "nobody knows what the 403 cost");
        let lost = standard();
        lost.note(&answer(200, 10, None), 0);
        lost.note_lost(at(10), at(11));
        assert!(!lost.hardly_used(at(11)), "nobody knows what the lost one cost");
        let let_in = standard();
        let_in.note_let_in(&answer(200, 10, None));
        assert!(!let_in.hardly_used(at(11)), "nobody knows whether it was counted");
        assert_eq!(let_in.room_for(60, at(11)), at(11));
    }
}
