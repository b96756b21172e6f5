//! What the page leaves open: no deployment is failed for doing it otherwise than the reference.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use trenchcheck::mock::{Entry, Group, Nature, catalogue};
use trenchcheck::report::{CheckResult, Verdict};
use trenchcheck::scenario::Suite;
use trenchcheck::target::Embedded;

use crate::playing::{SHORT_SUITE, SUITE, play_suite, said};

/// How many deployments are played at once.
const SIDE_BY_SIDE: usize = 2;

/// The limiters that keep the promise.
const LIMITERS: [&str; 4] = ["anchored", "aligned", "sliding", "sliding-counter"];

#[tokio::test(flavor = "multi_thread")]
async fn every_lawful_limiter_passes_the_whole_suite() {
    let played = LIMITERS.map(|limiter| (Vec::new(), Some(limiter)));
    assert_all_clean(played.into(), &SUITE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_legal_variant_of_counting_passes_the_suite() {
    let played = variants(|group| matches!(group, Group::Limits | Group::The429 | Group::Events));
    assert_all_clean(played.map(|name| (vec![name], None)).collect(), &SHORT_SUITE).await;
}

/// How somebody without a key or a scope is answered is nothing to those who count what is admitted.
#[tokio::test(flavor = "multi_thread")]
async fn every_legal_variant_of_words_passes_the_suite() {
    let played = variants(|group| matches!(group, Group::Authentication | Group::Scopes));
    let suite = Arc::new(suite_of(&SHORT_SUITE, |id| !id.starts_with("rate.")));
    assert_all_clean(played.map(|name| (vec![name], None)).collect(), &suite).await;
}

/// All of them together, as far as they do not contradict each other, at the tier with the long bursts.
#[tokio::test(flavor = "multi_thread")]
async fn legal_variants_together_pass_what_ingests() {
    let slow_or_another_limiter =
        ["aligned-window", "sliding-log", "sliding-counter", "slow-answers", "jitter", "constant-60"];
    let together = variants(|_| true).filter(|name| !slow_or_another_limiter.contains(&name.as_str()));
    let suite = suite_of(&SUITE, |id| {
        id.starts_with("events.") || id.starts_with("limit.") || id == "rate.ingestion"
    });
    assert_all_clean(vec![(together.collect(), None)], &Arc::new(suite)).await;
}

/// The names of the catalogue's legal variants of some groups.
fn variants(wanted: fn(Group) -> bool) -> impl Iterator<Item = String> {
    let legal = move |entry: &&Entry| entry.nature == Nature::LegalVariant && wanted(entry.group);
    catalogue().iter().filter(legal).map(|entry| entry.name.to_owned())
}

fn suite_of(suite: &Suite, wanted: fn(&str) -> bool) -> Suite {
    let mut part = suite.clone();
    part.checks.retain(|check| wanted(&check.id));
    part
}

/// Plays the suite at every one of these mocks: deviations and limiter.
async fn assert_all_clean(mocks: Vec<(Vec<String>, Option<&'static str>)>, suite: &Arc<Suite>) {
    let mock = Arc::new(Embedded::start().await.unwrap());
    let places = Arc::new(Semaphore::new(SIDE_BY_SIDE));
    let mut playing = JoinSet::new();
    for (deviations, limiter) in mocks {
        let (mock, places, suite) = (Arc::clone(&mock), Arc::clone(&places), Arc::clone(suite));
        playing.spawn(async move {
            let _place = places.acquire().await.unwrap();
            let results = play_suite(mock.target(&deviations, limiter), &suite).await;
            let held: Vec<_> = results.iter().filter(|result| !is_clean(result)).map(said).collect();
            held.iter().map(|said| format!("{deviations:?} {limiter:?}: {said}")).collect::<Vec<_>>()
        });
    }
    let held: Vec<String> = playing.join_all().await.into_iter().flatten().collect();
    assert!(held.is_empty(), "{}", held.join("\n\n"));
}

/// Whether nothing is held against the deployment.
fn is_clean(result: &CheckResult) -> bool {
    matches!(result.verdict, Verdict::Pass | Verdict::Skipped(_))
}
