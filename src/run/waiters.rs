//! The time of a run, and those who wait at one clock. As soon as nobody is busy, it is moved on to the first instant that
//! somebody waits for: so a run against a mock takes no longer than its requests do, and yet all of its cases see each other, as
//! at any deployment.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, RwLock, watch};
use tokio::task::JoinHandle;

use super::instant::Instant;
use crate::deployment::{TargetError, Workspace};

/// The time since a run began.
#[derive(Debug)]
pub(super) struct Time {
    began: std::time::Instant,
    /// Milliseconds that were skipped.
    skipped: AtomicU64,
}

impl Default for Time {
    fn default() -> Self {
        Self::since(std::time::Instant::now())
    }
}

impl Time {
    pub(super) fn since(began: std::time::Instant) -> Self {
        Self { began, skipped: AtomicU64::new(0) }
    }

    pub(super) fn now(&self) -> Instant {
        Instant(self.began.elapsed() + Duration::from_millis(self.skipped.load(Ordering::Acquire)))
    }

    /// Skips so much time, here and in the workspace.
    pub(super) async fn skip(&self, time: Duration, workspace: &Workspace) -> Result<(), TargetError> {
        // Whole milliseconds, rounded up: stopping short of a promise would judge it too early.
        let milliseconds = u64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX);
        // First ours, then the mock's: an answer that comes meanwhile may look later than it was, and what it
        // promises with it, but never earlier.
        self.move_on(milliseconds);
        workspace.advance(milliseconds).await
    }

    fn move_on(&self, milliseconds: u64) {
        self.skipped.fetch_add(milliseconds, Ordering::AcqRel);
    }
}

/// Those who wait, and who moves the clock on for them.
#[derive(Debug)]
pub(super) struct Waiters {
    shared: Arc<Shared>,
    mover: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    time: Arc<Time>,
    state: Mutex<State>,
    /// Told when somebody begins to wait or is done.
    changed: Notify,
    /// Told when time was skipped.
    skipped: watch::Sender<()>,
    /// Held while our time and the mock's are not the same.
    moving: RwLock<()>,
}

#[derive(Debug, Default)]
struct State {
    busy: usize,
    /// How many wait for each instant.
    waited_for: BTreeMap<Instant, usize>,
}

/// Who waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waiting {
    /// One of those who are busy before and after.
    Busy,
    /// One who does nothing else.
    Idle,
}

/// Somebody is busy: until this is dropped, time passes as it does for everybody.
#[derive(Debug)]
pub(crate) struct Busy(Arc<Shared>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.change(|state| state.busy -= 1);
    }
}

impl Waiters {
    /// Nobody yet, at the clock of this workspace.
    pub(super) fn at(workspace: Workspace, time: Arc<Time>) -> Self {
        let moved = Arc::clone(&time);
        Self::moved_by(time, move |left| {
            let (time, workspace) = (Arc::clone(&moved), workspace.clone());
            async move { time.skip(left, &workspace).await.is_ok() }
        })
    }

    fn moved_by<F>(time: Arc<Time>, skip: impl Fn(Duration) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = bool> + Send + 'static,
    {
        let (state, changed, moving) = (Mutex::default(), Notify::new(), RwLock::new(()));
        let shared = Arc::new(Shared { time, state, changed, skipped: watch::Sender::new(()), moving });
        let mover = tokio::spawn(Arc::clone(&shared).keep_moving(skip));
        Self { shared, mover }
    }

    pub(super) fn busy(&self) -> Busy {
        self.shared.state.lock().busy += 1;
        Busy(Arc::clone(&self.shared))
    }

    /// Waits until this instant.
    pub(super) async fn wait(&self, until: Instant, waiting: Waiting) {
        let shared = &self.shared;
        let mut skipped = shared.skipped.subscribe();
        let _place = Place::take(shared, until, waiting);
        loop {
            let left = until - shared.time.now();
            if left.is_zero() {
                break;
            }
            tokio::select! {
                () = tokio::time::sleep(left) => {}
                _ = skipped.changed() => {}
            }
        }
        let _same = shared.moving.read().await;
    }
}

impl Drop for Waiters {
    fn drop(&mut self) {
        self.mover.abort();
    }
}

impl Shared {
    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock());
        self.changed.notify_one();
    }

    /// How much time may be skipped. Those whose time has come are not asked twice.
    fn idle_for(&self) -> Option<Duration> {
        let state = self.state.lock();
        let (first, _) = state.waited_for.first_key_value()?;
        let left = *first - self.time.now();
        (state.busy == 0 && !left.is_zero()).then_some(left)
    }

    /// Skips what nobody uses, as long as that can be done; after that, waits take real time.
    async fn keep_moving<F: Future<Output = bool>>(self: Arc<Self>, skip: impl Fn(Duration) -> F) {
        loop {
            let changed = self.changed.notified();
            if let Some(left) = self.idle_for() {
                let moving = self.moving.write().await;
                if !skip(left).await {
                    return;
                }
                drop(moving);
                self.skipped.send_replace(());
            }
            changed.await;
        }
    }
}

