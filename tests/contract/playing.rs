//! Playing checks of the shipped suite, and what they say.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use trenchcheck::deployment::Target;
use trenchcheck::report::CheckResult;
use trenchcheck::run::{Options, play};
use trenchcheck::scenario::model::{Action, Case};
use trenchcheck::scenario::{Source, Suite};

/// The suite that is compiled into the program.
pub(crate) static SUITE: LazyLock<Arc<Suite>> =
    LazyLock::new(|| Arc::new(Suite::load(&Source::Builtin).expect("the shipped suite is sound")));

/// The shipped suite without the cases that use up Premium or Ingestion keys: what they ask there, the same steps ask
/// of Standard in a fraction of the time.
pub(crate) static SHORT_SUITE: LazyLock<Arc<Suite>> = LazyLock::new(|| {
    let mut short = Suite::clone(&SUITE);
    for experiment in &mut short.experiments {
        experiment.cases.retain(|case| !(is_of_a_large_tier(case) && spends_quota(case)));
    }
    Arc::new(short)
});

fn is_of_a_large_tier(case: &Case) -> bool {
    case.key.as_ref().is_some_and(|role| matches!(role.as_str(), "premium" | "ingestion" | "both"))
}

fn spends_quota(case: &Case) -> bool {
    case.steps.iter().any(|step| matches!(step.action, Action::Burst(_) | Action::Exhaust(_)))
}

/// Plays these checks of a suite, with everything gating that can gate. Results are sorted by id.
pub(crate) async fn play_checks(
    target: Target,
    suite: &Arc<Suite>,
    ids: &BTreeSet<&str>,
) -> Vec<CheckResult> {
    let place = |id: &&str| suite.checks.iter().position(|check| check.id == *id);
    let places: Option<Vec<usize>> = ids.iter().map(place).collect();
    let places = places.unwrap_or_else(|| panic!("the suite lacks some of {ids:?}"));
    play_places(target, suite, &places).await
}

/// Plays a whole suite like that.
pub(crate) async fn play_suite(target: Target, suite: &Arc<Suite>) -> Vec<CheckResult> {
    let cases = suite.experiments.iter().flat_map(|experiment| &experiment.cases);
    let read: BTreeSet<usize> = cases.flat_map(|case| &case.readings).map(|reading| reading.check).collect();
    let places: Vec<usize> = read.into_iter().collect();
    play_places(target, suite, &places).await
}

async fn play_places(target: Target, suite: &Arc<Suite>, places: &[usize]) -> Vec<CheckResult> {
    // Few at once: a burst that shares the machine with many others takes so long that windows end inside it.
    let options = Options { strict: true, rfc: true, jobs: 2, ..Options::default() };
    let (events, _told) = tokio::sync::mpsc::unbounded_channel();
    // The run takes a dropped sender for Ctrl-C.
    let (_alive, interrupted) = tokio::sync::watch::channel(false);
    play(Arc::clone(suite), Arc::new(target), places, options, events, interrupted).await.unwrap().0
}

/// Everything a result says: what broke in which case, and the facts that were seen.
pub(crate) fn said(result: &CheckResult) -> String {
    let broken = result.failures.iter().map(|failure| {
        format!(
            "[{}] {}\n  expected {}\n  actual {}",
            failure.case, failure.what, failure.expected, failure.actual
        )
    });
    let facts = result.facts.iter().cloned();
    format!("{} {:?}\n{}", result.id, result.verdict, broken.chain(facts).collect::<Vec<_>>().join("\n"))
}
