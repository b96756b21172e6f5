//! How many connections this process may have open at once.

use super::play::LoadError;

/// What else is open: files, pipes, the runtime.
const OTHERS: u64 = 64;

/// Makes room for so many connections.
///
/// # Errors
/// [`LoadError::Descriptors`] when the system does not allow so many.
pub(crate) fn make_room(connections: u64) -> Result<(), LoadError> {
    let allowed = raise(connections + OTHERS);
    fits(connections, allowed)
}

fn fits(connections: u64, allowed: u64) -> Result<(), LoadError> {
    if connections + OTHERS <= allowed {
        return Ok(());
    }
    Err(LoadError::Descriptors { connections, allowed })
}

/// How many connections this process may have open at most, its limit raised as far as the system allows.
#[cfg(unix)]
pub(crate) fn most() -> u64 {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    limit.maximum.unwrap_or(u64::MAX).saturating_sub(OTHERS)
}

#[cfg(not(unix))]
pub(crate) fn most() -> u64 {
    u64::MAX
}

/// Raises the soft limit as far as is needed and allowed; returns it.
#[cfg(unix)]
fn raise(needed: u64) -> u64 {
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
fn raise(_: u64) -> u64 {
    u64::MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_slots_than_files_are_refused() {
        assert!(fits(100, 164).is_ok());
        let error = fits(101, 164).unwrap_err().to_string();
        assert!(error.contains("101 requests") && error.contains("164 files"), "{error}");
    }
}
