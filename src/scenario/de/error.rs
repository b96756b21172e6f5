//! Why a reading stopped.

use std::fmt;

use serde::de::{Error, Expected, Unexpected};

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
        Self::Message(format!("found {}, expected {expected}", super::found(unexpected)))
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(unexpected, expected)
    }
}
