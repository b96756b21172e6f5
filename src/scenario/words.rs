//! The small words inside scenario values: amounts, times, sets of statuses. Each is one string or number,
//! read by a parser that says what it expected.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};

/// A number of requests or events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount {
    /// This many.
    Number(u32),
    /// The key's limit, with so many added (or, if negative, taken away): `limit`, `limit + 100`, `limit - 1`.
    Limit(i32),
    /// What is left of the key's limit in its window, with so many added or taken away: `left`, `left + 100`.
    Left(i32),
    /// Every one of them; only in expectations.
    All,
    /// All that were not to be admitted; only in expectations.
    Rest,
}

impl Amount {
    /// The number meant, given the key's `limit`, how much of it is `left` in its window, and how many there are in `all`.
    /// The rest is told from what else is expected, so here it is all.
    pub fn resolve(self, limit: u32, left: u32, all: u32) -> u32 {
        match self {
            Self::Number(number) => number,
            Self::Limit(plus) => limit.saturating_add_signed(plus),
            Self::Left(plus) => left.saturating_add_signed(plus),
            Self::All | Self::Rest => all,
        }
    }
}

/// As it is written in scenarios.
impl fmt::Display for Amount {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, plus) = match *self {
            Self::Number(number) => return number.fmt(formatter),
            Self::Limit(plus) => ("limit", plus),
            Self::Left(plus) => ("left", plus),
            Self::All => ("all", 0),
            Self::Rest => ("rest", 0),
        };
        match plus {
            0 => formatter.write_str(word),
            1.. => write!(formatter, "{word} + {plus}"),
            less => write!(formatter, "{word} - {}", less.unsigned_abs()),
        }
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::Number(number) => serializer.serialize_u32(number),
            _ => serializer.collect_str(self),
        }
    }
}

/// A length of time of at most an hour, written `250ms`, `60s` or `2m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span(pub Duration);

impl Span {
    /// The time as a duration.
    pub fn duration(self) -> Duration {
        self.0
    }
}

/// A share of a limit in whole percent, 1 to 100, written `95%`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share(pub u32);

impl Share {
    /// This share of `limit` a minute, over `time`: rounded down.
    pub fn over(self, limit: u32, time: Duration) -> u32 {
        let whole = u128::from(limit) * u128::from(self.0) * time.as_millis() / (100 * 60_000);
        u32::try_from(whole).unwrap_or(u32::MAX)
    }
}

/// What a `wait` waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WaitFor {
    /// A whole, fresh window of every key whose quota is counted: `fresh-window`.
    FreshWindow,
    /// The instant promised by the 429s that were seen: `promise`.
    Promise,
    /// The earliest instant promised, whatever later 429s promised: `first-promise`.
    FirstPromise,
    /// After a promise, as long as the burst before took: `settled`.
    Settled,
    /// A whole window in which the key sends nothing: `silent-window`.
    SilentWindow,
}

/// A set of HTTP statuses, written `401`, `2xx`, or a list of such.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusSet(pub Vec<StatusPattern>);

/// One member of a [`StatusSet`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusPattern {
    /// One status, such as 401.
    Exact(u16),
    /// A class by its first digit, such as 2 for `2xx`.
    Class(u16),
}

impl StatusSet {
    /// Whether `status` belongs to the set.
    pub fn contains(&self, status: u16) -> bool {
        self.0.iter().any(|pattern| match *pattern {
            StatusPattern::Exact(exact) => exact == status,
            StatusPattern::Class(class) => class == status / 100,
        })
    }
}

/// Reads a word from a text or a whole number, by the word's own parser.
macro_rules! word {
    ($word:ident, $expects:literal, $pattern:literal, $parse:expr) => {
        impl<'de> Deserialize<'de> for $word {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                // A number may be written as one, as in the JSON of saved load runs.
                #[derive(Deserialize)]
                #[serde(untagged)]
                enum Written {
                    Number(u64),
                    Text(String),
                }
                let text = match Written::deserialize(deserializer)? {
                    Written::Number(number) => number.to_string(),
                    Written::Text(text) => text,
                };
                let parse: fn(&str) -> Option<$word> = $parse;
                parse(&text).ok_or_else(|| D::Error::custom(format!("found `{text}`, expected {}", $expects)))
            }
        }

        impl JsonSchema for $word {
            fn schema_name() -> Cow<'static, str> {
                stringify!($word).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "description": concat!("Written as ", $expects, "."),
                    "anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": $pattern}]
                })
            }
        }
    };
}

