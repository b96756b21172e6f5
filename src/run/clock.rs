//! The target's time line, as far as we can tell without trusting any clock but our own.

use std::fmt;
use std::ops::{Add, Sub};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::target::{TargetError, Workspace};

/// An instant on a stage's time line: time since the stage was set up, advanced time included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct Moment(pub Duration);

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, time: Duration) -> Self {
        Self(self.0.saturating_add(time))
    }
}

impl Sub for Moment {
    type Output = Duration;

    /// The time from `earlier` to here, or none if `earlier` is later.
    fn sub(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:.3} s", self.0.as_secs_f64())
    }
}

/// Tells the time and waits for it.
#[derive(Debug)]
pub(crate) struct Clock {
    start: Instant,
    /// Milliseconds by which the workspace's clock was moved on.
    advanced: AtomicU64,
    /// The workspace whose clock waits move on; without one, waits take real time.
    workspace: Option<Workspace>,
}

impl Clock {
    /// A clock whose waits take real time.
    pub(crate) fn real() -> Self {
        Self { start: Instant::now(), advanced: AtomicU64::new(0), workspace: None }
    }

    /// A clock whose waits move the workspace's clock on.
    pub(crate) fn of(workspace: Workspace) -> Self {
        Self { workspace: Some(workspace), ..Self::real() }
    }

    /// Whether waits take no time.
    pub(crate) fn is_virtual(&self) -> bool {
        self.workspace.is_some()
    }

    /// Now.
    pub(crate) fn now(&self) -> Moment {
        Moment(self.start.elapsed() + Duration::from_millis(self.advanced.load(Ordering::Acquire)))
    }

    /// Waits until `moment`: not a millisecond longer than the timer needs, no guard time.
    ///
    /// # Errors
    /// [`TargetError::Control`] when the workspace's clock could not be moved.
    pub(crate) async fn wait_until(&self, moment: Moment) -> Result<(), TargetError> {
        let left = moment - self.now();
        if left.is_zero() {
            return Ok(());
        }
        match &self.workspace {
            None => tokio::time::sleep_until((self.start + moment.0).into()).await,
            Some(workspace) => {
                // Whole milliseconds, rounded up: stopping short of a promise would judge it too early.
                let milliseconds = u64::try_from(left.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX);
                // First ours, then the mock's: an answer that comes meanwhile may look later than it was, and what it
                // promises with it, but never earlier.
                self.advanced.fetch_add(milliseconds, Ordering::AcqRel);
                workspace.advance(milliseconds).await?;
            }
        }
        Ok(())
    }
}
