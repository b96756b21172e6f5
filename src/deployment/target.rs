//! A deployment to judge, and what is known of it before anything is sent.

use std::collections::BTreeMap;
use std::time::Duration;

use super::control::Control;
use super::host::host_of;
use super::reach::Reach;
use super::role::Key;
use crate::contract::{Endpoint, Limits, Tier};

/// How events are written; two envelopes are in use.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Envelope {
    /// `event_type`, `session_id`, `timestamp`: as the page documents it.
    Documented,
    /// `event`, `session_id`, `ts`, `seq`: as the published clients send it.
    Wire,
    /// The documented one first, then the wire one; the first that is accepted stays.
    #[default]
    Auto,
}

/// A deployment to judge.
#[derive(Debug)]
pub struct Target {
    /// Without a trailing slash; every path is appended to it.
    pub base_url: String,
    /// Whether the host is this machine.
    pub loopback: bool,
    /// Limits by tier: the documented ones unless the target file says otherwise.
    pub limits: BTreeMap<Tier, Limits>,
    /// Paths that differ from the documented ones.
    pub paths: BTreeMap<Endpoint, String>,
    /// How events are written.
    pub envelope: Envelope,
    /// How long one request may take in all.
    pub timeout: Duration,
    /// Whether error bodies may have more members than the page shows.
    pub extra_members_allowed: bool,
    /// How it is reached.
    pub reach: Reach,
    /// Where keys come from.
    pub keys: Keys,
    /// Whether it is the reference in this process, which is started where no target is named.
    pub built_in: bool,
}

/// Where the keys come from.
#[derive(Debug)]
pub enum Keys {
    /// Given by environment variables, in order of preference.
    Environment(Vec<Key>),
    /// Made when they are needed, in a workspace of a mock.
    Mock(Control),
}

impl Target {
    /// A deployment on this machine that keeps to the page: documented limits and paths, no more members in an error
    /// than shown, an envelope that is found out, 30 seconds for a request.
    pub fn on_this_machine(base_url: impl Into<String>, keys: Keys) -> Self {
        Self {
            base_url: base_url.into(),
            loopback: true,
            limits: BTreeMap::new(),
            paths: BTreeMap::new(),
            envelope: Envelope::Auto,
            timeout: Duration::from_secs(30),
            extra_members_allowed: false,
            built_in: false,
            reach: Reach::default(),
            keys,
        }
    }

    /// The limits of a tier on this target.
    pub fn limits(&self, tier: Tier) -> Limits {
        self.limits.get(&tier).copied().unwrap_or_else(|| tier.limits())
    }

    /// The path of an endpoint on this target.
    pub fn path(&self, endpoint: Endpoint) -> &str {
        self.paths.get(&endpoint).map_or_else(|| endpoint.path(), String::as_str)
    }

    /// The host and port, as the user would name them with `--allow-host`.
    pub fn host(&self) -> String {
        host_of(&self.base_url)
    }
}

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
        host_of(&self.base_url)
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
