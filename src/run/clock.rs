//! The target's time line, as far as we can tell without trusting any clock but our own.

use std::fmt;
use std::ops::{Add, Sub};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::client::Timekeeper;
use crate::deployment::{TargetError, Workspace};

/// An instant on an environment's time line: time since the run began, advanced time included. A clock that counts by minutes
/// is at the same place of its minute in all environments of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, JsonSchema)]
pub(crate) struct Instant(#[schemars(with = "u64")] pub Duration);

/// As a whole number of nanoseconds.
impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(self.0.as_nanos()).unwrap_or(u64::MAX))
    }
}

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u64::deserialize(deserializer).map(|nanoseconds| Self(Duration::from_nanos(nanoseconds)))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, time: Duration) -> Self {
        Self(self.0.saturating_add(time))
    }
}

impl Sub for Instant {
    type Output = Duration;

    /// The time from `earlier` to here, or none if `earlier` is later.
    fn sub(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:.3} s", self.0.as_secs_f64())
    }
}

/// [`Duration`]s as whole numbers of nanoseconds.
pub(crate) mod nanoseconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Instant;

    pub(crate) fn serialize<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        Instant(*time).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        Ok(Instant::deserialize(deserializer)?.0)
    }

    /// The same, where there may be none.
    pub(crate) mod optional {
        use super::{Deserialize, Deserializer, Duration, Instant, Serialize, Serializer};

        pub(crate) fn serialize<S: Serializer>(
            time: &Option<Duration>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            time.map(Instant).serialize(serializer)
        }

        pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Option<Duration>, D::Error> {
            Ok(Option::<Instant>::deserialize(deserializer)?.map(|time| time.0))
        }
    }

    /// The same, beside the status of an answer.
    pub(crate) mod of_a_status {
        use super::{Deserialize, Deserializer, Duration, Instant, Serialize, Serializer};

        pub(crate) fn serialize<S: Serializer>(
            last: &Option<(u16, Duration)>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            last.map(|(status, time)| (status, Instant(time))).serialize(serializer)
        }

        pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Option<(u16, Duration)>, D::Error> {
            let last = Option::<(u16, Instant)>::deserialize(deserializer)?;
            Ok(last.map(|(status, time)| (status, time.0)))
        }
    }
}

/// Tells the time and waits for it.
#[derive(Debug)]
pub(crate) struct Clock {
    start: std::time::Instant,
    /// Milliseconds by which the workspace's clock was moved on.
    advanced: AtomicU64,
    /// The workspace whose clock waits move on; without one, waits take real time.
    workspace: Option<Workspace>,
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
        Self { start: std::time::Instant::now(), advanced: AtomicU64::new(0), workspace: None }
    }

    /// A clock whose waits move the workspace's clock on, in a run that began then.
    pub(crate) fn of(workspace: Workspace, began: std::time::Instant) -> Self {
        Self { start: began, workspace: Some(workspace), ..Self::real() }
    }

    /// Whether waits take no time.
    pub(crate) fn is_virtual(&self) -> bool {
        self.workspace.is_some()
    }

    /// Now.
    pub(crate) fn now(&self) -> Instant {
        Instant(self.start.elapsed() + Duration::from_millis(self.advanced.load(Ordering::Acquire)))
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
