//! Hosts: which one a URL goes to, whether it is this machine, and what may be sent to it.

use std::net::IpAddr;

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
pub(super) fn host_of(base_url: &str) -> String {
    reqwest::Url::parse(base_url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default()
}
