//! What a profile asks of a run.

use std::fmt;

use schemars::JsonSchema;
use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Value, json};

use super::series::Outcome;
use crate::scenario::words::{Amount, Word, word};

/// The share of the planned requests that must have been sent, unless the profile says otherwise.
pub(super) const ACHIEVED_RATE: f64 = 0.995;

/// What must hold for a run to be good. What is left out is not asked for, but where a default is named.
///
/// Counts are judged in each window by itself, but for the warm-up and a last window that was not played to
/// its end. Times are judged over the run, lane by lane.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// Requests admitted in each window, exactly: a number, `limit`, `limit - 1`, or `all` that were sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admitted: Option<Amount>,
    /// Requests answered with 429 in each window, at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limited: Option<u64>,
    /// Requests in each window that came to neither, at most. The default is 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errors: Option<u64>,
    /// 429s in each window whose body or Retry-After is not the documented one, at most. The default is 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wrong_429: Option<u64>,
    /// Events in admitted requests in each window, exactly: a number, `limit`, or `all` that were sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events_admitted: Option<Amount>,
    /// Times from the moment a request was due to the end of its answer.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub response: OutcomeLimits,
    /// Times from the moment a request was sent to the end of its answer.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub service: OutcomeLimits,
    /// The share of the planned requests that must have been sent, else the run is invalid. The default is 0.995.
    #[serde(default, deserialize_with = "share", skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1))]
    pub achieved_rate: Option<f64>,
    /// The p99, in milliseconds, of how late requests were sent, above which the run is invalid.
    #[serde(default, deserialize_with = "millis", skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub send_lag_p99_ms: Option<f64>,
}

/// Limits on times, by what became of the request: quick rejections never flatter the admitted.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OutcomeLimits {
    /// Of admitted requests. With a limit here and no admitted request, the limit is missed.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub admitted: LatencyLimits,
    /// Of requests answered with 429.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub limited: LatencyLimits,
    /// Of requests that came to neither.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub error: LatencyLimits,
}

/// The longest times allowed, in milliseconds or beside another lane's: `250`, `3 x alone`, `50 or 3 x alone`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LatencyLimits {
    /// The median.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50_ms: Option<TimeLimit>,
    /// What nine in ten requests stay within.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p90_ms: Option<TimeLimit>,
    /// What 99 in 100 requests stay within.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_ms: Option<TimeLimit>,
    /// What 999 in 1,000 requests stay within.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_9_ms: Option<TimeLimit>,
    /// The longest of all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_ms: Option<TimeLimit>,
}

fn is_empty<T: Default + PartialEq>(limits: &T) -> bool {
    *limits == T::default()
}

/// A limit nothing could be compared with would never be missed.
fn millis<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    within(deserializer, f64::MAX, "a number of milliseconds, 0 or more")
}

fn share<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    within(deserializer, 1.0, "a share between 0 and 1")
}

fn within<'de, D: Deserializer<'de>>(
    deserializer: D,
    most: f64,
    expected: &str,
) -> Result<Option<f64>, D::Error> {
    let number: Option<f64> = Option::deserialize(deserializer)?;
    match number {
        Some(number) if !(0.0..=most).contains(&number) => {
            Err(D::Error::custom(format!("found `{number}`, expected {expected}")))
        }
        number => Ok(number),
    }
}

impl Thresholds {
    /// These, with whatever they leave out taken from `others`.
    #[must_use]
    pub fn over(&self, others: &Self) -> Self {
        Self {
            admitted: self.admitted.or(others.admitted),
            limited: self.limited.or(others.limited),
            errors: self.errors.or(others.errors),
            wrong_429: self.wrong_429.or(others.wrong_429),
            events_admitted: self.events_admitted.or(others.events_admitted),
            response: self.response.over(&others.response),
            service: self.service.over(&others.service),
            achieved_rate: self.achieved_rate.or(others.achieved_rate),
            send_lag_p99_ms: self.send_lag_p99_ms.or(others.send_lag_p99_ms),
        }
    }

    /// Every limit on a time that is measured by another lane.
    pub(super) fn compared(&self) -> impl Iterator<Item = &TimeLimit> {
        let clocks = [&self.response, &self.service].into_iter();
        let limits = clocks.flat_map(|limits| Outcome::ALL.map(|outcome| limits.of(outcome)));
        limits.flat_map(LatencyLimits::all).flatten().filter(|limit| limit.beside.is_some())
    }
}

impl OutcomeLimits {
    /// The limits on one outcome.
    pub const fn of(&self, outcome: Outcome) -> &LatencyLimits {
        match outcome {
            Outcome::Admitted => &self.admitted,
            Outcome::Limited => &self.limited,
            Outcome::Error => &self.error,
        }
    }

    fn over(&self, others: &Self) -> Self {
        Self {
            admitted: self.admitted.over(&others.admitted),
            limited: self.limited.over(&others.limited),
            error: self.error.over(&others.error),
        }
    }
}

impl LatencyLimits {
    /// What is allowed for each percentile, from the median to the longest.
    pub(super) fn all(&self) -> [Option<&TimeLimit>; 5] {
        [&self.p50_ms, &self.p90_ms, &self.p99_ms, &self.p99_9_ms, &self.max_ms].map(Option::as_ref)
    }

    fn over(&self, others: &Self) -> Self {
        let first =
            |one: &Option<TimeLimit>, other: &Option<TimeLimit>| one.as_ref().or(other.as_ref()).cloned();
        Self {
            p50_ms: first(&self.p50_ms, &others.p50_ms),
            p90_ms: first(&self.p90_ms, &others.p90_ms),
            p99_ms: first(&self.p99_ms, &others.p99_ms),
            p99_9_ms: first(&self.p99_9_ms, &others.p99_9_ms),
            max_ms: first(&self.max_ms, &others.max_ms),
        }
    }
}

