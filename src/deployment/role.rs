//! Roles: which part a key plays in a check, which keys can play it, and the environment variables that hold keys and name
//! other secrets.

use std::ffi::OsString;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::contract::{ApiKey, Scope, Tier};
use crate::words::words;

words! {
    /// A part a key plays.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, JsonSchema)]
    #[serde(rename_all = "lowercase")]
    pub enum Role: as_str + Display {
        /// A key on the Standard tier that can read.
        Standard => "standard",
        /// A key on the Premium tier that can read.
        Premium => "premium",
        /// A key on the Ingestion tier that can post events.
        Ingestion => "ingestion",
        /// A key with `read:analytics` and nothing else.
        Read => "read",
        /// A key with `write:events` and nothing else.
        Write => "write",
        /// A key with both scopes.
        Both => "both",
        /// Whichever key there is.
        Any => "any",
    }
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

/// What the default variables begin with.
pub const KEY_VARIABLE_PREFIX: &str = "TRENCHCHECK_KEY_";

/// The variable that holds the token of a mock that was started with one.
pub const CONTROL_TOKEN_VARIABLE: &str = "TRENCHCHECK_CONTROL_TOKEN";

/// The default variable for the `nth` key of a role; the first is 1.
pub fn role_variable(role: Role, nth: u32) -> String {
    // Any key will do for `any`; the one that reads is the easiest to come by.
    let role = if role == Role::Any { Role::Read } else { role };
    let name = format!("{KEY_VARIABLE_PREFIX}{}", role.as_str().to_uppercase());
    if nth == 1 { name } else { format!("{name}_{nth}") }
}

/// A value with its variables filled in, and what they held.
pub(super) fn filled(
    value: &str,
    lookup: &dyn Fn(&str) -> Option<OsString>,
) -> Result<(String, Vec<ApiKey>), String> {
    let (mut text, mut secrets) = (String::new(), Vec::new());
    let mut rest = value;
    while let Some((before, after)) = rest.split_once('$') {
        text.push_str(before);
        let (name, tail) = match after.strip_prefix('{') {
            Some(braced) => braced.split_once('}').ok_or("a `${` has no `}`")?,
            None => {
                let end = after.find(|mark: char| mark != '_' && !mark.is_ascii_alphanumeric());
                after.split_at(end.unwrap_or(after.len()))
            }
        };
        if name.is_empty() {
            return Err("a `$` is followed by no variable's name".to_owned());
        }
        let held = lookup(name).filter(|held| !held.is_empty());
        let held = held.ok_or_else(|| format!("the variable {name} is not set"))?;
        let held = held.into_string().map_err(|_| format!("the variable {name} is not UTF-8"))?;
        secrets.extend(ApiKey::new(held.as_str()));
        text.push_str(&held);
        rest = tail;
    }
    text.push_str(rest);
    Ok((text, secrets))
}
