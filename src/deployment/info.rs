//! What is known of a target before anything is sent to it.

use std::collections::BTreeMap;

use super::{Key, Keys, Target};
use crate::contract::{Limits, Tier};

/// A target as it looks from here: enough to plan a run.
#[derive(Debug, Clone)]
pub struct TargetInfo {
    /// Without a trailing slash.
    pub base_url: String,
    /// Whether the host is this machine.
    pub loopback: bool,
    /// Limits by tier, where they differ from the documented ones.
    pub limits: BTreeMap<Tier, Limits>,
    /// The keys there are; `None` where a mock makes them as they are needed, with a clock that can be moved.
    pub keys: Option<Vec<Key>>,
}

impl TargetInfo {
    /// The mock in this process.
    pub fn embedded() -> Self {
        Self {
            base_url: "the built-in reference".to_owned(),
            loopback: true,
            limits: BTreeMap::new(),
            keys: None,
        }
    }

    /// The limits of a tier on this target.
    pub fn limits(&self, tier: Tier) -> Limits {
        self.limits.get(&tier).copied().unwrap_or_else(|| tier.limits())
    }

    /// The host, as the user would name it with `--allow-host`.
    pub fn host(&self) -> String {
        super::host(&self.base_url)
    }
}

impl Target {
    /// What is known of it before anything is sent to it.
    pub fn info(&self) -> TargetInfo {
        TargetInfo {
            base_url: self.base_url.clone(),
            loopback: self.loopback,
            limits: self.limits.clone(),
            keys: match &self.keys {
                Keys::Environment(keys) => Some(keys.clone()),
                Keys::Mock(_) => None,
            },
        }
    }
}