/// The longest time allowed. With both parts, the larger one counts: three times next to nothing is next to
/// nothing, and says little.
#[derive(Debug, Clone, PartialEq)]
pub struct TimeLimit {
    /// Milliseconds.
    pub ms: Option<f64>,
    /// What the same percentile of another lane allows.
    pub beside: Option<Beside>,
}

/// A multiple of what another lane shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Beside {
    /// How many times as long it may take.
    pub times: f64,
    /// The lane of the profile.
    pub lane: String,
}

impl TimeLimit {
    /// So many milliseconds.
    pub const fn ms(ms: f64) -> Self {
        Self { ms: Some(ms), beside: None }
    }
}

word!(TimeLimit);

impl Word for TimeLimit {
    const EXPECTED: &str = "a number of milliseconds, 0 or more, such as `250`, a multiple of the same time in another \
                            lane, such as `3 x alone`, or the larger of the two, such as `50 or 3 x alone`";
    const PATTERN: &str = r"^\d+(\.\d+)?( or \d+(\.\d+)? x .+| x .+)?$";
    const ANY_NUMBER: bool = true;

    fn parse(text: &str) -> Option<Self> {
        let (ms, beside) = match text.split_once(" or ") {
            Some((ms, beside)) => (Some(amount(ms)?), Some(beside)),
            None if text.contains(" x ") => (None, Some(text)),
            None => (Some(amount(text)?), None),
        };
        let beside = match beside.map(|beside| beside.split_once(" x ")) {
            Some(Some((times, lane))) if !lane.trim().is_empty() => Some(Beside {
                times: amount(times).filter(|times| *times > 0.0)?,
                lane: lane.trim().to_owned(),
            }),
            Some(_) => return None,
            None => None,
        };
        Some(Self { ms, beside })
    }

    fn schema() -> Value {
        json!({"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": Self::PATTERN}]})
    }
}

fn amount(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|amount: &f64| (0.0..=f64::MAX).contains(amount))
}

/// As it is written in profiles.
impl fmt::Display for TimeLimit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.ms, &self.beside) {
            (Some(ms), None) => write!(formatter, "{ms}"),
            (Some(ms), Some(beside)) => write!(formatter, "{ms} or {} x {}", beside.times, beside.lane),
            (None, Some(beside)) => write!(formatter, "{} x {}", beside.times, beside.lane),
            (None, None) => Ok(()),
        }
    }
}

impl Serialize for TimeLimit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match (self.ms, &self.beside) {
            (Some(ms), None) => serializer.serialize_f64(ms),
            _ => serializer.collect_str(self),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Thresholds, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn a_lane_goes_before_the_profile_field_by_field() {
        let lane = read(r#"{"limited": 3, "response": {"admitted": {"p99_ms": 5}}}"#).unwrap();
        let profile = read(
            r#"{"admitted": "limit", "limited": 0, "response": {"admitted": {"p99_ms": 9, "max_ms": 20}}}"#,
        );
        let both = lane.over(&profile.unwrap());
        assert_eq!(
            serde_json::to_string(&both).unwrap(),
            r#"{"admitted":"limit","limited":3,"response":{"admitted":{"p99_ms":5.0,"max_ms":20.0}}}"#
        );
    }

    #[test]
    fn what_is_written_reads_the_same() {
        for amount in ["7", "\"all\"", "\"limit + 1\"", "\"limit - 2\""] {
            let json = format!(r#"{{"admitted":{amount}}}"#);
            assert_eq!(serde_json::to_string(&read(&json).unwrap()).unwrap(), json);
        }
    }

    #[test]
    fn a_misspelt_threshold_is_refused() {
        let error = read(r#"{"p99": 5}"#).unwrap_err();
        assert!(error.contains("unknown field `p99`"), "{error}");
    }

    #[test]
    fn a_limit_that_says_nothing_is_refused() {
        let error = |json: &str| read(json).unwrap_err();
        let lag = error(r#"{"send_lag_p99_ms": -1}"#);
        assert!(lag.starts_with("found `-1`, expected a number of milliseconds, 0 or more"), "{lag}");
        let rate = error(r#"{"achieved_rate": 99.5}"#);
        assert!(rate.starts_with("found `99.5`, expected a share between 0 and 1"), "{rate}");
        assert_eq!(read(r#"{"achieved_rate": null}"#).unwrap(), Thresholds::default());
        let yaml = serde_yaml::from_str::<Thresholds>("response: {admitted: {p99_ms: .nan}}").unwrap_err();
        assert!(yaml.to_string().contains("expected a number of milliseconds"), "{yaml}");
    }

    #[test]
    fn a_limit_is_a_time_a_multiple_of_another_lanes_or_the_larger_of_both() {
        for text in ["250", "2.5", "0", "3 x alone", "1.5 x a lane", "50 or 3 x alone"] {
            let limit = TimeLimit::parse(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(limit.to_string(), text);
        }
        let both = TimeLimit::parse("50 or 3 x alone").unwrap();
        assert_eq!((both.ms, both.beside.map(|beside| beside.times)), (Some(50.0), Some(3.0)));
        for bad in
            ["", "-1", "NaN", "fast", "3 x ", "x alone", "0 x alone", "3x alone", "50 or 3", "3 x a or 5"]
        {
            assert_eq!(TimeLimit::parse(bad), None, "{bad}");
        }
    }
}
