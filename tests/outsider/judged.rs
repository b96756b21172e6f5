//! Playing checks of the shipped suite against the server.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use tokio::sync::Semaphore;
use trenchcheck::deployment::{Control, Keys, Target};
use trenchcheck::report::{CheckResult, Verdict};
use trenchcheck::run::{Options, play};
use trenchcheck::scenario::model::{Action, Case};
use trenchcheck::scenario::{Source, Suite};

use crate::server::Outsider;
use crate::site::Nature;

/// The suite that is compiled into the program.
pub(crate) static SUITE: LazyLock<Arc<Suite>> =
    LazyLock::new(|| Arc::new(Suite::load(&Source::Builtin).expect("the shipped suite is sound")));

/// The same without what spends the quota of a large tier, where the same check asks the same of Standard.
pub(crate) static SHORT_SUITE: LazyLock<Arc<Suite>> = LazyLock::new(|| {
    let mut short = Suite::clone(&SUITE);
    let cases = short.experiments.iter().flat_map(|experiment| &experiment.cases);
    let small = cases.filter(|case| !is_large(case)).flat_map(|case| &case.readings);
    let standard_too: BTreeSet<usize> = small.map(|reading| reading.check).collect();
    for experiment in &mut short.experiments {
        for case in experiment.cases.iter_mut().filter(|case| is_large(case)) {
            case.readings.retain(|reading| !standard_too.contains(&reading.check));
        }
        experiment.cases.retain(|case| !case.readings.is_empty());
    }
    Arc::new(short)
});

fn is_large(case: &Case) -> bool {
    let spends = |action: &Action| matches!(action, Action::Burst(_) | Action::Exhaust(_));
    case.steps.iter().any(|step| spends(&step.action))
        && case.key.as_ref().is_some_and(|role| matches!(role.as_str(), "premium" | "ingestion" | "both"))
}

/// How many servers are judged at once: few, since a burst that is held up proves nothing.
pub(crate) static PLACES: Semaphore = Semaphore::const_new(2);

/// Judges a server of this nature by the checks whose ids are `wanted`, with everything gating that can gate.
pub(crate) async fn judge(
    nature: Nature,
    suite: &Arc<Suite>,
    wanted: impl Fn(&str) -> bool,
) -> Vec<CheckResult> {
    let server = Outsider::start(nature).await;
    let target = Target {
        timeout: Duration::from_secs(20),
        ..Target::on_this_machine(&server.url, Keys::Mock(Control::connect(&server.url).await.unwrap()))
    };
    let places: Vec<usize> =
        (0..suite.checks.len()).filter(|place| wanted(&suite.checks[*place].id)).collect();
    // Few at once: what shares the machine with many others comes late, and a late request forgives a short promise.
    let options = Options { strict: true, rfc: true, jobs: 2, ..Options::default() };
    let (events, _told) = tokio::sync::mpsc::unbounded_channel();
    // The run takes a dropped sender for Ctrl-C.
    let (_alive, interrupted) = tokio::sync::watch::channel(false);
    play(Arc::clone(suite), Arc::new(target), &places, options, events, interrupted).await.unwrap().0
}

/// The checks that failed.
pub(crate) fn failed(results: &[CheckResult]) -> BTreeSet<&str> {
    let failed = results.iter().filter(|result| result.verdict == Verdict::Fail);
    failed.map(|result| result.id.as_str()).collect()
}

/// Everything a result says.
pub(crate) fn said(result: &CheckResult) -> String {
    let broken = result.failures.iter().map(|failure| {
        let (expected, actual) = (&failure.expected, &failure.actual);
        format!("[{}] {}\n  expected {expected}\n  actual {actual}", failure.case, failure.what)
    });
    let lines: Vec<String> = broken.chain(result.facts.iter().cloned()).collect();
    format!("{} {:?}\n{}", result.id, result.verdict, lines.join("\n"))
}
