//! What a run leaves behind: counts by lane and window, times by outcome class.

use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::time::Duration;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::thresholds::Thresholds;
use super::times::Times;
use crate::contract::Tier;

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, Default)]
pub struct Latencies {
    /// From the moment a request was due to the end of its answer: what a user would have waited.
    pub response: Times,
    /// From the moment a request was sent to the end of its answer.
    pub service: Times,
}

impl Latencies {
    /// Takes the times of one request.
    pub fn record(&mut self, response: Duration, service: Duration) {
        self.response.record(response);
        self.service.record(service);
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
        let at = |share| times.value_at_quantile(share);
        (!times.is_empty()).then(|| Self {
            samples: times.len(),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p99_9: at(0.999),
            max: at(1.0),
        })
    }
}

/// The times of one window of one lane, in microseconds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct WindowTimes {
    /// From when a request was due to the end of its answer, by what became of it.
    #[serde(default)]
    pub response: BTreeMap<Outcome, Percentiles>,
    /// From when it was sent to the end of its answer, by what became of it.
    #[serde(default)]
    pub service: BTreeMap<Outcome, Percentiles>,
    /// How late requests were sent; `null` where none was.
    #[serde(default)]
    pub send_lag: Option<Percentiles>,
}

impl Percentiles {
    /// Each of the two, whichever is higher.
    const fn slower(self, other: Self) -> Self {
        const fn higher(one: u64, other: u64) -> u64 {
            if one > other { one } else { other }
        }
        Self {
            samples: self.samples + other.samples,
            p50: higher(self.p50, other.p50),
            p90: higher(self.p90, other.p90),
            p99: higher(self.p99, other.p99),
            p99_9: higher(self.p99_9, other.p99_9),
            max: higher(self.max, other.max),
        }
    }
}

impl WindowTimes {
    /// Keeps of each percentile the higher one.
    pub(super) fn keep_slower(&mut self, other: &Self) {
        let clocks = [(&mut self.response, &other.response), (&mut self.service, &other.service)];
        for (mine, others) in clocks {
            for (outcome, times) in others {
                mine.entry(*outcome).and_modify(|kept| *kept = kept.slower(*times)).or_insert(*times);
            }
        }
        self.send_lag = match (self.send_lag, other.send_lag) {
            (Some(mine), Some(other)) => Some(mine.slower(other)),
            (mine, other) => mine.or(other),
        };
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
    /// The times of each of these windows.
    pub window_times: Vec<WindowTimes>,
    /// Times by outcome, those of the warm-up left out.
    pub latencies: BTreeMap<Outcome, Latencies>,
    /// The same for each window by itself, the warm-up included; empty where windows are not told apart.
    pub window_latencies: Vec<BTreeMap<Outcome, Latencies>>,
    /// How long after its due time a request was sent by the generator's doing, in microseconds; the warm-up left out.
    pub send_lag: Times,
    /// How long requests waited because the target held every slot, those alone that did; the warm-up left out.
    pub slot_wait: Times,
    /// How many requests could be under way at once.
    pub slots: u32,
    /// Whether those are as many as half a second brings. With fewer, waiting for one is send lag.
    pub slots_suffice: bool,
    /// Whether requests that were never sent waited for the target, which held every slot to the end.
    pub held_up: bool,
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
    /// Whether it was the target's doing that requests were never sent.
    pub const fn held_by_target(&self) -> bool {
        self.held_up && self.slots_suffice
    }

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
