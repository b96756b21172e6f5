//! Named changes to the reference: deviations, which some check ought to name, and legal variants, which none may.

mod aspects;
mod authentication;
mod change;
mod clash;
mod events;
mod limits;
mod replies;
mod scopes;
mod the_429;
mod together;

use std::sync::LazyLock;

use super::behaviour::Behaviour;
use super::limiter::Kind;
use crate::nearest::{meant, nearest};

pub use aspects::Aspect;
pub use change::{Breach, Group, NamedChange, Nature};
pub use clash::{Clash, get_along};

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
        let with_group = |(group, entries): (_, &[NamedChange])| {
            entries.iter().map(move |entry| entry.in_group(group)).collect::<Vec<_>>()
        };
        lists.into_iter().flat_map(with_group).collect()
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

/// What a change of this name changes. Empty for legal variants, and for what is several deviations already.
pub fn aspects(name: &str) -> &'static [Aspect] {
    find(name).map_or(&[], |entry| entry.changes)
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

#[cfg(test)]
mod tests;
