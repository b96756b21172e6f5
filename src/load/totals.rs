//! Lanes added up: counts window by window, histograms bucket by bucket. Percentiles are never averaged.

use std::collections::BTreeMap;

use super::record::{LaneRecord, WindowCounts, WindowTimes};
use super::series::Series;

/// The lanes of one group of a profile, as one.
#[derive(Debug, Clone)]
pub(super) struct Group {
    /// How many keys there are in it.
    pub(super) keys: u32,
    /// Their sums, under the name of the group. Windows are whole where they are of all keys, and their percentiles
    /// are each the highest that any key had.
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
                places.insert(lane.group.clone(), groups.len());
                let sum = LaneRecord { name: lane.group.clone(), ..lane.clone() };
                groups.push(Group { keys: 1, sum });
            }
        }
    }
    groups
}

impl Group {
    fn add(&mut self, lane: &LaneRecord) {
        let sum = &mut self.sum;
        self.keys += 1;
        sum.whole_windows = sum.whole_windows.min(lane.whole_windows);
        sum.slots += lane.slots;
        sum.planned_rate_per_minute += lane.planned_rate_per_minute;
        if sum.windows.len() < lane.windows.len() {
            sum.windows.resize(lane.windows.len(), WindowCounts::default());
        }
        for (total, counts) in sum.windows.iter_mut().zip(&lane.windows) {
            *total += *counts;
        }
        // Percentiles do not add up: of each window the slowest key's are shown.
        if sum.window_times.len() < lane.window_times.len() {
            sum.window_times.resize(lane.window_times.len(), WindowTimes::default());
        }
        for (slowest, times) in sum.window_times.iter_mut().zip(&lane.window_times) {
            slowest.keep_slower(times);
        }
        for (fault, times) in &lane.faults {
            *sum.faults.entry(fault.clone()).or_default() += times;
        }
        if sum.window_latencies.len() < lane.window_latencies.len() {
            sum.window_latencies.resize(lane.window_latencies.len(), BTreeMap::new());
        }
        for (mine, more) in sum.window_latencies.iter_mut().zip(&lane.window_latencies) {
            for (outcome, more) in more {
                let both = mine.entry(*outcome).or_default();
                both.response += &more.response;
                both.service += &more.service;
            }
        }
        for series in Series::all() {
            let Some(more) = series.of(lane) else { continue };
            let mut both = series.of(sum).cloned().unwrap_or_default();
            both += more;
            series.put(sum, both);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Outcome;
    use crate::load::samples::{GOOD, buckets, lane};

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
        for series in Series::all() {
            let mut expected = BTreeMap::new();
            for (value, times) in lanes[..2].iter().filter_map(|lane| series.of(lane)).flat_map(buckets) {
                *expected.entry(value).or_insert(0) += times;
            }
            let seen = series.of(&standard.sum).map(buckets).unwrap_or_default();
            assert_eq!(seen, expected.into_iter().collect::<Vec<_>>(), "{}", series.name());
        }
    }
}
