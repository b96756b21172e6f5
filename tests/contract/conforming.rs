//! What the page leaves open: no deployment is failed for doing it otherwise than the reference. `ci/test` plays the
//! limiters and legal variants one by one with `trenchcheck mutants`; here they are together.

use std::collections::BTreeSet;

use trenchcheck::deployment::Embedded;
use trenchcheck::mock::catalogue;
use trenchcheck::report::Verdict;

use crate::playing::{SUITE, play_checks, said};

/// These contradict each other, or take their time.
const NOT_TOGETHER: [&str; 6] =
    ["aligned-window", "sliding-log", "sliding-counter", "slow-answers", "jitter", "constant-60"];

/// All of them together, as far as they can be, at the tier with the long bursts.
#[tokio::test(flavor = "multi_thread")]
async fn legal_variants_together_pass_what_ingests() {
    let together: Vec<String> = catalogue()
        .iter()
        .filter(|entry| entry.breach.is_none() && !NOT_TOGETHER.contains(&entry.name))
        .map(|entry| entry.name.to_owned())
        .collect();
    let ids = SUITE.checks.iter().map(|check| check.id.as_str());
    let ids =
        ids.filter(|id| id.starts_with("events.") || id.starts_with("limit.") || *id == "rate.ingestion");
    let ids: BTreeSet<&str> = ids.collect();
    let mock = Embedded::start().await.unwrap();
    let results = play_checks(mock.target(&together, None), &SUITE, &ids).await;
    let held = results.iter().filter(|result| !matches!(result.verdict, Verdict::Pass | Verdict::Skipped(_)));
    let held: Vec<String> = held.map(said).collect();
    assert!(held.is_empty(), "{}", held.join("\n\n"));
}
