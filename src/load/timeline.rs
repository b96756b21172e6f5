//! How a run went over time, for its pictures: counts and times by short intervals, at most a few hundred of them.
//!
//! No verdict rests on these: windows are judged by exact counts and by histograms of three digits. Times are kept here in
//! eighths of a power of two, which is all that a picture shows, and so shards add up.

use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::series::{Outcome, Sample};

/// How many intervals there are at most; then each two become one.
const MOST_INTERVALS: usize = 300;
/// How long an interval is at first.
const SHORTEST: Duration = Duration::from_secs(1);

/// The lanes of one group over time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Timeline {
    /// The lane of the profile.
    pub group: String,
    /// The length of an interval in milliseconds.
    #[serde(rename = "every_ms", with = "crate::report::millis")]
    #[schemars(with = "u64")]
    pub every: Duration,
    /// The intervals, from the beginning of the run. A request belongs to the one it was due in.
    pub intervals: Vec<Interval>,
}

/// An interval of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Interval {
    /// Requests that were due.
    pub planned: u64,
    /// Requests that were sent.
    pub sent: u64,
    /// Requests the target admitted.
    pub admitted: u64,
    /// Requests answered with 429.
    pub limited: u64,
    /// Requests that came to anything else.
    pub errors: u64,
    /// From when an admitted request was due to the end of its answer, as `FROM_US:COUNT` for each eighth of a power of two
    /// of microseconds that has any.
    pub response: Coarse,
    /// The same of how late requests were sent.
    pub send_lag: Coarse,
}

impl AddAssign<&Self> for Interval {
    fn add_assign(&mut self, more: &Self) {
        self.planned += more.planned;
        self.sent += more.sent;
        self.admitted += more.admitted;
        self.limited += more.limited;
        self.errors += more.errors;
        self.response.add(&more.response);
        self.send_lag.add(&more.send_lag);
    }
}

impl Timeline {
    /// One with nothing in it.
    pub(super) fn new(group: &str) -> Self {
        Self { group: group.to_owned(), every: SHORTEST, intervals: Vec::new() }
    }

    /// Takes a sample of a lane of the group.
    pub(super) fn take(&mut self, sample: &Sample) {
        let Some(sent) = &sample.sent else { return };
        let Some(interval) = self.at(sample.due) else { return };
        interval.sent += 1;
        match sent.outcome {
            Outcome::Admitted => interval.admitted += 1,
            Outcome::Limited => interval.limited += 1,
            Outcome::Error => interval.errors += 1,
        }
        interval.send_lag.record(sent.lag);
        if sent.outcome == Outcome::Admitted {
            interval.response.record(sent.lag + sent.held + sent.service);
        }
    }

    /// Notes how many requests were planned up to the end of each interval of a lane that came so far.
    pub(super) fn plan(&mut self, planned_before: impl Fn(Duration) -> u64, came_to: Duration) {
        if let Some(last) = came_to.checked_sub(Duration::from_nanos(1)) {
            self.at(last);
        }
        let mut before = 0;
        for (interval, number) in self.intervals.iter_mut().zip(1_u32..) {
            let by_then = planned_before((self.every * number).min(came_to));
            interval.planned += by_then - before;
            before = by_then;
        }
    }

    /// Adds what another shard saw of the group.
    pub(super) fn add(&mut self, mut other: Self) {
        while self.every < other.every {
            self.halve();
        }
        while other.every < self.every {
            other.halve();
        }
        let all = self.intervals.len().max(other.intervals.len());
        self.intervals.resize(all, Interval::default());
        self.intervals.iter_mut().zip(&other.intervals).for_each(|(sum, more)| *sum += more);
    }

    fn at(&mut self, due: Duration) -> Option<&mut Interval> {
        let place =
            |every: Duration| usize::try_from(due.as_nanos() / every.as_nanos()).unwrap_or(usize::MAX);
        while place(self.every) >= MOST_INTERVALS {
            self.halve();
        }
        let place = place(self.every);
        if self.intervals.len() <= place {
            self.intervals.resize(place + 1, Interval::default());
        }
        self.intervals.get_mut(place)
    }

    /// Makes one interval of each two.
    fn halve(&mut self) {
        self.every *= 2;
        let pairs = self.intervals.chunks(2).map(|pair| {
            let mut sum = Interval::default();
            pair.iter().for_each(|one| sum += one);
            sum
        });
        self.intervals = pairs.collect();
    }
}

/// Times in microseconds, by eighths of a power of two.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coarse(BTreeMap<u16, u64>);

/// How many buckets there are between two powers of two.
const EIGHTHS: u32 = 8;

impl Coarse {
    /// Takes a time.
    pub(super) fn record(&mut self, time: Duration) {
        let micros = u32::try_from(time.as_micros()).unwrap_or(u32::MAX);
        *self.0.entry(bucket(micros)).or_default() += 1;
    }

