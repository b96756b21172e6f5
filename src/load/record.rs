//! What a run leaves behind: collected lane by lane, saved, merged, judged and reported in this one form.

use std::collections::BTreeMap;
use std::iter::zip;
use std::ops::AddAssign;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::series::{Histograms, Outcome, Percentiles, Sent, Series, Times};
use super::thresholds::Thresholds;
use super::timeline::Timeline;
use crate::contract::Tier;

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

impl WindowCounts {
    pub(super) fn take(&mut self, sent: &Sent) {
        self.sent += 1;
        self.events_sent += u64::from(sent.events);
        self.events_admitted += u64::from(sent.accepted);
        match sent.outcome {
            Outcome::Admitted => self.admitted += 1,
            Outcome::Limited => {
                self.limited += 1;
                self.wrong_429 += u64::from(sent.fault.is_some());
            }
            Outcome::Error => self.errors += 1,
        }
    }
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

impl WindowTimes {
    pub(super) fn of(times: &Histograms) -> Self {
        let by_outcome = |series: fn(Outcome) -> Series| {
            let of = |outcome| Some((outcome, Percentiles::of(&times[series(outcome)])?));
            Outcome::ALL.into_iter().filter_map(of).collect()
        };
        Self {
            response: by_outcome(Series::Response),
            service: by_outcome(Series::Service),
            send_lag: Percentiles::of(&times[Series::SendLag]),
        }
    }

