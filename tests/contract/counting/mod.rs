//! Faults that need a memory: counts, windows, promises, revoked keys. The mock shows them as deviations.

mod on_every_tier;
mod on_standard;

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use trenchcheck::deployment::Embedded;
use trenchcheck::report::{CheckResult, Verdict};
use trenchcheck::scenario::Suite;
use trenchcheck::scenario::model::Level;

use crate::playing::{SHORT_SUITE, SUITE, play_checks, said};

/// How many deviations are played at once: few, since a burst that is held up proves nothing.
const SIDE_BY_SIDE: usize = 2;

/// A deployment that counts wrongly.
pub(crate) struct Row {
    /// The check that names the fault.
    pub(crate) check: &'static str,
    /// The deviations of the mock, with a plus sign between them.
    deviations: &'static str,
    /// What the check says about it.
    says: &'static str,
    /// Checks that are about something else and pass.
    spares: &'static [&'static str],
}

const fn row(check: &'static str, deviations: &'static str, says: &'static str) -> Row {
    Row { check, deviations, says, spares: &[] }
}

impl Row {
    const fn spares(self, spares: &'static [&'static str]) -> Self {
        Self { spares, ..self }
    }
}

/// The ids of all checks that fail here.
pub(crate) fn checks() -> impl Iterator<Item = &'static str> {
    on_standard::ROWS.iter().chain(on_every_tier::ROWS).map(|row| row.check)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_deviation_is_named_by_its_check() {
    let complaints = held_against_all(on_standard::ROWS, &SHORT_SUITE).await;
    assert!(complaints.is_empty(), "{}", complaints.join("\n\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_deviation_of_other_tiers_is_named_by_its_check() {
    let complaints = held_against_all(on_every_tier::ROWS, &SUITE).await;
    assert!(complaints.is_empty(), "{}", complaints.join("\n\n"));
}

/// Guards the tables: what is said in a fault's presence only was said because of it.
#[tokio::test(flavor = "multi_thread")]
async fn the_reference_is_told_none_of_it() {
    let mock = Embedded::start().await.unwrap();
    let rows: Vec<&Row> = on_standard::ROWS.iter().chain(on_every_tier::ROWS).collect();
    let cases = || SHORT_SUITE.experiments.iter().flat_map(|experiment| &experiment.cases);
    let read = |check: usize| cases().any(|case| case.readings.iter().any(|reading| reading.check == check));
    let place = |id: &str| SHORT_SUITE.checks.iter().position(|check| check.id == id);
    let short = |id: &&str| place(id).is_some_and(read);
    let ids: BTreeSet<&str> = rows.iter().map(|row| row.check).filter(short).collect();
    for result in play_checks(mock.target(&[], None), &SHORT_SUITE, &ids).await {
        assert_eq!(result.verdict, Verdict::Pass, "{}", said(&result));
        for row in rows.iter().filter(|row| row.check == result.id) {
            assert!(!said(&result).contains(row.says), "without {}: {}", row.deviations, said(&result));
        }
    }
}

/// What is wrong with a table.
async fn held_against_all(rows: &'static [Row], suite: &'static Arc<Suite>) -> Vec<String> {
    let mock = Arc::new(Embedded::start().await.unwrap());
    let places = Arc::new(Semaphore::new(SIDE_BY_SIDE));
    let mut playing = JoinSet::new();
    // Rows with the same deviations are played together.
    let deviations: BTreeSet<&str> = rows.iter().map(|row| row.deviations).collect();
    for deviations in deviations {
        let (mock, places) = (Arc::clone(&mock), Arc::clone(&places));
        playing.spawn(async move {
            let _place = places.acquire().await.unwrap();
            let rows: Vec<&Row> = rows.iter().filter(|row| row.deviations == deviations).collect();
            let names: Vec<String> = deviations.split('+').map(str::to_owned).collect();
            let ids = rows.iter().flat_map(|row| row.spares.iter().copied().chain([row.check])).collect();
            let results = play_checks(mock.target(&names, None), suite, &ids).await;
            results.iter().filter_map(|result| held_against(result, &rows)).collect::<Vec<_>>()
        });
    }
    playing.join_all().await.into_iter().flatten().collect()
}

/// What is wrong with a result, given the rows of the deviation it was seen under.
fn held_against(result: &CheckResult, rows: &[&Row]) -> Option<String> {
    let named: Vec<&&Row> = rows.iter().filter(|row| row.check == result.id).collect();
    let observes = result.level == Level::Observe;
    let wanted = if named.is_empty() || observes { Verdict::Pass } else { Verdict::Fail };
    let all_said = named.iter().all(|row| said(result).contains(row.says));
    // What another check of the row explains is named by that one.
    let explained = wanted == Verdict::Fail && result.cause.is_some();
    let wrong = !explained && (result.verdict != wanted || !all_said);
    wrong.then(|| format!("{}: {} should be {wanted:?}: {}", rows[0].deviations, result.id, said(result)))
}
