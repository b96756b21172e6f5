//! Which cases can be played with the keys that work, and what becomes of the others.

use std::sync::Arc;

use super::allocator::KeyAllocator;
use super::case;
use super::environment::KeyBindings;
use super::evidence::{Gap, NotPlayed};
use super::job::{self, Job, KeyNeed, Place};
use super::run_state::RunState;
use super::runner::{Attempt, Runner};
use crate::deployment::Key;

impl RunState {
    /// Says why these cases were not played, or not more often than before, where nothing was said so far.
    pub(super) fn account_for(&mut self, places: &[(Place, usize)]) {
        for (place, before) in places {
            let why = match self.ended_early {
                Some(end) => end.gap(*before > 0),
                None if self.run.options.fail_fast => {
                    Gap::Skipped("left out after the first failure".to_owned())
                }
                None => Gap::Skipped("no keys came free for it".to_owned()),
            };
            let left = self.not_played(*place, why);
            let is_told = self.evidence.not_played_of(&left.experiment, &left.row).is_some();
            if !is_told && self.plays_of(*place) == *before {
                self.evidence.not_played.push(left);
            }
        }
    }

    /// The cases that can be played with the keys that work, and why the others cannot.
    pub(super) fn playable(&self, places: Vec<(Place, Attempt)>) -> (Vec<(Place, Attempt)>, Vec<NotPlayed>) {
        if let Some(why) = self.nothing_works() {
            let blocked = |(place, _): (Place, Attempt)| self.not_played(place, Gap::Blocked(why.clone()));
            return (Vec::new(), places.into_iter().map(blocked).collect());
        }
        let Some((_, keys)) = &self.ground else { return (places, Vec::new()) };
        let info = self.run.target.info();
        let bare = KeyAllocator::new(keys.iter().map(|key| key.key.clone()).collect(), &[]);
        let (mut playable, mut left_out) = (Vec::new(), Vec::new());
        for (place, attempt) in places {
            let case = place.of(&self.run.suite);
            let job = Job::of(&self.run.suite, vec![(place, attempt.clone())]);
            let stands_in_the_way =
                job::obstacle(case, &info, &self.run.options.allowed_hosts).map(Gap::Skipped);
            let missing = || {
                let why = bare.missing(&job)?;
                let would_fit = |key: &Key| job.keys_needed.iter().any(|need| need.role.fits(key));
                let opens_nothing = self.dead.iter().find(|(key, _)| would_fit(&key.key));
                Some(
                    opens_nothing.map_or(Gap::Skipped(why), |(_, complaint)| Gap::Blocked(complaint.clone())),
                )
            };
            match stands_in_the_way.or_else(missing) {
                Some(why) => left_out.push(self.not_played(place, why)),
                None => playable.push((place, attempt)),
            }
        }
        (playable, left_out)
    }

    /// Why nothing can be played at all: nobody answers, or no key is let in anywhere.
    fn nothing_works(&self) -> Option<String> {
        let learned = self.run.learned.lock();
        let no_key_works =
            !self.dead.is_empty() && self.ground.as_ref().is_some_and(|(_, keys)| keys.is_empty());
        learned.unreachable.clone().or_else(|| no_key_works.then(|| learned.no_key_works()))
    }

    /// The keys that open nothing and that no case names which cannot be played, with what they were answered.
    pub(super) fn dead_beside(&self) -> Vec<String> {
        let is_told = |why: &str| self.evidence.not_played.iter().any(|left| left.why.why() == why);
        self.dead.iter().map(|(_, why)| why.clone()).filter(|why| !is_told(why)).collect()
    }

    /// Whether other keys are admitted with every request that this one was tried with.
    fn is_to_blame(&self, key: &Key) -> bool {
        let learned = self.run.learned.lock();
        let admits = |name: &str| learned.keys.iter().any(|other| other.admits(name));
        learned.key(&key.variable).is_some_and(|facts| facts.answers.iter().all(|(name, _)| admits(name)))
    }

    pub(super) fn not_played(&self, place: Place, why: Gap) -> NotPlayed {
        let suite = &self.run.suite;
        let experiment = suite.experiments[place.experiment].name.clone();
        NotPlayed { experiment, row: place.of(suite).row.clone(), why }
    }

    /// Plays the cases that are about being let in, and for which there are only keys that open nothing: they name that.
    /// Where no key works at all, it is the keys that are to blame, or the base URL, unless the header's spelling is; and
    /// where others are let in with all that a key may ask, it is that key.
    pub(super) async fn play_with_dead_keys(&mut self, places: &[NotPlayed]) {
        let Some((environment, keys)) = self.ground.clone() else { return };
        for left in places {
            let suite = Arc::clone(&self.run.suite);
            let Some(experiment) = suite.experiments.iter().find(|one| one.name == left.experiment) else {
                continue;
            };
            let Some(case) = experiment.cases.iter().find(|case| case.row == left.row) else { continue };
            if !case::is_about_being_let_in(case) || keys.is_empty() && !case::spells_the_header(case) {
                continue;
            }
            let key = |need: KeyNeed| {
                let fits = |key: &Key| need.role.fits(key) && !self.is_to_blame(key);
                let dead = self.dead.iter().find(|(key, _)| fits(&key.key))?;
                Some((need.name, Arc::clone(&dead.0)))
            };
            let bindings: KeyBindings = job::keys_needed(case).into_iter().filter_map(key).collect();
            if bindings.is_empty() || self.run.learned.lock().unreachable.is_some() {
                continue;
            }
            let runner =
                Runner::new(&self.run, experiment, case, &environment, &bindings, Attempt::default());
            let end = self.early_end();
            tokio::select! {
                play = runner.play() => self.evidence.plays.push(play),
                end = end => {
                    self.ended_early = Some(end);
                    return;
                }
            }
        }
    }
}
