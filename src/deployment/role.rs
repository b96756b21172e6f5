//! Roles: which part a key plays in a check, and which keys can play it.

use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::contract::{ApiKey, Scope, Tier};

/// A part a key plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// A key on the Standard tier that can read.
    Standard,
    /// A key on the Premium tier that can read.
    Premium,
    /// A key on the Ingestion tier that can post events.
    Ingestion,
    /// A key with `read:analytics` and nothing else.
    Read,
    /// A key with `write:events` and nothing else.
    Write,
    /// A key with both scopes.
    Both,
    /// Whichever key there is.
    Any,
}

/// A key with what is known of it.
#[derive(Debug, Clone)]
pub struct Key {
    /// The variable that holds it, or would: what reports call it.
    pub variable: String,
    /// The secret.
    pub secret: ApiKey,
    /// The tier, where it is known: a key that only reads may be on Standard or Premium.
    pub tier: Option<Tier>,
    /// Its scopes.
    pub scopes: Vec<Scope>,
    /// A name for the account it belongs to, where the target file tells.
    pub account: Option<String>,
    /// The role it was given for, which it plays in preference to others.
    pub given_for: Option<Role>,
    /// The mock's id of it, for revoking.
    pub mock_id: Option<String>,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 7] =
        [Self::Standard, Self::Premium, Self::Ingestion, Self::Read, Self::Write, Self::Both, Self::Any];

    /// The word used in scenarios and target files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Premium => "premium",
            Self::Ingestion => "ingestion",
            Self::Read => "read",
            Self::Write => "write",
            Self::Both => "both",
            Self::Any => "any",
        }
    }

    /// The role of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }

    /// The scopes a key given for this role has.
    pub fn scopes(self) -> Vec<Scope> {
        match self {
            Self::Standard | Self::Premium | Self::Read | Self::Any => vec![Scope::ReadAnalytics],
            Self::Ingestion | Self::Write => vec![Scope::WriteEvents],
            Self::Both => vec![Scope::WriteEvents, Scope::ReadAnalytics],
        }
    }

    /// The tier a key given for this role is on, where the role tells (clause `limit.ingestion-automatic`).
    pub const fn tier(self) -> Option<Tier> {
        match self {
            Self::Standard => Some(Tier::Standard),
            Self::Premium => Some(Tier::Premium),
            Self::Ingestion | Self::Write | Self::Both => Some(Tier::Ingestion),
            Self::Read | Self::Any => None,
        }
    }

    /// Whether `key` can play this role.
    pub fn fits(self, key: &Key) -> bool {
        let reads = key.scopes.contains(&Scope::ReadAnalytics);
        let writes = key.scopes.contains(&Scope::WriteEvents);
        match self {
            Self::Standard => key.tier == Some(Tier::Standard) && reads,
            Self::Premium => key.tier == Some(Tier::Premium) && reads,
            Self::Ingestion => key.tier == Some(Tier::Ingestion) && writes,
            Self::Read => reads && !writes,
            Self::Write => writes && !reads,
            Self::Both => reads && writes,
            Self::Any => reads || writes,
        }
    }

    /// How gladly `key` plays this role, least first: its own role, then the one with the larger quota,
    /// so that checks without a limit in mind do not wait for the smallest one.
    pub fn preference(self, key: &Key) -> u8 {
        match (key.given_for == Some(self), key.tier) {
            (true, _) => 0,
            (false, Some(Tier::Ingestion)) => 1,
            (false, Some(Tier::Premium)) => 2,
            (false, _) => 3,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
