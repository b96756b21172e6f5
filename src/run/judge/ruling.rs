//! What one play comes to, as far as a check reads it, and what a deployment may lack for that.

use crate::report::Failure;
use crate::run::evidence::Gap;
use crate::run::limiters::Suspicion;
use crate::scenario::model::Fact;

/// Why nothing exact can be said where the server fails now and then: the checks of the limits name it.
pub(super) const FALTERS: &str = "some requests are answered 5xx";

/// What is to be said of a quota that no one connection can use up, in the same words for every tier.
pub(super) const SPLIT: &str = "a key that is refused on one connection is let in on others, as where instances share its quota \
                                out among themselves";

/// Why nothing can be said of a key that should be used up.
pub(super) const NO_END: &str = "no end of this tier's requests was seen, so nothing can be used up";

/// Why events are not counted by one counter where requests are not.
pub(super) const INSTANCES: &str = "several instances count for themselves";

/// Why nothing can be said of an answer that goes to whoever asked too often without a key that exists.
pub(super) const LOCKED_OUT: &str = "whoever asks often without a key that exists is locked out";

/// What is to be said of quota that is not there at once, in the same words for every tier.
pub(super) const BIT_BY_BIT: &str = "a rested key gets some of its quota at once and the rest bit by bit, as where a gateway smooths requests out";

/// What is to be said where a limit holds in HTTP/1.1 alone.
pub(super) const HTTP2_UNCOUNTED: &str = "requests in HTTP/2 are let in without being counted";

/// What is to be said of requests that are let in beyond the quota now and then, in the same words for every tier.
pub(super) const NOW_AND_THEN: &str = "a key over its limit is let in now and then";

/// What is to be said of requests that were refused while quota was left, in the same words for every tier.
pub(super) const EARLY: &str = "some requests are refused although quota is left";

/// What a deployment lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lack {
    /// That a key is let in where its scope says so.
    Admission,
    /// An end of the requests of a window.
    RequestLimit,
    /// An end of the events of a window.
    EventLimit,
    /// That a key which was used up gets a quota again.
    Recovery,
    /// That a key which was used up stays so until then.
    Hold,
    /// That who waits as long as told is let in.
    Promise,
    /// A quota of the key's own.
    OwnQuota,
    /// Events of the key's own.
    OwnEvents,
    /// That nobody is locked out.
    Access,
}

impl Lack {
    /// Whether a check that learns this names what is lacking.
    pub(super) fn is_named_by(self, learns: Option<Fact>) -> bool {
        match self {
            Self::Admission | Self::Access => false,
            Self::RequestLimit => learns == Some(Fact::Requests),
            Self::EventLimit => learns == Some(Fact::Events),
            Self::Recovery => learns == Some(Fact::Recovery),
            Self::Hold => learns == Some(Fact::Hold),
            Self::Promise => learns == Some(Fact::Promise),
            Self::OwnQuota => learns == Some(Fact::Sharing),
            Self::OwnEvents => learns == Some(Fact::EventsSharing),
        }
    }
}

/// What a reading came to.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Ruling {
    /// Every expectation held.
    Held,
    /// Every expectation held, and this was seen.
    HeldWith(String),
    /// Some are broken, and nothing conforming explains it.
    Broken(Vec<Failure>),
    /// Some are broken, and something conforming may explain it.
    Suspect(Suspicion, Vec<Failure>),
    /// A burst that should have met a fresh window was refused as a whole. Where nothing conforming explains that, a check
    /// that owns what is lacking names it.
    MetNoWindow(Suspicion, Lack, String),
    /// It was measured out by limits that are not those of this deployment.
    Stale,
    /// The deployment stands in the way.
    Blocked(String),
    /// It lacks what this would be seen by, and the checks that own that name it.
    Lacking(Lack, String),
    /// Something that is needed is not there.
    Skipped(String),
    /// Nothing follows from what was seen.
    Inconclusive(String),
}

impl Ruling {
    /// What comes next, where this held.
    pub(super) fn and_then(self, next: impl FnOnce() -> Self) -> Self {
        if self == Self::Held { next() } else { self }
    }

    pub(super) fn of(gap: &Gap) -> Self {
        match gap {
            Gap::Blocked(why) => Self::Blocked(why.clone()),
            Gap::NotAdmitted(why) => Self::Lacking(Lack::Admission, why.clone()),
            Gap::NeverLimited(why) => Self::Lacking(Lack::RequestLimit, why.clone()),
            Gap::NotHeld(why) => Self::Lacking(Lack::Hold, why.clone()),
            Gap::Skipped(why) => Self::Skipped(why.clone()),
            Gap::Inconclusive(why) => Self::Inconclusive(why.clone()),
            Gap::Noise(why) => Self::Suspect(Suspicion::Noise(why.clone()), Vec::new()),
        }
    }
}
