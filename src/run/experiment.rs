//! One experiment for several cases: its steps are played once, and each case judges what comes of them.
//!
//! Only a pass comes of it. Whatever does not hold is left to be played by itself, with tries and a window of its own.
//! That is why an experiment may begin where a case alone may not: a key that this run has not used, or not for a minute,
//! is taken for fresh. The first 429s tell whether its window began with us; and if the counts are not exactly right, all of it is
//! played again in a window that was waited for.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::ledger::WINDOW;
use super::plan::{Place, waits_for_a_promise};
use super::player::{Player, Stop};
use super::steps::Seen;
use super::suspicion::{LONG_SILENCE, Suspicion};
use crate::scenario::Check;
use crate::scenario::model::{Case, Step};
use crate::scenario::span::Spanned;

/// A case that is served by an experiment.
pub(crate) struct Member<'a> {
    /// Where it stands in the suite.
    pub(crate) place: Place,
    /// Its check.
    pub(crate) check: &'a Check,
    /// The case.
    pub(crate) case: &'a Case,
    /// For each of its steps the leader's step that does it.
    pub(crate) steps: Vec<usize>,
}

/// What became of an experiment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Course {
    /// It was played to its end, and all that its leader expects held.
    Whole,
    /// It was not.
    BrokenOff,
    /// A key that was taken for fresh had been used by somebody else.
    UsedBefore,
    /// It was not, because a window that should have been fresh was not: so it looks where a limiter slides, and then
    /// quota trickles back, as far as that was seen.
    QuotaMissing { trickles: bool },
}

impl Course {
    /// What a leader's stop makes of it.
    fn after(stop: &Stop) -> Self {
        match stop {
            Stop::Suspect(Suspicion::TooFew { trickles, .. }, _) => {
                Self::QuotaMissing { trickles: *trickles == Some(true) }
            }
            _ => Self::BrokenOff,
        }
    }
}

/// How far a case has come.
struct Party<'a> {
    member: Member<'a>,
    facts: Vec<String>,
    lost: bool,
}

impl<'a> Party<'a> {
    /// The step of this case that the leader's step at `index` does.
    fn step_at(&self, index: usize) -> Option<&'a Spanned<Step>> {
        let own = self.member.steps.iter().position(|done| *done == index)?;
        self.member.case.steps.get(own).filter(|_| !self.lost)
    }

    /// Gives up a case that has steps to come at `index` or later.
    fn give_up(&mut self, index: usize) {
        self.lost |= self.member.steps.last().is_some_and(|last| *last >= index);
    }
}

impl<'a> Player<'a> {
    /// Plays the steps of the first member, whose case is this player's own. For every case of which all held, it
    /// gives the facts to report; for the others nothing. A key that was silent is taken for fresh where `trusts`.
    pub(crate) async fn play_together(
        mut self,
        members: Vec<Member<'a>>,
        trusts: bool,
    ) -> Vec<(Place, Option<Vec<String>>)> {
        let party = |member| Party { member, facts: Vec::new(), lost: false };
        let mut parties: Vec<Party<'a>> = members.into_iter().map(party).collect();
        self.trusts = trusts && !self.stage.clock.is_virtual() && !self.needs_scouting();
        let mut outcome = self.play_once_for(&mut parties).await;
        if outcome == Course::UsedBefore {
            self.trusts = false;
            outcome = self.play_anew_for(&mut parties).await;
        }
        let missing = matches!(outcome, Course::QuotaMissing { .. });
        if missing && !self.stage.clock.is_virtual() && self.run.slides().is_none() {
            outcome = self.play_patiently_for(&mut parties).await;
        }
        if outcome != Course::Whole && self.trusts {
            // What seemed to hold before is not to be trusted either.
            parties.iter_mut().for_each(|party| party.lost = true);
        }
        let sent = self.sent.load(Ordering::Relaxed);
        for rider in parties.iter().skip(1).filter(|party| !party.lost) {
            self.run.count_for(&rider.member.check.id, sent);
        }
        parties.into_iter().map(|party| (party.member.place, (!party.lost).then_some(party.facts))).collect()
    }

