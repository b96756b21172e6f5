//! A run as it is written down: everything but the histograms, which are in interval logs beside it.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::record::{LaneRecord, RunRecord, WindowCounts, WindowTimes};
use super::series::Series;
use super::thresholds::Thresholds;
use super::times::Times;
use crate::contract::Tier;

/// One run, or one shard of it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct StoredRun {
    /// The profile's name.
    profile: String,
    /// What tells this profile, with everything flags have changed in it, from any other.
    profile_hash: String,
    /// The target's base URL.
    target: String,
    /// When the schedule began, RFC 3339 in UTC.
    started_at: String,
    /// From then to the last answer, in milliseconds.
    took_ms: u64,
    /// Which part of the run this is; `null` for a whole run.
    shard: Option<Shard>,
    /// Whether Ctrl-C ended it.
    interrupted: bool,
    /// Whether it was to end with the first window that misses a threshold; times are judged by window then.
    #[serde(default)]
    stop_at_first_miss: bool,
    /// What the profile asks for.
    thresholds: Thresholds,
    /// What was done, lane by lane.
    lanes: Vec<StoredLane>,
}

/// A part of a run.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
struct Shard {
    /// Which one, from 1.
    index: u32,
    /// Of how many.
    of: u32,
}

/// One key held at one rate.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct StoredLane {
    /// Its place among all lanes of the run, those of other shards included; from 0.
    pub(super) place: u32,
    /// Its name.
    pub(super) name: String,
    /// The lane of the profile it comes from.
    group: String,
    /// The tier of its key, where one is known.
    tier: Option<Tier>,
    /// Requests the key is granted in a window.
    requests_limit: u32,
    /// Events the key is granted in a window; `null` where no limit is stated.
    events_limit: Option<u32>,
    /// The length of a window in milliseconds, the silence at its end included.
    window_ms: u64,
    /// How long nothing was sent at the end of each window, in milliseconds.
    #[serde(default)]
    rest_ms: u64,
    /// How many windows at the beginning are never judged.
    warm_up_windows: u32,
    /// How many windows, the warm-up among them, were played to their end.
    whole_windows: u32,
    /// The rate the profile asks for, in requests a minute; of a ramp, the highest.
    planned_rate_per_minute: f64,
    /// Requests a minute at the beginning and at the end of each window.
    #[serde(default)]
    window_rates: Vec<(u32, u32)>,
    /// Events in each request; 0 where it carries none.
    #[serde(default)]
    events_per_request: u32,
    /// How many requests could be under way at once.
    #[serde(default)]
    slots: u32,
    /// Whether those are as many as half a second brings. With fewer, waiting for one is send lag.
    #[serde(default)]
    slots_suffice: bool,
    /// Whether requests that were never sent waited for the target, which held every slot to the end.
    #[serde(default)]
    held_up: bool,
    /// What the profile asks of this lane in particular.
    thresholds: Thresholds,
    /// The counts of each window.
    windows: Vec<WindowCounts>,
    /// The percentiles of each window, in microseconds.
    #[serde(default)]
    window_times: Vec<WindowTimes>,
    /// What the errors and the wrong 429s were, and how many of each.
    faults: BTreeMap<String, u64>,
    /// How many times each histogram holds, by the name of its interval log.
    pub(super) samples: BTreeMap<String, u64>,
}

impl From<&RunRecord> for StoredRun {
    fn from(run: &RunRecord) -> Self {
        Self {
            profile: run.profile.clone(),
            profile_hash: run.profile_hash.clone(),
            target: run.target.clone(),
            started_at: run.started_at.to_rfc3339_opts(SecondsFormat::Millis, true),
            took_ms: millis(run.took),
            shard: run.shard.map(|(index, of)| Shard { index, of }),
            interrupted: run.interrupted,
            stop_at_first_miss: run.stop_at_first_miss,
            thresholds: run.thresholds.clone(),
            lanes: run.lanes.iter().map(StoredLane::from).collect(),
        }
    }
}

impl From<&LaneRecord> for StoredLane {
    fn from(lane: &LaneRecord) -> Self {
        let samples = Series::all().map(|series| (series.name(), series.of(lane).map_or(0, |all| all.len())));
        Self {
            place: lane.place,
            name: lane.name.clone(),
            group: lane.group.clone(),
            tier: lane.tier,
            requests_limit: lane.requests_limit,
            events_limit: lane.events_limit,
            window_ms: millis(lane.window),
            rest_ms: millis(lane.rest),
            warm_up_windows: lane.warm_up_windows,
            whole_windows: lane.whole_windows,
            planned_rate_per_minute: lane.planned_rate_per_minute,
            window_rates: lane.window_rates.clone(),
            events_per_request: lane.events_per_request,
            slots: lane.slots,
            slots_suffice: lane.slots_suffice,
            held_up: lane.held_up,
            thresholds: lane.thresholds.clone(),
            windows: lane.windows.clone(),
            window_times: lane.window_times.clone(),
            faults: lane.faults.clone(),
            samples: samples.collect(),
        }
    }
}

impl StoredRun {
    /// The record, its histograms still empty, and the lanes as they were written.
    pub(super) fn into_record(self) -> Result<(RunRecord, Vec<StoredLane>), String> {
        let started_at = DateTime::parse_from_rfc3339(&self.started_at)
            .map_err(|_| format!("`started_at` is `{}`, expected a time in RFC 3339", self.started_at))?;
        let record = RunRecord {
            profile: self.profile,
            profile_hash: self.profile_hash,
            target: self.target,
            started_at: started_at.with_timezone(&Utc),
            took: Duration::from_millis(self.took_ms),
            shard: self.shard.map(|shard| (shard.index, shard.of)),
            interrupted: self.interrupted,
            stop_at_first_miss: self.stop_at_first_miss,
            lanes: self.lanes.iter().map(StoredLane::to_record).collect(),
            thresholds: self.thresholds,
        };
        Ok((record, self.lanes))
    }
}

impl StoredLane {
    fn to_record(&self) -> LaneRecord {
        LaneRecord {
            place: self.place,
            name: self.name.clone(),
            group: self.group.clone(),
            tier: self.tier,
            requests_limit: self.requests_limit,
            events_limit: self.events_limit,
            window: Duration::from_millis(self.window_ms),
            rest: Duration::from_millis(self.rest_ms),
            warm_up_windows: self.warm_up_windows,
            whole_windows: self.whole_windows,
            windows: self.windows.clone(),
            window_times: self.window_times.clone(),
            latencies: BTreeMap::new(),
            window_latencies: Vec::new(),
            send_lag: Times::default(),
            slot_wait: Times::default(),
            slots: self.slots,
            slots_suffice: self.slots_suffice,
            held_up: self.held_up,
            faults: self.faults.clone(),
            planned_rate_per_minute: self.planned_rate_per_minute,
            window_rates: self.window_rates.clone(),
            events_per_request: self.events_per_request,
            thresholds: self.thresholds.clone(),
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
