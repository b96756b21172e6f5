//! Named changes to the reference: deviations, which some check ought to name, and legal variants, which none may.

mod aspects;
mod authentication;
mod events;
mod limits;
mod replies;
mod scopes;
mod the_429;
mod together;

use std::fmt;
use std::sync::LazyLock;

use super::behaviour::{Behaviour, CountedFor};
use super::limiter::Kind;
use super::request::RequestContext;
use crate::nearest::{meant, nearest};

pub use aspects::{Aspect, Clash, aspects, get_along};

/// What a change is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// Who is let in, and what 401 looks like.
    Authentication,
    /// What a key may do, and what 403 looks like.
    Scopes,
    /// How requests are counted.
    Limits,
    /// What 429 looks like.
    The429,
    /// How events are counted.
    Events,
    /// What goes wrong only when requests come together.
    Concurrency,
    /// Several of all kinds at once.
    Composed,
}

impl Group {
    /// Every group, in the order of the catalogue.
    pub const ALL: [Self; 7] = [
        Self::Authentication,
        Self::Scopes,
        Self::Limits,
        Self::The429,
        Self::Events,
        Self::Concurrency,
        Self::Composed,
    ];
}

impl fmt::Display for Group {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Authentication => "authentication",
            Self::Scopes => "scopes",
            Self::Limits => "limits",
            Self::The429 => "the-429",
            Self::Events => "events",
            Self::Concurrency => "concurrency",
            Self::Composed => "composed",
        })
    }
}

/// How much weight the promise has that a deviation breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breach {
    /// The page promises it.
    Must,
    /// The page suggests it.
    Should,
    /// HTTP asks for it.
    Rfc,
}

impl Breach {
    /// The word scenarios use for the level.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Must => "must",
            Self::Should => "should",
            Self::Rfc => "rfc",
        }
    }
}

/// Whether a change breaks a promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nature {
    /// It does, and checks ought to name it.
    Deviation {
        /// The greatest weight among the promises it breaks.
        breach: Breach,
        /// Ids of the checks that are about what it breaks: at least one of them fails, and those that do not are
        /// explained by one that does.
        checks: &'static [&'static str],
        /// Ids of checks that may fail as well, since what they promise is broken too. None of them has to.
        also: &'static [&'static str],
    },
    /// It does not, and must never be failed.
    LegalVariant,
}

/// A named change.
#[derive(Debug, Clone, Copy)]
pub struct NamedChange {
    /// Its name, in small letters, digits and hyphens.
    pub name: &'static str,
    /// What it is about.
    pub group: Group,
    /// What it does, in one sentence.
    pub about: &'static str,
    /// Whether it breaks a promise.
    pub nature: Nature,
    /// The aspects it changes, in their order.
    pub changes: &'static [Aspect],
    apply: fn(&mut Behaviour),
}

impl NamedChange {
    /// Changes the behaviour; where several entries change the same part, the last of them wins.
    pub fn apply(&self, behaviour: &mut Behaviour) {
        (self.apply)(behaviour);
    }

    /// The checks that may fail because of it: those that ought to name it, and those that may fail as well.
    pub fn declared(&self) -> Vec<&'static str> {
        match self.nature {
            Nature::Deviation { checks, also, .. } => [checks, also].concat(),
            Nature::LegalVariant => Vec::new(),
        }
    }

    const fn new(name: &'static str, about: &'static str, nature: Nature) -> Self {
        // The catalogue gives each entry the group of its list.
        Self { name, group: Group::Composed, about, nature, changes: &[], apply: |_| {} }
    }

    /// The checks that ought to name it, and the aspects it changes.
    const fn breaks(mut self, named: &'static [&'static str], changes: &'static [Aspect]) -> Self {
        self.changes = changes;
        if let Nature::Deviation { checks, .. } = &mut self.nature {
            *checks = named;
        }
        self
    }

    /// The checks that may fail as well.
    const fn also(mut self, more: &'static [&'static str]) -> Self {
        if let Nature::Deviation { also, .. } = &mut self.nature {
            *also = more;
        }
        self
    }

    const fn by(mut self, apply: fn(&mut Behaviour)) -> Self {
        self.apply = apply;
        self
    }
}

const fn deviation(name: &'static str, about: &'static str, breach: Breach) -> NamedChange {
    NamedChange::new(name, about, Nature::Deviation { breach, checks: &[], also: &[] })
}

/// Breaks a `must`.
const fn must(name: &'static str, about: &'static str) -> NamedChange {
    deviation(name, about, Breach::Must)
}

/// Breaks a `should`.
const fn should(name: &'static str, about: &'static str) -> NamedChange {
    deviation(name, about, Breach::Should)
}

/// Breaks what HTTP asks for.
const fn rfc(name: &'static str, about: &'static str) -> NamedChange {
    deviation(name, about, Breach::Rfc)
}

/// Breaks nothing.
const fn legal(name: &'static str, about: &'static str) -> NamedChange {
    NamedChange::new(name, about, Nature::LegalVariant)
}

/// What is counted for a key and something else of the request.
fn key_and(context: &RequestContext<'_>, part: impl fmt::Display) -> CountedFor {
    CountedFor::Named(format!("{} at {part}", context.key_id()))
}

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
            entries.iter().map(move |entry| NamedChange { group, ..*entry }).collect::<Vec<_>>()
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
