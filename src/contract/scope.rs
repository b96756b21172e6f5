//! What a key may do.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::Deserialize;

/// A permission of a key (clauses `scope.write-events`, `scope.read-analytics`). One never implies the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, JsonSchema)]
pub enum Scope {
    /// `write:events`: post events.
    #[serde(rename = "write:events")]
    WriteEvents,
    /// `read:analytics`: read session lists and analytics.
    #[serde(rename = "read:analytics")]
    ReadAnalytics,
}

/// A word that names no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no scope is called `{0}`; the scopes are write:events and read:analytics")]
pub struct UnknownScope(pub String);

impl Scope {
    /// Both scopes, in the page's order.
    pub const ALL: [Self; 2] = [Self::WriteEvents, Self::ReadAnalytics];

    /// The word on the page.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WriteEvents => "write:events",
            Self::ReadAnalytics => "read:analytics",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.as_str() == text)
            .ok_or_else(|| UnknownScope(text.to_owned()))
    }
}
