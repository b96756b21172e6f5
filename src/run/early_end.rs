//! What ends a run before everything is played.

use std::sync::Arc;

use tokio::sync::watch;

use super::clock::Clock;
use super::evidence::Gap;
use super::instant::Instant;

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
    clock: Arc<Clock>,
    deadline: Option<Deadline>,
) -> EarlyEnd {
    let time_is_over = async {
        match deadline {
            Some((at, end)) => {
                clock.passes(at).await;
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_first_to_come_ends_the_run() {
        let (sender, interrupted) = watch::channel(false);
        let clock = Arc::new(Clock::real());
        let deadline = Some((clock.now() + Duration::from_secs(60), EarlyEnd::Within));
        assert_eq!(early_end(interrupted.clone(), Arc::clone(&clock), deadline).await, EarlyEnd::Within);
        sender.send_replace(true);
        assert_eq!(early_end(interrupted, clock, None).await, EarlyEnd::Interrupted);
    }

    #[test]
    fn what_nobody_asked_to_leave_out_is_no_skip() {
        assert!(matches!(EarlyEnd::Within.gap(true), Gap::Skipped(why) if why.contains("--within")));
        assert!(matches!(EarlyEnd::AtMost.gap(false), Gap::Inconclusive(_)));
    }
}
