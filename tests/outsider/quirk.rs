//! What a server does otherwise.

/// One thing done otherwise. Without any, the server does what the page says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quirk {
    // Who is let in.
    /// Keys are looked up without regard to case.
    KeysIgnoreCase,
    /// Keys are looked up by the first 16 characters after the prefix.
    KeysByTheirBeginning,
    /// Keys are looked up with SQL's LIKE.
    KeysByLike,
    /// `authorization: apikey …` opens as well.
    ApiKeyScheme,
    /// Batches may be sent with `?api_key=…`, as beacons do.
    BeaconsWithQuery,
    /// Who has no valid key lacks the scope, too.
    UnknownIsForbidden,
    /// After a hundred wrong keys in a minute, the next ones are 429.
    GuessersAreLimited,
    /// HEAD needs no key.
    HeadIsOpen,
    /// With a slash at its end, a path is not under authentication.
    SlashIsOpen,
    /// Who comes from this machine, by X-Forwarded-For, needs no key.
    InsidersAreOpen,
    /// With a slash at its end, a path needs no scope.
    SlashNeedsNoScope,
    /// Of a connection's valid keys only the first counts.
    FirstKeyOfConnection,
    /// A connection that once showed a valid key needs none.
    ConnectionsRemember,
    /// Answers to GET are kept for a while by URL, before anybody asks for a key.
    AnswersAreKept,
    /// Revoked keys are looked for once a minute.
    RevokedLater,
    /// Who has a revoked key is told that it may do nothing.
    RevokedIsForbidden,
    /// 401 says where to get a key.
    UnauthorizedHint,
    /// 401 is a page in HTML.
    UnauthorizedPage,
    /// What does not look like a key is a bad request.
    MalformedIsBadRequest,
    /// A body is read, and refused, before anybody asks for a key.
    BodyFirst,
    /// A key that is no text crashes the handler.
    JunkCrashes,
    /// 401 repeats the key.
    UnauthorizedEcho,
    /// The overview is for everybody.
    OverviewIsPublic,

    // What they may do.
    /// 403 names the other scope.
    ScopesSwapped,
    /// 403 names the scope the key has.
    OwnScopeNamed,
    /// Of the scopes of a key, only the first counts.
    FirstScopeCounts,
    /// Who may write may read the overview.
    WritersReadOverview,
    /// What a key may not do is not found.
    ForbiddenIsNotFound,
    /// 403 has a code of its own.
    InsufficientScope,
    /// A batch is stored before the scope is looked at.
    StoredBeforeScope,
    /// 403 is text.
    ForbiddenText,

    // How requests are counted.
    /// Only GET is limited.
    OnlyGetIsLimited,
    /// A wrong key makes all of its sender's counters begin anew.
    WrongKeyRefills,
    /// A 429 makes the counter begin anew.
    RefusalRefills,
    /// Keys with the same scopes share a counter.
    SharedByScopes,
    /// Keys of one account share a counter.
    SharedByOwner,
    /// Every path has a counter.
    CountedByPath,
    /// Every address in X-Forwarded-For has a counter.
    CountedByForwardedFor,
    /// A 429 is kept by URL and sent to whoever asks for that.
    RefusalsAreKept,
    /// A request comes back every second.
    Bucket,
    /// The minute before is weighed in the wrong way round.
    WeighsTheWrongWay,
    /// Who is silent for ten seconds is forgotten.
    ForgetsTheSilent,
    /// The window has two minutes, and room for twice as much.
    TwoMinutes,
    /// The first request of a connection is not counted.
    FirstOfConnectionIsFree,
    /// Counters are brought together once in sixteen requests.
    CountedLater,
    /// What was not used in the last minute can be used in this one.
    UnusedIsSaved,
    /// Requests with a query are not counted.
    QueriesAreFree,
    /// A 429 is sent as 200, with the error in it.
    RefusedWith200,
    /// Who is over the limit is not told so: the connection ends.
    RefusedWithoutAnAnswer,
    /// One request in thirteen is refused, whatever is left.
    RefusedNowAndThen,
    /// The plan decides for all keys, also for those that ingest.
    PlanDecides,

    // What 429 looks like.
    /// Retry-After is in milliseconds.
    Milliseconds,
    /// Retry-After has a fraction of zero.
    PointZero,
    /// Retry-After is the time of day when the window ends, in seconds since 1970.
    UnixTime,
    /// Retry-After is twice the time.
    Doubled,
    /// Retry-After is the age of the window.
    Age,
    /// Retry-After is half a minute, always.
    AlwaysHalf,
    /// Retry-After is 0 in the last second of a window.
    ZeroAtTheEnd,
    /// The message says 60, whatever Retry-After does.
    MessageSays60,
    /// Retry-After is ten seconds short.
    TenSecondsEarly,
    /// Retry-After is only in the body.
    OnlyInTheBody,
    /// The body has a member of its own for it.
    RetryAfterMember,
    /// The code is TOO_MANY_REQUESTS.
    TooManyRequests,
    /// 429 is a page in HTML.
    RefusedPage,
    /// 420, as one did once.
    EnhanceYourCalm,
    /// Anybody may keep a 429.
    PublicRefusal,
    /// Only the first 429 of a window says how long to wait.
    FirstRefusalTells,

    // How events are counted.
    /// Of a batch no more than 500 events are counted.
    HalfCounted,
    /// Single events are not counted.
    SinglesAreFree,
    /// Events are counted in thousands, rounded down.
    ThousandsDown,
    /// Events are counted in thousands, rounded up.
    ThousandsUp,
    /// A batch with a key that begins like one costs its events.
    NearMissesCharged,
    /// Retry-After speaks of requests, also when it was events that ran out.
    WaitForRequests,
    /// What is over the limit of events is stored all the same.
    StoredOverLimit,
    /// A batch is admitted as long as the limit of events is not reached.
    LastBatchFits,
    /// A read makes the counter of events begin anew.
    ReadsRefillEvents,

    // Conforming, if not common.
    /// Every error is indented, and written with escapes.
    Escapes,
    /// Retry-After has leading zeros.
    LeadingZeros,
    /// Retry-After is the page's 60 whatever the time.
    Constant60,
    /// Batches are answered 202 with nothing in it.
    Queued,
    /// Only the published clients' envelope is taken.
    WireOnly,
    /// There are no scores, and neither overview nor tools.
    FewEndpoints,
    /// HEAD and OPTIONS are not offered.
    GetAndPostOnly,
    /// A path with a slash at its end is sent elsewhere.
    SlashRedirects,
    /// What is refused for its body is not counted.
    OnlySuccessCounts,
    /// The limit comes before the scope, and 403 counts.
    LimitBeforeScope,
    /// The list of sessions is another one than the page shows, and a second late.
    OtherList,
    /// Connections end after every third answer.
    ClosesOften,
    /// A parameter that is not on the page is refused, whoever asks.
    StrictParameters,
    /// There are header fields that look like the ones that are judged.
    ManyHeaders,
}
