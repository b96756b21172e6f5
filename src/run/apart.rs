//! What is played where keys share a quota: one case after the other, each for itself, as far as there is time. What is about a
//! refusal, or about a number, can be seen of a quota that keys share, too.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::time::Duration;

use super::evidence::Gap;
use super::job::{self, Job, Place};
use super::limiters::{LONG_SILENCE, SHORT_SILENCE};
use super::run_state::RunState;
use super::runner::Attempt;
use super::sharing::shares;
use super::steps::Use;
use crate::report::Event;
use crate::scenario::model::{Action, Case, Fact};

/// For how long a case that waits for nothing is played at the most.
const SHORT: Duration = Duration::from_secs(15);

impl RunState {
    /// Whether cases have to be played one after the other: where the keys of several tiers seem to share a quota, they may
    /// share it with each other.
    pub(super) fn is_to_play_apart(&self) -> bool {
        let shares = || shares(&self.run.sharing.borrow(), &BTreeSet::new());
        self.plays_apart || shares().into_values().filter(|shares| *shares).count() > 1
    }

    /// Plays these cases again, and what was given up because keys share a quota, the most telling first, and again what left a
    /// doubt.
    pub(super) async fn play_apart(&mut self, again: Vec<(Place, Attempt)>) {
        if !self.run.learned.lock().sharing {
            return;
        }
        self.plays_apart = true;
        self.play_one_by_one(job::jobs(&self.run.suite, again)).await;
        if self.names_sharing() {
            let shared = std::mem::take(&mut self.shared);
            self.play_one_by_one(jobs_apart(self, shared)).await;
        }
    }

    async fn play_one_by_one(&mut self, mut waiting: Vec<Job>) {
        while !waiting.is_empty() && self.ended_early.is_none() {
            let job = waiting.remove(0);
            let is_told = job.learns_sharing.is_some() && self.names_sharing();
            if is_told || !self.has_time_for(&job) {
                continue;
            }
            for (place, _) in &job.cases {
                self.evidence.not_played.retain(|left| {
                    let suite = &self.run.suite;
                    left.experiment != suite.experiments[place.experiment].name
                        || left.row != place.of(suite).row
                });
            }
            if job.usage != Use::UsesUp {
                self.wait_for_silence_of_all(silence_of(&job)).await;
            }
            self.round(job.cases, false).await;
            let judged = self.judge();
            let again = self.doubts(&judged);
            waiting.splice(0..0, job::jobs(&self.run.suite, again));
        }
    }

    /// Whether a job is likely to be over before the run has to be.
    fn has_time_for(&self, job: &Job) -> bool {
        let of_all = if job.usage == Use::UsesUp { Duration::ZERO } else { self.silence_of_all() };
        let takes = silence_of(job).max(of_all) + SHORT;
        self.deadline.is_none_or(|(at, _)| self.clock.now() + takes < at)
    }

    /// How long all keys have to be silent for the quota that they share to be whole.
    fn silence_of_all(&self) -> Duration {
        if self.run.learned.lock().slides { LONG_SILENCE } else { SHORT_SILENCE }
    }

    /// Waits until the quota that keys share is whole, unless the run ends before that.
    pub(super) async fn wait_for_silence_of_all(&mut self, wanted: Duration) {
        let Some((environment, keys)) = &self.ground else { return };
        let silence = self.silence_of_all().max(wanted);
        let last = keys.iter().filter_map(|key| key.last_answer()).max();
        let until = last.map_or_else(|| environment.clock.now(), |last| last + silence);
        let how_long = until - environment.clock.now();
        let (id, names) = ("shared quota".to_owned(), Vec::new());
        let what = "a silence of all keys, since they share a quota".to_owned();
        self.run.emit(Event::Waiting { id: id.clone(), keys: names.clone(), what, how_long });
        let end = self.early_end();
        tokio::select! {
            // A clock that takes real time fails nowhere.
            _ = environment.clock.wait_until(until) => {
                keys.iter().for_each(|key| key.begin_window(silence));
            }
            end = end => self.ended_early = Some(end),
        }
        self.run.emit(Event::Resumed { id, keys: names });
    }

    /// Remembers cases that are given up because keys share a quota.
    pub(super) fn give_up_shared(&mut self, job: &Job, why: &str) {
        self.give_up(job, &Gap::Blocked(why.to_owned()));
        for (place, _) in &job.cases {
            self.given_out.remove(place);
            self.shared.push(*place);
        }
    }
}

/// How long a job wants keys to be silent.
fn silence_of(job: &Job) -> Duration {
    job.cases.iter().filter_map(|(_, attempt)| attempt.silence).max().unwrap_or_default()
}

/// The jobs that tell something of a quota that keys share: those that look at refusals, then those that measure one key, up to
/// where they would wait.
fn jobs_apart(state: &RunState, mut places: Vec<Place>) -> Vec<Job> {
    let suite = &state.run.suite;
    places.sort_unstable();
    places.dedup();
    let cases = places.into_iter().filter_map(|place| {
        let case = place.of(suite);
        let measured = job::keys_needed(case).iter().filter(|need| need.alone).count();
        let steps = steps_without_a_wait(case);
        let of_one_key = measured == 1 && state.plays_of(place) == 0;
        (of_one_key && told_by(case, steps) > 0)
            .then(|| (place, Attempt { steps: Some(steps), ..Attempt::default() }))
    });
    let mut jobs = job::jobs(suite, cases.collect());
    let told = |job: &Job| -> usize {
        let steps = |attempt: &Attempt| attempt.steps.unwrap_or(usize::MAX);
        job.cases.iter().map(|(place, attempt)| told_by(place.of(suite), steps(attempt))).sum()
    };
    jobs.sort_by_key(|job| (job.usage != Use::UsesUp, Reverse(told(job))));
    jobs
}

/// How many steps a case has before it waits for the second time.
fn steps_without_a_wait(case: &Case) -> usize {
    let waits = |action: &Action| matches!(action, Action::Wait(_) | Action::Poll(_) | Action::Pace(_));
    let later = case.steps.iter().skip(1).position(|step| waits(&step.value.action));
    later.map_or(case.steps.len(), |place| place + 1)
}

/// How much is told by the first steps of a case: a number that others are judged by counts for more.
fn told_by(case: &Case, steps: usize) -> usize {
    let within = |place: &usize| *place < steps;
    let told = case.readings.iter().filter(|reading| {
        let mut places = reading.items.iter().flat_map(|item| &item.steps).peekable();
        places.peek().is_some() && places.all(within)
    });
    told.map(|reading| if reading.learns == Some(Fact::Requests) { 5 } else { 1 }).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Source, Suite};

    #[test]
    fn of_a_shared_quota_refusals_and_first_windows_are_looked_at() {
        let suite = Suite::load(&Source::Builtin).unwrap();
        let told = |name: &str| {
            let case = &suite.experiments.iter().find(|one| one.name == name).unwrap().cases[0];
            let steps = steps_without_a_wait(case);
            (steps, told_by(case, steps))
        };
        // The window and its burst, which tell what a key gets.
        assert_eq!(told("two-windows"), (2, 5));
        assert_eq!(told("rarely-asked").0, 2);
        let (steps, readings) = told("used-up");
        assert!(steps == 1 && readings >= 5, "{steps}, {readings}");
    }
}
