//! What a run leaves behind: counts by lane and window, times by outcome class.

use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::time::Duration;

use chrono::{DateTime, Utc};
use hdrhistogram::Histogram;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::thresholds::Thresholds;
use crate::contract::Tier;

/// Three digits: a time is known to a thousandth of itself.
const DIGITS: u8 = 3;

/// Times above an hour count as an hour.
const LONGEST_US: u64 = 3_600_000_000;

/// An empty histogram of microseconds. It grows with the longest time it has seen, so that a thousand
/// lanes with quick answers stay small.
pub fn histogram() -> Histogram<u64> {
    // Three digits are always in range.
    let mut empty = Histogram::new(DIGITS).unwrap_or_else(|_| unreachable!("{DIGITS} digits are allowed"));
    empty.auto(true);
    empty
}

/// Records a time in microseconds; one beyond an hour as an hour.
pub fn record_time(histogram: &mut Histogram<u64>, time: Duration) {
    let micros = u64::try_from(time.as_micros()).map_or(LONGEST_US, |micros| micros.min(LONGEST_US));
    // A histogram of ours grows, one of another make may not.
    if histogram.record(micros).is_err() {
        histogram.saturating_record(micros);
    }
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The target did what was asked.
    Admitted,
    /// A 429.
    Limited,
    /// Anything else: another status, no answer, a broken connection.
    Error,
}

impl Outcome {
    /// Every outcome, the good one first.
    pub const ALL: [Self; 3] = [Self::Admitted, Self::Limited, Self::Error];

    /// The word for it, as in reports and in the names of interval logs.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Admitted => "admitted",
            Self::Limited => "limited",
            Self::Error => "error",
        }
    }
}

/// The counts of one window of one lane. A request belongs to the window it was due in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct WindowCounts {
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
    /// Those among the limited whose body or `Retry-After` is not the documented one.
    pub wrong_429: u64,
    /// Events sent.
    pub events_sent: u64,
    /// Events in admitted requests.
    pub events_admitted: u64,
}

impl AddAssign for WindowCounts {
    fn add_assign(&mut self, more: Self) {
        self.planned += more.planned;
        self.sent += more.sent;
        self.admitted += more.admitted;
        self.limited += more.limited;
        self.errors += more.errors;
        self.wrong_429 += more.wrong_429;
        self.events_sent += more.events_sent;
        self.events_admitted += more.events_admitted;
    }
}

/// How long requests of one outcome took, in microseconds.
#[derive(Debug, Clone)]
pub struct Latencies {
    /// From the moment a request was due to the end of its answer: what a user would have waited.
    pub response: Histogram<u64>,
    /// From the moment a request was sent to the end of its answer.
    pub service: Histogram<u64>,
}

impl Default for Latencies {
    fn default() -> Self {
        Self { response: histogram(), service: histogram() }
    }
}

impl Latencies {
    /// Takes the times of one request.
    pub fn record(&mut self, response: Duration, service: Duration) {
        record_time(&mut self.response, response);
        record_time(&mut self.service, service);
    }
}

/// One lane: one key held at one rate.
#[derive(Debug, Clone)]
pub struct LaneRecord {
    /// Its place among all lanes of the run, those of other shards included; from 0.
    pub place: u32,
    /// Its name, which no other lane of the run has: `premium-3`.
    pub name: String,
    /// The lane of the profile it comes from: `premium`. Lanes of one group are shown as one.
    pub group: String,
    /// The tier of its key, where one is known.
    pub tier: Option<Tier>,
    /// Requests the key is granted in a window.
    pub requests_limit: u32,
    /// Events the key is granted in a window.
    pub events_limit: Option<u32>,
    /// The length of a window, the silence at its end included.
    pub window: Duration,
    /// How long nothing was sent at the end of each window.
    pub rest: Duration,
    /// How many windows at the beginning are never judged.
    pub warm_up_windows: u32,
    /// How many windows, the warm-up among them, were played to their end.
    pub whole_windows: u32,
    /// The windows in order, from the first of the warm-up to the last that was begun.
    pub windows: Vec<WindowCounts>,
    /// Times by outcome, those of the warm-up left out.
    pub latencies: BTreeMap<Outcome, Latencies>,
    /// The same for each window by itself, the warm-up included; empty where windows are not told apart.
    pub window_latencies: Vec<BTreeMap<Outcome, Latencies>>,
    /// How long after its due time a request was sent, in microseconds; the warm-up left out.
    pub send_lag: Histogram<u64>,
    /// What the errors and the wrong 429s were, and how many of each. Holds no keys.
    pub faults: BTreeMap<String, u64>,
    /// The rate the profile asks for; of a ramp, the highest.
    pub planned_rate_per_minute: f64,
    /// Requests a minute at the beginning and at the end of each window.
    pub window_rates: Vec<(u32, u32)>,
    /// Events in each request.
    pub events_per_request: u32,
    /// What the profile asks of this lane in particular; goes before [`RunRecord::thresholds`].
    pub thresholds: Thresholds,
}

impl LaneRecord {
    /// The windows a verdict may rest on, with their places from 0: whole, and after the warm-up.
    pub fn judged(&self) -> impl Iterator<Item = (usize, &WindowCounts)> {
        let whole = self.whole_windows as usize;
        self.windows.iter().enumerate().take(whole).skip(self.warm_up_windows as usize)
    }
}

/// One run, or one shard of it.
#[derive(Debug, Clone)]
pub struct RunRecord {
    /// The profile's name.
    pub profile: String,
    /// What tells this profile, with everything flags have changed in it, from any other.
    pub profile_hash: String,
    /// The target's base URL.
    pub target: String,
    /// When the schedule began.
    pub started_at: DateTime<Utc>,
    /// From then to the last answer.
    pub took: Duration,
    /// Which part of how many, from 1; `None` for a whole run.
    pub shard: Option<(u32, u32)>,
    /// Whether Ctrl-C ended it.
    pub interrupted: bool,
    /// Whether it was to end with the first window that misses a threshold; times are judged by window then.
    pub stop_at_first_miss: bool,
    /// What was done, lane by lane, in the order of their places.
    pub lanes: Vec<LaneRecord>,
    /// What the profile asks for.
    pub thresholds: Thresholds,
}

impl RunRecord {
    /// A run that is going on, as far as it can be judged: its lanes and what is asked of them.
    pub(crate) fn unfinished(lanes: Vec<LaneRecord>, thresholds: Thresholds) -> Self {
        Self {
            profile: String::new(),
            profile_hash: String::new(),
            target: String::new(),
            started_at: DateTime::UNIX_EPOCH,
            took: Duration::ZERO,
            shard: None,
            interrupted: false,
            stop_at_first_miss: true,
            lanes,
            thresholds,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_beyond_an_hour_counts_as_an_hour() {
        let mut times = histogram();
        record_time(&mut times, Duration::from_secs(7_200));
        record_time(&mut times, Duration::MAX);
        assert_eq!(times.count_at(LONGEST_US), 2);
    }

    #[test]
    fn an_empty_histogram_is_small_and_grows() {
        let mut times = histogram();
        let small = times.high();
        record_time(&mut times, Duration::from_secs(1));
        assert!(small < 10_000 && times.high() >= 1_000_000);
        assert_eq!(times.len(), 1);
    }
}
