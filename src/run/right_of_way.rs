//! Who may send while a burst leaves.
//!
//! The requests of a burst shall leave together, and whatever this program sends meanwhile keeps them apart. So bursts
//! take turns, and who sends single requests lets the burst pass that is under way. Nobody waits for longer than a
//! moment: at a target that answers slowly a burst leaves slowly, and waiting for it wins nothing.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, oneshot, watch};
use tokio::time::timeout;

/// How long a burst has the right of way. A thousand requests leave in a tenth of that at a target that answers quickly.
const LONGEST_TURN: Duration = Duration::from_millis(300);

/// How long a burst waits for its turn, before it leaves all the same.
const PATIENCE: Duration = Duration::from_secs(1);

/// The right of way. Waits take real time.
#[derive(Debug)]
pub(super) struct RightOfWay {
    turns: Arc<Semaphore>,
    /// How many bursts are leaving.
    leaving: Arc<watch::Sender<usize>>,
}

/// A burst's turn, for a moment or until it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    _holds: oneshot::Sender<()>,
}

impl Default for RightOfWay {
    fn default() -> Self {
        Self { turns: Arc::new(Semaphore::new(1)), leaving: Arc::new(watch::Sender::new(0)) }
    }
}

impl RightOfWay {
    /// A turn for a burst, as soon as no other one has it.
    pub(super) async fn turn(&self) -> Turn {
        let permit = timeout(PATIENCE, Arc::clone(&self.turns).acquire_owned()).await;
        let (holds, dropped) = oneshot::channel();
        let leaving = Arc::clone(&self.leaving);
        leaving.send_modify(|count| *count += 1);
        tokio::spawn(async move {
            let _ = timeout(LONGEST_TURN, dropped).await;
            drop(permit);
            leaving.send_modify(|count| *count -= 1);
        });
        Turn { _holds: holds }
    }

    /// Lets the bursts pass that are leaving.
    pub(super) async fn give(&self) {
        let passed = async { self.leaving.subscribe().wait_for(|count| *count == 0).await.map(|_| ()) };
        // Whether they are gone or it took too long is all the same.
        let _ = timeout(LONGEST_TURN, passed).await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    async fn takes(what: impl Future) -> Duration {
        let begun = Instant::now();
        what.await;
        begun.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn who_sends_single_requests_lets_a_burst_pass() {
        let way = RightOfWay::default();
        assert!(takes(way.give()).await.is_zero());
        let turn = way.turn().await;
        let gone = async {
            tokio::time::sleep(Duration::from_millis(40)).await;
            drop(turn);
        };
        let (waited, ()) = tokio::join!(takes(way.give()), gone);
        assert_eq!(waited.as_millis(), 40);
    }

    #[tokio::test(start_paused = true)]
    async fn bursts_take_turns() {
        let way = RightOfWay::default();
        let first = way.turn().await;
        let gone = async {
            tokio::time::sleep(Duration::from_millis(40)).await;
            drop(first);
        };
        let (waited, ()) = tokio::join!(takes(way.turn()), gone);
        assert_eq!(waited.as_millis(), 40);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_a_burst_that_leaves_slowly() {
        let way = RightOfWay::default();
        // Timers run by the millisecond.
        let a_moment = LONGEST_TURN..=LONGEST_TURN + Duration::from_millis(2);
        let mut turns = vec![way.turn().await];
        assert!(a_moment.contains(&takes(async { turns.push(way.turn().await) }).await));
        assert!(a_moment.contains(&takes(way.give()).await));
        let waited = takes(async {
            for _ in 0..6 {
                turns.push(way.turn().await);
            }
        });
        assert!(waited.await <= *a_moment.end() * 6);
    }
}
