//! What is under test: its base URL, its keys by role, and how fresh keys are obtained.
//!
//! Three ways lead to keys: the mock in this process, a mock elsewhere through its control API, and
//! environment variables. The first two give every check a workspace of its own with a clock that can be
//! advanced; the third is a real deployment with real minutes.

mod control;
mod env_file;
mod file;
mod reach;
mod role;
mod target;

use std::net::IpAddr;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

pub use control::{Control, Workspace};
pub use env_file::{EnvFile, EnvFileError};
pub use file::{KeysFrom, TargetFile};
pub use reach::{Reach, ReachError};
pub use role::{CONTROL_TOKEN_VARIABLE, KEY_VARIABLE_PREFIX, Key, Role, role_variable};
pub use target::{Embedded, Envelope, Keys, Target, TargetInfo};

use crate::contract::InvalidApiKey;
use crate::yaml::Problems;

/// Why there is no target to judge.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// This is no base URL, for this reason.
    #[error("`{0}` is no base URL ({1}); expected something like https://app.trenchcoat.com")]
    BadUrl(String, String),
    /// No key variable is set, and no mock makes keys.
    #[error(
        "no keys for {url}: none of the variables {variables} is set; export at least one, for example {example}=…, or \
         take a mock's own with --keys mock"
    )]
    NoKeys {
        /// The target.
        url: String,
        /// The variables that were looked at.
        variables: String,
        /// One to begin with.
        example: String,
    },
    /// Nobody listens at this URL.
    #[error("nobody answers at {0}: {1}")]
    Unreachable(String, String),
    /// This variable holds something that is no key, and is not shown.
    #[error("the variable {0} holds no usable key: {1}")]
    BadKey(String, InvalidApiKey),
    /// These two variables hold one key, for two tiers.
    #[error(
        "the variables {0} and {1} hold the same key, and a key is on one tier only; set just one of them"
    )]
    TwoTiers(String, String),
    /// The target file cannot be read.
    #[error("cannot read the target file {path}: {1}", path = .0.display())]
    Unreadable(PathBuf, std::io::Error),
    /// The target file is wrong.
    #[error("{0}")]
    BadFile(Problems),
    /// A mock's control API at this URL did not do what was asked.
    #[error("the mock's control API at {0} {1}")]
    Control(String, String),
    /// The file with variables is wrong.
    #[error(transparent)]
    EnvFile(#[from] EnvFileError),
    /// The way there is not one.
    #[error(transparent)]
    Reach(#[from] ReachError),
    /// A control token is no token.
    #[error("the variable {CONTROL_TOKEN_VARIABLE} holds no usable token: use visible ASCII characters")]
    BadToken,
    /// The embedded mock did not start.
    #[error("the embedded mock did not start: {0}")]
    Embedded(String),
}

/// The address that a host is, in brackets or without, where it is no name.
pub(crate) fn address(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// Whether a host is the machine this program runs on.
pub(crate) fn is_this_machine(host: &str) -> bool {
    host == "localhost" || address(host).is_some_and(|address| address.is_loopback())
}

/// Load, and what a recording holds, goes only where it is welcome.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} would go to {host}, which is not this machine: allow it with --allow-host {host}")]
pub struct Unwelcome {
    what: String,
    host: String,
}

/// Lets `what` go to a host that is this machine or was named by the user.
///
/// # Errors
/// [`Unwelcome`] where it is neither.
pub(crate) fn welcome(
    what: impl FnOnce() -> String,
    (host, loopback): (String, bool),
    allowed_hosts: &[String],
) -> Result<(), Unwelcome> {
    match loopback || allowed_hosts.contains(&host) {
        true => Ok(()),
        false => Err(Unwelcome { what: what(), host }),
    }
}

/// The host of a URL; empty where there is none.
fn host_of(base_url: &str) -> String {
    reqwest::Url::parse(base_url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default()
}

/// The versions of HTTP that are spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema, clap::ValueEnum)]
pub enum HttpVersions {
    /// What client and server agree on.
    #[default]
    #[serde(rename = "auto")]
    #[value(name = "auto")]
    Auto,
    /// HTTP/1.1 only.
    #[serde(rename = "1.1")]
    #[value(name = "1.1")]
    Http1,
    /// HTTP/2 only; without TLS it is spoken without asking.
    #[serde(rename = "2")]
    #[value(name = "2")]
    Http2,
}
