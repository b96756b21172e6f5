//! Where a burst goes on: until a window's quota ends, and until it is known whether more of it trickles back.

use std::time::Duration;

use super::burst::{Way, split};
use crate::client::Connections;
use crate::contract::Tier;
use crate::run::evidence::{Answer, Burst as Observation, Fresh, Gap};
use crate::run::instant::Instant;
use crate::run::keys::KeyState;
use crate::run::learned::MOST_QUOTAS;
use crate::run::limiters;
use crate::run::request::Recipe;
use crate::run::runner::Runner;
use crate::scenario::model::{Burst, Credentials, RequestDef};

/// How long after a burst that was admitted too little it is looked whether quota trickles back.
const TRICKLE: Duration = Duration::from_secs(10);

/// One in so many requests of a quota are sent to look: twice as many as trickle back in that time.
const LOOKS: u32 = 3;

/// Whether a key has the quota of another tier is found out in so short a time, or not at all.
const WORTH_A_TRY: Duration = Duration::from_secs(5);

/// So many connections are tried where one was refused early: of two instances, hardly ever nearly all of them lead to the same.
const ELSEWHERE: usize = 16;

/// Of so few requests in the minute before, a limiter that weighs them in gives nothing back that would be seen.
const SEEN_TO_TRICKLE: u32 = 12;

