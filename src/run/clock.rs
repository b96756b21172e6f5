//! The target's time line, as far as we can tell without trusting any clock but our own.

use std::sync::Arc;
use std::time::Duration;

use super::instant::Instant;
use super::waiters::{Busy, Time, Waiters, Waiting};
use crate::client::Timekeeper;
use crate::deployment::{TargetError, Workspace};

/// Tells the time and waits for it.
#[derive(Debug)]
pub(crate) struct Clock {
    time: Arc<Time>,
    waits: Waits,
}

/// How time passes for those who wait.
#[derive(Debug)]
enum Waits {
    /// As it does for everybody.
    Real,
    /// The clock of a workspace that nobody else uses is moved on.
    Alone(Workspace),
    /// Many wait at the clock of one workspace, which is moved on while nobody is busy.
    Together(Waiters),
}

impl Timekeeper for Clock {
    type Instant = Instant;

    fn now(&self) -> Instant {
        // The method of its own, for those who know which clock it is.
        Self::now(self)
    }
}

impl Clock {
    /// A clock whose waits take real time.
    pub(crate) fn real() -> Self {
        Self { time: Arc::default(), waits: Waits::Real }
    }

    /// A clock whose waits move the workspace's clock on, in a run that began then.
    pub(crate) fn of(workspace: Workspace, began: std::time::Instant) -> Self {
        Self { time: Arc::new(Time::since(began)), waits: Waits::Alone(workspace) }
    }

    /// A clock for all cases of a run, which moves the workspace's clock on whenever all of them wait.
    pub(crate) fn skipping(workspace: Workspace) -> Self {
        let time = Arc::new(Time::default());
        let waits = Waits::Together(Waiters::at(workspace, Arc::clone(&time)));
        Self { time, waits }
    }

    /// Whether its time is that of a workspace that nobody else uses.
    pub(crate) fn is_virtual(&self) -> bool {
        matches!(self.waits, Waits::Alone(_))
    }

    /// Whether waits take no time.
    pub(crate) fn skips_waits(&self) -> bool {
        !matches!(self.waits, Waits::Real)
    }

    /// Now.
    pub(crate) fn now(&self) -> Instant {
        self.time.now()
    }

    /// Tells that somebody is busy for as long as this is held, but for the time that is spent in [`Clock::wait_until`].
    pub(crate) fn busy(&self) -> Option<Busy> {
        match &self.waits {
            Waits::Together(waiters) => Some(waiters.busy()),
            Waits::Real | Waits::Alone(_) => None,
        }
    }

    /// Waits until `moment`: not a millisecond longer than the timer needs, no guard time.
    ///
    /// # Errors
    /// [`TargetError::Control`] when the workspace's clock could not be moved.
    pub(crate) async fn wait_until(&self, moment: Instant) -> Result<(), TargetError> {
        let left = moment - self.now();
        if left.is_zero() {
            return Ok(());
        }
        match &self.waits {
            Waits::Real => tokio::time::sleep(left).await,
            Waits::Alone(workspace) => self.time.skip(left, workspace).await?,
            Waits::Together(waiters) => waiters.wait(moment, Waiting::Busy).await,
        }
        Ok(())
    }

    /// The same for those who are not busy else: a deadline, which ends what others do.
    pub(crate) async fn passes(&self, moment: Instant) {
        match &self.waits {
            Waits::Together(waiters) => waiters.wait(moment, Waiting::Idle).await,
            // A timer rounds up, and what is over is over.
            Waits::Real | Waits::Alone(_) => match moment - self.now() {
                Duration::ZERO => {}
                left => tokio::time::sleep(left).await,
            },
        }
    }
}
