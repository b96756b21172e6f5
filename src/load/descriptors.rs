//! How many connections this process may have open at once.

use super::error::LoadError;
use crate::descriptors;

/// What else is open: files, pipes, the runtime.
const OTHERS: u64 = 64;

/// Makes room for so many connections.
///
/// # Errors
/// [`LoadError::Descriptors`] when the system does not allow so many.
pub(crate) fn make_room(connections: u64) -> Result<(), LoadError> {
    let allowed = descriptors::raise(connections + OTHERS);
    fits(connections, allowed)
}

fn fits(connections: u64, allowed: u64) -> Result<(), LoadError> {
    if connections + OTHERS <= allowed {
        return Ok(());
    }
    Err(LoadError::Descriptors { connections, allowed })
}

/// How many connections this process may have open at most, its limit raised as far as the system allows.
pub(crate) fn most() -> u64 {
    descriptors::most().saturating_sub(OTHERS)
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
