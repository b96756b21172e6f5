//! What ends a run before everything is played.

use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::evidence::Gap;
use super::play::RunState;
use super::{estimate, plan};

/// Why a run ends early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EarlyEnd {
    /// Ctrl-C, or SIGTERM.
    Interrupted,
    /// The time that the user gave it is over.
    Within,
    /// It has taken as long as it may take at a deployment that is wrong.
    AtMost,
}

/// How much more time a run gets where a limiter slides: two more windows of each of its silences.
const FOR_SLIDING: Duration = Duration::from_secs(240);

/// When a run ends early, and why.
pub(super) type Deadline = (Instant, EarlyEnd);

impl EarlyEnd {
    /// Why a case was not played, or not once more. Users who asked for an early end know what they leave out; otherwise it
    /// is a question that the run owes an answer to.
    pub(super) fn gap(self, again: bool) -> Gap {
        let end = match self {
            Self::Interrupted => "the run was interrupted",
            Self::Within => "the time given with --within was over",
            Self::AtMost => "the longest time that was planned was over",
        };
        let why = format!("{end} before it was played {}", if again { "again" } else { "to its end" });
        match self {
            Self::Interrupted | Self::Within => Gap::Skipped(why),
            Self::AtMost => Gap::Inconclusive(why),
        }
    }
}

/// Waits until the run is to end early.
pub(super) async fn early_end(
    mut interrupted: watch::Receiver<bool>,
    deadline: Option<Deadline>,
) -> EarlyEnd {
    let time_is_over = async {
        match deadline {
            Some((at, end)) => {
                // A timer rounds up, and what is over is over.
                if at > Instant::now() {
                    tokio::time::sleep_until(at.into()).await;
                }
                end
            }
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = interrupted.wait_for(|stop| *stop) => EarlyEnd::Interrupted,
        end = time_is_over => end,
    }
}

impl RunState {
    /// Sets the time at which the run is over, whatever it has found by then.
    pub(super) fn set_deadline(&mut self, at_most: Option<Duration>) {
        let within = self.run.options.within.map(|within| (self.begun + within, EarlyEnd::Within));
        let at_most = at_most.map(|at_most| (self.begun + at_most, EarlyEnd::AtMost));
        self.deadline = within.into_iter().chain(at_most).min_by_key(|(at, _)| *at);
    }

    /// Bounds a run that was planned to take so long. A slow deployment gets what its answers take beyond the plan.
    pub(super) fn bound(&mut self, planned: Duration, requests: u32) {
        /// An answer that takes longer is no usual one.
        const SLOWEST: Duration = Duration::from_secs(1);
        let side_by_side = u32::try_from(self.run.options.jobs).unwrap_or(1).max(1);
        let slower = self.run.usual_latency().min(SLOWEST).saturating_sub(estimate::ALONE);
        let answers = slower * requests / side_by_side;
        self.set_deadline(Some(plan::at_most(planned + answers)));
    }

    /// Gives a run more time, once: a limiter that slides remembers two minutes, and is right all the same. What was found wrong
    /// by then is wrong.
    pub(super) fn more_time(&mut self, ended: EarlyEnd) -> bool {
        let slides = ended == EarlyEnd::AtMost && self.run.learned.lock().slides;
        let more = slides && !std::mem::replace(&mut self.has_more_time, true) && !self.has_failed();
        if let Some((at, _)) = self.deadline.filter(|_| more) {
            self.set_deadline(Some(at - self.begun + FOR_SLIDING));
        }
        more
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_first_to_come_ends_the_run() {
        let (sender, interrupted) = watch::channel(false);
        let deadline = Some((Instant::now() + Duration::from_secs(60), EarlyEnd::Within));
        assert_eq!(early_end(interrupted.clone(), deadline).await, EarlyEnd::Within);
        sender.send_replace(true);
        assert_eq!(early_end(interrupted, None).await, EarlyEnd::Interrupted);
    }

    #[test]
    fn what_nobody_asked_to_leave_out_is_no_skip() {
        assert!(matches!(EarlyEnd::Within.gap(true), Gap::Skipped(why) if why.contains("--within")));
        assert!(matches!(EarlyEnd::AtMost.gap(false), Gap::Inconclusive(_)));
    }
}
