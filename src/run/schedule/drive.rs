//! Starting jobs as their keys come free.

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::run::plan::{Job, may_begin};

/// Whether a job keeps a processor busy all the time it is played.
pub(in crate::run) type KeepsBusy = fn(&Job) -> bool;

/// A run of jobs, from the scheduler's side.
pub(in crate::run) trait Play {
    /// What a job needs to be played.
    type Means;
    /// What came of it.
    type Played: Send + 'static;

    /// What `job` needs, if it is free now, with the jobs still `to_come`.
    fn provide(&mut self, job: &Job, to_come: &[Job]) -> Option<Self::Means>;

    /// Plays a job.
    fn begin(&mut self, job: Job, means: Self::Means) -> impl Future<Output = Self::Played> + Send + 'static;

    /// Takes what came of a job, or why it broke down. Gives the jobs to play because of that, or nothing where the run
    /// does not go on.
    fn over(&mut self, played: Result<Self::Played, tokio::task::JoinError>) -> Option<Vec<Job>>;
}

/// Plays `pending` jobs, the first first as far as what they need is there, at most so many at once that keep a
/// processor busy. Whether the run was interrupted.
pub(in crate::run) async fn drive<P: Play>(
    play: &mut P,
    mut pending: Vec<Job>,
    keeps_busy: KeepsBusy,
    most_busy: usize,
    mut interrupted: watch::Receiver<bool>,
) -> bool {
    let mut playing: JoinSet<(bool, P::Played)> = JoinSet::new();
    let mut busy = 0;
    loop {
        let mut index = 0;
        while index < pending.len() {
            let others = !playing.is_empty() || pending.iter().any(|job| !job.last);
            let is_busy = keeps_busy(&pending[index]);
            if may_begin(&pending[index], others, is_busy, busy, most_busy)
                && let Some(means) = play.provide(&pending[index], &pending)
            {
                let job = pending.remove(index);
                busy += usize::from(is_busy);
                let playing_it = play.begin(job, means);
                playing.spawn(async move { (is_busy, playing_it.await) });
            } else {
                index += 1;
            }
        }
        tokio::select! {
            joined = playing.join_next() => {
                let Some(joined) = joined else { return false };
                let played = joined.map(|(was_busy, played)| {
                    busy -= usize::from(was_busy);
                    played
                });
                let Some(further) = play.over(played) else { return false };
                // What did not hold is likely to take long.
                pending.splice(..0, further);
            }
            _ = interrupted.wait_for(|stop| *stop) => return true,
        }
    }
}
