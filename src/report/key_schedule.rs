//! When which key is used for what, and how that is drawn.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Serialize, Serializer};

/// A run as planned: one lane for each key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeySchedule {
    /// How long it all takes.
    pub takes: Duration,
    /// The lanes, in the order of the keys.
    pub lanes: Vec<PlannedLane>,
}

/// A key's uses.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PlannedLane {
    /// The variable that holds the key.
    #[serde(rename = "variable")]
    pub key: String,
    /// Its uses, by their beginnings.
    #[serde(rename = "uses")]
    pub stretches: Vec<Stretch>,
}

/// One case's use of a key. Times are seconds from the beginning of the run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Stretch {
    /// The check's id.
    pub check: String,
    /// The checks that are judged by the same requests.
    pub with: Vec<String>,
    /// Its beginning.
    #[serde(serialize_with = "in_seconds")]
    #[schemars(with = "f64")]
    pub from: Duration,
    /// Its end.
    #[serde(serialize_with = "in_seconds")]
    #[schemars(with = "f64")]
    pub until: Duration,
    /// When the case does nothing but wait: beginnings and ends.
    #[serde(serialize_with = "pairs_in_seconds")]
    #[schemars(with = "Vec<[f64; 2]>")]
    pub waits: Vec<(Duration, Duration)>,
    /// Whether nobody else uses the key meanwhile.
    pub alone: bool,
}

/// A column in which something is sent, one of waiting, and one in which the key lies idle.
const SENDS: char = '█';
const WAITS: char = '─';
const IDLE: char = ' ';

impl PlannedLane {
    /// The lane as a line of so many `columns` for `whole`.
    pub(crate) fn drawn(&self, whole: Duration, columns: usize) -> String {
        let mut line = vec![IDLE; columns];
        // Rounded down at the beginning and up at the end, so that nothing is too short to be seen.
        let column = |moment: Duration| {
            let share = moment.as_secs_f64() / whole.as_secs_f64().max(f64::MIN_POSITIVE);
            (share * columns as f64).clamp(0.0, columns as f64)
        };
        let mut fill = |from: Duration, until: Duration, mark: char| {
            let first = (column(from).floor() as usize).min(columns.saturating_sub(1));
            let end = (column(until).ceil() as usize).max(first + 1).min(columns);
            for place in line.iter_mut().take(end).skip(first) {
                if *place != SENDS {
                    *place = mark;
                }
            }
        };
        for stretch in &self.stretches {
            let mut from = stretch.from;
            for (waits_from, waits_until) in &stretch.waits {
                fill(from, *waits_from, SENDS);
                fill(*waits_from, *waits_until, WAITS);
                from = *waits_until;
            }
            if from < stretch.until || stretch.waits.is_empty() {
                fill(from, stretch.until, SENDS);
            }
        }
        line.into_iter().collect::<String>().trim_end().to_owned()
    }

    /// The checks that have the key to themselves, each once, in their order.
    pub(crate) fn checks(&self) -> Vec<&str> {
        let mut ids: Vec<&str> = Vec::new();
        for stretch in self.stretches.iter().filter(|stretch| stretch.alone) {
            for id in std::iter::once(&stretch.check).chain(&stretch.with) {
                if !ids.contains(&id.as_str()) {
                    ids.push(id);
                }
            }
        }
        ids
    }
}

/// The scale above lanes of so many `columns` for `whole`: its minutes.
pub(crate) fn scale(whole: Duration, columns: usize) -> String {
    let minutes = whole.as_secs().div_ceil(60).max(1);
    // Not more marks than there is room for.
    let step = minutes.div_ceil(columns as u64 / 8).max(1);
    let mut line = String::new();
    for minute in (0..=minutes).step_by(usize::try_from(step).unwrap_or(1)) {
        let share = (minute * 60) as f64 / whole.as_secs_f64().max(f64::MIN_POSITIVE);
        let column = (share * columns as f64).round() as usize;
        if column <= columns && column >= line.chars().count() {
            line.push_str(&" ".repeat(column - line.chars().count()));
            line.push_str(&match minute {
                0 => "0".to_owned(),
                minute => format!("{minute} min"),
            });
        }
    }
    line
}

/// Seconds, to the millisecond.
pub(crate) fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1_000.0).round() / 1_000.0
}

fn in_seconds<S: Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(seconds(*time))
}

fn pairs_in_seconds<S: Serializer>(times: &[(Duration, Duration)], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(times.iter().map(|(from, until)| [seconds(*from), seconds(*until)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_lane_shows_what_is_sent_and_what_is_waited_for() {
        let stretch = |check: &str, from, until, waits: &[(u64, u64)]| Stretch {
            check: check.to_owned(),
            with: Vec::new(),
            from: at(from),
            until: at(until),
            waits: waits.iter().map(|(from, until)| (at(*from), at(*until))).collect(),
            alone: true,
        };
        let lane = PlannedLane {
            key: "K".to_owned(),
            stretches: vec![
                stretch("limit.body", 0, 1, &[]),
                stretch("rate.standard", 1, 61, &[(1, 60)]),
                stretch("rate.standard", 80, 100, &[]),
            ],
        };
        assert_eq!(lane.drawn(at(120), 12), "█─────█ ██");
        assert_eq!(lane.checks(), ["limit.body", "rate.standard"]);
        assert_eq!(PlannedLane::default().drawn(at(120), 12), "");
        assert_eq!(lane.drawn(Duration::ZERO, 3).chars().count(), 3);
    }

    #[test]
    fn the_scale_shows_minutes() {
        assert_eq!(scale(at(120), 20), "0         1 min     2 min");
        assert_eq!(scale(at(600), 20).matches("min").count(), 2);
    }
}
