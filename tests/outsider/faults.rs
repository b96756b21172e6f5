//! One fault at a time. Its check fails, and of the checks about other things none does.

use std::collections::BTreeSet;

use tokio::task::JoinSet;
use trenchcheck::report::CheckResult;

use crate::judged::{PLACES, SHORT_SUITE, SUITE, failed, judge, said};
use crate::limiter::Algorithm;
use crate::quirk::Quirk::{self, *};
use crate::site::Nature;

/// A fault.
struct Row {
    quirk: Quirk,
    /// The checks that name it: every one of them fails.
    named_by: &'static [&'static str],
    /// Checks that may fail with it, because it breaks what they are about as well.
    also: &'static [&'static str],
}

const fn row(quirk: Quirk, named_by: &'static [&'static str]) -> Row {
    Row { quirk, named_by, also: &[] }
}

impl Row {
    const fn also(self, also: &'static [&'static str]) -> Self {
        Self { also, ..self }
    }
}

/// Who is let in, and with what.
const OF_KEYS: &[Row] = &[
    row(KeysIgnoreCase, &["auth.near-miss"]),
    row(KeysByTheirBeginning, &["auth.near-miss"]).also(&[
        "auth.body-uniform",
        "auth.never-limited",
        "auth.no-echo",
    ]),
    row(KeysByLike, &["auth.malformed"]),
    row(ApiKeyScheme, &["auth.no-other-header"]),
    row(BeaconsWithQuery, &["auth.no-query"]).also(&["auth.only-header-for-scores"]),
    row(UnknownIsForbidden, &["auth.before-scope"]).also(&[
        "auth.before-body",
        "auth.body",
        "auth.body-uniform",
        "auth.body-uniform-revoked",
        "auth.empty",
        "auth.every-request",
        "auth.junk-safe",
        "auth.malformed",
        "auth.near-miss",
        "auth.not-rescued",
        "auth.revoked",
        "auth.unknown",
    ]),
    row(GuessersAreLimited, &["auth.never-limited"])
        .also(&["rate.bad-keys-drain-nobody", "auth.no-other-header"]),
    row(HeadIsOpen, &["auth.head"]),
    row(SlashIsOpen, &["auth.path-spelled"]),
    row(InsidersAreOpen, &["auth.asked-otherwise"]),
    row(SlashNeedsNoScope, &["scope.path-spelled"]),
    row(FirstKeyOfConnection, &["scope.every-request"]).also(&[
        "auth.every-request",
        "auth.revoked",
        "rate.standard",
    ]),
    row(ConnectionsRemember, &["auth.every-request"]),
    row(AnswersAreKept, &["auth.every-request"]).also(&[
        "auth.asked-otherwise",
        "auth.before-scope",
        "auth.body",
        "auth.challenge",
        "auth.empty",
        "auth.missing",
        "auth.junk-safe",
        "auth.malformed",
        "auth.near-miss",
        "auth.never-limited",
        "auth.no-basic",
        "auth.no-bearer",
        "auth.no-cookie",
        "auth.no-other-header",
        "auth.not-rescued",
        "auth.revoked",
        "auth.unknown",
        "rate.standard",
        "auth.no-query",
        "auth.body-uniform",
        "scope.every-request",
    ]),
    row(RevokedLater, &["auth.revoked"]).also(&["auth.body-uniform-revoked"]),
    row(RevokedIsForbidden, &["auth.revoked"]).also(&["auth.body-uniform-revoked"]),
    row(UnauthorizedHint, &["auth.body"]).also(&["auth.challenge", "auth.revoked"]),
    row(UnauthorizedPage, &["auth.body", "scope.status-and-code-agree"])
        .also(&["auth.challenge", "auth.revoked"]),
    row(MalformedIsBadRequest, &["auth.malformed"]).also(&["auth.body-uniform"]),
    row(BodyFirst, &["auth.before-body"]).also(&["scope.before-body"]),
    row(JunkCrashes, &["auth.junk-safe"]),
    row(UnauthorizedEcho, &["auth.no-echo", "auth.body"]).also(&[
        "auth.body-uniform",
        "auth.body-uniform-revoked",
        "auth.revoked",
    ]),
    row(OverviewIsPublic, &["auth.missing"]).also(&[
        "auth.before-scope",
        "auth.body",
        "auth.no-basic",
        "auth.no-bearer",
        "auth.no-cookie",
        "auth.no-other-header",
        "auth.no-query",
        "auth.path-spelled",
        "auth.revoked",
        "auth.unknown",
    ]),
    row(ScopesSwapped, &["scope.body-read", "scope.body-write"]),
    row(FirstScopeCounts, &["scope.both"]).also(&["scope.both-either-order"]),
    row(WritersReadOverview, &["scope.overview-need-read"]).also(&["scope.body-read", "scope.path-spelled"]),
    row(ForbiddenIsNotFound, &["scope.sessions-need-read", "scope.events-need-write"]).also(&[
        "scope.before-body",
        "scope.body-read",
        "scope.body-write",
        "scope.every-request",
        "scope.no-effect",
        "scope.overview-need-read",
        "scope.scores-need-write",
        "scope.tools-need-read",
    ]),
    row(InsufficientScope, &["scope.body-read", "scope.status-and-code-agree"]).also(&["scope.body-write"]),
    row(StoredBeforeScope, &["scope.no-effect"]),
    row(ForbiddenText, &["scope.body-read", "scope.body-write"]).also(&["scope.status-and-code-agree"]),
];

