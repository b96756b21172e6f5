//! Who may send while a burst leaves.
//!
//! The requests of a burst shall leave together, and whatever this program sends meanwhile keeps them apart. So bursts
//! take turns, and who sends single requests lets the burst pass that is under way. Nobody waits for longer than a
//! moment: at a target that answers slowly a burst leaves slowly, and waiting for it wins nothing.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, oneshot, watch};
use tokio::time::timeout;

/// How long a burst holds the others up. A thousand requests leave in a tenth of that at a target that answers quickly.
const LONGEST_TURN: Duration = Duration::from_millis(300);

/// How long a burst waits for its turn, before it leaves all the same.
const PATIENCE: Duration = Duration::from_secs(1);

/// The gate. Waits take real time.
#[derive(Debug)]
pub(super) struct BurstGate {
    turns: Arc<Semaphore>,
    /// How many bursts are leaving.
    leaving: Arc<watch::Sender<usize>>,
}

/// A burst's permit, valid for a moment or until it is dropped.
#[derive(Debug)]
pub(super) struct BurstPermit {
    _holds: oneshot::Sender<()>,
}

impl Default for BurstGate {
    fn default() -> Self {
        Self { turns: Arc::new(Semaphore::new(1)), leaving: Arc::new(watch::Sender::new(0)) }
    }
}

impl BurstGate {
    /// A permit for a burst, as soon as no other one has it.
    pub(super) async fn enter(&self) -> BurstPermit {
        let permit = timeout(PATIENCE, Arc::clone(&self.turns).acquire_owned()).await;
        let (holds, dropped) = oneshot::channel();
        let leaving = Arc::clone(&self.leaving);
        leaving.send_modify(|count| *count += 1);
        tokio::spawn(async move {
            let _ = timeout(LONGEST_TURN, dropped).await;
            drop(permit);
            leaving.send_modify(|count| *count -= 1);
        });
        BurstPermit { _holds: holds }
    }

    /// Lets the bursts pass that are leaving.
    pub(super) async fn let_pass(&self) {
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
        let gate = BurstGate::default();
        assert!(takes(gate.let_pass()).await.is_zero());
        let turn = gate.enter().await;
        let gone = async {
            tokio::time::sleep(Duration::from_millis(40)).await;
            drop(turn);
        };
        let (waited, ()) = tokio::join!(takes(gate.let_pass()), gone);
        assert_eq!(waited.as_millis(), 40);
    }

    #[tokio::test(start_paused = true)]
    async fn bursts_take_turns() {
        let gate = BurstGate::default();
        let first = gate.enter().await;
        let gone = async {
            tokio::time::sleep(Duration::from_millis(40)).await;
            drop(first);
        };
        let (waited, ()) = tokio::join!(takes(gate.enter()), gone);
        assert_eq!(waited.as_millis(), 40);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_a_burst_that_leaves_slowly() {
        let gate = BurstGate::default();
        // Timers run by the millisecond.
        let a_moment = LONGEST_TURN..=LONGEST_TURN + Duration::from_millis(2);
        let mut turns = vec![gate.enter().await];
        assert!(a_moment.contains(&takes(async { turns.push(gate.enter().await) }).await));
        assert!(a_moment.contains(&takes(gate.let_pass()).await));
        let waited = takes(async {
            for _ in 0..6 {
                turns.push(gate.enter().await);
            }
        });
        assert!(waited.await <= *a_moment.end() * 6);
    }
}
