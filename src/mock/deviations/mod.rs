//! Named changes to the reference: deviations, which some check ought to name, and legal variants, which none may.
//!
//! Several show beside each other in one server when they get along: they change different aspects, and neither changes one
//! through which the other is seen.

mod aspects;
mod authentication;
mod change;
mod events;
mod limits;
mod scopes;
mod the_429;
mod together;

use std::sync::LazyLock;

use super::behaviour::Behaviour;
use super::limiter::Kind;
use crate::nearest::{meant, nearest};

pub use aspects::Aspect;
pub use change::{Breach, Group, NamedChange};

/// Every deviation and every legal variant, by group.
///
/// ```
/// use trenchcheck::mock::{catalogue, find};
/// assert!(catalogue().len() > 80);
/// assert!(find("accept-bearer").is_ok());
/// assert_eq!(find("accept-baerer").unwrap_err().nearest, Some("accept-bearer"));
/// ```
pub fn catalogue() -> &'static [NamedChange] {
    static ALL: LazyLock<Vec<NamedChange>> = LazyLock::new(|| {
        let lists = [
            (Group::Authentication, authentication::ENTRIES),
            (Group::Scopes, scopes::ENTRIES),
            (Group::Limits, limits::ENTRIES),
            (Group::The429, the_429::ENTRIES),
            (Group::Events, events::ENTRIES),
            (Group::Concurrency, together::CONCURRENCY),
            (Group::Composed, together::COMPOSED),
        ];
        let in_group = |(group, entries): (_, &[NamedChange])| {
            entries.iter().map(move |entry| NamedChange { group, ..*entry }).collect::<Vec<_>>()
        };
        lists.into_iter().flat_map(in_group).collect()
    });
    &ALL
}

/// A word that names no change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no deviation is called `{name}`; {}`trenchcheck mock --list` shows all", meant(*nearest))]
pub struct UnknownDeviation {
    /// The word.
    pub name: String,
    /// The name that was probably meant.
    pub nearest: Option<&'static str>,
}

/// The entry of this name.
///
/// # Errors
/// [`UnknownDeviation`], with the name that was probably meant.
pub fn find(name: &str) -> Result<&'static NamedChange, UnknownDeviation> {
    let all = catalogue();
    if let Some(entry) = all.iter().find(|entry| entry.name == name) {
        return Ok(entry);
    }
    let nearest = nearest(name, all.iter().map(|entry| entry.name));
    Err(UnknownDeviation { name: name.to_owned(), nearest })
}

/// The behaviour of the reference with these changes and this limiter.
///
/// # Errors
/// [`UnknownDeviation`] for the first name that is none.
pub fn behaviour<S: AsRef<str>>(names: &[S], limiter: Option<Kind>) -> Result<Behaviour, UnknownDeviation> {
    let mut behaviour = Behaviour { limiter: limiter.unwrap_or(Kind::Anchored), ..Behaviour::default() };
    for name in names {
        find(name.as_ref())?.apply(&mut behaviour);
    }
    Ok(behaviour)
}

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
mod tests;