/// Who counts wrongly does so in every window and for every key, and says other times.
const OF_A_CONNECTION: &[&str] = &["rate.standard", "rate.per-key", "rate.window-length"];
const OF_THE_COUNT: &[&str] = &[
    "rate.window-length",
    "rate.per-key",
    "rate.recovers",
    "rate.stays-used-up",
    "limit.retry-after-range",
    "limit.every-429",
    "limit.promise-stable",
];
/// A bucket that fills drop by drop lets more in the longer a burst takes.
const OF_A_BUCKET: &[&str] =
    &["rate.standard", "rate.per-key", "rate.recovers", "rate.stays-used-up", "limit.promise-stable"];
/// A wrong time is not the one in the body, and moves.
const OF_THE_PROMISE: &[&str] = &[
    "limit.message-agrees",
    "limit.every-message-agrees",
    "limit.every-429",
    "limit.promise-stable",
    "limit.retry-after-kept",
];
/// A wrong look is seen again where every 429 is looked at.
const OF_THE_LOOK: &[&str] = &["limit.message-agrees", "limit.every-message-agrees", "limit.every-429"];

/// How requests are counted, and what a 429 says.
const OF_REQUESTS: &[Row] = &[
    row(RefusalRefills, &["rate.standard"]).also(OF_THE_COUNT),
    row(WrongKeyRefills, &["rate.stays-used-up"]),
    row(SharedByScopes, &["rate.per-key"]),
    row(SharedByOwner, &["rate.per-key"]),
    row(Bucket, &["rate.window-length"]).also(OF_A_BUCKET),
    row(ForgetsTheSilent, &["rate.window-length"]).also(OF_THE_COUNT),
    row(TwoMinutes, &["rate.standard"]).also(OF_THE_COUNT),
    // Connections that were used before count as they should.
    row(FirstOfConnectionIsFree, &["rate.standard"]).also(OF_A_CONNECTION),
    row(CountedLater, &["rate.standard"]).also(OF_THE_COUNT),
    row(UnusedIsSaved, &["rate.recovers"]).also(OF_THE_COUNT),
    row(RefusedWith200, &["rate.standard"]).also(OF_THE_COUNT),
    row(RefusedWithoutAnAnswer, &["rate.standard"]),
    // A key that was refused by chance is not used up.
    row(RefusedNowAndThen, &["rate.standard"]).also(&["limit.not-executed", "limit.promise-stable"]),
    row(EnhanceYourCalm, &["rate.standard"]).also(OF_THE_COUNT),
    row(Milliseconds, &["limit.retry-after-range"]).also(OF_THE_PROMISE),
    row(PointZero, &["limit.retry-after-integer"]).also(OF_THE_LOOK),
    row(ZeroAtTheEnd, &["limit.every-429"]).also(OF_THE_PROMISE),
    row(MessageSays60, &["limit.every-message-agrees"]).also(&["limit.message-agrees"]),
    row(UnixTime, &["limit.retry-after-range"]).also(OF_THE_PROMISE),
    row(Doubled, &["limit.retry-after-range"]).also(OF_THE_PROMISE),
    row(Age, &["limit.retry-after-honest"]).also(OF_THE_PROMISE),
    row(AlwaysHalf, &["limit.retry-after-honest"]).also(OF_THE_PROMISE),
    row(TenSecondsEarly, &["limit.retry-after-honest"]).also(OF_THE_PROMISE),
    row(OnlyInTheBody, &["limit.retry-after-present", "limit.every-429"]),
    row(FirstRefusalTells, &["limit.retry-after-present", "limit.every-429"]),
    row(RetryAfterMember, &["limit.body"]).also(OF_THE_LOOK),
    row(TooManyRequests, &["limit.body"]).also(OF_THE_LOOK),
    row(RefusedPage, &["limit.body"]).also(OF_THE_LOOK),
    row(PublicRefusal, &["limit.not-cacheable"]),
];

