//! The small words inside scenario values: amounts, times, sets of statuses. Each is one string or number,
//! read by a parser that says what it expected.

use std::fmt;
use std::iter;
use std::marker::PhantomData;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::{Error, SeqAccess, Unexpected, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::amounts::duration;

/// All limits are per minute: who waits longer than an hour has slipped.
const LONGEST: Duration = Duration::from_secs(3_600);

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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
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

/// A small word: one text or whole number in a file, which a parser of its own reads.
pub(crate) trait Word: Sized {
    /// What is written, for messages and the schema.
    const EXPECTED: &'static str;
    /// The same as a regular expression.
    const PATTERN: &'static str;
    /// Whether numbers below 0 and those with a fraction are read, too.
    const ANY_NUMBER: bool = false;

    fn parse(text: &str) -> Option<Self>;

    /// What a list of such words means, where there can be one.
    fn all(_: Vec<Self>) -> Option<Self> {
        None
    }

    fn schema() -> Value {
        json!({"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": Self::PATTERN}]})
    }

    fn description() -> String {
        format!("Written as {}.", Self::EXPECTED)
    }
}

pub(crate) struct WordVisitor<T>(pub(crate) PhantomData<T>);

impl<'de, T: Word + Deserialize<'de>> Visitor<'de> for WordVisitor<T> {
    type Value = T;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(T::EXPECTED)
    }

    /// A number may be written as one, as in the JSON of saved load runs.
    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        if T::ANY_NUMBER {
            return self.visit_str(&number.to_string());
        }
        Err(E::invalid_type(Unexpected::Signed(number), &self))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<T, E> {
        if T::ANY_NUMBER {
            return self.visit_str(&number.to_string());
        }
        Err(E::invalid_type(Unexpected::Float(number), &self))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        T::parse(text).ok_or_else(|| E::custom(format!("found `{text}`, expected {}", T::EXPECTED)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<T, A::Error> {
        let all: Vec<T> = iter::from_fn(|| seq.next_element().transpose()).collect::<Result<_, _>>()?;
        let found = if all.is_empty() { "an empty list" } else { "a list" };
        T::all(all).ok_or_else(|| A::Error::custom(format!("found {found}, expected {}", T::EXPECTED)))
    }
}

/// Reads a type, and describes it in the schema, as the word it is.
macro_rules! word {
    ($($word:ident),*) => {$(
        impl<'de> serde::Deserialize<'de> for $word {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any($crate::scenario::words::WordVisitor(std::marker::PhantomData))
            }
        }

        impl schemars::JsonSchema for $word {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($word).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                use $crate::scenario::words::Word as _;
                let mut schema = schemars::Schema::try_from(Self::schema()).unwrap_or_default();
                schema.insert("description".to_owned(), Self::description().into());
                schema
            }
        }
    )*};
}
pub(crate) use word;

word!(Amount, Span, Share, StatusSet);

impl Word for Amount {
    const EXPECTED: &str =
        "a whole number, `all`, `rest`, `limit` or `left`, or one of these two `+ N` or `- N`";
    const PATTERN: &str = r"^(\d+|all|rest|(limit|left)( [+-] \d+)?|\{[a-z_]+\})$";

    fn parse(text: &str) -> Option<Self> {
        let (word, plus) = match *text.split(' ').collect::<Vec<_>>() {
            [word] => (word, 0),
            [word, sign @ ("+" | "-"), number] => {
                let number: i32 = number.parse().ok().filter(|number| *number >= 0)?;
                (word, if sign == "-" { -number } else { number })
            }
            _ => return None,
        };
        match (word, plus) {
            ("limit", _) => Some(Self::Limit(plus)),
            ("left", _) => Some(Self::Left(plus)),
            ("all", 0) => Some(Self::All),
            ("rest", 0) => Some(Self::Rest),
            (number, 0) => number.parse().ok().map(Self::Number),
            _ => None,
        }
    }
}

impl Word for Span {
    const EXPECTED: &str = "a time of at most an hour, such as `250ms`, `60s` or `2m`";
    const PATTERN: &str = r"^(\d+(ms|s|m)|\{[a-z_]+\})$";

    fn parse(text: &str) -> Option<Self> {
        // An hour is written `60m`.
        let time = duration(text).filter(|_| !text.ends_with('h'))?;
        (time <= LONGEST).then_some(Self(time))
    }
}

impl Word for Share {
    const EXPECTED: &str = "a share of the limit, `1%` to `100%`";
    const PATTERN: &str = r"^(\d+%|\{[a-z_]+\})$";

    fn parse(text: &str) -> Option<Self> {
        let percent: u32 = text.strip_suffix('%')?.parse().ok()?;
        (1..=100).contains(&percent).then_some(Self(percent))
    }
}

impl Word for StatusSet {
    const EXPECTED: &str = "a status such as `401`, a class such as `2xx`, or a list of them";
    const PATTERN: &str = r"^([1-5]xx|[1-5]\d\d|\{[a-z_]+\})$";

    fn parse(text: &str) -> Option<Self> {
        let pattern = match text.strip_suffix("xx") {
            Some(class) => StatusPattern::Class(class.parse().ok().filter(|class| (1..=5).contains(class))?),
            None => StatusPattern::Exact(text.parse().ok().filter(|status| (100..=599).contains(status))?),
        };
        Some(Self(vec![pattern]))
    }

    fn all(sets: Vec<Self>) -> Option<Self> {
        let all: Vec<_> = sets.into_iter().flat_map(|set| set.0).collect();
        (!all.is_empty()).then_some(Self(all))
    }

    fn schema() -> Value {
        let one = json!({"anyOf": [
            {"type": "integer", "minimum": 100, "maximum": 599},
            {"type": "string", "pattern": Self::PATTERN}
        ]});
        json!({"anyOf": [one, {"type": "array", "items": one, "minItems": 1}]})
    }
}
