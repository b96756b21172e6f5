//! How many files this process may have open at once; each connection is one.

/// How many at most, the limit raised as far as the system allows.
#[cfg(unix)]
pub(crate) fn most() -> u64 {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    limit.maximum.unwrap_or(u64::MAX)
}

#[cfg(not(unix))]
pub(crate) fn most() -> u64 {
    u64::MAX
}

/// Raises the soft limit as far as is needed and allowed; returns it.
#[cfg(unix)]
pub(crate) fn raise(needed: u64) -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let current = limit.current.unwrap_or(u64::MAX);
    if needed <= current {
        return current;
    }
    let wanted = limit.maximum.map_or(needed, |maximum| maximum.min(needed));
    match setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum }) {
        Ok(()) => wanted,
        Err(_) => current,
    }
}

#[cfg(not(unix))]
pub(crate) fn raise(_: u64) -> u64 {
    u64::MAX
}