impl Runner<'_> {
    /// Goes on where all of a quota and more was admitted; and where none of it was refused by 429, but by something else
    /// after it, remembers what a refusal looks like here.
    pub(super) async fn seek_the_end(
        &self,
        burst: &Burst,
        ways: &[Way<'_>],
        key: &KeyState,
        seen: &mut Observation,
    ) -> Result<(), Gap> {
        let limit = self.limits(key).requests;
        while seen.faults.is_empty()
            && seen.admitted() == seen.all()
            && seen.admitted() + seen.spent.0 < MOST_QUOTAS * limit
        {
            self.release(burst, ways, key, vec![burst.batch.unwrap_or(0); limit as usize], seen).await?;
        }
        // The key may be one of another tier, and end there.
        let is_endless = self.run.learned.lock().is_endless(key.key.tier);
        for tier in Tier::ALL {
            let more = (tier.limits().requests + 1).saturating_sub(seen.admitted() + seen.spent.0);
            let takes = seen.took() * more / seen.all().max(1);
            let goes_on = !is_endless && more > 0 && takes < WORTH_A_TRY;
            if goes_on && seen.faults.is_empty() && seen.admitted() == seen.all() {
                self.release(burst, ways, key, vec![burst.batch.unwrap_or(0); more as usize], seen).await?;
            }
        }
        if seen.limited() == 0
            && let Some(status) = refusal(&seen.answers)
        {
            self.run.learned.lock().refusal = Some(status);
            for (_, answer) in &mut seen.answers {
                answer.limited |= answer.status == status;
            }
        }
        Ok(())
    }

    /// Goes on where all events of a quota and more were accepted, if it should, and where the end is well off the documented
    /// one, sends smaller batches until it is known to the event.
    pub(super) async fn seek_the_end_of_events(
        &self,
        burst: &Burst,
        goes_on: bool,
        ways: &[Way<'_>],
        key: &KeyState,
        seen: &mut Observation,
    ) -> Result<(), Gap> {
        let limits = self.limits(key);
        let (Some(limit), Some(batch)) = (limits.events, burst.batch) else { return Ok(()) };
        let accepted = |seen: &Observation| seen.accepted() + seen.spent.1;
        let is_clean = |seen: &Observation| seen.faults.is_empty() && seen.faltered() == 0;
        while goes_on
            && is_clean(seen)
            && seen.admitted() == seen.all()
            && accepted(seen) < MOST_QUOTAS * limit
            && seen.admitted() + seen.spent.0 < limits.requests
        {
            self.release(burst, ways, key, split(limit, batch), seen).await?;
        }
        let documented = key.limits.events.unwrap_or(limit);
        let is_well_off = accepted(seen).abs_diff(documented) > batch;
        if is_well_off && is_clean(seen) && seen.limited() > 0 {
            self.release(burst, ways, key, filling(0, batch), seen).await?;
        }
        Ok(())
    }

    /// Remembers that a key which is over its limit gets no answer, where others do: one that shows no key.
    pub(super) async fn note_silent_refusals(
        &self,
        key: &KeyState,
        def: &RequestDef,
        seen: &Observation,
    ) -> Result<(), Gap> {
        // An answer may be lost that came before a body was sent.
        let has_bodies = def.body.is_some() || seen.batches.iter().any(|batch| *batch > 0);
        if has_bodies || !seen.ends_unanswered() || self.run.learned.lock().silent_refusals {
            return Ok(());
        }
        let nothing = Credentials::default();
        let mut recipe = Recipe::plain(def, &key.key, &self.session, self.run.envelope());
        recipe.credentials = Some(&nothing);
        let outgoing = self.make(&recipe)?;
        if self.exchange(&outgoing, None, Connections::Fresh).await.is_ok() {
            self.run.learned.lock().silent_refusals = true;
        }
        Ok(())
    }

    /// How many requests before those of a burst's window a log may still have counted at an instant.
    pub(super) fn remembered(&self, key: &KeyState, seen: &Observation, at: Instant) -> u32 {
        let admissions = &self.run.trace.admissions;
        admissions.remembered(&self.environment.base_url, &key.key.variable, seen.since, at)
    }

    /// Whether a burst had just what a log leaves, of a key that had all of its quota in the minute before: it was not known yet
    /// that the limiter slides.
    pub(super) fn is_what_a_log_left(&self, key: &KeyState, seen: &Observation) -> bool {
        let is_known = self.run.learned.lock().slides;
        if is_known || !matches!(seen.fresh, Some(Fresh::Unused | Fresh::Promise)) || seen.counts_events() {
            return false;
        }
        let limit = self.limits(key).requests;
        let had = seen.spent.0 + seen.admitted();
        let least = had + self.remembered(key, seen, seen.to);
        let is_as_left = seen.remembered > 0 && (least..=had + seen.remembered).contains(&limit);
        let (environment, variable) = (&self.environment.base_url, &key.key.variable);
        is_as_left && self.run.trace.admissions.had_all(environment, variable, limit, seen.since)
    }

    /// Whether less of a quota was there than is due.
    pub(super) fn is_short(&self, seen: &Observation, key: &KeyState) -> bool {
        let limits = self.limits(key);
        let events = seen.batches.iter().any(|batch| *batch > 1);
        let (had, whole) = match (events, limits.events) {
            // What the last batch did not fit in is no shortage.
            (true, Some(limit)) => (
                seen.events_let_in() + seen.spent.1 + seen.batches.iter().copied().max().unwrap_or(1) - 1,
                limit,
            ),
            _ => (seen.admitted() + seen.spent.0, limits.requests),
        };
        had < whole && seen.limited() > 0 && seen.faults.is_empty() && seen.faltered() == 0
    }

    /// How many of a few requests are let in over connections of their own, while others are refused after them, or one over the
    /// connection before still is: instances that share a quota out among themselves leave some of it there.
    pub(super) async fn left_elsewhere(
        &self,
        key: &KeyState,
        def: &RequestDef,
        seen: &Observation,
    ) -> Result<u32, Gap> {
        // Whoever got all of it over one connection has no part of it elsewhere.
        let had_all = seen.spent.0 + seen.admitted() >= key.limits.requests;
        if had_all || !seen.may_tell_of_instances(self.limits(key)) {
            return Ok(0);
        }
        let fresh = self.batches(def, key, &[0; ELSEWHERE])?;
        let (over_fresh, answers) = self.fire(Some(key), fresh, &[], 1, Connections::Fresh).await;
        let admitted = answers.iter().filter(|(_, answer)| answer.admitted()).count();
        let came_back = limiters::comes_back(self.limits(key).requests, over_fresh.to - seen.to);
        if admitted as f64 <= came_back + 1.0 {
            return Ok(0);
        }
        let mut after = answers.iter().skip_while(|(_, answer)| !answer.admitted());
        let mut is_refused = after.any(|(_, answer)| answer.limited);
        if !is_refused {
            let before = self.batches(def, key, &[0])?;
            let (_, answers) = self.fire(Some(key), before, &[], 1, Connections::Reused).await;
            is_refused = answers.iter().any(|(_, answer)| answer.limited);
        }
        Ok(if is_refused { u32::try_from(admitted).unwrap_or(u32::MAX) } else { 0 })
    }

    /// Whether quota comes back bit by bit well inside a window, as it does with a limiter that weighs in the window
    /// before. `None` where a reset may have come, or where there was nothing to trickle.
    pub(super) async fn trickles(
        &self,
        key: &KeyState,
        def: &RequestDef,
        seen: &Observation,
    ) -> Result<Option<bool>, Gap> {
        // What was refused while quota was left tells nothing of what comes back; and where a promise was not kept, a whole
        // window may have come a little later.
        let is_too_early = seen.was_promised() && seen.met_no_window();
        if is_too_early || seen.refuses_early(self.limits(key)) {
            return Ok(None);
        }
        let looks = (self.limits(key).requests / LOOKS).max(10) as usize;
        // Of events, as many may be left as a batch that was refused did not fit into.
        let left = seen.smallest_refused().filter(|batch| *batch > 1).map_or(0, |batch| batch as usize - 1);
        if left >= looks {
            return Ok(None);
        }
        self.wait_until(self.environment.clock.now() + TRICKLE, "a look whether quota trickles back").await?;
        let requests = self.batches(def, key, &vec![0; looks])?;
        let in_flight = self.in_flight(None, looks, def);
        let (_, answers) = self.fire(Some(key), requests, &[], in_flight, Connections::Reused).await;
        let admissions = &self.run.trace.admissions;
        let fewest = || {
            let (environment, variable) = (&self.environment.base_url, &key.key.variable);
            admissions.fewest_in_a_minute_before(environment, variable, seen.since)
        };
        Ok(match answers.iter().filter(|(_, answer)| answer.admitted()).count() {
            0 if fewest().is_some_and(|fewest| fewest < SEEN_TO_TRICKLE) => None,
            some if some <= left => Some(false),
            all if all == looks => {
                let limit = self.limits(key).requests;
                let again = self.use_up_again(key, def, &vec![0; limit as usize]).await?;
                let whole = again + u32::try_from(looks).unwrap_or(u32::MAX);
                limiters::is_part(whole, seen.admitted() + seen.spent.0, limit).then_some(true)
            }
            _ => Some(true),
        })
    }
}

/// Sizes of batches that use up so many events to the last one, whatever of it is there.
pub(super) fn filling(events: u32, batch: u32) -> Vec<u32> {
    let mut sizes = vec![batch; (events / batch.max(1)) as usize];
    let mut smaller = batch.next_power_of_two() / 2;
    while smaller > 0 {
        sizes.push(smaller);
        smaller /= 2;
    }
    sizes
}

/// The status with which requests are refused for want of quota: the only one beside those let in, seen often, only after
/// something was let in, and more often than that from then on.
fn refusal(answers: &[(usize, Answer)]) -> Option<u16> {
    const OFTEN: usize = 20;
    let others: Vec<&Answer> = answers
        .iter()
        .map(|(_, answer)| answer)
        .filter(|answer| !(200..300).contains(&answer.status))
        .collect();
    let first = others.first()?;
    let let_in = answers.iter().any(|(_, answer)| answer.admitted() && answer.sent < first.sent);
    let same = others.iter().all(|answer| answer.status == first.status);
    // What fails now and then lets in many more in between.
    let after = answers.iter().filter(|(_, answer)| answer.admitted() && answer.sent > first.sent).count();
    let is_often = others.len() >= OFTEN.max(after);
    (let_in && same && is_often && first.status != 401).then_some(first.status)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The status of refusals among so many answers of each status, one after the other.
    fn refused_with(answers: &[(u16, usize)]) -> Option<u16> {
        let statuses = answers.iter().flat_map(|(status, times)| std::iter::repeat_n(*status, *times));
        let answer = |(place, status): (usize, u16)| {
            let now = Instant(Duration::from_millis(place as u64));
            let limited = status == 429;
            let (sent, answered, done) = (now, now, now);
            (place, Answer { look: 0, status, limited, accepted: None, promise: None, sent, answered, done })
        };
        refusal(&statuses.enumerate().map(answer).collect::<Vec<_>>())
    }

    #[test]
    fn what_answers_often_and_alone_after_others_were_let_in_is_a_refusal() {
        assert_eq!(refused_with(&[(200, 60), (503, 100)]), Some(503));
        assert_eq!(refused_with(&[(200, 60), (503, 19)]), None);
        assert_eq!(refused_with(&[(200, 60), (503, 50), (500, 50)]), None);
        assert_eq!(refused_with(&[(503, 100)]), None);
        assert_eq!(refused_with(&[(200, 60), (401, 100)]), None);
        assert_eq!(refused_with(&[(200, 160)]), None);
        let now_and_then: Vec<(u16, usize)> = [(200, 20), (500, 1)].repeat(30);
        assert_eq!(refused_with(&now_and_then), None);
    }
}
