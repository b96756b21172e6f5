//! Playing jobs on paper: the scheduler's own rule, with the cost model in the place of a deployment.

use std::collections::BTreeMap;
use std::time::Duration;

use super::cost::{Bill, Time, bill};
use super::desk::{Condition, Desk};
use super::jobs::{Job, case_at};
use super::key::KeyModel;
use super::usage::Use;
use crate::scenario::Suite;

/// A job as it would be played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Turn {
    /// The job, by its place in the list.
    pub(crate) job: usize,
    /// The keys it has, by their places at the desk, in the order of its parts.
    pub(crate) keys: Vec<usize>,
    /// When it begins.
    pub(crate) from: Duration,
    /// When each of its experiments is over, and what it cost.
    pub(crate) bills: Vec<Bill>,
}

impl Turn {
    /// When it is over.
    pub(crate) fn until(&self) -> Duration {
        self.bills.last().map_or(self.from, |bill| bill.until)
    }
}

/// Whether a job may begin as far as other jobs go: those that look back on all others wait until they are alone, and
/// of those that keep a processor `busy` only so many are played at once.
pub(crate) fn may_begin(job: &Job, others: bool, is_busy: bool, busy: usize, most_busy: usize) -> bool {
    !(job.last && others || is_busy && busy >= most_busy.max(1))
}

/// Whether a job keeps a processor busy: those who wait for windows do not.
pub(crate) fn keeps_busy(job: &Job) -> bool {
    job.usage != Use::Waits
}

/// Plays `jobs` in this `order` (places in `jobs`), with at most so many at once that send all the time.
pub(crate) fn simulate(
    suite: &Suite,
    jobs: &[Job],
    order: &[usize],
    mut desk: Desk,
    mut keys: Vec<KeyModel>,
    most_busy: usize,
) -> Vec<Turn> {
    let mut pending: Vec<usize> = order.to_vec();
    let mut playing: Vec<Turn> = Vec::new();
    let mut played = Vec::new();
    let mut now = Duration::ZERO;
    while !(pending.is_empty() && playing.is_empty()) {
        let mut index = 0;
        while index < pending.len() {
            let job = &jobs[pending[index]];
            let others = !playing.is_empty() || pending.iter().any(|other| !jobs[*other].last);
            let busy = playing.iter().filter(|turn| keeps_busy(&jobs[turn.job])).count();
            let condition = |key: usize| Condition {
                room: keys[key].has_room(job.counted, now),
                fresh_at: keys[key].ends(now).unwrap_or(now),
                unused: keys[key].unused(),
            };
            let to_come = pending.iter().map(|other| &jobs[*other]);
            let taken = may_begin(job, others, keeps_busy(job), busy, most_busy)
                .then(|| desk.take(job, &condition, to_come))
                .flatten();
            match taken {
                Some(taken) => {
                    playing.push(play(suite, job, pending[index], taken, &mut keys, now));
                    pending.remove(index);
                }
                None => index += 1,
            }
        }
        // The first to be over; of several, the one that began first.
        let Some(next) = (0..playing.len()).min_by_key(|place| playing[*place].until()) else { break };
        let over = playing.remove(next);
        now = now.max(over.until());
        desk.give_back(&over.keys);
        played.push(over);
    }
    played
}

/// Plays one job on paper.
pub(super) fn play(
    suite: &Suite,
    job: &Job,
    place: usize,
    taken: Vec<usize>,
    keys: &mut [KeyModel],
    from: Duration,
) -> Turn {
    let names: Vec<&String> = job.parts.iter().map(|part| &part.name).collect();
    let mut cast: BTreeMap<String, KeyModel> =
        names.iter().zip(&taken).map(|(name, key)| ((*name).clone(), keys[*key].clone())).collect();
    let mut bills: Vec<Bill> = Vec::new();
    for experiment in &job.experiments {
        let begins = bills.last().map_or(from, |before| before.until);
        let time = if experiment.trusts { Time::Trusting } else { Time::Real };
        bills.push(bill(case_at(suite, experiment.leader), &suite.requests, &mut cast, begins, time));
    }
    // Timers run by the millisecond, and who is over first must not depend on less.
    if let Some(last) = bills.last_mut() {
        last.until =
            Duration::from_millis(u64::try_from(last.until.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX));
    }
    for (name, key) in names.into_iter().zip(&taken) {
        if let Some(model) = cast.remove(name) {
            keys[*key] = model;
        }
    }
    Turn { job: place, keys: taken, from, bills }
}
