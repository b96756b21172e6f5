//! One request in numbers, and the histograms of a lane, by what became of requests and by clock, with the percentiles that are
//! judged and shown of them.
//!
//! A histogram of the usual kind has a place for every value it might see; a lane of a thousand has seen few hundred. Only what
//! was seen takes room here, so a thousand lanes fit into little memory. The buckets are those of an HdrHistogram with three
//! digits, and any of them can be turned into the other without loss.

use std::collections::BTreeMap;
use std::io;
use std::iter::zip;
use std::ops::{AddAssign, Index, IndexMut};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer as _, V2DeflateSerializer};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

use crate::words::words;

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

words! {
    /// A percentile.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(super) enum Quantile: word {
        P50 => "p50",
        P90 => "p90",
        P99 => "p99",
        P999 => "p99_9",
        Max => "max",
    }
}

impl Quantile {
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

words! {
    /// What became of a request.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "lowercase")]
    pub enum Outcome: word {
        /// The target did what was asked.
        Admitted => "admitted",
        /// A 429.
        Limited => "limited",
        /// Anything else: another status, no answer, a broken connection.
        Error => "error",
    }
}

/// What became of one ticket.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    /// When the request was due, counted from the start of the run.
    pub(crate) due: Duration,
    /// The request; `None` where it was dropped, for the lane was waiting what a 429 had told it to.
    pub(crate) sent: Option<Sent>,
}

#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) outcome: Outcome,
    /// How long after its due time it was sent, by our own doing.
    pub(crate) lag: Duration,
    /// How long it waited because the target held every slot, besides.
    pub(crate) held: Duration,
    /// From sending to the end of the answer.
    pub(crate) service: Duration,
    pub(crate) events: u32,
    /// Events the target says it accepted.
    pub(crate) accepted: u32,
    /// What was wrong with it: of an error, or of a 429 that is not the documented one.
    pub(crate) fault: Option<String>,
}

/// Three digits: a time is known to a thousandth of itself.
const DIGITS: u8 = 3;
/// Below this every microsecond has a bucket of its own: the power of two that three digits need.
const BITS: u32 = 11;
/// Times above an hour count as an hour.
const LONGEST_US: u32 = 3_600_000_000;

/// How many times there were in each bucket that has any, in microseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Times {
    /// The lowest value of each bucket, rising.
    lowest: Vec<u32>,
    counts: Vec<u64>,
    len: u64,
}

impl Times {
    /// Takes a time; one beyond an hour counts as an hour.
    pub fn record(&mut self, time: Duration) {
        self.add(u32::try_from(time.as_micros()).map_or(LONGEST_US, |micros| micros.min(LONGEST_US)), 1);
    }

    /// How many times it has taken.
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Whether it has taken none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The time, in microseconds, that this share of the times, 0 to 1, stays within: the highest that its bucket
    /// holds. 0 of nothing.
    pub fn value_at_quantile(&self, share: f64) -> u64 {
        let wanted = ((share * self.len as f64).ceil() as u64).clamp(1, self.len.max(1));
        let mut so_far = 0;
        for (lowest, count) in self.lowest.iter().zip(&self.counts) {
            so_far += count;
            if so_far >= wanted {
                return u64::from(lowest | ((1_u32 << width(*lowest)) - 1));
            }
        }
        0
    }

    /// The buckets that hold any, as their lowest value in microseconds and how many are in them.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64)> {
        self.lowest.iter().map(|lowest| u64::from(*lowest)).zip(self.counts.iter().copied())
    }

    /// Forgets everything but the room it took.
    pub(crate) fn clear(&mut self) {
        self.lowest.clear();
        self.counts.clear();
        self.len = 0;
    }

    /// The same as an HdrHistogram.
    pub(super) fn to_histogram(&self) -> Histogram<u64> {
        // Three digits are always in range, and it grows with what it is given.
        let mut histogram =
            Histogram::new(DIGITS).unwrap_or_else(|_| unreachable!("{DIGITS} digits are allowed"));
        histogram.auto(true);
        for (lowest, count) in self.buckets() {
            // It makes room for whatever comes.
            let _ = histogram.record_n(lowest, count);
        }
        histogram
    }

    /// The same in the form in which HdrHistogram's tools exchange them: V2, deflated, in base64.
    pub(super) fn to_text(&self) -> io::Result<String> {
        let mut bytes = Vec::new();
        V2DeflateSerializer::new().serialize(&self.to_histogram(), &mut bytes).map_err(io::Error::other)?;
        Ok(STANDARD.encode(bytes))
    }

    /// Reads that form. The error says what is wrong with it.
    pub(super) fn from_text(text: &str) -> Result<Self, String> {
        let bytes = STANDARD.decode(text).map_err(|error| error.to_string())?;
        let histogram: Result<Histogram<u64>, _> = Deserializer::new().deserialize(&mut bytes.as_slice());
        histogram.map(|histogram| Self::from(&histogram)).map_err(|error| error.to_string())
    }

    fn add(&mut self, micros: u32, count: u64) {
        let lowest = micros >> width(micros) << width(micros);
        match self.lowest.binary_search(&lowest) {
            Ok(at) => self.counts[at] += count,
            Err(at) => {
                self.lowest.insert(at, lowest);
                self.counts.insert(at, count);
            }
        }
        self.len += count;
    }
}

