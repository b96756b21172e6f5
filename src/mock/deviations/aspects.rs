//! The *aspects* into which the service is cut, such as the body of a 401 or what Premium is granted.
//!
//! A deviation changes one or more of them, and most aspects are seen through others: nobody sees a wrong Retry-After where
//! nothing is limited.

/// Declares the aspects, each with those without which nobody sees it, or tells a change of it from one of theirs.
macro_rules! aspects {
    ($($aspect:ident [$($through:ident),*] => $about:literal,)*) => {
        /// A part of what the service does that deviations change.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Aspect {
            $(#[doc = $about] $aspect,)*
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
    Status401 [] => "That whoever shows no valid key is answered 401, always.",
    Body401 [NoKey, UnknownKey] => "What the body of a 401 says.",
    Uniform401 [Body401, BlankKey, NearKey, MalformedKey]
        => "Whether the body of a 401 is the same for every cause.",
    Challenge [NoKey] => "The challenge of a 401.",
    NoKey [Status401] => "What becomes of requests without a key.",
    ScoresNoKey [NoKey] => "What becomes of scores without a key.",
    BlankKey [NoKey] => "What becomes of an empty key.",
    // Where no key is needed, an unknown one does.
    UnknownKey [NoKey] => "What becomes of keys that nobody has.",
    NearKey [UnknownKey] => "What becomes of keys that resemble a valid one.",
    MalformedKey [NearKey, JunkKey] => "What becomes of keys in another form.",
    JunkKey [UnknownKey] => "What becomes of keys no client would make.",
    RevokedKey [UnknownKey, Body401, Reads] => "What becomes of revoked keys.",
    Bearer [NoKey, Reads] => "Whether Bearer credentials are taken.",
    Basic [NoKey] => "Whether Basic credentials are taken.",
    OtherHeader [NoKey] => "Whether keys in other headers are taken.",
    Query [NoKey] => "Whether keys in the query are taken.",
    Cookie [NoKey] => "Whether keys in cookies are taken.",
    KeyInBody [NoKey, Posts] => "Whether keys in bodies are taken.",
    ScoresElsewhere [ScoresNoKey, Bearer, Basic, OtherHeader, Query, Cookie, KeyInBody]
        => "Whether keys in other places are taken with scores.",
    Rescue [BlankKey, UnknownKey, Bearer, Query]
        => "Whether a good key elsewhere makes up for a bad one.",
    Beside [Reads] => "Whether other credentials beside a valid key are ignored.",
    HeadKey [NoKey] => "What becomes of HEAD without a key.",
    ConnectionKey [BlankKey, UnknownKey, ConnectionScope]
        => "Whether a connection is taken for a key.",
    SpelledKey [NoKey] => "What becomes of other spellings of a path without a key.",
    ForwardedKey [NoKey] => "What becomes of those without a key who seem to come from elsewhere.",
    Echo [] => "Whether answers repeat the key.",
    Order [BlankKey, UnknownKey, Grants]
        => "The order of the steps between a request and its answer.",
    Reads [NoKey, UnknownKey] => "Whether keys that may read are let in to read.",
    Posts [NoKey, UnknownKey] => "Whether keys that may post are let in to post.",
    BothScopes [Reads, Posts] => "What keys with both scopes may do.",
    Grants [Status403, Reads, Posts] => "What a key may do.",
    Status403 [Reads, Posts] => "That whoever lacks a scope is answered 403.",
    Body403 [Grants] => "What the body of a 403 says.",
    Effect403 [Grants] => "Whether a 403 leaves something behind.",
    ConnectionScope [Grants] => "Whose scopes count on a connection with several keys.",
    SpelledScope [Grants] => "What scopes are needed for other spellings of a path.",
    Status429 [Reads, Posts] => "That whoever is over a limit is answered 429.",
    Body429 [Status429] => "What the body of a 429 says.",
    MessageNumber [Body429, RetryAfterForm, RetryAfterValue]
        => "Which number the message of a 429 names.",
    RetryAfterForm [Status429] => "That a 429 has one Retry-After in whole seconds.",
    RetryAfterValue [RetryAfterForm] => "How many seconds Retry-After promises.",
    RetryAfterMinute [RetryAfterValue, Window]
        => "What Retry-After promises in the course of a whole minute.",
    Effect429 [Ingestion, BothScopes] => "Whether a 429 leaves something behind.",
    Cache429 [Status429] => "Whether a 429 may be cached.",
    Unit [Status429] => "What requests are counted for.",
    PerKey [Unit, RetryAfterValue] => "Whether each key is counted for itself.",
    BadKeys [NearKey, Unit] => "What bad keys do to the counts of good ones.",
    Counting [Status429] => "How requests that come together are counted.",
    Standard [Unit, Counting] => "How many requests Standard is granted.",
    Premium [Unit, Counting] => "How many requests Premium is granted.",
    Ingestion [Unit, Counting] => "How many requests Ingestion is granted.",
    TierByKey [Premium, Ingestion, BothScopes] => "Whether the tier depends on the key alone.",
    Window [Standard, Premium, Ingestion] => "How long a window lasts, and what comes after it.",
    Counted [Standard, Premium, Ingestion, BothScopes] => "Which requests are counted.",
    CountedScores [Ingestion, BothScopes] => "Whether scores are counted.",
    CountedSpelled [Counted] => "Whether other spellings of a path are counted.",
    CountedHead [Counted] => "Whether HEAD is counted.",
    CountedHttp2 [Counted, Counting] => "Whether requests in HTTP/2 are counted.",
    Events [Ingestion, Window, BothScopes] => "How events are counted.",
    EventLimit [Events] => "How many events a window holds.",
    Straddle [Events] => "What becomes of a batch that is larger than what is left.",
    Refusal429 [Events, RetryAfterForm, RetryAfterValue, Body429]
        => "What a 429 to a batch looks like.",
    InvalidBatches [Events, Order, NearKey] => "What invalid batches cost.",
    ReadsWithoutEvents [Events] => "Whether one may read when out of events.",
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