    /// Keeps of each percentile the higher one.
    fn keep_slower(&mut self, other: &Self) {
        for (mine, others) in [(&mut self.response, &other.response), (&mut self.service, &other.service)] {
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

/// One key held at one rate.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
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
    /// Events the key is granted in a window; `null` where no limit is stated.
    pub events_limit: Option<u32>,
    /// The length of a window in milliseconds, the silence at its end included.
    #[serde(rename = "window_ms", with = "crate::report::millis")]
    #[schemars(with = "u64")]
    pub window: Duration,
    /// How long nothing was sent at the end of each window, in milliseconds.
    #[serde(rename = "rest_ms", with = "crate::report::millis", default)]
    #[schemars(with = "u64")]
    pub rest: Duration,
    /// How many windows at the beginning are never judged.
    pub warm_up_windows: u32,
    /// How many windows, the warm-up among them, were played to their end.
    pub whole_windows: u32,
    /// The rate the profile asks for, in requests a minute; of a ramp, the highest.
    pub planned_rate_per_minute: f64,
    /// Requests a minute at the beginning and at the end of each window.
    #[serde(default)]
    pub window_rates: Vec<(u32, u32)>,
    /// Events in each request; 0 where it carries none.
    #[serde(default)]
    pub events_per_request: u32,
    /// How many requests could be under way at once.
    #[serde(rename = "slots", default)]
    pub in_flight: u32,
    /// Whether those are as many as half a second brings. With fewer, waiting for one is send lag.
    #[serde(rename = "slots_suffice", default)]
    pub in_flight_suffices: bool,
    /// Whether requests that were never sent waited for the target, which held every slot to the end.
    #[serde(default)]
    pub held_up: bool,
    /// What the profile asks of this lane in particular; goes before [`RunRecord::thresholds`].
    pub thresholds: Thresholds,
    /// The counts of each window, from the first of the warm-up to the last that was begun.
    pub windows: Vec<WindowCounts>,
    /// The percentiles of each window, in microseconds.
    #[serde(default)]
    pub window_times: Vec<WindowTimes>,
    /// What the errors and the wrong 429s were, and how many of each. Holds no keys.
    pub faults: BTreeMap<String, u64>,
    /// How many times each histogram holds, by the name of its interval log; the warm-up left out.
    #[serde(rename = "samples", skip_deserializing)]
    #[schemars(with = "BTreeMap<String, u64>")]
    pub times: Histograms,
    /// The times of each window by itself, the warm-up included; empty where windows are not told apart.
    #[serde(skip)]
    pub times_by_window: Vec<Histograms>,
}

impl LaneRecord {
    /// Whether it was the target's doing that requests were never sent.
    pub const fn held_by_target(&self) -> bool {
        self.held_up && self.in_flight_suffices
    }

    /// The windows a verdict may rest on, with their places from 0: whole, and after the warm-up.
    pub fn judged(&self) -> impl Iterator<Item = (usize, &WindowCounts)> {
        let whole = self.whole_windows as usize;
        self.windows.iter().enumerate().take(whole).skip(self.warm_up_windows as usize)
    }

    /// Where windows are told apart: the times of one of them, counted from 0.
    pub(super) fn of_window(&self, series: Series, window: usize) -> Option<&Times> {
        self.times_by_window.get(window).filter(|_| series.has_windows()).map(|times| &times[series])
    }
}

/// The lanes of one group of a profile, as one.
#[derive(Debug, Clone)]
pub(super) struct Group {
    pub(super) keys: u32,
    /// Counts added up window by window and times bucket by bucket, under the name of the group. Windows are whole
    /// where they are of all keys, and their percentiles are each the highest that any key had: those do not add up.
    pub(super) sum: LaneRecord,
}

/// The groups of a run, in the order of their first lanes.
pub(super) fn groups(lanes: &[LaneRecord]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut places = BTreeMap::new();
    for lane in lanes {
        match places.get(&lane.group).and_then(|place: &usize| groups.get_mut(*place)) {
            Some(group) => group.add(lane),
            None => {
                places.insert(&lane.group, groups.len());
                let sum = LaneRecord { name: lane.group.clone(), ..lane.clone() };
                groups.push(Group { keys: 1, sum });
            }
        }
    }
    groups
}

impl Group {
    fn add(&mut self, lane: &LaneRecord) {
        fn room<T: Clone + Default>(sums: &mut Vec<T>, more: &[T]) {
            sums.resize(sums.len().max(more.len()), T::default());
        }
        let sum = &mut self.sum;
        self.keys += 1;
        sum.whole_windows = sum.whole_windows.min(lane.whole_windows);
        sum.in_flight += lane.in_flight;
        sum.planned_rate_per_minute += lane.planned_rate_per_minute;
        room(&mut sum.windows, &lane.windows);
        zip(&mut sum.windows, &lane.windows).for_each(|(sum, counts)| *sum += *counts);
        room(&mut sum.window_times, &lane.window_times);
        zip(&mut sum.window_times, &lane.window_times).for_each(|(slowest, of)| slowest.keep_slower(of));
        room(&mut sum.times_by_window, &lane.times_by_window);
        zip(&mut sum.times_by_window, &lane.times_by_window).for_each(|(sum, times)| *sum += times);
        sum.times += &lane.times;
        for (fault, times) in &lane.faults {
            *sum.faults.entry(fault.clone()).or_default() += times;
        }
    }
}

/// One run, or one shard of it.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct RunRecord {
    /// The profile's name.
    pub profile: String,
    /// What tells this profile, with everything flags have changed in it, from any other.
    pub profile_hash: String,
    /// The target's base URL.
    pub target: String,
    /// When the schedule began, RFC 3339 in UTC.
    #[serde(with = "instant")]
    #[schemars(with = "String")]
    pub started_at: DateTime<Utc>,
    /// From then to the last answer, in milliseconds.
    #[serde(rename = "took_ms", with = "crate::report::millis")]
    #[schemars(with = "u64")]
    pub took: Duration,
    /// Which part of the run this is; `null` for a whole run.
    pub shard: Option<Shard>,
    /// The parts it was merged from; none of a run of one machine.
    #[serde(default)]
    pub parts: Vec<Part>,
    /// Whether Ctrl-C ended it.
    pub interrupted: bool,
    /// Whether it was to end with the first window that misses a threshold; times are judged by window then.
    #[serde(default)]
    pub stop_at_first_miss: bool,
    /// What the profile asks for.
    pub thresholds: Thresholds,
    /// What was done, lane by lane, in the order of their places.
    pub lanes: Vec<LaneRecord>,
    /// How each group of lanes went over time.
    #[serde(default)]
    pub timelines: Vec<Timeline>,
}

/// A shard that a run was merged from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Part {
    /// Which one.
    pub shard: Shard,
    /// When its schedule began, RFC 3339 in UTC.
    #[serde(with = "instant")]
    #[schemars(with = "String")]
    pub started_at: DateTime<Utc>,
    /// From then to its last answer, in milliseconds.
    #[serde(rename = "took_ms", with = "crate::report::millis")]
    #[schemars(with = "u64")]
    pub took: Duration,
    /// Whether Ctrl-C ended it.
    pub interrupted: bool,
}

impl Part {
    pub(super) fn end(&self) -> DateTime<Utc> {
        let took = TimeDelta::from_std(self.took).ok();
        took.and_then(|took| self.started_at.checked_add_signed(took)).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }
}

/// A part of a run: the keys whose place, divided by the number of shards, leaves this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Shard {
    /// Which one, from 1.
    pub index: u32,
    /// Of how many.
    pub of: u32,
}