word!(
    Amount,
    "a whole number, `all`, `rest`, `limit` or `left`, or one of these two `+ N` or `- N`",
    r"^(\d+|all|rest|(limit|left)( [+-] \d+)?|\{[a-z_]+\})$",
    |text| {
        let (word, plus) = match text.split_once(' ') {
            None => (text, 0),
            Some((word, rest)) => {
                let (sign, number) = rest.split_once(' ')?;
                let number: i32 = number.parse().ok().filter(|number| *number >= 0)?;
                match sign {
                    "+" => (word, number),
                    "-" => (word, -number),
                    _ => return None,
                }
            }
        };
        match (word, plus) {
            ("limit", _) => Some(Amount::Limit(plus)),
            ("left", _) => Some(Amount::Left(plus)),
            ("all", 0) => Some(Amount::All),
            ("rest", 0) => Some(Amount::Rest),
            (number, 0) => number.parse().ok().map(Amount::Number),
            _ => None,
        }
    }
);

word!(
    Span,
    "a time of at most an hour, such as `250ms`, `60s` or `2m`",
    r"^(\d+(ms|s|m)|\{[a-z_]+\})$",
    |text| { parse_duration(text).map(Span) }
);

word!(Share, "a share of the limit, `1%` to `100%`", r"^(\d+%|\{[a-z_]+\})$", |text| {
    let percent: u32 = text.strip_suffix('%')?.parse().ok()?;
    (1..=100).contains(&percent).then_some(Share(percent))
});

/// All limits are per minute: who waits longer than an hour has slipped.
const LONGEST: Duration = Duration::from_secs(3_600);

fn parse_duration(text: &str) -> Option<Duration> {
    let unit = text.find(|mark: char| !mark.is_ascii_digit())?;
    let number: u64 = text[..unit].parse().ok()?;
    let time = match &text[unit..] {
        "ms" => Duration::from_millis(number),
        "s" => Duration::from_secs(number),
        "m" => Duration::from_secs(number.checked_mul(60)?),
        _ => return None,
    };
    (time <= LONGEST).then_some(time)
}

const STATUSES: &str = "a status such as `401`, a class such as `2xx`, or a list of them";

impl<'de> Deserialize<'de> for StatusSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Statuses;
        impl<'de> Visitor<'de> for Statuses {
            type Value = StatusSet;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(STATUSES)
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<StatusSet, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<StatusSet, E> {
                let pattern = parse_status(text)
                    .ok_or_else(|| E::custom(format!("found `{text}`, expected {STATUSES}")))?;
                Ok(StatusSet(vec![pattern]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<StatusSet, A::Error> {
                let mut all = Vec::new();
                while let Some(StatusSet(some)) = seq.next_element()? {
                    all.extend(some);
                }
                if all.is_empty() {
                    return Err(A::Error::custom("found an empty list, which no status is in"));
                }
                Ok(StatusSet(all))
            }
        }
        deserializer.deserialize_any(Statuses)
    }
}

fn parse_status(text: &str) -> Option<StatusPattern> {
    if let Some(class) = text.strip_suffix("xx") {
        let class: u16 = class.parse().ok()?;
        return (1..=5).contains(&class).then_some(StatusPattern::Class(class));
    }
    let status: u16 = text.parse().ok()?;
    (100..=599).contains(&status).then_some(StatusPattern::Exact(status))
}

impl JsonSchema for StatusSet {
    fn schema_name() -> Cow<'static, str> {
        "StatusSet".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let one = serde_json::json!({"anyOf": [
            {"type": "integer", "minimum": 100, "maximum": 599},
            {"type": "string", "pattern": r"^([1-5]xx|[1-5]\d\d|\{[a-z_]+\})$"}
        ]});
        json_schema!({
            "description": format!("Written as {STATUSES}."),
            "anyOf": [one, {"type": "array", "items": one, "minItems": 1}]
        })
    }
}
