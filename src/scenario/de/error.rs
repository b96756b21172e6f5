//! Why a reading stopped.

use std::fmt;

use serde::de::{Error, Expected, Unexpected};

use super::super::problem::word;

/// An error on its way to the value it belongs to, which knows the place.
#[derive(Debug)]
pub(super) enum Stop {
    /// It has been reported.
    Reported,
    /// A field is not there.
    Missing(&'static str),
    /// Anything else.
    Message(String),
}

impl fmt::Display for Stop {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reported => formatter.write_str("reported"),
            Self::Missing(field) => write!(formatter, "`{field}` is missing"),
            Self::Message(what) => formatter.write_str(what),
        }
    }
}

impl std::error::Error for Stop {}

impl Error for Stop {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::Message(message.to_string())
    }

    fn missing_field(field: &'static str) -> Self {
        Self::Missing(field)
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let expected = expected.to_string();
        let wanted = match expected.as_str() {
            "a boolean" => "`true` or `false`",
            "a sequence" => "a list",
            "a map" => "a mapping",
            "u16" => "a whole number from 0 to 65535",
            "u32" => "a whole number from 0 to 4294967295",
            "u64" | "usize" => "a whole number",
            "f64" => "a number",
            other => other,
        };
        Self::Message(format!("found {}, expected {wanted}", found(unexpected)))
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(unexpected, expected)
    }
}

/// serde's word for what was found, in this language's.
fn found(unexpected: Unexpected<'_>) -> String {
    match unexpected {
        Unexpected::Bool(value) => format!("`{value}`"),
        Unexpected::Unsigned(number) => format!("the number {number}"),
        Unexpected::Signed(number) => format!("the number {number}"),
        Unexpected::Float(number) => format!("the number {number}"),
        Unexpected::Str(text) => format!("the text {}", word(text)),
        Unexpected::Unit => "nothing".to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "a mapping".to_owned(),
        other => other.to_string(),
    }
}
