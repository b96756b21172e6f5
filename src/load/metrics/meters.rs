//! The meters of a run: counters, gauges and histograms by group of lanes, as Prometheus has them; every tool is told these.
//!
//! Every request is counted as it comes, the warm-up included, and every time goes into a histogram with fixed bounds:
//! nothing is sampled, and counters only rise. What is judged is the ledger, and not these.

use std::time::{Duration, SystemTime};

use prometheus::core::Collector;
use prometheus::proto::MetricFamily;
use prometheus::{Histogram, HistogramOpts, IntCounter, IntGauge, Opts};

use super::super::ledger::LaneLedger;
use super::super::record::LaneRecord;
use super::super::series::{Outcome, Sample, Series};

/// What the names of all metrics begin with.
pub(super) const PREFIX: &str = "trenchcheck_load_";
/// The shortest time with a bound, as a power of two of microseconds: 64 µs. What is quicker is in the first bucket.
const SHORTEST: u32 = 6;
/// The longest: 67 s. What is slower is in the last bucket.
const LONGEST: u32 = 26;

/// The upper bounds in seconds of all buckets but the last, which has none: four to each power of two, so that a percentile
/// read off them is known to a quarter.
fn bounds() -> Vec<f64> {
    let quarters =
        (SHORTEST..LONGEST).flat_map(|power| (4_u64..8).map(move |quarter| quarter << (power - 2)));
    quarters.chain([1 << LONGEST]).map(|micros| Duration::from_micros(micros).as_secs_f64()).collect()
}

#[derive(Debug)]
struct Group {
    name: String,
    keys: IntGauge,
    planned: IntCounter,
    /// By outcome.
    requests: [IntCounter; 3],
    wrong_429: IntCounter,
    events_sent: IntCounter,
    events_admitted: IntCounter,
    window: IntGauge,
    in_window: IntGauge,
    /// `None` where no tier is known.
    limit: Option<IntGauge>,
    /// By the place of a series.
    times: [Histogram; 8],
}

impl Group {
    fn new(lane: &LaneRecord) -> prometheus::Result<Self> {
        let opts = |name: &str, about: &str| {
            Opts::new(format!("{PREFIX}{name}"), about).const_label("lane", &lane.group)
        };
        let counter = |name, about| IntCounter::with_opts(opts(name, about));
        let gauge = |name, about| IntGauge::with_opts(opts(name, about));
        let requests = |outcome: Outcome| {
            let about = "Requests that were sent and have come to something.";
            IntCounter::with_opts(opts("requests_total", about).const_label("outcome", outcome.word()))
        };
        let times = |series: Series| {
            let (name, about) = match series {
                Series::Response(_) => {
                    ("response_seconds", "From when a request was due to the end of its answer.")
                }
                Series::Service(_) => {
                    ("service_seconds", "From when a request was sent to the end of its answer.")
                }
                Series::SendLag => ("send_lag_seconds", "How late requests were sent, by our own doing."),
                Series::SlotWait => (
                    "slot_wait_seconds",
                    "How long requests waited because the target held every slot; of those alone that did.",
                ),
            };
            let opts = match series {
                Series::Response(of) | Series::Service(of) => {
                    opts(name, about).const_label("outcome", of.word())
                }
                Series::SendLag | Series::SlotWait => opts(name, about),
            };
            Histogram::with_opts(HistogramOpts::from(opts).buckets(bounds()))
        };
        let [admitted, limited, error] = Outcome::ALL.map(requests);
        let [a, b, c, d, e, f, g, h] = Series::ALL.map(times);
        let limit = gauge("window_limit", "Requests that all keys of the lane are granted in a window.");
        Ok(Self {
            name: lane.group.clone(),
            keys: gauge("keys", "Keys of the lane.")?,
            planned: counter("planned_total", "Requests that were due.")?,
            requests: [admitted?, limited?, error?],
            wrong_429: counter(
                "wrong_429_total",
                "Requests answered with a 429 that is not the documented one.",
            )?,
            events_sent: counter("events_sent_total", "Events in requests that were sent.")?,
            events_admitted: counter("events_admitted_total", "Events the target says it accepted.")?,
            window: gauge("window", "The number of the window that runs, from 1.")?,
            in_window: gauge("window_admitted", "Requests of the window that runs which were admitted.")?,
            limit: lane.tier.map(|_| limit).transpose()?,
            times: [a?, b?, c?, d?, e?, f?, g?, h?],
        })
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut all: Vec<&dyn Collector> = vec![&self.keys, &self.planned];
        all.extend(self.requests.iter().map(|counter| counter as &dyn Collector));
        all.extend(
            [&self.wrong_429, &self.events_sent, &self.events_admitted].map(|one| one as &dyn Collector),
        );
        all.extend([&self.window, &self.in_window].map(|gauge| gauge as &dyn Collector));
        all.extend(self.limit.iter().map(|gauge| gauge as &dyn Collector));
        all.extend(self.times.iter().map(|times| times as &dyn Collector));
        all.into_iter().flat_map(Collector::collect).collect()
    }
}