    fn add(&mut self, more: &Self) {
        for (bucket, count) in &more.0 {
            *self.0.entry(*bucket).or_default() += count;
        }
    }

    /// The buckets that have any: their lower and upper ends in microseconds, and how many times are in them.
    pub(super) fn buckets(&self) -> impl Iterator<Item = (u64, u64, u64)> {
        self.0.iter().map(|(bucket, count)| (lowest(*bucket), lowest(bucket + 1), *count))
    }

    /// What this share of the times, 0 to 1, stays within, in microseconds; `None` of nothing.
    pub(super) fn quantile(&self, share: f64) -> Option<u64> {
        let all: u64 = self.0.values().sum();
        let wanted = ((share * all as f64).ceil() as u64).max(1);
        let mut so_far = 0;
        self.buckets().find_map(|(_, upper, count)| {
            so_far += count;
            (so_far >= wanted).then_some(upper)
        })
    }
}

fn bucket(micros: u32) -> u16 {
    let place = match micros.checked_ilog2() {
        Some(power @ 3..) => (power - 2) * EIGHTHS + (micros >> (power - 3)) - EIGHTHS,
        _ => micros,
    };
    // At most 240.
    u16::try_from(place).unwrap_or(u16::MAX)
}

fn lowest(bucket: u16) -> u64 {
    let (power, eighth) = (u32::from(bucket) / EIGHTHS, u64::from(u32::from(bucket) % EIGHTHS));
    match power {
        0 => eighth,
        power => (u64::from(EIGHTHS) + eighth) << (power - 1),
    }
}

/// `FROM_US:COUNT` for each bucket, in one line.
impl Serialize for Coarse {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let told = self.buckets().map(|(from, _, count)| format!("{from}:{count}"));
        to.serialize_str(&told.collect::<Vec<_>>().join(" "))
    }
}

impl<'de> Deserialize<'de> for Coarse {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let pair = |pair: &str| {
            let (from, count) = pair.split_once(':')?;
            Some((bucket(from.parse().ok()?), count.parse().ok()?))
        };
        let read: Option<_> = text.split_whitespace().map(pair).collect();
        read.map(Self).ok_or_else(|| {
            serde::de::Error::custom(format!("found `{text}`, expected times such as `896:3 1024:17`"))
        })
    }
}

impl JsonSchema for Coarse {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Coarse".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": r"^(\d+:\d+( \d+:\d+)*)?$" })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::load::series::Sent;

    fn sample(due_ms: u64, outcome: Outcome, service_ms: u64) -> Sample {
        let sent = Sent {
            outcome,
            lag: Duration::ZERO,
            held: Duration::ZERO,
            service: Duration::from_millis(service_ms),
            events: 0,
            accepted: 0,
            fault: None,
        };
        Sample { due: Duration::from_millis(due_ms), sent: Some(sent) }
    }

    #[test]
    fn an_hour_has_no_more_intervals_than_a_picture_shows() {
        let mut timeline = Timeline::new("a");
        for second in 0..3_600 {
            timeline.take(&sample(second * 1_000, Outcome::Admitted, 5));
        }
        timeline.plan(|time| time.as_secs(), Duration::from_secs(3_600));
        assert_eq!((timeline.every, timeline.intervals.len()), (Duration::from_secs(16), 225));
        assert!(timeline.intervals.iter().all(|one| (one.planned, one.sent, one.admitted) == (16, 16, 16)));
        assert_eq!(timeline.intervals[7].response.quantile(0.5), Some(5_120));
    }

    #[test]
    fn shards_with_intervals_of_other_lengths_add_up() {
        let of = |seconds: u64| {
            let mut timeline = Timeline::new("a");
            (0..seconds).for_each(|second| timeline.take(&sample(second * 1_000, Outcome::Limited, 1)));
            timeline
        };
        let (mut long, mut short) = (of(400), of(30));
        let expected = long.clone();
        short.add(expected);
        long.add(of(30));
        assert_eq!(short, long);
        assert_eq!(long.intervals.iter().map(|one| one.limited).sum::<u64>(), 430);
    }

    #[test]
    fn it_is_written_in_a_line_and_read_again() {
        let mut times = Coarse::default();
        for micros in [3, 900, 900, 5_000_000] {
            times.record(Duration::from_micros(micros));
        }
        let text = serde_json::to_string(&times).unwrap();
        assert_eq!(text, r#""3:1 896:2 4718592:1""#);
        assert_eq!(serde_json::from_str::<Coarse>(&text).unwrap(), times);
        assert!(serde_json::from_str::<Coarse>(r#""3""#).unwrap_err().to_string().contains("expected times"));
    }

    proptest! {
        #[test]
        fn a_time_lies_in_its_bucket_which_is_an_eighth_wide_at_most(micros in 0_u32..) {
            let (from, to) = (lowest(bucket(micros)), lowest(bucket(micros) + 1));
            prop_assert!((from..to).contains(&u64::from(micros)));
            prop_assert!(to - from <= (from / 8).max(1));
        }
    }
}
