//! Runs for tests.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::DateTime;

use super::metrics::Meters;
use super::series::{Sample, Sent};
use super::*;
use crate::contract::Tier;

/// A window in which a Standard key had what it is promised.
pub(super) const GOOD: WindowCounts = WindowCounts {
    planned: 60,
    sent: 60,
    admitted: 60,
    limited: 0,
    errors: 0,
    wrong_429: 0,
    events_sent: 6_000,
    events_admitted: 6_000,
};

/// A lane with these windows, all of them whole; every admitted request took 1 to 60 ms and was sent 50 µs late.
pub(super) fn lane(place: u32, windows: &[WindowCounts]) -> LaneRecord {
    let mut record = LaneRecord {
        place,
        name: format!("standard-{}", place + 1),
        group: "standard".to_owned(),
        tier: Some(Tier::Standard),
        requests_limit: 60,
        events_limit: None,
        window: Duration::from_secs(60),
        rest: Duration::ZERO,
        warm_up_windows: 0,
        whole_windows: u32::try_from(windows.len()).unwrap(),
        windows: windows.to_vec(),
        window_times: Vec::new(),
        times: Histograms::default(),
        times_by_window: Vec::new(),
        in_flight: 4,
        in_flight_suffices: true,
        held_up: false,
        faults: BTreeMap::new(),
        planned_rate_per_minute: 60.0,
        window_rates: vec![(60, 60); windows.len()],
        events_per_request: 100,
        thresholds: Thresholds::default(),
    };
    for counts in windows {
        let mut of_window = WindowTimes::default();
        let mut admitted = Times::default();
        for at in 0..counts.sent {
            record.times[Series::SendLag].record(Duration::from_micros(50));
            let (outcome, time) = match at {
                admitted if admitted < counts.admitted => (Outcome::Admitted, admitted % 60 + 1),
                rest if rest < counts.admitted + counts.limited => (Outcome::Limited, 1),
                _ => (Outcome::Error, 2_000),
            };
            let service = Duration::from_millis(time);
            record.times.record(outcome, service + Duration::from_micros(50), service);
            if outcome == Outcome::Admitted {
                admitted.record(service + Duration::from_micros(50));
            }
        }
        of_window.response.extend(Percentiles::of(&admitted).map(|times| (Outcome::Admitted, times)));
        record.window_times.push(of_window);
    }
    record
}

/// A run of these lanes with these thresholds, which are JSON.
pub(super) fn run(lanes: Vec<LaneRecord>, thresholds: &str) -> RunRecord {
    RunRecord {
        profile: "sustain-standard".to_owned(),
        profile_hash: "5f3a".to_owned(),
        target: "http://127.0.0.1:8080".to_owned(),
        started_at: DateTime::from_timestamp(1_790_000_000, 0).unwrap(),
        took: Duration::from_millis(180_250),
        shard: None,
        parts: Vec::new(),
        interrupted: false,
        stop_at_first_miss: false,
        lanes,
        timelines: Vec::new(),
        thresholds: serde_json::from_str(thresholds).unwrap(),
    }
}

/// A run whose rate rises by a hundred a window; its requests take 20 ms, and in the third window 400 ms.
pub(super) fn climbing() -> RunRecord {
    let windows = [100, 200, 300].map(|sent| WindowCounts { planned: sent, sent, admitted: sent, ..GOOD });
    let mut record = lane(0, &windows);
    record.times = Histograms::default();
    for (counts, millis) in windows.iter().zip([20, 20, 400]) {
        let (time, mut times) = (Duration::from_millis(millis), Histograms::default());
        (0..counts.sent).for_each(|_| times.record(Outcome::Admitted, time, time));
        record.times += &times;
        record.times_by_window.push(times);
    }
    record.planned_rate_per_minute = 300.0;
    record.window_rates = vec![(100, 100), (200, 200), (300, 300)];
    let thresholds = r#"{"admitted": "all", "response": {"admitted": {"p99_ms": 250}}}"#;
    RunRecord { stop_at_first_miss: true, ..run(vec![record], thresholds) }
}

/// Meters that have seen two admitted requests and a limited one.
pub(super) fn seen() -> Meters {
    let mut meters = Meters::new([&lane(0, &[])].into_iter(), vec![("profile", "quick".to_owned())]).unwrap();
    for (outcome, lag, service) in
        [(Outcome::Admitted, 10, 64), (Outcome::Admitted, 1_000, 70_000_000), (Outcome::Limited, 0, 500)]
    {
        let sent = Sent {
            outcome,
            lag: Duration::from_micros(lag),
            held: Duration::ZERO,
            service: Duration::from_micros(service),
            events: 10,
            accepted: 9,
            fault: None,
        };
        meters.take(0, &Sample { due: Duration::ZERO, sent: Some(sent) });
    }
    meters
}

impl FromIterator<Duration> for Times {
    fn from_iter<T: IntoIterator<Item = Duration>>(all: T) -> Self {
        let mut times = Self::default();
        all.into_iter().for_each(|time| times.record(time));
        times
    }
}