/// All that is told of a run while it goes on.
#[derive(Debug)]
pub(crate) struct Meters {
    /// From when on it is counted.
    pub(super) since: SystemTime,
    run: IntGauge,
    groups: Vec<Group>,
    /// The place of each lane's group.
    of_lane: Vec<usize>,
}

impl Meters {
    /// Of a run that has not begun, with what describes it, which holds no keys.
    pub(crate) fn new<'a>(
        lanes: impl Iterator<Item = &'a LaneRecord>,
        about: Vec<(&'static str, String)>,
    ) -> prometheus::Result<Self> {
        let opts = Opts::new(format!("{PREFIX}run"), "The run: 1.");
        let opts = about.into_iter().fold(opts, |opts, (name, value)| opts.const_label(name, value));
        let (run, mut groups, mut of_lane) = (IntGauge::with_opts(opts)?, Vec::<Group>::new(), Vec::new());
        run.set(1);
        for lane in lanes {
            let place = match groups.iter().position(|group| group.name == lane.group) {
                Some(place) => place,
                None => {
                    groups.push(Group::new(lane)?);
                    groups.len() - 1
                }
            };
            of_lane.push(place);
            groups[place].keys.inc();
            groups[place].limit.iter().for_each(|limit| limit.add(lane.requests_limit.into()));
        }
        Ok(Self { since: SystemTime::now(), run, groups, of_lane })
    }

    pub(crate) fn take(&mut self, lane: usize, sample: &Sample) {
        let group = self.of_lane.get(lane).and_then(|place| self.groups.get(*place));
        let (Some(group), Some(sent)) = (group, &sample.sent) else { return };
        group.requests[sent.outcome as usize].inc();
        group.events_sent.inc_by(sent.events.into());
        group.events_admitted.inc_by(sent.accepted.into());
        if sent.outcome == Outcome::Limited && sent.fault.is_some() {
            group.wrong_429.inc();
        }
        let record = |series: Series, time: Duration| {
            group.times[series.place()].observe(time.as_secs_f64());
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
        for group in &self.groups {
            group.planned.reset();
            group.window.set(0);
            group.in_window.set(0);
        }
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        for (ledger, place) in ledgers.iter().zip(&self.of_lane) {
            let (group, window) = (&self.groups[*place], ledger.window_of(now));
            group.planned.inc_by(ledger.planned_by(now));
            group.window.set(number(window as u64 + 1).max(group.window.get()));
            group.in_window.add(number(ledger.counts(window).admitted));
        }
    }

    /// Everything there is to tell: each metric once, with all groups.
    pub(super) fn collect(&self) -> Vec<MetricFamily> {
        let mut families = self.run.collect();
        for mut more in self.groups.iter().flat_map(Group::collect) {
            match families.iter_mut().find(|family| family.name() == more.name()) {
                Some(family) => family.mut_metric().append(more.mut_metric()),
                None => families.push(more),
            }
        }
        families
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::samples::seen;

    #[test]
    fn bounds_rise_by_a_quarter_at_most() {
        let bounds = bounds();
        assert_eq!(bounds.len(), 81);
        assert_eq!((bounds[0], bounds[1], bounds[4]), (0.000_064, 0.000_08, 0.000_128));
        assert!(bounds.windows(2).all(|two| two[0] < two[1] && two[1] <= two[0] * 1.250_001));
    }

    #[test]
    fn a_time_is_within_its_bound_and_beyond_the_one_before() {
        let times = &seen().groups[0].times[Series::SlotWait.place()];
        for bound in bounds() {
            let bound = Duration::from_secs_f64(bound);
            times.observe(bound.as_secs_f64());
            times.observe((bound + Duration::from_nanos(1)).as_secs_f64());
        }
        let families = times.collect();
        let histogram = families[0].get_metric()[0].get_histogram();
        let counts: Vec<u64> =
            histogram.get_bucket().iter().map(|bucket| bucket.cumulative_count()).collect();
        assert!(counts.iter().zip(0..).all(|(count, at)| *count == 1 + 2 * at), "{counts:?}");
        assert_eq!((counts.len(), histogram.get_sample_count()), (81, 162));
    }

    #[test]
    fn what_was_not_sent_is_counted_nowhere() {
        let mut meters = seen();
        meters.take(0, &Sample { due: Duration::ZERO, sent: None });
        let group = &meters.groups[0];
        assert_eq!([0, 1, 2].map(|at| group.requests[at].get()), [2, 1, 0]);
        assert_eq!(group.times[Series::SendLag.place()].get_sample_count(), 3);
        assert_eq!(group.times[Series::SlotWait.place()].get_sample_count(), 0);
    }
}
