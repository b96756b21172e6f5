//! A deployment to judge: what is known of it before anything is sent, where its keys are read from, and the mock in this
//! process, which is started where no other is named.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::time::Duration;

use super::control::{Control, Workspace};
use super::reach::Reach;
use super::role::{Key, Role, role_variable};
use super::{TargetError, host_of};
use crate::contract::{ApiKey, Endpoint, InvalidApiKey, Limits, Tier};
use crate::mock::{LimiterKind, MockOptions, MockServer, WELL_KNOWN_KEYS};

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
    /// The workspace of a mock whose clock is moved on while a run with given keys waits; else a minute takes a minute.
    pub clock: Option<Workspace>,
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
            clock: None,
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

/// A running mock and the target that points at it. It stops when it is dropped.
#[derive(Debug)]
pub struct Embedded {
    _server: MockServer,
    url: String,
    control: Control,
}

impl Embedded {
    /// Starts the mock on a free loopback port.
    ///
    /// # Errors
    /// [`TargetError::Embedded`] when no port can be had.
    pub async fn start() -> Result<Self, TargetError> {
        Self::serve(MockOptions::default()).await
    }

    /// Starts a mock under these deviations and this limiter, and treats it like any deployment: its well-known keys
    /// are the keys there are. A minute takes a minute, unless it `skips_waits`.
    ///
    /// # Errors
    /// [`TargetError::Embedded`] when no port can be had, or a name is none.
    pub async fn deployment(
        deviations: &[String],
        limiter: Option<&str>,
        skips_waits: bool,
    ) -> Result<(Target, Self), TargetError> {
        let limiter =
            limiter.map(str::parse::<LimiterKind>).transpose().map_err(|error| not_started(&error))?;
        let options = MockOptions { deviations: deviations.to_vec(), limiter, ..MockOptions::default() };
        let mock = Self::serve(options).await?;
        let well_known = |variable: &str| {
            let key = WELL_KNOWN_KEYS.iter().find(|key| key.variable == variable)?;
            Some(key.plaintext.into())
        };
        let keys = Keys::Environment(default_keys(&well_known)?);
        let clock = skips_waits.then(|| mock.control.default_workspace());
        Ok((Target { clock, ..Target::on_this_machine(&mock.url, keys) }, mock))
    }

    /// The mock as a target whose workspaces are all under these deviations and this limiter.
    pub fn target(&self, deviations: &[String], limiter: Option<&str>) -> Target {
        let keys = Keys::Mock(self.control.clone().deviating(deviations, limiter));
        Target { built_in: true, ..Target::on_this_machine(&self.url, keys) }
    }

    async fn serve(options: MockOptions) -> Result<Self, TargetError> {
        let server = MockServer::start(options).await.map_err(|error| not_started(&error))?;
        let url = server.url();
        let control = Control::connect(&url).await?;
        Ok(Self { _server: server, url, control })
    }
}

fn not_started(why: &dyn std::fmt::Display) -> TargetError {
    TargetError::Embedded(why.to_string())
}

/// How many keys of one role are looked for: `…_STANDARD`, `…_STANDARD_2` and so on.
const MOST_KEYS_OF_A_ROLE: u32 = 9;

/// The keys in the default variables. `lookup` is the environment.
pub(super) fn default_keys(lookup: &dyn Fn(&str) -> Option<OsString>) -> Result<Vec<Key>, TargetError> {
    let mut keys = Vec::new();
    for role in Role::ALL.into_iter().filter(|role| *role != Role::Any) {
        for nth in 1..=MOST_KEYS_OF_A_ROLE {
            let variable = role_variable(role, nth);
            if let Some(secret) = read_key(&variable, lookup)? {
                keys.push(Key {
                    variable,
                    secret,
                    tier: role.tier(),
                    scopes: role.scopes(),
                    account: None,
                    given_for: Some(role),
                    mock_id: None,
                });
            }
        }
    }
    Ok(keys)
}