/// Somebody's place among those who wait.
struct Place<'a> {
    shared: &'a Shared,
    until: Instant,
    waiting: Waiting,
}

impl<'a> Place<'a> {
    fn take(shared: &'a Shared, until: Instant, waiting: Waiting) -> Self {
        shared.change(|state| {
            *state.waited_for.entry(until).or_default() += 1;
            state.busy -= usize::from(waiting == Waiting::Busy);
        });
        Self { shared, until, waiting }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.shared.change(|state| {
            state.busy += usize::from(self.waiting == Waiting::Busy);
            if let Some(count) = state.waited_for.get_mut(&self.until) {
                *count -= 1;
            }
            state.waited_for.retain(|_, count| *count > 0);
        });
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    /// Those who wait at a clock that is moved on by whole minutes.
    fn waiters() -> (Arc<Time>, Waiters) {
        let time = Arc::new(Time::default());
        let moved = Arc::clone(&time);
        let waiters = Waiters::moved_by(Arc::clone(&time), move |left| {
            let moved = Arc::clone(&moved);
            async move {
                moved.move_on(u64::try_from(left.as_millis()).unwrap() + 1);
                true
            }
        });
        (time, waiters)
    }

    /// Lets everybody do what there is to do.
    async fn settle() {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn time_is_skipped_to_one_after_the_other() {
        let (time, waiters) = waiters();
        let wait = async |minutes: u32| {
            let _busy = waiters.busy();
            waiters.wait(Instant(MINUTE * minutes), Waiting::Busy).await;
            time.now()
        };
        let all = tokio::join!(wait(3), wait(1), wait(2), wait(1));
        let minutes = [all.0, all.1, all.2, all.3].map(|Instant(at)| at.as_secs() / 60);
        assert_eq!(minutes, [3, 1, 2, 1]);
    }

    #[tokio::test]
    async fn while_somebody_is_busy_nothing_is_skipped() {
        let (time, waiters) = waiters();
        let (_waits, works) = (waiters.busy(), waiters.busy());
        let mut wait = Box::pin(waiters.wait(Instant(MINUTE), Waiting::Busy));
        assert!((&mut wait).now_or_never().is_none());
        settle().await;
        assert!((&mut wait).now_or_never().is_none() && time.now() < Instant(MINUTE));
        drop(works);
        wait.await;
        assert!(time.now() >= Instant(MINUTE));
    }

    #[tokio::test]
    async fn who_is_woken_is_busy_before_more_is_skipped() {
        let (time, waiters) = waiters();
        let (_first, _second) = (waiters.busy(), waiters.busy());
        let mut later = Box::pin(waiters.wait(Instant(MINUTE * 2), Waiting::Busy));
        assert!((&mut later).now_or_never().is_none());
        waiters.wait(Instant(MINUTE), Waiting::Busy).await;
        settle().await;
        assert!((&mut later).now_or_never().is_none() && time.now() < Instant(MINUTE * 2));
    }

    #[tokio::test]
    async fn who_gives_up_is_busy_again() {
        let (_, waiters) = waiters();
        let (busy, other) = (waiters.busy(), waiters.busy());
        assert!(waiters.wait(Instant(MINUTE), Waiting::Busy).now_or_never().is_none());
        assert_eq!(waiters.shared.state.lock().busy, 2);
        drop((busy, other));
        let state = waiters.shared.state.lock();
        assert!(state.busy == 0 && state.waited_for.is_empty());
    }

    #[tokio::test]
    async fn a_deadline_is_waited_for_by_somebody_who_is_not_busy() {
        let (time, waiters) = waiters();
        let busy = waiters.busy();
        let mut deadline = Box::pin(waiters.wait(Instant(MINUTE), Waiting::Idle));
        assert!((&mut deadline).now_or_never().is_none());
        settle().await;
        assert!(time.now() < Instant(MINUTE));
        drop(busy);
        deadline.await;
        assert_eq!(waiters.shared.state.lock().busy, 0);
    }
}