    /// After a silent minute, which is enough for most limiters; and where quota was seen to trickle back even then,
    /// after a silence that every lawful limiter forgets. Without a trickle the limiter does not slide: its window is
    /// too long, or its quota too small, and no silence shall hide that.
    async fn play_patiently_for(&mut self, parties: &mut [Party<'a>]) -> Course {
        self.trusts = false;
        let mut silence = WINDOW + Duration::from_secs(1);
        self.patience = Some(silence);
        let mut course = self.play_anew_for(parties).await;
        let slides = course == Course::QuotaMissing { trickles: true };
        if slides {
            silence = LONG_SILENCE;
            self.patience = Some(silence);
            course = self.play_anew_for(parties).await;
        }
        let held = course == Course::Whole;
        if held {
            self.needs_silence(silence);
        }
        if slides || !held {
            self.run.note_slides(slides && held);
        }
        course
    }

    /// Whether quota trickles back, once the key was silent for long enough to tell.
    async fn look_again(&self, step: &Step, seen: &Seen, stop: Stop) -> Stop {
        match stop {
            Stop::Suspect(suspicion, failures) if self.patience.is_some() => self
                .look_for_a_trickle(step, seen, suspicion)
                .await
                .map_or_else(|stop| stop, |suspicion| Stop::Suspect(suspicion, failures)),
            stop => stop,
        }
    }

    async fn play_anew_for(&mut self, parties: &mut [Party<'a>]) -> Course {
        parties.iter_mut().for_each(|party| (party.facts, party.lost) = (Vec::new(), false));
        self.play_once_for(parties).await
    }

    async fn play_once_for(&mut self, parties: &mut [Party<'a>]) -> Course {
        if self.prepare().await.is_err() {
            parties.iter_mut().for_each(|party| party.lost = true);
            return Course::BrokenOff;
        }
        self.play_for(parties).await
    }

    /// Positive controls, where they spend nothing of a quota that is about to be counted.
    async fn prepare(&mut self) -> Result<(), Stop> {
        self.check_offers().await?;
        self.find_envelope().await?;
        self.trusts &= self.measured().all(|key| self.fresh_by_silence(key).is_some());
        if !self.trusts {
            for key in self.cast.values() {
                self.control(key).await?;
            }
            // A key that is used up was let in before that, and waiting for it to be let in again would take a window.
            let now = self.stage.clock.now();
            if !self.measured().any(|key| key.used_up_at(now)) {
                self.control_bursts().await?;
            }
        }
        self.spend_anew();
        Ok(())
    }

    /// Whether the bursts of this case would have to find out first what the target takes.
    fn needs_scouting(&self) -> bool {
        let unknown = |name: &str| {
            let Some(def) = self.run.suite.requests.get(name) else { return false };
            def.optional && self.run.offered(name).is_none()
                || def.posts_events() && self.run.envelope_is_unknown()
        };
        let bursts = self.case.steps.iter().filter_map(|step| step.burst.as_ref());
        bursts.flat_map(|burst| burst.requests()).any(|name| unknown(name))
    }

    /// Plays all steps, as long as what the leader expects holds.
    async fn play_for(&mut self, parties: &mut [Party<'a>]) -> Course {
        let steps = &self.case.steps;
        for (index, step) in steps.iter().enumerate() {
            let (check, case) = (self.check, self.case);
            let seen = match self.act(step).await {
                Ok(seen) => seen,
                Err(stop) => {
                    parties.iter_mut().for_each(|party| party.give_up(index));
                    return Course::after(&stop);
                }
            };
            if self.trusts && seen.shows_earlier_use(self.spending_since) {
                return Course::UsedBefore;
            }
            let told = std::mem::take(&mut self.facts);
            let on_promise = self.on_promise;
            let mut course = Course::BrokenOff;
            for (place, party) in parties.iter_mut().enumerate() {
                let Some(own) = party.step_at(index) else { continue };
                (self.check, self.case) = (party.member.check, party.member.case);
                self.on_promise = on_promise;
                let promised =
                    !waits_for_a_promise(own) || step.align.is_none() || self.waited_for_first_promise;
                let judged = self.judge(own, &seen);
                party.lost = !promised || judged.is_err();
                if let (0, Err(stop)) = (place, judged) {
                    course = Course::after(&self.look_again(own, &seen, stop).await);
                }
                party.facts.append(&mut self.facts);
            }
            (self.check, self.case) = (check, case);
            self.on_promise = on_promise && step.send.is_none();
            if let Some(leader) = parties.first_mut() {
                leader.facts.extend(told);
                if leader.lost {
                    parties.iter_mut().for_each(|party| party.give_up(index + 1));
                    return course;
                }
            }
        }
        Course::Whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn too_few(trickles: Option<bool>) -> Stop {
        let silence = WINDOW;
        let suspicion = Suspicion::TooFew { admitted: 59, expected: 60, silence, trickles, private: false };
        Stop::Suspect(suspicion, Vec::new())
    }

    #[test]
    fn only_a_trickle_shows_a_limiter_that_slides() {
        assert_eq!(Course::after(&too_few(Some(true))), Course::QuotaMissing { trickles: true });
        assert_eq!(Course::after(&too_few(Some(false))), Course::QuotaMissing { trickles: false });
        assert_eq!(Course::after(&too_few(None)), Course::QuotaMissing { trickles: false });
        assert_eq!(Course::after(&Stop::Broken(Vec::new())), Course::BrokenOff);
    }
}
