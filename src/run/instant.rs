//! Instants, as they are measured and written down.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

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
