//! What a server may do otherwise: no check fails, and none is left undecided.

use tokio::task::JoinSet;
use trenchcheck::report::{CheckResult, Verdict};

use crate::judged::{PLACES, SHORT_SUITE, SUITE, judge, said};
use crate::limiter::Algorithm;
use crate::quirk::Quirk::{self, *};
use crate::site::Nature;

/// Servers that keep every promise.
const CONFORMING: &[&[Quirk]] = &[
    &[],
    &[Escapes],
    &[LeadingZeros],
    &[Constant60],
    &[Queued],
    &[WireOnly],
    &[FewEndpoints],
    &[SlashRedirects],
    &[OnlySuccessCounts],
    &[LimitBeforeScope],
    &[OtherList],
    &[ClosesOften],
    &[ManyHeaders],
    &[StrictParameters],
    &[GetAndPostOnly],
    &[Escapes, Queued, OnlySuccessCounts, ClosesOften, ManyHeaders, SlashRedirects],
];

#[tokio::test(flavor = "multi_thread")]
async fn the_server_passes_the_whole_suite_as_it_is() {
    let results = judge(Nature { how: Algorithm::Apart, quirks: &[] }, &SUITE, |_| true).await;
    for result in &results {
        assert_eq!(result.verdict, Verdict::Pass, "{}", said(result));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_limiter_passes_what_is_counted() {
    let counts = |id: &str| {
        (id.starts_with("rate.") || id.starts_with("limit.") || id.starts_with("events."))
            && id != "events.straddle-fits"
    };
    for how in [Algorithm::Log, Algorithm::Clock, Algorithm::Weighed] {
        let results = judge(Nature { how, quirks: &[] }, &SHORT_SUITE, counts).await;
        let held: Vec<String> = results.iter().filter(|result| !is_clean(result)).map(said).collect();
        assert!(held.is_empty(), "{how:?}: {}", held.join("\n\n"));
    }
}

/// Who counts refusals breaks no promise to those who wait; it only moves with every asking, which is what a `should`
/// is about.
#[tokio::test(flavor = "multi_thread")]
async fn a_limiter_that_counts_refusals_breaks_no_must() {
    let counts = |id: &str| id.starts_with("rate.") || id.starts_with("limit.");
    let results = judge(Nature { how: Algorithm::Strict, quirks: &[] }, &SHORT_SUITE, counts).await;
    let held = results.iter().filter(|result| !is_clean(result) && result.id != "limit.promise-stable");
    let held: Vec<String> = held.map(said).collect();
    assert!(held.is_empty(), "{}", held.join("\n\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_held_against_what_the_page_leaves_open() {
    let mut playing = JoinSet::new();
    for quirks in CONFORMING {
        playing.spawn(async move {
            let _place = PLACES.acquire().await.unwrap();
            let small = |id: &str| {
                !id.starts_with("events.") && !id.contains("ingestion") && id != "rate.tier-by-key"
            };
            let results = judge(Nature { how: Algorithm::Log, quirks }, &SHORT_SUITE, small).await;
            let held = results.iter().filter(|result| !is_clean(result)).map(said);
            held.map(|said| format!("{quirks:?}: {said}")).collect::<Vec<_>>()
        });
    }
    let held: Vec<String> = playing.join_all().await.into_iter().flatten().collect();
    assert!(held.is_empty(), "{}", held.join("\n\n"));
}

fn is_clean(result: &CheckResult) -> bool {
    matches!(result.verdict, Verdict::Pass | Verdict::Skipped(_))
}
