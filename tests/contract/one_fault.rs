//! One fault at a time, at a deployment without memory.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use trenchcheck::report::{CheckResult, Verdict};
use trenchcheck::scenario::model::Level;

use crate::deployment::{start, start_conforming, target};
use crate::faults::{Row, all};
use crate::playing::{SUITE, play_checks, said};

/// How many deployments are up at once.
const SIDE_BY_SIDE: usize = 8;

/// Guards the table: a check that failed here as well would show nothing there.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_fault_every_one_of_these_checks_passes_and_says_none_of_it() {
    let rows = all();
    let server = start_conforming().await;
    let ids: BTreeSet<&str> =
        rows.iter().flat_map(|row| row.spares.iter().copied().chain([row.check])).collect();
    let results = play_checks(target(&server.uri()), &SUITE, &ids).await;
    for result in &results {
        assert_eq!(result.verdict, Verdict::Pass, "{}", said(result));
        assert!(result.not_played.is_empty(), "{}: {:?}", result.id, result.not_played);
    }
    for row in &rows {
        let result = of(&results, row.check);
        assert!(
            !said(result).contains(&row.says),
            "{} says without {}: {}",
            row.check,
            row.fault,
            said(result)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_is_named_by_its_check_and_by_no_check_about_something_else() {
    let places = Arc::new(Semaphore::new(SIDE_BY_SIDE));
    let mut playing = JoinSet::new();
    for row in all() {
        let places = Arc::clone(&places);
        playing.spawn(async move {
            let _place = places.acquire().await.unwrap();
            held_against(row).await
        });
    }
    let complaints: Vec<String> = playing.join_all().await.into_iter().flatten().collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n\n"));
}

/// What is wrong with a row of the table.
async fn held_against(row: Row) -> Vec<String> {
    let Row { check, fault, says, case, spares, change } = row;
    let server = start(change).await;
    let ids: BTreeSet<&str> = spares.iter().copied().chain([check]).collect();
    let results = play_checks(target(&server.uri()), &SUITE, &ids).await;
    let mut complaints = Vec::new();
    let result = of(&results, check);
    if !is_named(result, &says) {
        complaints.push(format!("{fault}: it should say {says:?}: {}", said(result)));
    }
    if let Some(failure) =
        result.failures.iter().find(|failure| !format!("{} ", failure.case).contains(&case))
    {
        complaints.push(format!("{fault}: {check} blames {:?}, not only {case:?}", failure.case));
    }
    for spared in results.iter().filter(|result| result.id != check && result.verdict != Verdict::Pass) {
        complaints.push(format!("{fault}: {}", said(spared)));
    }
    complaints
}

/// Whether a check fails and says so; one that only observes reports it.
fn is_named(result: &CheckResult, says: &str) -> bool {
    let gates = match result.level {
        Level::Observe => matches!(result.verdict, Verdict::Pass | Verdict::Advisory),
        Level::Must | Level::Should | Level::Rfc => result.verdict == Verdict::Fail,
    };
    gates && said(result).contains(says)
}

fn of<'a>(results: &'a [CheckResult], id: &str) -> &'a CheckResult {
    results.iter().find(|result| result.id == id).unwrap()
}
