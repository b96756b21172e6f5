//! Which deviations show beside each other in one server.
//!
//! The service is cut into *aspects*, such as the body of a 401 or what Premium is granted. A deviation changes one or
//! more of them, and most aspects are seen through others: nobody sees a wrong Retry-After where nothing is limited.
//! Two deviations get along when they change different aspects and neither changes one through which the other is seen.

mod rows;

use super::Entry;
use rows::rows;

/// A part of what the service does that deviations change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Aspect {
    /// That whoever shows no valid key is answered 401, always.
    Status401,
    /// What the body of a 401 says.
    Body401,
    /// Whether the body of a 401 is the same for every cause.
    Uniform401,
    /// The challenge of a 401.
    Challenge,
    /// What becomes of requests without a key.
    NoKey,
    /// What becomes of scores without a key.
    ScoresNoKey,
    /// What becomes of an empty key.
    BlankKey,
    /// What becomes of keys that nobody has.
    UnknownKey,
    /// What becomes of keys that resemble a valid one.
    NearKey,
    /// What becomes of keys in another form.
    MalformedKey,
    /// What becomes of keys no client would make.
    JunkKey,
    /// What becomes of revoked keys.
    RevokedKey,
    /// Whether Bearer credentials are taken.
    Bearer,
    /// Whether Basic credentials are taken.
    Basic,
    /// Whether keys in other headers are taken.
    OtherHeader,
    /// Whether keys in the query are taken.
    Query,
    /// Whether keys in cookies are taken.
    Cookie,
    /// Whether keys in bodies are taken.
    KeyInBody,
    /// Whether keys in other places are taken with scores.
    ScoresElsewhere,
    /// Whether a good key elsewhere makes up for a bad one.
    Rescue,
    /// Whether other credentials beside a valid key are ignored.
    Beside,
    /// What becomes of HEAD without a key.
    HeadKey,
    /// Whether a connection is taken for a key.
    ConnectionKey,
    /// What becomes of other spellings of a path without a key.
    SpelledKey,
    /// What becomes of those without a key who seem to come from elsewhere.
    ForwardedKey,
    /// Whether answers repeat the key.
    Echo,
    /// The order of the steps between a request and its answer.
    Order,
    /// Whether keys that may read are let in to read.
    Reads,
    /// Whether keys that may post are let in to post.
    Posts,
    /// What keys with both scopes may do.
    BothScopes,
    /// What a key may do.
    Grants,
    /// That whoever lacks a scope is answered 403.
    Status403,
    /// What the body of a 403 says.
    Body403,
    /// Whether a 403 leaves something behind.
    Effect403,
    /// Whose scopes count on a connection with several keys.
    ConnectionScope,
    /// What scopes are needed for other spellings of a path.
    SpelledScope,
    /// That whoever is over a limit is answered 429.
    Status429,
    /// What the body of a 429 says.
    Body429,
    /// Which number the message of a 429 names.
    MessageNumber,
    /// That a 429 has one Retry-After in whole seconds.
    RetryAfterForm,
    /// How many seconds Retry-After promises.
    RetryAfterValue,
    /// What Retry-After promises in the course of a whole minute.
    RetryAfterMinute,
    /// Whether a 429 leaves something behind.
    Effect429,
    /// Whether a 429 may be cached.
    Cache429,
    /// What requests are counted for.
    Unit,
    /// Whether each key is counted for itself.
    PerKey,
    /// What bad keys do to the counts of good ones.
    BadKeys,
    /// How requests that come together are counted.
    Counting,
    /// How many requests Standard is granted.
    Standard,
    /// How many requests Premium is granted.
    Premium,
    /// How many requests Ingestion is granted.
    Ingestion,
    /// Whether the tier depends on the key alone.
    TierByKey,
    /// How long a window lasts, and what comes after it.
    Window,
    /// Which requests are counted.
    Counted,
    /// Whether scores are counted.
    CountedScores,
    /// Whether other spellings of a path are counted.
    CountedSpelled,
    /// Whether HEAD is counted.
    CountedHead,
    /// Whether requests in HTTP/2 are counted.
    CountedHttp2,
    /// How events are counted.
    Events,
    /// What a 429 to a batch looks like.
    Refusal429,
    /// What invalid batches cost.
    InvalidBatches,
    /// Whether one may read when out of events.
    ReadsWithoutEvents,
}

/// What a change of this name changes. Empty for legal variants, and for what is several deviations already.
pub fn aspects(name: &str) -> Vec<Aspect> {
    rows().filter(|row| row.changed_by.contains(&name)).map(|row| row.aspect).collect()
}

/// These aspects, and all those they are seen through.
fn with_those_in_front(aspects: &[Aspect]) -> Vec<Aspect> {
    let mut seen = aspects.to_vec();
    let mut next = 0;
    while let Some(aspect) = seen.get(next).copied() {
        let in_front = rows().filter(|row| row.aspect == aspect).flat_map(|row| row.through);
        for aspect in in_front {
            if !seen.contains(aspect) {
                seen.push(*aspect);
            }
        }
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
pub fn get_along(one: &Entry, other: &Entry) -> Result<(), Clash> {
    let (changed, changed_too) = (aspects(one.name), aspects(other.name));
    for (entry, aspects) in [(one, &changed), (other, &changed_too)] {
        if aspects.is_empty() {
            return Err(Clash::NotSingle(entry.name));
        }
    }
    for (front, changed, behind, aspects) in
        [(one, &changed, other, &changed_too), (other, &changed_too, one, &changed)]
    {
        let seen_through = with_those_in_front(aspects);
        if let Some(aspect) = changed.iter().find(|aspect| seen_through.contains(aspect)) {
            return Err(Clash::Hidden { hiding: front.name, hidden: behind.name, aspect: *aspect });
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
        for name in rows().flat_map(|row| row.changed_by) {
            assert!(find(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn every_aspect_has_one_row_and_someone_who_changes_it() {
        let mut seen = Vec::new();
        for row in rows() {
            assert!(!seen.contains(&row.aspect) && !row.changed_by.is_empty(), "{:?}", row.aspect);
            seen.push(row.aspect);
        }
        for aspect in rows().flat_map(|row| row.through) {
            assert!(seen.contains(aspect), "{aspect:?}");
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