/// What only the large tiers show, each with the checks that are played.
const OF_EVENTS: &[Row] = &[
    row(WeighsTheWrongWay, &["rate.paced"]),
    row(OnlyGetIsLimited, &["rate.ingestion", "events.over"]),
    row(PlanDecides, &["rate.ingestion"]),
    row(HalfCounted, &["events.counted-singly", "events.over"]),
    row(SinglesAreFree, &["events.over"]),
    row(ThousandsDown, &["events.counted-singly"]),
    row(ThousandsUp, &["events.counted-singly"]),
    row(NearMissesCharged, &["events.refused-not-charged"]),
    row(WaitForRequests, &["events.retry-after"]),
    row(StoredOverLimit, &["events.straddle"]),
    row(LastBatchFits, &["events.never-over"]),
    row(ReadsRefillEvents, &["events.reads-survive"]),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_about_keys_and_scopes_is_named() {
    let played = |id: &str| {
        (id.starts_with("auth.") || id.starts_with("scope.")) || matches!(id, "rate.standard" | "limit.body")
    };
    assert_named(OF_KEYS, played).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_about_requests_is_named() {
    let played = |id: &str| {
        id.starts_with("limit.")
            || matches!(
                id,
                "rate.standard"
                    | "rate.window-length"
                    | "rate.stays-used-up"
                    | "rate.per-key"
                    | "rate.recovers"
                    | "auth.missing"
                    | "scope.read-suffices"
            )
    };
    assert_named(OF_REQUESTS, played).await;
}

async fn assert_named(rows: &'static [Row], played: fn(&str) -> bool) {
    let mut playing = JoinSet::new();
    for row in rows {
        playing.spawn(async move {
            let _place = PLACES.acquire().await.unwrap();
            held_against(row, played).await
        });
    }
    let held: Vec<String> = playing.join_all().await.into_iter().flatten().collect();
    assert!(held.is_empty(), "{}", held.join("\n\n"));
}

/// What is wrong with a row.
async fn held_against(row: &'static Row, played: fn(&str) -> bool) -> Option<String> {
    let nature = Nature { how: Algorithm::Apart, quirks: std::slice::from_ref(&row.quirk) };
    let results = judge(nature, &SHORT_SUITE, played).await;
    let failed = failed(&results);
    let named: BTreeSet<&str> = row.named_by.iter().copied().collect();
    let silent: Vec<_> = named.iter().filter(|id| !is_named(&results, id)).collect();
    let loud: Vec<_> = failed.iter().filter(|id| !named.contains(*id) && !row.also.contains(*id)).collect();
    if silent.is_empty() && loud.is_empty() {
        return None;
    }
    let shown = results.iter().filter(|result| silent.contains(&&result.id.as_str()));
    let shown: Vec<String> = shown.map(said).collect();
    Some(format!("{:?}: should fail: {silent:?}, should not fail: {loud:?}\n{}", row.quirk, shown.join("\n")))
}

/// Whether a check fails, or leaves its failure to the check that names the cause.
fn is_named(results: &[CheckResult], id: &str) -> bool {
    let result = results.iter().find(|result| result.id == id);
    result.is_some_and(|result| {
        let cause = result.cause.as_ref().filter(|_| !result.failures.is_empty());
        failed(results).contains(cause.map_or(id, String::as_str))
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_about_large_tiers_is_named() {
    let mut playing = JoinSet::new();
    for row in OF_EVENTS {
        playing.spawn(async move {
            let _place = PLACES.acquire().await.unwrap();
            let nature = Nature { how: Algorithm::Log, quirks: std::slice::from_ref(&row.quirk) };
            let results = judge(nature, &SUITE, |id| row.named_by.contains(&id)).await;
            let silent = results.iter().filter(|result| !is_named(&results, &result.id));
            silent.map(|result| format!("{:?}: {}", row.quirk, said(result))).collect::<Vec<_>>()
        });
    }
    let held: Vec<String> = playing.join_all().await.into_iter().flatten().collect();
    assert!(held.is_empty(), "{}", held.join("\n\n"));
}
