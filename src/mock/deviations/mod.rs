//! Named changes to the reference: deviations, which some check ought to name, and legal variants, which none may.

mod aspects;
mod authentication;
mod bodies;
mod composed;
mod concurrency;
mod events;
mod limits;
mod scopes;
mod the_429;
mod variants;

use std::fmt;
use std::sync::LazyLock;

use super::behaviour::Behaviour;
use super::limiter::Kind;

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
pub struct Entry {
    /// Its name, in small letters, digits and hyphens.
    pub name: &'static str,
    /// What it is about.
    pub group: Group,
    /// What it does, in one sentence.
    pub about: &'static str,
    /// Whether it breaks a promise.
    pub nature: Nature,
    apply: fn(&mut Behaviour),
}

impl Entry {
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

    /// The same, where these checks may fail as well.
    const fn also(self, more: &'static [&'static str]) -> Self {
        let nature = match self.nature {
            Nature::Deviation { breach, checks, .. } => Nature::Deviation { breach, checks, also: more },
            Nature::LegalVariant => Nature::LegalVariant,
        };
        Self { nature, ..self }
    }
}

/// Breaks something.
const fn deviation(
    group: Group,
    name: &'static str,
    breach: Breach,
    checks: &'static [&'static str],
    about: &'static str,
    apply: fn(&mut Behaviour),
) -> Entry {
    Entry { name, group, about, nature: Nature::Deviation { breach, checks, also: &[] }, apply }
}

/// Breaks a `must`.
const fn must(
    group: Group,
    name: &'static str,
    checks: &'static [&'static str],
    about: &'static str,
    apply: fn(&mut Behaviour),
) -> Entry {
    deviation(group, name, Breach::Must, checks, about, apply)
}

/// Breaks a `should`.
const fn should(
    group: Group,
    name: &'static str,
    checks: &'static [&'static str],
    about: &'static str,
    apply: fn(&mut Behaviour),
) -> Entry {
    deviation(group, name, Breach::Should, checks, about, apply)
}

/// Breaks what HTTP asks for.
const fn rfc(
    group: Group,
    name: &'static str,
    checks: &'static [&'static str],
    about: &'static str,
    apply: fn(&mut Behaviour),
) -> Entry {
    deviation(group, name, Breach::Rfc, checks, about, apply)
}

/// Breaks nothing.
const fn legal(group: Group, name: &'static str, about: &'static str, apply: fn(&mut Behaviour)) -> Entry {
    Entry { name, group, about, nature: Nature::LegalVariant, apply }
}

/// Every deviation and every legal variant, by group.
///
/// ```
/// use trenchcheck::mock::{catalogue, find};
/// assert!(catalogue().len() > 80);
/// assert!(find("accept-bearer").is_ok());
/// assert_eq!(find("accept-baerer").unwrap_err().nearest, "accept-bearer");
/// ```
pub fn catalogue() -> &'static [Entry] {
    static ALL: LazyLock<Vec<Entry>> = LazyLock::new(|| {
        let lists = [
            authentication::ENTRIES,
            bodies::ENTRIES,
            scopes::ENTRIES,
            limits::ENTRIES,
            the_429::ENTRIES,
            events::ENTRIES,
            concurrency::ENTRIES,
            composed::ENTRIES,
            variants::ENTRIES,
        ];
        let mut all = lists.concat();
        all.sort_by_key(|entry| entry.group);
        all
    });
    &ALL
}

/// A word that names no change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no deviation is called `{name}`; did you mean `{nearest}`? `trenchcheck mock --list` shows all")]
pub struct UnknownDeviation {
    /// The word.
    pub name: String,
    /// The name most like it.
    pub nearest: &'static str,
}

/// The entry of this name.
///
/// # Errors
/// [`UnknownDeviation`], with the name that is most like it.
pub fn find(name: &str) -> Result<&'static Entry, UnknownDeviation> {
    let all = catalogue();
    if let Some(entry) = all.iter().find(|entry| entry.name == name) {
        return Ok(entry);
    }
    let likeness = |entry: &&Entry| strsim::jaro_winkler(entry.name, name);
    let nearest = all.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    Err(UnknownDeviation { name: name.to_owned(), nearest: nearest.map_or("", |entry| entry.name) })
}

/// The behaviour of the reference with these changes and this limiter.
///
/// # Errors
/// [`UnknownDeviation`] for the first name that is none.
pub fn behaviour<S: AsRef<str>>(names: &[S], limiter: Option<Kind>) -> Result<Behaviour, UnknownDeviation> {
    let mut behaviour = Behaviour::default();
    match limiter {
        None => {}
        Some(Kind::Anchored) => behaviour.rules.push(|rules| rules.kind = Kind::Anchored),
        Some(Kind::Aligned) => behaviour.rules.push(|rules| rules.kind = Kind::Aligned),
        Some(Kind::Sliding) => behaviour.rules.push(|rules| rules.kind = Kind::Sliding),
        Some(Kind::SlidingCounter) => behaviour.rules.push(|rules| rules.kind = Kind::SlidingCounter),
        Some(Kind::TokenBucket) => behaviour.rules.push(|rules| rules.kind = Kind::TokenBucket),
    }
    for name in names {
        find(name.as_ref())?.apply(&mut behaviour);
    }
    Ok(behaviour)
}

#[cfg(test)]
mod tests;