/// Keys that stand in several variables, as one each: a key has one quota however often it is named.
pub(super) fn merge_same(keys: Vec<Key>) -> Result<Vec<Key>, TargetError> {
    let mut merged: Vec<Key> = Vec::with_capacity(keys.len());
    for key in keys {
        let Some(same) = merged.iter_mut().find(|other| other.secret == key.secret) else {
            merged.push(key);
            continue;
        };
        match (same.tier, key.tier) {
            (Some(one), Some(other)) if one != other => {
                return Err(TargetError::TwoTiers(same.variable.clone(), key.variable));
            }
            (one, other) => same.tier = one.or(other),
        }
        same.scopes.extend(key.scopes);
        same.scopes.sort();
        same.scopes.dedup();
        same.account = same.account.take().or(key.account);
    }
    Ok(merged)
}

/// The key in one variable; an empty variable counts as not set.
pub(super) fn read_key(
    variable: &str,
    lookup: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Option<ApiKey>, TargetError> {
    lookup(variable)
        .filter(|text| !text.is_empty())
        .map(usable)
        .transpose()
        .map_err(|why| TargetError::BadKey(variable.to_owned(), why))
}

/// The key that a variable holds. One that stands in quotes might be sent, but nobody gives out such keys.
fn usable(text: OsString) -> Result<ApiKey, InvalidApiKey> {
    let text = text.into_string().map_err(|_| InvalidApiKey::NotText)?;
    let is_quoted = |quote| text.len() > 1 && text.starts_with(quote) && text.ends_with(quote);
    if is_quoted('"') || is_quoted('\'') {
        return Err(InvalidApiKey::Quoted);
    }
    ApiKey::new(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_keys_of_a_role_are_numbered_from_two() {
        let environment = |name: &str| match name {
            "TRENCHCHECK_KEY_STANDARD" => Some("ct_live_aaaaaaaaaaaa".into()),
            "TRENCHCHECK_KEY_STANDARD_3" => Some("ct_live_bbbbbbbbbbbb".into()),
            "TRENCHCHECK_KEY_READ" => Some(OsString::new()),
            _ => None,
        };
        let keys = default_keys(&environment).unwrap();
        let names: Vec<_> = keys.iter().map(|key| key.variable.as_str()).collect();
        assert_eq!(names, ["TRENCHCHECK_KEY_STANDARD", "TRENCHCHECK_KEY_STANDARD_3"]);
    }

    #[test]
    fn one_key_in_two_variables_is_one_key() {
        let same = |names: &'static [&'static str]| {
            move |name: &str| names.contains(&name).then(|| "ct_live_aaaaaaaaaaaa".into())
        };
        let read = same(&["TRENCHCHECK_KEY_STANDARD", "TRENCHCHECK_KEY_READ"]);
        let merged = merge_same(default_keys(&read).unwrap()).unwrap();
        assert_eq!(merged.len(), 1);
        assert!(Role::Standard.fits(&merged[0]) && Role::Read.fits(&merged[0]));

        let both = same(&["TRENCHCHECK_KEY_INGESTION", "TRENCHCHECK_KEY_BOTH"]);
        let merged = merge_same(default_keys(&both).unwrap()).unwrap();
        assert!(Role::Ingestion.fits(&merged[0]) && Role::Both.fits(&merged[0]));
        assert!(!Role::Write.fits(&merged[0]));

        let tiers = same(&["TRENCHCHECK_KEY_STANDARD", "TRENCHCHECK_KEY_PREMIUM"]);
        let error = merge_same(default_keys(&tiers).unwrap()).unwrap_err().to_string();
        assert!(error.contains("TRENCHCHECK_KEY_STANDARD and TRENCHCHECK_KEY_PREMIUM"), "{error}");
    }

    #[test]
    fn a_bad_key_is_named_by_its_variable_only() {
        let environment =
            |name: &str| (name == "TRENCHCHECK_KEY_BOTH").then(|| "ct_live_secretsecret\n".into());
        let error = default_keys(&environment).unwrap_err().to_string();
        assert!(error.contains("TRENCHCHECK_KEY_BOTH") && !error.contains("secretsecret"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_key_that_is_no_text_is_not_taken_for_a_missing_one() {
        use std::os::unix::ffi::OsStringExt as _;
        let environment = |name: &str| {
            (name == "TRENCHCHECK_KEY_BOTH").then(|| OsString::from_vec(b"ct_live_\xff".to_vec()))
        };
        let error = default_keys(&environment).unwrap_err().to_string();
        assert!(error.contains("TRENCHCHECK_KEY_BOTH") && error.contains("not UTF-8"), "{error}");
    }
}