/// How many bits of a value its bucket does not tell apart.
const fn width(micros: u32) -> u32 {
    (u32::BITS - micros.leading_zeros()).saturating_sub(BITS)
}

impl AddAssign<&Self> for Times {
    fn add_assign(&mut self, more: &Self) {
        if self.is_empty() {
            self.clone_from(more);
            return;
        }
        for (lowest, count) in more.lowest.iter().zip(&more.counts) {
            self.add(*lowest, *count);
        }
    }
}

impl From<&Histogram<u64>> for Times {
    fn from(histogram: &Histogram<u64>) -> Self {
        let mut times = Self::default();
        for at in histogram.iter_recorded() {
            let micros =
                u32::try_from(at.value_iterated_to()).map_or(LONGEST_US, |micros| micros.min(LONGEST_US));
            times.add(micros, at.count_at_value());
        }
        times
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_series_has_a_place_of_its_own() {
        assert_eq!(Series::ALL.map(Series::place), [0, 1, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn percentiles_are_those_of_the_values() {
        let times: Times = (1..=1_000).map(Duration::from_micros).collect();
        let all = Quantile::ALL.map(|which| which.of(&times).unwrap());
        assert_eq!(all, [0.5, 0.9, 0.99, 0.999, 1.0]);
        assert_eq!(Quantile::Max.of(&Times::default()), None);
    }

    #[test]
    fn times_have_as_many_digits_as_are_known() {
        let all = [0.0, 0.25, 9.999, 12.34, 1_400.4].map(digits);
        assert_eq!(all, ["0", "0.25", "10.00", "12.3", "1400"]);
    }

    #[test]
    fn a_time_beyond_an_hour_counts_as_an_hour() {
        let times: Times = [Duration::from_secs(7_200), Duration::MAX].into_iter().collect();
        assert_eq!((times.len(), times.buckets().count()), (2, 1));
        assert!(times.value_at_quantile(1.0) / 1_000_000 == 3_600);
    }

    #[test]
    fn room_is_taken_by_what_was_seen_and_bounded() {
        let mut times = Times::default();
        (0..2_000_000).for_each(|micros| times.record(Duration::from_micros(micros)));
        assert_eq!(times.len(), 2_000_000);
        assert!(times.lowest.len() < 2_048 + 11 * 1_024, "{}", times.lowest.len());
    }

    proptest! {
        #[test]
        fn it_agrees_with_an_hdr_histogram(
            values in prop::collection::vec(
                prop_oneof![0_u64..5_000, 0_u64..5_000_000, 0_u64..u64::from(LONGEST_US)], 1..300),
            shares in prop::collection::vec(0.0001_f64..=1.0, 5),
            cut in 0_usize..300,
        ) {
            let mut histogram = Histogram::<u64>::new(DIGITS).unwrap();
            histogram.auto(true);
            values.iter().for_each(|value| histogram.record(*value).unwrap());
            let (one, other) = values.split_at(cut.min(values.len()));
            let of = |values: &[u64]| values.iter().map(|value| Duration::from_micros(*value)).collect::<Times>();
            let mut times = of(one);
            times += &of(other);
            prop_assert_eq!(times.len(), histogram.len());
            for share in shares.into_iter().chain([0.5, 0.9, 0.99, 0.999, 1.0]) {
                prop_assert_eq!(times.value_at_quantile(share), histogram.value_at_quantile(share), "{}", share);
            }
            // Not compared by `prop_assert_eq`, which would print thousands of buckets.
            prop_assert!(times.to_histogram() == histogram);
            prop_assert_eq!(Times::from(&histogram), times.clone());
            prop_assert_eq!(Times::from_text(&times.to_text().unwrap()), Ok(times));
        }
    }
}
