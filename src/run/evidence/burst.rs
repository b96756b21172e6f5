//! Many requests and their answers.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::answer::Answer;
use crate::contract::Limits;
use crate::run::instant::{Instant, nanoseconds};
use crate::run::learned::whole_quotas;
use crate::run::limiters::{LONG_SILENCE, SHORT_SILENCE, comes_back};

/// What begins a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Fresh {
    /// The run had not used the key, or hardly.
    Unused,
    /// The key was used up for it, and a promise waited for.
    Promise,
    /// The case waits for a promise here, to see the next window after one that was used up.
    Next,
    /// The key was silent.
    Silence,
}

/// Many requests and their answers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Burst {
    /// The key, by the name its case has for it.
    pub(crate) key: String,
    /// The answers, with the place of their request.
    pub(crate) answers: Vec<(usize, Answer)>,
    /// Why requests got no answer.
    pub(crate) faults: Vec<String>,
    /// How many events each request held; zero where it was no batch.
    pub(crate) batches: Vec<u32>,
    /// When the first request left.
    pub(crate) from: Instant,
    /// When the last answer was complete or given up.
    pub(crate) to: Instant,
    /// From the first request leaving to the last one leaving.
    #[serde(with = "nanoseconds")]
    #[schemars(with = "u64")]
    pub(crate) left_within: Duration,
    /// Whether the key itself was sent, so that its quota was used.
    pub(crate) counted: bool,
    /// Whether it is about many requests at once, and not about their number alone.
    pub(crate) together: bool,
    /// How many requests were under way at once.
    pub(crate) in_flight: u32,
    /// Which of the ways that its requests took in turn are HTTP/2; none where it took but one, as all others do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) in_http2: Vec<bool>,
    /// How the window began, where this burst is the first that uses much of it.
    pub(crate) fresh: Option<Fresh>,
    /// When the quota began to be spent.
    pub(crate) since: Instant,
    /// What had been admitted of the window's quota before: requests and events.
    pub(crate) spent: (u32, u32),
    /// How many requests before those a limiter that remembers each for a minute may still have counted.
    #[serde(default)]
    pub(crate) remembered: u32,
    /// How long the key had been silent before the window, at the least.
    #[serde(with = "nanoseconds")]
    #[schemars(with = "u64")]
    pub(crate) silence: Duration,
    /// Whether quota trickled back, where little of it had been there.
    pub(crate) trickles: Option<bool>,
    /// How many of a few requests over connections of their own were let in right after it, where little of the quota had been
    /// there and that over its own connection still was refused: none, where no more than one of them may have come back.
    #[serde(default)]
    pub(crate) elsewhere: u32,
    /// Whether others cannot have used the key.
    pub(crate) private: bool,
    /// What could not be sent as asked, for people.
    pub(crate) notes: Vec<String>,
}

impl Burst {
    /// How many were let through.
    pub(crate) fn admitted(&self) -> u32 {
        self.count(Answer::admitted)
    }

    /// How many were told that the key is over its limit.
    pub(crate) fn limited(&self) -> u32 {
        self.count(|answer| answer.limited)
    }

    /// To how many the server failed to give a proper answer.
    pub(crate) fn faltered(&self) -> u32 {
        u32::try_from(self.faltering().count()).unwrap_or(u32::MAX)
    }

    /// The answers that are no proper ones: the server failed, or did not know a key that it lets in otherwise.
    pub(crate) fn faltering(&self) -> impl Iterator<Item = &Answer> {
        let is_known = self.counted && self.admitted() > 0;
        let is_unknown = |answer: &Answer| matches!(answer.status, 401 | 403) && !answer.limited;
        let answers = self.answers.iter().map(|(_, answer)| answer);
        answers.filter(move |answer| answer.faltered() || is_known && is_unknown(answer))
    }

