//! What is said about the way to a deployment, and why it may be no way.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

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
