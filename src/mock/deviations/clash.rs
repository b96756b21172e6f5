//! Which deviations show beside each other in one server: two of them get along when they change different aspects and
//! neither changes one through which the other is seen.

use super::aspects::Aspect;
use super::change::NamedChange;

/// These aspects, and all those they are seen through.
fn with_those_in_front(aspects: &[Aspect]) -> Vec<Aspect> {
    let mut seen = aspects.to_vec();
    let mut next = 0;
    while let Some(aspect) = seen.get(next) {
        let new: Vec<_> =
            aspect.through().iter().filter(|through| !seen.contains(through)).copied().collect();
        seen.extend(new);
        next += 1;
    }
    seen
}

/// Why two deviations are not for one server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Clash {
    /// One of them changes what the other changes, or that through which the other is seen.
    #[error("`{hiding}` changes {aspect:?}, and `{hidden}` cannot be told from it or is not seen any more")]
    Hidden {
        /// The one in front.
        hiding: &'static str,
        /// The one behind.
        hidden: &'static str,
        /// What the first changes.
        aspect: Aspect,
    },
    /// The same check names both.
    #[error("`{check}` names both `{one}` and `{other}`")]
    SameCheck {
        /// The one.
        one: &'static str,
        /// The other.
        other: &'static str,
        /// The check's id.
        check: &'static str,
    },
    /// It is no single deviation, so nothing is known about it.
    #[error("`{0}` is no single deviation")]
    NotSingle(&'static str),
}

/// Whether two deviations show beside each other in one server, each by checks of its own.
///
/// ```
/// use trenchcheck::mock::{find, get_along};
/// let get_along = |one, other| get_along(find(one).unwrap(), find(other).unwrap()).is_ok();
/// assert!(get_along("accept-bearer", "retry-after-missing"));
/// // Nobody sees a wrong Retry-After where nothing is limited.
/// assert!(!get_along("no-limit", "retry-after-missing"));
/// ```
///
/// # Errors
/// [`Clash`], where they do not.
pub fn get_along(one: &NamedChange, other: &NamedChange) -> Result<(), Clash> {
    for entry in [one, other] {
        if entry.changes.is_empty() {
            return Err(Clash::NotSingle(entry.name));
        }
    }
    for (front, behind) in [(one, other), (other, one)] {
        let seen_through = with_those_in_front(behind.changes);
        if let Some(&aspect) = front.changes.iter().find(|aspect| seen_through.contains(aspect)) {
            return Err(Clash::Hidden { hiding: front.name, hidden: behind.name, aspect });
        }
    }
    let declared = other.declared();
    match one.declared().into_iter().find(|check| declared.contains(check)) {
        Some(check) => Err(Clash::SameCheck { one: one.name, other: other.name, check }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mock::deviations::find;

    #[test]
    fn who_hides_another_does_not_get_along_with_it() {
        for (one, other, along) in [
            ("accept-bearer", "accept-cookie", true),
            ("premium-limit-299", "unauthorized-flat", true),
            ("standard-limit-61", "retry-after-missing", true),
            ("accept-bearer", "tools-accept-bearer", false),
            ("window-10s", "retry-after-late-half", false),
            ("no-limit", "limited-flat", false),
            ("per-connection", "window-30s", false),
            ("any-key-opens", "half-key-opens", false),
            ("events-unlimited", "straddle-partly-stored", false),
            ("unauthorized-flat", "unauthorized-empty", false),
            ("open-events", "accept-bearer", false),
            ("lax-startup", "accept-bearer", false),
            ("jitter", "accept-bearer", false),
        ] {
            let (one, other) = (find(one).unwrap(), find(other).unwrap());
            let said = get_along(one, other);
            assert_eq!(said.is_ok(), along, "{said:?}");
            assert_eq!(get_along(other, one).is_ok(), along, "{} and {}", one.name, other.name);
            assert!(get_along(one, one).is_err(), "{}", one.name);
        }
    }
}
