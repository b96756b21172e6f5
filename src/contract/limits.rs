//! How much a key may send.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Scope;

/// The length of the documented window: limits are per minute.
pub const WINDOW_SECONDS: u64 = 60;

/// A rate-limit tier (clauses `limit.standard`, `limit.premium`, `limit.ingestion-requests`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// 60 requests a minute.
    Standard,
    /// 300 requests a minute.
    Premium,
    /// 1,000 requests and 100,000 events a minute.
    Ingestion,
}

/// What a key is granted in one window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Requests a minute.
    pub requests: u32,
    /// Events a minute; `None` where the page states none.
    pub events: Option<u32>,
}

impl Tier {
    /// All tiers, smallest first.
    pub const ALL: [Self; 3] = [Self::Standard, Self::Premium, Self::Ingestion];

    /// The documented limits.
    pub const fn limits(self) -> Limits {
        match self {
            Self::Standard => Limits { requests: 60, events: None },
            Self::Premium => Limits { requests: 300, events: None },
            Self::Ingestion => Limits { requests: 1_000, events: Some(100_000) },
        }
    }

    /// The tier a key with these scopes is on (clause `limit.ingestion-automatic`): one that may
    /// post events is on Ingestion, any other is on the tier its plan gives.
    pub fn of(scopes: &[Scope], plan: Self) -> Self {
        if scopes.contains(&Scope::WriteEvents) { Self::Ingestion } else { plan }
    }

    /// The tier that has so many requests in a window.
    pub fn with_requests(requests: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|tier| tier.limits().requests == requests)
    }

    /// The tier's name in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Premium => "premium",
            Self::Ingestion => "ingestion",
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
