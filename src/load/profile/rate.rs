//! How a rate is written: a number a minute, or a part or a multiple of the key's limit.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, Visitor};

const EXPECTS: &str = "a number a minute, `limit`, `3 x limit` or `90% of limit`";

/// So many a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rate {
    /// A number.
    PerMinute(u32),
    /// A percentage of the key's limit: `limit`, `3 x limit`, `90% of limit`.
    OfLimit(u32),
}

impl Rate {
    /// The number a minute, given the key's limit. A part of a request is a request.
    pub fn resolve(self, limit: u32) -> u32 {
        match self {
            Self::PerMinute(number) => number,
            Self::OfLimit(percent) => {
                let number = (u64::from(limit) * u64::from(percent)).div_ceil(100);
                u32::try_from(number).unwrap_or(u32::MAX)
            }
        }
    }

    /// Whether the key's limit is needed to know it.
    pub const fn needs_limit(self) -> bool {
        matches!(self, Self::OfLimit(_))
    }
}

impl std::str::FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = || {
            if text == "limit" {
                return Some(Self::OfLimit(100));
            }
            if let Some(times) = text.strip_suffix(" x limit") {
                return times.parse::<u32>().ok()?.checked_mul(100).map(Self::OfLimit);
            }
            match text.strip_suffix("% of limit") {
                Some(percent) => percent.parse().ok().map(Self::OfLimit),
                None => text.parse().ok().map(Self::PerMinute),
            }
        };
        read().ok_or_else(|| format!("found `{text}`, expected {EXPECTS}"))
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Word;
        impl Visitor<'_> for Word {
            type Value = Rate;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(EXPECTS)
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Rate, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Rate, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Word)
    }
}

impl JsonSchema for Rate {
    fn schema_name() -> Cow<'static, str> {
        "Rate".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": format!("Written as {EXPECTS}."),
            "anyOf": [
                {"type": "integer", "minimum": 0},
                {"type": "string", "pattern": r"^(\d+|limit|\d+ x limit|\d+% of limit)$"}
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_or_a_share_of_the_limit() {
        let rows =
            [("250", 250), ("limit", 60), ("3 x limit", 180), ("90% of limit", 54), ("1% of limit", 1)];
        for (text, expected) in rows {
            assert_eq!(text.parse::<Rate>().unwrap().resolve(60), expected, "{text}");
        }
        for bad in ["", "limit x 3", "-1", "3x limit", "% of limit", "1.5 x limit", "99999999999"] {
            assert!(bad.parse::<Rate>().unwrap_err().contains("expected a number a minute"), "{bad}");
        }
    }
}
