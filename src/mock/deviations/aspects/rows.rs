//! The table of aspects. Those that are hidden by many others were found by playing the whole suite against each
//! deviation: whoever makes another's checks fail, or leaves them without a verdict, is in front of it.

use super::Aspect::{self, *};

/// An aspect, those it is seen through, and the deviations that change it.
pub(super) struct Row {
    /// The aspect.
    pub(super) aspect: Aspect,
    /// Those without which nobody sees it, or tells a change of it from one of theirs.
    pub(super) through: &'static [Aspect],
    /// The deviations that change it.
    pub(super) changed_by: &'static [&'static str],
}

const fn row(aspect: Aspect, through: &'static [Aspect], changed_by: &'static [&'static str]) -> Row {
    Row { aspect, through, changed_by }
}

const AUTHENTICATION: &[Row] = &[
    row(Status401, &[], &["unauthorized-as-403", "scope-before-key", "guessers-limited"]),
    row(
        Body401,
        &[NoKey, UnknownKey],
        &[
            "unauthorized-extra-member",
            "unauthorized-other-message",
            "unauthorized-other-code",
            "unauthorized-flat",
            "unauthorized-plain-text",
            "unauthorized-empty",
            "unknown-key-told-apart",
            "revoked-key-told-apart",
            "errors-as-plain-text",
        ],
    ),
    row(Uniform401, &[Body401, BlankKey, NearKey, MalformedKey], &["unknown-key-told-apart"]),
    row(Challenge, &[NoKey], &["no-challenge"]),
    row(NoKey, &[Status401], &["open-events", "open-sessions", "open-overview", "open-tools"]),
    row(ScoresNoKey, &[NoKey], &["open-scores"]),
    row(BlankKey, &[NoKey], &["blank-key-opens"]),
    // Where no key is needed, an unknown one does.
    row(UnknownKey, &[NoKey], &["any-key-opens"]),
    row(
        NearKey,
        &[UnknownKey],
        &[
            "key-case-ignored",
            "last-character-ignored",
            "short-key-opens",
            "long-key-opens",
            "half-key-opens",
        ],
    ),
    row(
        MalformedKey,
        &[NearKey, JunkKey],
        &["prefix-optional", "test-prefix-opens", "prefix-alone-opens", "bearer-inside-x-api-key"],
    ),
    row(JunkKey, &[UnknownKey], &["junk-key-500", "quoted-key-500", "huge-key-500"]),
    row(RevokedKey, &[UnknownKey, Body401, Reads], &["revoked-keys-live-on", "revoked-keys-cached"]),
    row(Bearer, &[NoKey], &["accept-bearer", "tools-accept-bearer", "junk-authorization-refused"]),
    row(Basic, &[NoKey], &["accept-basic", "junk-authorization-refused"]),
    row(
        OtherHeader,
        &[NoKey],
        &[
            "accept-api-key-header",
            "accept-x-auth-token",
            "accept-authorization-apikey",
            "junk-authorization-refused",
        ],
    ),
    row(
        Query,
        &[NoKey],
        &["accept-query-api-key", "accept-query-key", "accept-query-token", "accept-query-x-api-key"],
    ),
    row(Cookie, &[NoKey], &["accept-cookie"]),
    row(KeyInBody, &[NoKey, Posts], &["accept-key-in-body"]),
    row(
        ScoresElsewhere,
        &[ScoresNoKey, Bearer, Basic, OtherHeader, Query, Cookie, KeyInBody],
        &["scores-accept-query-key"],
    ),
    row(Rescue, &[BlankKey, UnknownKey, Bearer, Query], &["bearer-rescues", "query-rescues"]),
    row(Beside, &[Reads], &["junk-authorization-refused"]),
    row(HeadKey, &[NoKey], &["head-open"]),
    row(ConnectionKey, &[BlankKey, UnknownKey, ConnectionScope], &["connections-remember"]),
    row(SpelledKey, &[NoKey], &["slash-open"]),
    row(ForwardedKey, &[NoKey], &["insiders-need-no-key"]),
    row(Echo, &[], &["echo-key", "echo-random-part"]),
    row(
        Order,
        &[BlankKey, UnknownKey, Grants],
        &["scope-before-key", "body-before-key", "body-before-scope"],
    ),
];

const SCOPES: &[Row] = &[
    row(Reads, &[NoKey, UnknownKey], &["tools-refuse-everybody", "all-scopes-needed", "reading-needs-both"]),
    row(Posts, &[NoKey, UnknownKey], &["events-refuse-everybody", "all-scopes-needed", "posting-needs-both"]),
    row(
        BothScopes,
        &[Reads, Posts],
        &["first-scope-only", "last-scope-only", "read-first-loses-write", "connections-keep-their-key"],
    ),
    row(
        Grants,
        &[Status403, Reads, Posts],
        &[
            "sessions-unscoped",
            "overview-unscoped",
            "tools-unscoped",
            "events-unscoped",
            "scores-unscoped",
            "write-implies-read",
            "read-implies-write",
            "all-scopes-needed",
            "posting-needs-both",
            "reading-needs-both",
            "first-scope-only",
            "last-scope-only",
            "read-first-loses-write",
        ],
    ),
    row(Status403, &[Posts], &["forbidden-as-401", "forbidden-as-404"]),
    row(
        Body403,
        &[Grants],
        &[
            "forbidden-names-other-scope",
            "forbidden-names-read-only",
            "forbidden-names-no-scope",
            "forbidden-extra-member",
            "forbidden-other-code",
            "errors-as-plain-text",
        ],
    ),
    row(Effect403, &[Grants], &["forbidden-batches-stored"]),
    row(ConnectionScope, &[Grants], &["connections-keep-their-key"]),
    row(SpelledScope, &[Grants], &["slash-unscoped"]),
];

const REFUSALS: &[Row] = &[
    // The last four spare some keys, or some connections, their 429s.
    row(
        Status429,
        &[Reads, Posts],
        &[
            "limited-as-503",
            "limited-as-200",
            "no-limit",
            "everybody-on-ingestion",
            "requests-not-apart",
            "per-connection",
            "replica-by-connection",
        ],
    ),
    row(
        Body429,
        &[Status429],
        &[
            "limited-extra-member",
            "limited-other-code",
            "limited-other-message",
            "limited-message-without-number",
            "limited-message-fraction",
            "limited-flat",
            "limited-plain-text",
            "limited-empty",
            "errors-as-plain-text",
        ],
    ),
    row(
        MessageNumber,
        &[Body429, RetryAfterForm, RetryAfterValue],
        &["message-disagrees", "limited-message-without-number", "events-429-always-1", "events-429-date"],
    ),
    row(
        RetryAfterForm,
        &[Status429],
        &[
            "retry-after-missing",
            "retry-after-sometimes-missing",
            "retry-after-date",
            "retry-after-fraction",
            "retry-after-unit",
            "retry-after-sign",
            "retry-after-negative",
            "retry-after-list",
            "retry-after-twice",
        ],
    ),
    row(
        RetryAfterValue,
        &[RetryAfterForm],
        &[
            "retry-after-zero",
            "retry-after-61",
            "retry-after-hour",
            "retry-after-milliseconds",
            "retry-after-rounded-down",
            "retry-after-rounded-to-nearest",
            "retry-after-one-less",
            "retry-after-always-59",
            "retry-after-always-1",
            "retry-after-half",
            "retry-after-late-half",
            "retry-after-jumps",
            "refusals-extend-ban",
            "one-at-a-time",
            "window-90s",
            "token-bucket",
        ],
    ),
    // In a shorter window 59 seconds are enough, and nothing is ever late.
    row(RetryAfterMinute, &[RetryAfterValue, Window], &["retry-after-always-59", "retry-after-late-half"]),
    row(Effect429, &[Ingestion, BothScopes], &["limited-batches-stored"]),
    row(Cache429, &[Status429], &["limited-cacheable"]),
];

const LIMITS: &[Row] = &[
    // Who refills or drains a key's count with somebody else's requests counts them for the wrong one.
    row(
        Unit,
        &[Status429],
        &[
            "per-connection",
            "per-endpoint",
            "per-query-string",
            "per-forwarded-for",
            "per-user-agent",
            "per-address",
            "shared-by-all-keys",
            "shared-by-tier",
            "two-replicas",
            "replica-by-connection",
            "wrong-keys-refill",
            "bad-keys-drain",
            "connections-keep-their-key",
            "racy-counter",
            "one-at-a-time",
        ],
    ),
    row(PerKey, &[Unit, RetryAfterValue], &["per-address", "shared-by-all-keys", "shared-by-tier"]),
    row(BadKeys, &[NearKey, Unit], &["wrong-keys-refill", "bad-keys-drain"]),
    row(Counting, &[Status429], &["racy-counter", "racy-streams", "racy-events", "one-at-a-time"]),
    row(
        Standard,
        &[Unit, Counting],
        &[
            "standard-limit-59",
            "standard-limit-61",
            "tier-by-route",
            "everybody-on-ingestion",
            "leak",
            "no-limit",
            "later-windows-one-less",
            "later-windows-one-more",
            "token-bucket",
            "racy-counter",
            "one-at-a-time",
        ],
    ),
    row(
        Premium,
        &[Unit, Counting],
        &[
            "premium-limit-299",
            "premium-limit-301",
            "premium-is-standard",
            "everybody-on-ingestion",
            "tier-by-route",
            "leak",
            "no-limit",
            "later-windows-one-less",
            "later-windows-one-more",
            "token-bucket",
            "racy-counter",
            "one-at-a-time",
        ],
    ),
    row(
        Ingestion,
        &[Unit, Counting],
        &[
            "ingestion-limit-999",
            "ingestion-limit-1001",
            "ingestion-not-automatic",
            "requests-not-apart",
            "requests-of-100-events",
            "tier-by-route",
            "leak",
            "no-limit",
            "later-windows-one-less",
            "later-windows-one-more",
            "token-bucket",
            "racy-counter",
            "one-at-a-time",
        ],
    ),
    row(TierByKey, &[Premium, Ingestion, BothScopes], &["tier-by-route"]),
    row(
        Window,
        &[Standard, Premium, Ingestion],
        &[
            "window-30s",
            "window-10s",
            "window-45s",
            "window-90s",
            "token-bucket",
            "idle-expiry",
            "later-windows-one-less",
            "later-windows-one-more",
            "refusals-extend-ban",
        ],
    ),
    row(
        Counted,
        &[Standard, Premium, Ingestion, BothScopes],
        &["per-endpoint", "tools-uncounted", "one-row-uncounted"],
    ),
    row(CountedScores, &[Ingestion, BothScopes], &["scores-uncounted"]),
    row(CountedSpelled, &[Counted], &["slash-uncounted"]),
    row(CountedHead, &[Counted], &["head-uncounted"]),
    row(CountedHttp2, &[Counted, Counting], &["http2-uncounted", "racy-streams"]),
];

const EVENTS: &[Row] = &[
    row(
        Events,
        &[Ingestion, Window, BothScopes],
        &[
            "events-limit-one-less",
            "events-limit-one-more",
            "events-unlimited",
            "events-counted-by-batch",
            "events-counted-by-size",
            "events-by-session",
            "events-by-the-hour",
            "events-every-10s",
            "events-shared-by-all-keys",
            "large-batches-refused",
            "straddle-admitted",
            "straddle-partly-accepted",
            "straddle-partly-stored",
            "requests-not-apart",
            "requests-of-100-events",
            "ingestion-not-automatic",
            "everybody-on-ingestion",
            "racy-events",
            "no-limit",
            "limited-batches-stored",
        ],
    ),
    row(
        Refusal429,
        &[Events, RetryAfterForm, RetryAfterValue, Body429],
        &[
            "events-429-without-retry-after",
            "events-429-always-1",
            "events-429-date",
            "events-429-other-words",
        ],
    ),
    // What is refused before the limit costs nothing.
    row(InvalidBatches, &[Events, Order, NearKey], &["invalid-batches-charged"]),
    row(ReadsWithoutEvents, &[Events], &["reads-stop-with-events"]),
];

/// Every row.
pub(super) fn rows() -> impl Iterator<Item = &'static Row> {
    [AUTHENTICATION, SCOPES, REFUSALS, LIMITS, EVENTS].into_iter().flatten()
}
