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

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

pub use control::{Control, Workspace};
pub use env_file::{EnvFile, EnvFileError};
pub use file::{KeysFrom, TargetFile};
pub use reach::Reach;
pub use role::{CONTROL_TOKEN_VARIABLE, KEY_VARIABLE_PREFIX, Key, Role, role_variable};
pub use target::{Embedded, Envelope, Keys, Target, TargetInfo};

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
    BadKey(String, crate::contract::InvalidApiKey),
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
    BadFile(crate::yaml::Problems),
    /// A mock's control API at this URL did not do what was asked.
    #[error("the mock's control API at {0} {1}")]
    Control(String, String),
    /// The file with variables is wrong.
    #[error(transparent)]
    EnvFile(#[from] env_file::EnvFileError),
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

/// What is said about the way to a deployment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReachEntry {
    /// Header fields that go with every request, by their names. `$NAME` in a value is the environment variable of that name,
    /// and as secret as a key.
    pub headers: BTreeMap<String, String>,
    /// A PEM file with the certificates of the authorities that are trusted, besides the system's.
    pub ca: Option<PathBuf>,
    /// A PEM file with a client certificate and its private key.
    pub client_certificate: Option<PathBuf>,
    /// Whether certificates are not checked at all.
    pub insecure: bool,
    /// The proxy for every request, such as `http://proxy:3128`; else the variables HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and
    /// NO_PROXY say. A deployment on this machine is never asked through a proxy.
    pub proxy: Option<String>,
    /// The version of HTTP, where it is not to be agreed on.
    pub http: HttpVersions,
    /// Addresses to use in the place of those that names have, such as `api.example: 127.0.0.1`.
    pub resolve: BTreeMap<String, String>,
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

/// Why a deployment cannot be reached as it is said.
#[derive(Debug, thiserror::Error)]
pub enum ReachError {
    /// A header field cannot be sent.
    #[error("the header `{name}` cannot be sent: {why}")]
    Header {
        /// Its name.
        name: String,
        /// What is wrong; never quotes a value.
        why: String,
    },
    /// A file with certificates cannot be used.
    #[error("the {what} {} cannot be used: {why}", path.display())]
    Certificate {
        /// What it should hold.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The proxy's URL cannot be read.
    #[error("the proxy cannot be used: {0}; expected something like http://proxy.example:3128")]
    Proxy(String),
    /// A name cannot be given another address.
    #[error("`{address}` is no address for `{host}`; expected something like 127.0.0.1 or 127.0.0.1:8443")]
    Address {
        /// The name.
        host: String,
        /// What was given.
        address: String,
    },
}
