//! Which cases are played again: those that left a doubt which a conforming limiter may explain.

use std::collections::BTreeMap;

use super::causes::{self, Search};
use super::evidence::{Gap, NotPlayed};
use super::job::{self, Place};
use super::judge::{self, Doubt, Judged};
use super::limiters;
use super::run_state::RunState;
use super::runner::Attempt;
use super::sharing::Sharing;
use crate::amounts::count;
use crate::report::{Event, Verdict};

/// How often a case is played at the most, the first time included.
const MOST_PLAYS: u32 = 3;

/// Why a case is played again.
fn why(attempt: &Attempt) -> String {
    match attempt.suspicions.last() {
        Some(limiters::Suspicion::TooFew { missing, .. }) => {
            format!("{} fewer than expected were admitted", count(u64::from(*missing), "request"))
        }
        Some(suspicion) => limiters::explain(suspicion),
        None => {
            "it was measured out by the documented limits, which are not those of this deployment".to_owned()
        }
    }
}

impl RunState {
    /// What the checks come to by now.
    pub(super) fn judge(&mut self) -> Vec<Judged> {
        let taught = self.gather();
        let judged = |check: &usize| judge::judge(&self.run.suite, &self.evidence, &taught, *check);
        self.selected.iter().map(judged).collect()
    }

    pub(super) fn has_failed(&mut self) -> bool {
        let judged = self.judge();
        let (results, _) = causes::attribute(&self.run.suite, judged, &self.run.options, "");
        results.iter().any(|result| result.verdict == Verdict::Fail)
    }

    /// The cases to play again: those that left a doubt which nothing else explains.
    pub(super) fn doubts(&self, judged: &[Judged]) -> Vec<(Place, Attempt)> {
        let search = Search::new(&self.run.suite, judged, &self.run.options);
        let mut again: BTreeMap<Place, Attempt> = BTreeMap::new();
        for judged in judged.iter().filter(|judged| judged.failures.is_empty()) {
            // A tier's number is measured twice, whatever else is wrong.
            let is_open = |doubt: &&Doubt| doubt.stale || doubt.measures || !search.explains(judged, doubt);
            for doubt in judged.doubts.iter().filter(is_open) {
                let place = Place { experiment: doubt.experiment, case: doubt.case };
                let Some(before) = self.may_be_played_again(place) else { continue };
                let attempt = again.entry(place).or_default();
                attempt.before = before;
                attempt.silence = attempt.silence.max(Some(doubt.silence));
                attempt.steps = attempt.steps.max(Some(doubt.steps));
                attempt.suspicions.extend(doubt.suspicions.iter().cloned());
                attempt.with = self.keys_of_the_first_play(place);
            }
        }
        let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (place, attempt) in &again {
            told.entry(why(attempt)).or_default().push(place.told(&self.run.suite));
        }
        for (why, cases) in told {
            let more = cases.len() - 1;
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            self.run.emit(Event::PlayedAgain { id: format!("{}{more}", cases[0]), why });
        }
        again.into_iter().collect()
    }

    /// How often a case was played so far, unless it is being played or was played often enough.
    fn may_be_played_again(&self, place: Place) -> Option<u32> {
        let given_out = self.given_out.get(&place).copied().unwrap_or(0);
        let is_over = usize::try_from(given_out).is_ok_and(|given_out| given_out <= self.plays_of(place));
        (given_out < MOST_PLAYS && is_over).then_some(given_out)
    }

    /// The keys that a case about several of them was first played with, by the names its steps use.
    fn keys_of_the_first_play(&self, place: Place) -> BTreeMap<String, String> {
        let (name, case) = (&self.run.suite.experiments[place.experiment].name, place.of(&self.run.suite));
        let is_about_several = job::keys_needed(case).iter().filter(|need| need.alone).count() > 1;
        let first = self.evidence.plays_of(name, &case.row).next().filter(|_| is_about_several);
        let keys = first.into_iter().flat_map(|play| &play.keys);
        keys.map(|(name, key)| (name.clone(), key.variable.clone())).collect()
    }

    /// The cases that were not played because keys seemed to share a quota, where it turned out to be somebody else's use.
    pub(super) fn not_shared_after_all(&mut self) -> Vec<(Place, Attempt)> {
        // It may be known by now that they do not: a limiter that slides had refused a key that was used a minute before.
        let was_suspected = self.run.learned.lock().sharing || !self.shared.is_empty();
        if !was_suspected || self.names_sharing() || self.ended_early.is_some() {
            return Vec::new();
        }
        self.shared.clear();
        self.run.learned.lock().sharing = false;
        self.run.sharing.send_modify(|told| told.values_mut().for_each(|seen| *seen = Sharing::Apart));
        self.plays_apart = false;
        self.given_up()
    }

    /// Whether it is told by now that keys share a quota.
    pub(super) fn names_sharing(&mut self) -> bool {
        let judged = self.judge();
        judged.iter().any(|judged| self.learns_sharing(judged.check) && !judged.failures.is_empty())
    }

    fn learns_sharing(&self, check: usize) -> bool {
        let readings =
            self.run.suite.experiments.iter().flat_map(|one| &one.cases).flat_map(|case| &case.readings);
        let sharing = Some(crate::scenario::model::Fact::Sharing);
        readings.into_iter().any(|reading| reading.check == check && reading.learns == sharing)
    }

    /// The cases that were not played because keys seemed to share a quota.
    fn given_up(&mut self) -> Vec<(Place, Attempt)> {
        let blocked = |left: &NotPlayed| matches!(left.why, Gap::Blocked(_));
        let (again, left): (Vec<NotPlayed>, Vec<NotPlayed>) =
            std::mem::take(&mut self.evidence.not_played).into_iter().partition(blocked);
        self.evidence.not_played = left;
        let places = job::places(&self.run.suite, &self.selected).into_iter();
        let wanted = |place: &Place| {
            let name = &self.run.suite.experiments[place.experiment].name;
            again.iter().any(|left| left.experiment == *name && left.row == place.of(&self.run.suite).row)
        };
        places.filter(wanted).map(|place| (place, Attempt::default())).collect()
    }
}
