//! How a limit on a time is written: milliseconds, a multiple of what another lane shows, or both.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::{Serialize, Serializer};

const EXPECTS: &str = "a number of milliseconds, 0 or more, such as `250`, a multiple of the same time in another \
                       lane, such as `3 x alone`, or the larger of the two, such as `50 or 3 x alone`";

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

    fn read(text: &str) -> Option<Self> {
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

impl<'de> Deserialize<'de> for TimeLimit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Word;
        impl Visitor<'_> for Word {
            type Value = TimeLimit;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(EXPECTS)
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<TimeLimit, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<TimeLimit, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<TimeLimit, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<TimeLimit, E> {
                TimeLimit::read(text).ok_or_else(|| E::custom(format!("found `{text}`, expected {EXPECTS}")))
            }
        }
        deserializer.deserialize_any(Word)
    }
}

impl JsonSchema for TimeLimit {
    fn schema_name() -> Cow<'static, str> {
        "TimeLimit".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": format!("Written as {EXPECTS}."),
            "anyOf": [
                {"type": "number", "minimum": 0},
                {"type": "string", "pattern": r"^\d+(\.\d+)?( or \d+(\.\d+)? x .+| x .+)?$"}
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_time_a_multiple_of_another_lanes_or_the_larger_of_both() {
        for text in ["250", "2.5", "0", "3 x alone", "1.5 x a lane", "50 or 3 x alone"] {
            let limit = TimeLimit::read(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(limit.to_string(), text);
        }
        let both = TimeLimit::read("50 or 3 x alone").unwrap();
        assert_eq!((both.ms, both.beside.map(|beside| beside.times)), (Some(50.0), Some(3.0)));
        for bad in
            ["", "-1", "NaN", "fast", "3 x ", "x alone", "0 x alone", "3x alone", "50 or 3", "3 x a or 5"]
        {
            assert_eq!(TimeLimit::read(bad), None, "{bad}");
        }
    }
}
