//! Times, counted by their first three digits.
//!
//! A histogram of the usual kind has a place for every value it might see; a lane of a thousand has seen few
//! hundred. Only what was seen takes room here, so a thousand lanes fit into little memory. The buckets are those of
//! an HdrHistogram with three digits, and any of them can be turned into the other without loss.

use std::io;
use std::ops::AddAssign;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};

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
    /// How many values are in it.
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
    ///
    /// # Errors
    /// Those of the compression, of which none is known.
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
            Ok(at) => {
                if let Some(counted) = self.counts.get_mut(at) {
                    *counted += count;
                }
            }
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

impl FromIterator<Duration> for Times {
    fn from_iter<T: IntoIterator<Item = Duration>>(all: T) -> Self {
        let mut times = Self::default();
        all.into_iter().for_each(|time| times.record(time));
        times
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
