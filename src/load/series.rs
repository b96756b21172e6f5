//! The histograms of a lane, by what became of requests and by clock, and the percentiles that are judged and shown of them.

use std::collections::BTreeMap;
use std::iter::zip;
use std::ops::{AddAssign, Index, IndexMut};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

use super::sample::Outcome;
use super::times::Times;

/// One kind of time that is taken in every lane, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Series {
    /// From when a request was due to the end of its answer: what a user would have waited.
    Response(Outcome),
    /// From when it was sent to the end of its answer.
    Service(Outcome),
    /// How long after its due time a request was sent, by the generator's doing.
    SendLag,
    /// How long a request waited because the target held every slot; of those alone that did.
    SlotWait,
}

impl Series {
    /// Every series, in the order of reports.
    pub const ALL: [Self; 8] = [
        Self::Response(Outcome::Admitted),
        Self::Service(Outcome::Admitted),
        Self::Response(Outcome::Limited),
        Self::Service(Outcome::Limited),
        Self::Response(Outcome::Error),
        Self::Service(Outcome::Error),
        Self::SendLag,
        Self::SlotWait,
    ];

    /// Its place among all of them.
    pub(super) const fn place(self) -> usize {
        match self {
            Self::Response(outcome) => outcome as usize * 2,
            Self::Service(outcome) => outcome as usize * 2 + 1,
            Self::SendLag => 6,
            Self::SlotWait => 7,
        }
    }

    /// `admitted.response`, `send-lag`, `slot-wait`.
    pub(super) fn name(self) -> String {
        match self {
            Self::Response(outcome) => format!("{}.response", outcome.word()),
            Self::Service(outcome) => format!("{}.service", outcome.word()),
            Self::SendLag => "send-lag".to_owned(),
            Self::SlotWait => "slot-wait".to_owned(),
        }
    }

    /// Whether its times are kept by window, too, where windows are told apart.
    pub(super) const fn has_windows(self) -> bool {
        matches!(self, Self::Response(_) | Self::Service(_))
    }
}

/// The times of a lane, or of one of its windows: a histogram for each series. What is written of them beside the
/// interval logs is how many times each holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Histograms([Times; 8]);

impl Index<Series> for Histograms {
    type Output = Times;

    fn index(&self, series: Series) -> &Times {
        &self.0[series.place()]
    }
}

impl IndexMut<Series> for Histograms {
    fn index_mut(&mut self, series: Series) -> &mut Times {
        &mut self.0[series.place()]
    }
}

impl AddAssign<&Self> for Histograms {
    fn add_assign(&mut self, more: &Self) {
        zip(&mut self.0, &more.0).for_each(|(sum, more)| *sum += more);
    }
}

impl Histograms {
    /// Takes the times of one answer.
    pub fn record(&mut self, outcome: Outcome, response: Duration, service: Duration) {
        self[Series::Response(outcome)].record(response);
        self[Series::Service(outcome)].record(service);
    }

    /// Forgets everything but the room it took.
    pub(super) fn clear(&mut self) {
        self.0.iter_mut().for_each(Times::clear);
    }
}

impl Serialize for Histograms {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let counts: BTreeMap<String, u64> =
            Series::ALL.into_iter().map(|series| (series.name(), self[series].len())).collect();
        counts.serialize(serializer)
    }
}

/// A percentile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quantile {
    P50,
    P90,
    P99,
    P999,
    Max,
}

impl Quantile {
    /// All, in rising order.
    pub(super) const ALL: [Self; 5] = [Self::P50, Self::P90, Self::P99, Self::P999, Self::Max];

    /// The word for it, as in profiles.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::P50 => "p50",
            Self::P90 => "p90",
            Self::P99 => "p99",
            Self::P999 => "p99_9",
            Self::Max => "max",
        }
    }

    /// That of some times, in microseconds; 0 of nothing.
    fn micros(self, times: &Times) -> u64 {
        times.value_at_quantile(self.share())
    }

    /// The share of all times that stays within it.
    pub(super) const fn share(self) -> f64 {
        match self {
            Self::P50 => 0.5,
            Self::P90 => 0.9,
            Self::P99 => 0.99,
            Self::P999 => 0.999,
            Self::Max => 1.0,
        }
    }

    /// That of some times, in milliseconds; `None` of nothing.
    pub(super) fn of(self, times: &Times) -> Option<f64> {
        (!times.is_empty()).then(|| self.micros(times) as f64 / 1_000.0)
    }
}

/// The percentiles of some times, in microseconds. They are what is kept of a window, and are never averaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Percentiles {
    /// How many times there were.
    pub samples: u64,
    /// The median.
    pub p50: u64,
    /// What nine in ten stay within.
    pub p90: u64,
    /// What 99 in 100 stay within.
    pub p99: u64,
    /// What 999 in 1,000 stay within.
    pub p99_9: u64,
    /// The longest.
    pub max: u64,
}

impl Percentiles {
    /// Those of these times; `None` of none.
    pub fn of(times: &Times) -> Option<Self> {
        let [p50, p90, p99, p99_9, max] = Quantile::ALL.map(|which| which.micros(times));
        (!times.is_empty()).then_some(Self { samples: times.len(), p50, p90, p99, p99_9, max })
    }

    /// Each of the two, whichever is higher.
    pub(super) fn slower(self, other: Self) -> Self {
        Self {
            samples: self.samples + other.samples,
            p50: self.p50.max(other.p50),
            p90: self.p90.max(other.p90),
            p99: self.p99.max(other.p99),
            p99_9: self.p99_9.max(other.p99_9),
            max: self.max.max(other.max),
        }
    }
}

/// `1.25 ms`, to the microsecond: a reason must show by how little a limit was missed.
pub(super) fn ms(millis: f64) -> String {
    format!("{millis} ms")
}

/// Milliseconds for a table: the three digits a histogram knows.
pub(super) fn digits(millis: f64) -> String {
    match millis {
        small if small < 0.0005 => "0".to_owned(),
        small if small < 10.0 => format!("{small:.2}"),
        middle if middle < 100.0 => format!("{middle:.1}"),
        large => format!("{large:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_series_has_a_place_of_its_own() {
        assert_eq!(Series::ALL.map(Series::place), [0, 1, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn percentiles_are_those_of_the_values() {
        let times: Times = (1..=1_000).map(std::time::Duration::from_micros).collect();
        let all = Quantile::ALL.map(|which| which.of(&times).unwrap());
        assert_eq!(all, [0.5, 0.9, 0.99, 0.999, 1.0]);
        assert_eq!(Quantile::Max.of(&Times::default()), None);
    }

    #[test]
    fn times_have_as_many_digits_as_are_known() {
        let all = [0.0, 0.25, 9.999, 12.34, 1_400.4].map(digits);
        assert_eq!(all, ["0", "0.25", "10.00", "12.3", "1400"]);
    }
}