impl Shard {
    /// Whether the key at this place among all keys of the run is played in it.
    pub(super) const fn owns(self, key: u32) -> bool {
        key % self.of == self.index - 1
    }
}

/// How many missing shards are named.
pub(super) const LISTED: usize = 20;

/// The first of the shards that are not among the parts of a run.
pub(super) fn missing_shards(parts: &[Part]) -> Vec<u32> {
    // One number too many is enough to know; a count out of a broken file may be anything.
    let of = parts.first().map_or(0, |part| part.shard.of);
    (1..=of).filter(|index| parts.iter().all(|part| part.shard.index != *index)).take(LISTED).collect()
}

/// `shard 2`, `shards 2, 3`.
pub(super) fn shards_named(numbers: &[u32]) -> String {
    format!("shard{} {}", if numbers.len() == 1 { "" } else { "s" }, listed(numbers))
}

/// `2, 3`.
pub(super) fn listed(numbers: &[u32]) -> String {
    numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
}

/// A time as RFC 3339 in UTC, to the millisecond.
mod instant {
    use chrono::{DateTime, SecondsFormat, Utc};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(time: &DateTime<Utc>, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&time.to_rfc3339_opts(SecondsFormat::Millis, true))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<DateTime<Utc>, D::Error> {
        let text = String::deserialize(from)?;
        let bad = |_| D::Error::custom(format!("`started_at` is `{text}`, expected a time in RFC 3339"));
        DateTime::parse_from_rfc3339(&text).map(|time| time.to_utc()).map_err(bad)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::samples::{GOOD, lane};

    #[test]
    fn of_a_window_the_slowest_key_is_shown() {
        let few = WindowCounts { sent: 2, admitted: 2, ..GOOD };
        let groups = groups(&[lane(0, &[few, GOOD]), lane(1, &[GOOD, few])]);
        let p99s: Vec<u64> =
            groups[0].sum.window_times.iter().map(|times| times.response[&Outcome::Admitted].p99).collect();
        // Of sixty requests the slowest took 60 ms, of two 2 ms.
        assert!(p99s.iter().all(|p99| (60_000..60_200).contains(p99)), "{p99s:?}");
    }

    #[test]
    fn counts_add_up_by_window_and_times_by_bucket() {
        let all_limited = WindowCounts { admitted: 0, limited: 60, events_admitted: 0, ..GOOD };
        let mut other = lane(2, &[GOOD]);
        other.group = "premium".to_owned();
        let lanes = [lane(0, &[all_limited, GOOD]), lane(1, &[GOOD]), other];
        let groups = groups(&lanes);
        let [standard, premium] = groups.as_slice() else { panic!("{groups:#?}") };
        assert_eq!((standard.keys, premium.keys), (2, 1));
        assert_eq!(standard.sum.windows.iter().map(|counts| counts.planned).collect::<Vec<_>>(), [120, 60]);
        assert_eq!(standard.sum.whole_windows, 1);
        for series in Series::ALL {
            let mut expected = BTreeMap::new();
            for (value, times) in lanes[..2].iter().flat_map(|lane| lane.times[series].buckets()) {
                *expected.entry(value).or_insert(0) += times;
            }
            let seen: Vec<_> = standard.sum.times[series].buckets().collect();
            assert_eq!(seen, expected.into_iter().collect::<Vec<_>>(), "{}", series.name());
        }
    }
}