    /// How many were admitted beyond a quota of `limit` a minute, where that is no more than refills while the burst lasts,
    /// and where quota was seen to come back right after a refusal, or part of it later in the same play: a limiter that refills
    /// all the time is another fault than a wrong number.
    pub(super) fn refilled(&self, limit: u32, came_back_later: bool) -> u32 {
        let Some(first) = self.first_refusal() else { return 0 };
        let after = self.admitted_after_refusal();
        let came_back = after > 0 || came_back_later;
        let beyond = (self.spent.0 + self.admitted()).saturating_sub(limit);
        let refills = |from: Instant| comes_back(limit, self.to - from);
        // What passes by count instead of by time comes too often after the first refusal.
        let slowly = f64::from(beyond) <= refills(self.since) && f64::from(after) <= refills(first) + 1.0;
        if came_back && slowly { beyond } else { 0 }
    }

    /// How many were admitted that left when another one had been refused.
    pub(crate) fn admitted_after_refusal(&self) -> u32 {
        let first = self.first_refusal();
        self.count(|answer| answer.admitted() && first.is_some_and(|first| answer.sent >= first))
    }

    /// How many were let through before the first refusal, where they were sent one at a time: what is let through after it had
    /// come back by then, or is another fault.
    pub(crate) fn at_once(&self) -> u32 {
        let first = self.first_refusal().filter(|_| self.in_flight == 1);
        self.count(|answer| answer.admitted() && first.is_none_or(|first| answer.sent < first))
    }

    /// How much of a quota of `limit` a minute comes back before the first refusal, where quota comes back all the time.
    pub(crate) fn back_before_refusal(&self, limit: u32) -> u32 {
        let until = self.first_refusal().unwrap_or(self.to);
        comes_back(limit, until - self.from).ceil() as u32
    }

    /// Whether it was told time and again that the key is over its limit, and let in all the same in between: oftener than one
    /// reset, or what comes back of a quota of `limit` a minute, would have it.
    pub(crate) fn leaks(&self, limit: u32) -> bool {
        const A_FEW: u32 = 3;
        let Some(first) = self.first_refusal().filter(|_| self.in_flight == 1) else { return false };
        // Instances that count for themselves do not end at once.
        if whole_quotas(self.spent.0 + self.admitted(), limit).is_some() {
            return false;
        }
        let turns = self.answers.windows(2).filter(|two| two[0].1.limited && two[1].1.admitted()).count();
        let back = comes_back(limit, self.to - first);
        turns as u32 >= A_FEW && f64::from(self.admitted_after_refusal()) > back + f64::from(A_FEW)
    }

    /// Whether what other connections let in after it would tell of instances that share a quota out. Not so after a promise: where
    /// the limiter slides, the rest of a quota comes back as it was used the minute before, and that may be many at once. What
    /// goes wrong while some are under way at once is another fault, and so is what is refused now and then.
    pub(crate) fn may_tell_of_instances(&self, limits: Limits) -> bool {
        let is_alone = self.in_flight <= 1 && !self.counts_events();
        let was_used = self.was_promised() || self.remembered > limits.requests / 4;
        is_alone && !was_used && !self.met_no_window() && !self.refuses_early(limits)
    }

    /// Whether a part of the quota can only be had over other connections.
    pub(crate) fn is_split(&self) -> bool {
        self.elsewhere > 0
    }

    /// Whether all that came in HTTP/2 was let in, more than a quota of `limit` in all, and what came in HTTP/1.1 was counted.
    pub(crate) fn leaves_http2_uncounted(&self, limit: u32) -> bool {
        let is_http2 = |place: usize| self.in_http2.get(place % self.in_http2.len().max(1)) == Some(&true);
        let (http2, http1): (Vec<_>, Vec<_>) = self.answers.iter().partition(|(place, _)| is_http2(*place));
        let admitted = |answers: &[&(usize, Answer)]| {
            u32::try_from(answers.iter().filter(|(_, answer)| answer.admitted()).count()).unwrap_or(u32::MAX)
        };
        // What was sent before may have been in HTTP/2, too.
        let all = limit.saturating_sub(self.spent.0)..=limit;
        let is_counted = http1.is_empty()
            || all.contains(&admitted(&http1)) && http1.iter().any(|(_, answer)| answer.limited);
        let is_free = !http2.is_empty() && http2.iter().all(|(_, answer)| answer.admitted());
        is_free && is_counted && self.spent.0 + self.admitted() > limit
    }

