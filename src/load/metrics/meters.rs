//! The meters of a run: counters, gauges and histograms by group of lanes, in a form that every tool's own is made of.
//!
//! Every request is counted as it comes, the warm-up included, and every time goes into a histogram with fixed bounds:
//! nothing is sampled, and counters only rise. What is judged is the ledger, and not these.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use super::super::ledger::LaneLedger;
use super::super::record::{LaneRecord, WindowCounts};
use super::super::series::{Outcome, Sample, Series};

/// The shortest time with a bound, as a power of two of microseconds: 64 µs. What is quicker is in the first bucket.
const SHORTEST: u32 = 6;
/// The longest: 67 s. What is slower is in the last bucket.
const LONGEST: u32 = 26;

/// The upper bounds of all buckets but the last, which has none: four to each power of two, so that a percentile read off
/// them is known to a quarter.
static BOUNDS: LazyLock<Vec<Duration>> = LazyLock::new(|| {
    let quarters =
        (SHORTEST..LONGEST).flat_map(|power| (4_u64..8).map(move |quarter| quarter << (power - 2)));
    quarters.chain([1 << LONGEST]).map(Duration::from_micros).collect()
});

/// How many times came to lie within each bound, and what all of them add up to.
#[derive(Debug, Clone)]
pub(super) struct Distribution {
    /// One for each bound, and one for what is longer.
    pub(super) counts: Vec<u64>,
    pub(super) sum: Duration,
}

impl Default for Distribution {
    fn default() -> Self {
        Self { counts: vec![0; BOUNDS.len() + 1], sum: Duration::ZERO }
    }
}

impl Distribution {
    fn record(&mut self, time: Duration) {
        if let Some(count) = self.counts.get_mut(BOUNDS.partition_point(|bound| *bound < time)) {
            *count += 1;
        }
        self.sum += time;
    }

    /// The bounds in seconds, without the last, which there is none of.
    pub(super) fn bounds() -> impl Iterator<Item = f64> {
        BOUNDS.iter().map(Duration::as_secs_f64)
    }

    pub(super) fn len(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A number that only rises.
    Counter,
    /// One that does not.
    Gauge,
    /// Times in seconds.
    Times,
}

/// A metric of a run, in a form that every tool's own is made of.
#[derive(Debug)]
pub(super) struct Metric {
    /// Words with dots between them, such as `send.lag`.
    pub(super) name: &'static str,
    /// What it is, in a sentence.
    pub(super) about: &'static str,
    pub(super) kind: Kind,
    pub(super) points: Vec<Point>,
}

/// What a metric is of some requests.
#[derive(Debug)]
pub(super) struct Point {
    pub(super) labels: Vec<(&'static str, String)>,
    pub(super) value: Value,
}

/// A number, or times.
#[derive(Debug)]
pub(super) enum Value {
    Number(u64),
    Times(Distribution),
}

/// The lanes of one group of a profile.
#[derive(Debug, Clone, Default)]
struct Group {
    name: String,
    keys: u64,
    /// How many requests a window its keys are granted together; `None` where that is not known.
    limit: Option<u64>,
    counts: WindowCounts,
    /// The window that runs, from 1, and how many of its requests were admitted.
    window: u64,
    in_window: u64,
    /// By the place of a series.
    times: [Distribution; 8],
}

/// All that is told of a run while it goes on.
#[derive(Debug, Clone)]
pub(crate) struct Meters {
    /// From when on it is counted.
    pub(super) since: SystemTime,
    /// What the run is. Holds no keys.
    about: Vec<(&'static str, String)>,
    groups: Vec<Group>,
    /// The place of each lane's group.
    of_lane: Vec<usize>,
}

impl Meters {
    /// Of a run that has not begun, with what describes it.
    pub(crate) fn new<'a>(
        lanes: impl Iterator<Item = &'a LaneRecord>,
        about: Vec<(&'static str, String)>,
    ) -> Self {
        let mut meters = Self { since: SystemTime::now(), about, groups: Vec::new(), of_lane: Vec::new() };
        for lane in lanes {
            let place =
                meters.groups.iter().position(|group| group.name == lane.group).unwrap_or_else(|| {
                    meters.groups.push(Group { name: lane.group.clone(), ..Group::default() });
                    meters.groups.len() - 1
                });
            meters.of_lane.push(place);
            if let Some(group) = meters.groups.get_mut(place) {
                group.keys += 1;
                group.limit = lane.tier.map(|_| u64::from(lane.requests_limit) * group.keys);
            }
        }
        meters
    }

    /// Takes a sample of a lane.
    pub(crate) fn take(&mut self, lane: usize, sample: &Sample) {
        let group = self.of_lane.get(lane).and_then(|place| self.groups.get_mut(*place));
        let (Some(group), Some(sent)) = (group, &sample.sent) else { return };
        group.counts.take(sent);
        let mut record = |series: Series, time| {
            if let Some(times) = group.times.get_mut(series.place()) {
                times.record(time);
            }
        };
        record(Series::Response(sent.outcome), sent.lag + sent.held + sent.service);
        record(Series::Service(sent.outcome), sent.service);
        record(Series::SendLag, sent.lag);
        if !sent.held.is_zero() {
            record(Series::SlotWait, sent.held);
        }
    }

