//! What the page leaves open: no deployment is failed for doing it otherwise than the reference.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use trenchcheck::mock::{Nature, catalogue};
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
async fn every_legal_variant_passes_the_suite() {
    let names =
        catalogue().iter().filter(|entry| entry.nature == Nature::LegalVariant).map(|entry| entry.name);
    let played = names.map(|name| (vec![name.to_owned()], None)).collect();
    assert_all_clean(played, &SHORT_SUITE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn legal_variants_that_touch_long_bursts_pass_them_too() {
    let together = ["created-on-ingest", "invalid-is-free", "close-after-answer", "straddle-partly-accepted"];
    let played = vec![(together.map(str::to_owned).into(), None)];
    assert_all_clean(played, &SUITE).await;
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