    /// Whether a quota of `limit` was there at once, as it should be, and what was let in beyond it came only after a refusal.
    pub(crate) fn exceeds_after_refusal(&self, limit: u32) -> bool {
        let total = self.spent.0 + self.admitted();
        self.in_flight == 1 && total > limit && self.spent.0 + self.at_once() <= limit
    }

    /// The status with which requests were refused for want of quota, where it is not 429.
    pub(crate) fn refused_otherwise(&self) -> Option<u16> {
        let mut answers = self.answers.iter().map(|(_, answer)| answer);
        answers.find(|answer| answer.limited && answer.status != 429).map(|answer| answer.status)
    }

    /// When the first refusal was complete.
    fn first_refusal(&self) -> Option<Instant> {
        let refused = self.answers.iter().filter(|(_, answer)| answer.limited);
        refused.map(|(_, answer)| answer.done).min()
    }

    /// Whether the key had all of its quota even where the limiter slides: what comes back at a promise is only what the
    /// first requests of the window before had taken.
    pub(crate) fn is_rested(&self) -> bool {
        matches!(self.fresh, Some(Fresh::Unused | Fresh::Silence)) && self.silence >= LONG_SILENCE
    }

    /// Whether the key had as much as another key of `others` that was used up: then each has a quota of its own,
    /// whatever its size.
    pub(crate) fn had_as_much_as_any<'a>(&self, mut others: impl Iterator<Item = &'a Self>) -> bool {
        let total = |burst: &Self| burst.spent.0 + burst.admitted();
        others.any(|other| {
            let alike = total(self).abs_diff(total(other)) <= self.spent.0.max(other.spent.0);
            other.key != self.key && other.limited() > 0 && self.limited() > 0 && alike
        })
    }

    /// Whether one of the first requests was told already that the key is over its limit, and most others, too: who has a quota
    /// of its own, of whatever size, gets some of it first, or soon.
    pub(crate) fn is_refused_from_the_first(&self) -> bool {
        const FIRST: usize = 3;
        let at_first = self.answers.iter().any(|(place, answer)| *place < FIRST && answer.limited);
        at_first && self.admitted() < self.limited()
    }

    /// How many requests there were.
    pub(crate) fn all(&self) -> u32 {
        u32::try_from(self.answers.len() + self.faults.len()).unwrap_or(u32::MAX)
    }

    /// The events of the batches that were let in, as far as their answers do not say that some were rejected.
    pub(crate) fn accepted(&self) -> u32 {
        self.let_in().map(|(size, said)| size.min(said.unwrap_or(u32::MAX))).sum()
    }

    /// The events of the batches that were let in.
    pub(crate) fn events_let_in(&self) -> u32 {
        self.let_in().map(|(size, _)| size).sum()
    }

    /// Whether it should have begun a window, and was refused as a whole. A promise brings back what the first requests of the
    /// window before had taken: one request, perhaps, and that is spent.
    pub(crate) fn met_no_window(&self) -> bool {
        self.fresh.is_some() && self.admitted() + self.spent.0 == 0 && self.limited() > 0
    }

    /// Whether the first request of a window that a promise was waited for was refused: it had not begun by then.
    pub(crate) fn came_too_soon(&self) -> bool {
        let first = self.answers.iter().min_by_key(|(_, answer)| answer.sent);
        self.was_promised()
            && self.in_flight == 1
            && self.spent.0 == 0
            && first.is_some_and(|(_, answer)| answer.limited)
    }

    /// Whether requests were refused while quota was left, so that others were let in after them: more than come back
    /// meanwhile, and none that ask for less than what was refused.
    pub(crate) fn refuses_early(&self, limits: Limits) -> bool {
        const A_FEW: f64 = 2.0;
        // The first one alone may still meet the window before: a promise that is not kept is another fault.
        let late = self.answers.iter().take_while(|(_, answer)| answer.limited).count();
        let answers = &self.answers[if late == 1 { 1 } else { 0 }..];
        let refusals = answers.iter().filter(|(_, answer)| answer.limited);
        let Some(first) = refusals.map(|(_, answer)| answer.done).min() else { return false };
        let size = |place: usize| self.batches.get(place).copied().unwrap_or(0);
        let mut refused: BTreeMap<u32, Instant> = BTreeMap::new();
        for (place, answer) in answers.iter().filter(|(_, answer)| answer.limited) {
            let earliest = refused.entry(size(*place)).or_insert(answer.done);
            *earliest = answer.done.min(*earliest);
        }
        let admitted = || answers.iter().filter(|(_, answer)| answer.admitted());
        let before = admitted().filter(|(_, answer)| answer.sent < first);
        let (requests, events) = before.fold(self.spent, |(requests, events), (place, answer)| {
            (requests + 1, events + size(*place).min(answer.accepted.unwrap_or(u32::MAX)))
        });
        let after = admitted()
            .filter(|(place, answer)| refused.range(..=size(*place)).any(|(_, done)| *done <= answer.sent))
            .count();
        let back = comes_back(limits.requests, self.to - first);
        // A kept promise may have brought back a part of the quota only.
        let is_rested = self.silence >= SHORT_SILENCE;
        let is_left = requests < limits.requests && limits.events.is_none_or(|limit| events < limit);
        is_rested && is_left && after as f64 > back + A_FEW
    }

    /// Whether everything that was answered was let in, and the others got no answer: as where a key that is over its limit is
    /// not told so.
    pub(crate) fn ends_unanswered(&self) -> bool {
        self.faults.len() > 1 && self.admitted() > 0 && self.admitted() as usize == self.answers.len()
    }

    /// How many events the smallest batch held that was told that the key is over its limit.
    pub(crate) fn smallest_refused(&self) -> Option<u32> {
        let refused = self.answers.iter().filter(|(_, answer)| answer.limited);
        refused.filter_map(|(place, _)| self.batches.get(*place).copied()).min()
    }

    /// How many events the window holds by what was accepted: at least, and at the most where a batch of so many was refused.
    pub(crate) fn told_of_events(&self) -> (u32, u32) {
        let least = self.spent.1 + self.accepted();
        (least, least + self.smallest_refused().unwrap_or(1) - 1)
    }

    /// Whether its window is one that a promise was waited for.
    pub(crate) fn was_promised(&self) -> bool {
        matches!(self.fresh, Some(Fresh::Promise | Fresh::Next))
    }

    /// How long it took.
    pub(crate) fn took(&self) -> Duration {
        self.to - self.from
    }

    /// Whether it is events that are counted: then the number of requests is no quota.
    pub(crate) fn counts_events(&self) -> bool {
        self.batches.iter().any(|events| *events > 1)
    }

    fn let_in(&self) -> impl Iterator<Item = (u32, Option<u32>)> + '_ {
        let admitted = self.answers.iter().filter(|(_, answer)| answer.admitted());
        admitted.map(|(place, answer)| (self.batches.get(*place).copied().unwrap_or(0), answer.accepted))
    }

    fn count(&self, wanted: impl Fn(&Answer) -> bool) -> u32 {
        u32::try_from(self.answers.iter().filter(|(_, answer)| wanted(answer)).count()).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many requests one after the other within `ms`, of which those in `refused` were.
    fn burst(all: usize, ms: u64, refused: impl Fn(usize) -> bool) -> Burst {
        let at = |place: usize| Instant(Duration::from_micros(ms * 1_000 * place as u64 / all as u64));
        let answer = |place: usize| {
            let limited = refused(place);
            let (sent, answered, done) = (at(place), at(place + 1), at(place + 1));
            let status = if limited { 429 } else { 200 };
            (place, Answer { look: 0, status, limited, accepted: None, promise: None, sent, answered, done })
        };
        let answers = (0..all).map(answer).collect();
        Burst { answers, to: at(all), silence: SHORT_SILENCE, in_flight: 1, ..Burst::default() }
    }

    #[test]
    fn what_passes_by_time_was_refilled_and_what_passes_by_count_was_not() {
        // 300 a minute are one each 200 ms, which are 66 requests here.
        let refills = burst(400, 1_200, |place| place > 303 && place % 66 != 5);
        assert_eq!(refills.refilled(300, false), refills.admitted() - 300);
        let leaks = burst(400, 1_200, |place| place >= 300 && place % 20 != 0);
        assert_eq!((leaks.admitted(), leaks.refilled(300, false)), (305, 0));
    }

    const STANDARD: Limits = Limits { requests: 60, events: None };

    #[test]
    fn what_is_refused_while_quota_is_left_is_refused_early() {
        // The tenth, and all after sixty others.
        let early = burst(160, 200, |place| place == 9 || place > 60);
        assert_eq!((early.admitted(), early.refuses_early(STANDARD)), (60, true));
        assert!(!burst(160, 200, |place| place >= 60).refuses_early(STANDARD));
        assert!(
            !burst(160, 200, |place| place >= 40).refuses_early(STANDARD),
            "a lower limit is another fault"
        );
        // All of the quota was used before the first refusal.
        assert!(!burst(160, 200, |place| place >= 60 && place % 20 != 0).refuses_early(STANDARD));
        // A limiter that slides lets some in again, as time goes by.
        assert!(!burst(60, 20_000, |place| place >= 30 && place % 3 != 0).refuses_early(STANDARD));
    }

    #[test]
    fn only_a_rested_key_tells_of_instances() {
        let half = |fresh| Burst { fresh: Some(fresh), ..burst(160, 200, |place| place >= 30) };
        assert!(half(Fresh::Unused).may_tell_of_instances(STANDARD));
        assert!(half(Fresh::Silence).may_tell_of_instances(STANDARD));
        for promised in [Fresh::Promise, Fresh::Next] {
            assert!(!half(promised).may_tell_of_instances(STANDARD), "more may come back at any time");
        }
        let at_once = Burst { in_flight: 8, ..half(Fresh::Unused) };
        assert!(!at_once.may_tell_of_instances(STANDARD));
        let events = Burst { batches: vec![2; 160], ..half(Fresh::Unused) };
        assert!(!events.may_tell_of_instances(STANDARD));
    }

    #[test]
    fn http2_is_uncounted_where_all_of_it_is_let_in_and_http1_is_held_to_the_limit() {
        let taking_turns = |burst: Burst| Burst { in_http2: vec![false, true], ..burst };
        let free = |place: usize| place.is_multiple_of(2) && place >= 120;
        assert!(taking_turns(burst(160, 200, free)).leaves_http2_uncounted(60));
        let spent = Burst { spent: (3, 0), ..taking_turns(burst(160, 200, free)) };
        assert!(spent.leaves_http2_uncounted(60), "what was sent before was in HTTP/2");
        assert!(!taking_turns(burst(160, 200, |_| false)).leaves_http2_uncounted(60), "nothing is limited");
        assert!(
            !taking_turns(burst(160, 200, |place| place >= 120)).leaves_http2_uncounted(60),
            "two quotas"
        );
        assert!(!burst(160, 200, free).leaves_http2_uncounted(60), "all in HTTP/1.1");
    }

    #[test]
    fn what_is_let_in_after_a_refusal_is_no_part_of_the_quota() {
        let leaks = burst(160, 200, |place| place >= 60 && place != 90);
        assert_eq!((leaks.admitted(), leaks.exceeds_after_refusal(60)), (61, true));
        assert!(!burst(160, 200, |place| place >= 61).exceeds_after_refusal(60), "a higher limit");
        assert!(!burst(160, 200, |place| place >= 60).exceeds_after_refusal(60));
    }

    #[test]
    fn a_key_that_is_unknown_now_and_then_gets_no_proper_answer() {
        let answered = |status: u16, counted: bool, let_in: usize| {
            let mut burst = burst(60, 200, |_| false);
            burst.answers[let_in..].iter_mut().for_each(|(_, answer)| answer.status = status);
            Burst { counted, ..burst }.faltered()
        };
        assert_eq!((answered(401, true, 58), answered(500, true, 58)), (2, 2));
        assert_eq!(answered(401, true, 0), 0, "it is not let in here");
        assert_eq!(answered(401, false, 58), 0, "another key was sent");
        assert_eq!(answered(400, true, 58), 0);
    }

    #[test]
    fn a_first_request_that_still_meets_the_window_before_is_not_refused_early() {
        assert!(!burst(160, 200, |place| place == 0 || place > 60).refuses_early(STANDARD));
        assert!(burst(160, 200, |place| !(2..=61).contains(&place)).refuses_early(STANDARD));
    }

    #[test]
    fn a_promise_whose_first_request_is_refused_was_waited_for_too_short() {
        let promised = |refused: usize| Burst {
            fresh: Some(Fresh::Promise),
            ..burst(60, 200, |place| place == refused)
        };
        assert_eq!((promised(0).came_too_soon(), promised(1).came_too_soon()), (true, false));
        assert!(!Burst { spent: (1, 0), ..promised(0) }.came_too_soon(), "it had been kept before");
        assert!(!Burst { fresh: Some(Fresh::Silence), ..promised(0) }.came_too_soon());
    }

    #[test]
    fn who_shares_a_used_up_quota_is_refused_from_the_first_on() {
        let is_refused = |refused: fn(usize) -> bool| burst(60, 200, refused).is_refused_from_the_first();
        assert!(is_refused(|_| true) && is_refused(|place| place > 0));
        assert!(!is_refused(|place| place > 30), "a smaller quota of its own");
        assert!(!is_refused(|place| place == 0), "a window that began with the second one");
    }

    #[test]
    fn who_is_let_in_time_and_again_over_the_limit_met_no_reset() {
        let leaks = burst(160, 200, |place| place >= 60 && place % 10 != 0);
        assert_eq!((leaks.admitted(), leaks.at_once(), leaks.leaks(60)), (70, 61, true));
        // A reset in the middle, and what comes back all the time.
        assert!(!burst(160, 200, |place| (60..90).contains(&place)).leaks(60));
        assert!(!burst(160, 20_000, |place| place >= 60 && place % 8 != 0).leaks(60));
        let at_once = Burst { in_flight: 8, ..leaks };
        assert!(!at_once.leaks(60), "who was asked first is not known");
    }

    #[test]
    fn what_comes_back_meanwhile_was_not_there_at_once() {
        let smoothed = burst(160, 4_000, |place| place >= 11 && place % 40 != 39);
        assert_eq!((smoothed.admitted(), smoothed.at_once(), smoothed.back_before_refusal(60)), (15, 11, 1));
        assert!(!smoothed.leaks(60) && !smoothed.refuses_early(STANDARD));
    }

    #[test]
    fn a_batch_that_is_refused_for_its_size_is_not_refused_early() {
        let limits = Limits { requests: 1_000, events: Some(1_000) };
        let of_batches = |large: usize| {
            let burst = burst(20, 200, |place| place == large);
            let batches = (0..20).map(|place| if place == large { 900 } else { 10 }).collect();
            Burst { batches, ..burst }
        };
        assert!(!of_batches(5).refuses_early(limits));
        let same = Burst { batches: vec![10; 20], ..of_batches(5) };
        assert!(same.refuses_early(limits));
    }

    #[test]
    fn where_all_answers_let_in_and_others_are_missing_no_refusal_is_told() {
        let unanswered = |refused: usize, faults: usize| {
            let burst = burst(60, 200, |place| place < refused);
            Burst { faults: vec!["no answer".to_owned(); faults], ..burst }.ends_unanswered()
        };
        assert_eq!((unanswered(0, 2), unanswered(0, 0), unanswered(0, 1)), (true, false, false));
        assert_eq!((unanswered(1, 2), unanswered(60, 2)), (false, false));
    }
}
