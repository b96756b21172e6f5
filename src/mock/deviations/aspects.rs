//! The *aspects* into which the service is cut, such as the body of a 401 or what Premium is granted.
//!
//! A deviation changes one or more of them, and most aspects are seen through others: nobody sees a wrong Retry-After where
//! nothing is limited.

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
            pub(super) const fn through(self) -> &'static [Self] {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mock::deviations::catalogue;

    #[test]
    fn every_aspect_has_a_deviation_that_changes_it() {
        for aspect in Aspect::ALL {
            assert!(catalogue().iter().any(|entry| entry.changes.contains(aspect)), "{aspect:?}");
        }
    }
}
