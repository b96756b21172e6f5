//! Playing checks of the shipped suite, and what they say.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use trenchcheck::report::{CheckResult, Verdict};
use trenchcheck::run::{Options, play};
use trenchcheck::scenario::{Source, Suite};
use trenchcheck::target::Target;

/// The suite that is compiled into the program.
pub(crate) static SUITE: LazyLock<Arc<Suite>> =
    LazyLock::new(|| Arc::new(Suite::load(&Source::Builtin).expect("the shipped suite is sound")));

/// Plays these checks of the shipped suite, with everything gating that can gate. Results are sorted by id.
pub(crate) async fn play_checks(target: Target, ids: &BTreeSet<&str>) -> Vec<CheckResult> {
    let known = |id: &&&str| SUITE.checks.iter().any(|check| check.id == **id);
    let unknown: Vec<_> = ids.iter().filter(|id| !known(id)).collect();
    assert!(unknown.is_empty(), "the suite has no {unknown:?}");
    play_suite(target, Arc::clone(&SUITE), |id| ids.contains(id)).await
}

/// Plays the checks of a suite whose ids are `wanted`.
pub(crate) async fn play_suite(
    target: Target,
    suite: Arc<Suite>,
    wanted: impl Fn(&str) -> bool,
) -> Vec<CheckResult> {
    let selected: Vec<usize> = (0..suite.checks.len()).filter(|at| wanted(&suite.checks[*at].id)).collect();
    let options = Options { strict: true, rfc: true, jobs: 8, ..Options::default() };
    let (events, _told) = tokio::sync::mpsc::unbounded_channel();
    // The run takes a dropped sender for Ctrl-C.
    let (_alive, interrupted) = tokio::sync::watch::channel(false);
    play(suite, Arc::new(target), &selected, options, events, interrupted).await.unwrap().0
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