    /// Notes how far the schedule has come.
    pub(crate) fn see(&mut self, ledgers: &[LaneLedger], now: Duration) {
        for group in &mut self.groups {
            (group.counts.planned, group.window, group.in_window) = (0, 0, 0);
        }
        for (ledger, place) in ledgers.iter().zip(&self.of_lane) {
            let Some(group) = self.groups.get_mut(*place) else { continue };
            let window = ledger.window_of(now);
            group.counts.planned += ledger.planned_by(now);
            group.window = group.window.max(window as u64 + 1);
            group.in_window += ledger.counts(window).admitted;
        }
    }

    /// Everything there is to tell.
    pub(super) fn metrics(&self) -> Vec<Metric> {
        let lane = |group: &Group| vec![("lane", group.name.clone())];
        let of_all = |name, about, kind, number: fn(&Group) -> Option<u64>| {
            let points = self.groups.iter().filter_map(|group| {
                Some(Point { labels: lane(group), value: Value::Number(number(group)?) })
            });
            Metric { name, about, kind, points: points.collect() }
        };
        let outcomes = self.groups.iter().flat_map(|group| {
            Outcome::ALL.map(|outcome| {
                let mut labels = lane(group);
                labels.push(("outcome", outcome.word().to_owned()));
                Point { labels, value: Value::Number(group.counts.of(outcome)) }
            })
        });
        let run = Point { labels: self.about.clone(), value: Value::Number(1) };
        let times = |name, about, of: fn(Outcome) -> Series, outcomes: &[Option<Outcome>]| {
            let points = self.groups.iter().flat_map(|group| {
                outcomes.iter().filter_map(move |outcome| {
                    let mut labels = lane(group);
                    labels.extend(outcome.map(|outcome| ("outcome", outcome.word().to_owned())));
                    let times = group.times.get(of(outcome.unwrap_or(Outcome::Admitted)).place())?;
                    Some(Point { labels, value: Value::Times(times.clone()) })
                })
            });
            Metric { name, about, kind: Kind::Times, points: points.collect() }
        };
        let each = Outcome::ALL.map(Some);
        vec![
            Metric { name: "run", about: "The run: 1.", kind: Kind::Gauge, points: vec![run] },
            of_all("keys", "Keys of the lane.", Kind::Gauge, |group| Some(group.keys)),
            of_all("planned", "Requests that were due.", Kind::Counter, |group| Some(group.counts.planned)),
            Metric {
                name: "requests",
                about: "Requests that were sent and have come to something.",
                kind: Kind::Counter,
                points: outcomes.collect(),
            },
            of_all(
                "wrong.429",
                "Requests answered with a 429 that is not the documented one.",
                Kind::Counter,
                |group| Some(group.counts.wrong_429),
            ),
            of_all("events.sent", "Events in requests that were sent.", Kind::Counter, |group| {
                Some(group.counts.events_sent)
            }),
            of_all("events.admitted", "Events the target says it accepted.", Kind::Counter, |group| {
                Some(group.counts.events_admitted)
            }),
            of_all("window", "The number of the window that runs, from 1.", Kind::Gauge, |group| {
                Some(group.window)
            }),
            of_all(
                "window.admitted",
                "Requests of the window that runs which were admitted.",
                Kind::Gauge,
                |group| Some(group.in_window),
            ),
            of_all(
                "window.limit",
                "Requests that all keys of the lane are granted in a window.",
                Kind::Gauge,
                |group| group.limit,
            ),
            times(
                "response",
                "From when a request was due to the end of its answer.",
                Series::Response,
                &each,
            ),
            times(
                "service",
                "From when a request was sent to the end of its answer.",
                Series::Service,
                &each,
            ),
            times("send.lag", "How late requests were sent, by our own doing.", |_| Series::SendLag, &[None]),
            times(
                "slot.wait",
                "How long requests waited because the target held every slot; of those alone that did.",
                |_| Series::SlotWait,
                &[None],
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::samples::seen;

    #[test]
    fn bounds_rise_by_a_quarter_at_most() {
        assert_eq!(BOUNDS.len(), 81);
        assert_eq!((BOUNDS[0].as_micros(), BOUNDS[1].as_micros(), BOUNDS[4].as_micros()), (64, 80, 128));
        assert!(BOUNDS.windows(2).all(|two| two[0] < two[1] && two[1] <= two[0] + two[0] / 4));
    }

    #[test]
    fn a_time_is_within_its_bound_and_beyond_the_one_before() {
        let mut times = Distribution::default();
        for bound in BOUNDS.iter() {
            times.record(*bound);
            times.record(*bound + Duration::from_nanos(1));
        }
        assert_eq!(times.counts[0], 1);
        assert!(times.counts[1..BOUNDS.len()].iter().all(|count| *count == 2));
        assert_eq!(times.counts[BOUNDS.len()], 1);
        assert_eq!(times.len(), 162);
    }

    #[test]
    fn what_was_not_sent_is_counted_nowhere() {
        let mut meters = seen();
        meters.take(0, &Sample { due: Duration::ZERO, sent: None });
        let group = &meters.groups[0];
        assert_eq!((group.counts.sent, group.counts.admitted, group.counts.limited), (3, 2, 1));
        assert_eq!(group.times[Series::SendLag.place()].len(), 3);
        assert_eq!(group.times[Series::SlotWait.place()].len(), 0);
    }
}
