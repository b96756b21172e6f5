//! Which deviations show beside each other in one server.
//!
//! The service is cut into *aspects*, such as the body of a 401 or what Premium is granted. A deviation changes one or
//! more of them, and most aspects are seen through others: nobody sees a wrong Retry-After where nothing is limited.
//! Two deviations get along when they change different aspects and neither changes one through which the other is seen.

use super::NamedChange;

/// Declares the aspects, each with those without which nobody sees it, or tells a change of it from one of theirs.
macro_rules! aspects {
    ($($(#[$about:meta])* $aspect:ident: [$($through:ident),*],)*) => {
        /// A part of what the service does that deviations change.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Aspect {
            $($(#[$about])* $aspect,)*
        }

        impl Aspect {
            #[cfg(test)]
            const ALL: &[Self] = &[$(Self::$aspect),*];

            /// Those it is seen through.
            const fn through(self) -> &'static [Self] {
                match self {
                    $(Self::$aspect => &[$(Self::$through),*],)*
                }
            }
        }
    };
}

// What is hidden by many others was found by playing the whole suite against each deviation: whatever makes another's
// checks fail, or leaves them without a verdict, is in front of it.
aspects! {
    /// That whoever shows no valid key is answered 401, always.
    Status401: [],
    /// What the body of a 401 says.
    Body401: [NoKey, UnknownKey],
    /// Whether the body of a 401 is the same for every cause.
    Uniform401: [Body401, BlankKey, NearKey, MalformedKey],
    /// The challenge of a 401.
    Challenge: [NoKey],
    /// What becomes of requests without a key.
    NoKey: [Status401],
    /// What becomes of scores without a key.
    ScoresNoKey: [NoKey],
    /// What becomes of an empty key.
    BlankKey: [NoKey],
    /// What becomes of keys that nobody has.
    // Where no key is needed, an unknown one does.
    UnknownKey: [NoKey],
    /// What becomes of keys that resemble a valid one.
    NearKey: [UnknownKey],
    /// What becomes of keys in another form.
    MalformedKey: [NearKey, JunkKey],
    /// What becomes of keys no client would make.
    JunkKey: [UnknownKey],
    /// What becomes of revoked keys.
    RevokedKey: [UnknownKey, Body401, Reads],
    /// Whether Bearer credentials are taken.
    Bearer: [NoKey, Reads],
    /// Whether Basic credentials are taken.
    Basic: [NoKey],
    /// Whether keys in other headers are taken.
    OtherHeader: [NoKey],
    /// Whether keys in the query are taken.
    Query: [NoKey],
    /// Whether keys in cookies are taken.
    Cookie: [NoKey],
    /// Whether keys in bodies are taken.
    KeyInBody: [NoKey, Posts],
    /// Whether keys in other places are taken with scores.
    ScoresElsewhere: [ScoresNoKey, Bearer, Basic, OtherHeader, Query, Cookie, KeyInBody],
    /// Whether a good key elsewhere makes up for a bad one.
    Rescue: [BlankKey, UnknownKey, Bearer, Query],
    /// Whether other credentials beside a valid key are ignored.
    Beside: [Reads],
    /// What becomes of HEAD without a key.
    HeadKey: [NoKey],
    /// Whether a connection is taken for a key.
    ConnectionKey: [BlankKey, UnknownKey, ConnectionScope],
    /// What becomes of other spellings of a path without a key.
    SpelledKey: [NoKey],
    /// What becomes of those without a key who seem to come from elsewhere.
    ForwardedKey: [NoKey],
    /// Whether answers repeat the key.
    Echo: [],
    /// The order of the steps between a request and its answer.
    Order: [BlankKey, UnknownKey, Grants],
    /// Whether keys that may read are let in to read.
    Reads: [NoKey, UnknownKey],
    /// Whether keys that may post are let in to post.
    Posts: [NoKey, UnknownKey],
    /// What keys with both scopes may do.
    BothScopes: [Reads, Posts],
    /// What a key may do.
    Grants: [Status403, Reads, Posts],
    /// That whoever lacks a scope is answered 403.
    Status403: [Reads, Posts],
    /// What the body of a 403 says.
    Body403: [Grants],
    /// Whether a 403 leaves something behind.
    Effect403: [Grants],
    /// Whose scopes count on a connection with several keys.
    ConnectionScope: [Grants],
    /// What scopes are needed for other spellings of a path.
    SpelledScope: [Grants],
    /// That whoever is over a limit is answered 429.
    Status429: [Reads, Posts],
    /// What the body of a 429 says.
    Body429: [Status429],
    /// Which number the message of a 429 names.
    MessageNumber: [Body429, RetryAfterForm, RetryAfterValue],
    /// That a 429 has one Retry-After in whole seconds.
    RetryAfterForm: [Status429],
    /// How many seconds Retry-After promises.
    RetryAfterValue: [RetryAfterForm],
    /// What Retry-After promises in the course of a whole minute.
    RetryAfterMinute: [RetryAfterValue, Window],
    /// Whether a 429 leaves something behind.
    Effect429: [Ingestion, BothScopes],
    /// Whether a 429 may be cached.
    Cache429: [Status429],
    /// What requests are counted for.
    Unit: [Status429],
    /// Whether each key is counted for itself.
    PerKey: [Unit, RetryAfterValue],
    /// What bad keys do to the counts of good ones.
    BadKeys: [NearKey, Unit],
    /// How requests that come together are counted.
    Counting: [Status429],
    /// How many requests Standard is granted.
    Standard: [Unit, Counting],
    /// How many requests Premium is granted.
    Premium: [Unit, Counting],
    /// How many requests Ingestion is granted.
    Ingestion: [Unit, Counting],
    /// Whether the tier depends on the key alone.
    TierByKey: [Premium, Ingestion, BothScopes],
    /// How long a window lasts, and what comes after it.
    Window: [Standard, Premium, Ingestion],
    /// Which requests are counted.
    Counted: [Standard, Premium, Ingestion, BothScopes],
    /// Whether scores are counted.
    CountedScores: [Ingestion, BothScopes],
    /// Whether other spellings of a path are counted.
    CountedSpelled: [Counted],
    /// Whether HEAD is counted.
    CountedHead: [Counted],
    /// Whether requests in HTTP/2 are counted.
    CountedHttp2: [Counted, Counting],
    /// How events are counted.
    Events: [Ingestion, Window, BothScopes],
    /// How many events a window holds.
    EventLimit: [Events],
    /// What becomes of a batch that is larger than what is left.
    Straddle: [Events],
    /// What a 429 to a batch looks like.
    Refusal429: [Events, RetryAfterForm, RetryAfterValue, Body429],
    /// What invalid batches cost.
    InvalidBatches: [Events, Order, NearKey],
    /// Whether one may read when out of events.
    ReadsWithoutEvents: [Events],
}

/// What a change of this name changes. Empty for legal variants, and for what is several deviations already.
pub fn aspects(name: &str) -> &'static [Aspect] {
    super::find(name).map_or(&[], |entry| entry.changes)
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
mod tests {
    use super::*;
    use crate::mock::deviations::{Group, Nature, catalogue, find};

    #[test]
    fn every_single_deviation_changes_something_and_nothing_else_does() {
        for entry in catalogue() {
            let single = matches!(entry.nature, Nature::Deviation { .. }) && entry.group != Group::Composed;
            assert_eq!(!aspects(entry.name).is_empty(), single, "{}", entry.name);
        }
    }

    #[test]
    fn every_aspect_has_a_deviation_that_changes_it() {
        for aspect in Aspect::ALL {
            assert!(catalogue().iter().any(|entry| entry.changes.contains(aspect)), "{aspect:?}");
        }
    }

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
