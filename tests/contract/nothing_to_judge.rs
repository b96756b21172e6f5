//! Where nothing can be seen, nothing is praised: a server that never limits shows no 429, and one that lets nobody in
//! shows no limit at all. No check of these passes there.

use std::collections::BTreeSet;

use trenchcheck::deployment::Embedded;
use trenchcheck::report::{CheckResult, Verdict};
use trenchcheck::scenario::model::{Action, Case, Expect, Item, Level, Reading};
use trenchcheck::scenario::words::{Amount, WaitFor};

use crate::api::unauthorized;
use crate::deployment::{start, target};
use crate::playing::{SUITE, play_suite, said};

/// The checks that say something about limits.
fn about_limits() -> BTreeSet<&'static str> {
    let checks = SUITE.checks.iter().filter(|check| check.level != Level::Observe);
    let about = checks.filter(|check| {
        check.clause.starts_with("limit.") || matches!(&*check.clause, "error.429" | "error.retry-after")
    });
    about.map(|check| check.id.as_str()).collect()
}

/// The checks that cannot be kept where nobody is ever answered 429.
fn in_need_of_a_429() -> BTreeSet<&'static str> {
    let cases = SUITE.experiments.iter().flat_map(|experiment| &experiment.cases);
    let readings = cases.flat_map(|case| case.readings.iter().map(move |reading| (case, reading)));
    let in_need = readings.filter(|(case, reading)| reads_a_429(case, reading));
    in_need.map(|(_, reading)| SUITE.checks[reading.check].id.as_str()).collect()
}

fn reads_a_429(case: &Case, reading: &Reading) -> bool {
    let asks_for_it = |expect: &Expect| {
        let some = |amount: Amount| !matches!(amount, Amount::Number(0));
        let status = expect.status.as_ref();
        expect.limited.is_some_and(some)
            || expect.each_429.is_some()
            || expect.promise_moves_at_most.is_some()
            || expect.promises_kept.is_some()
            // Where the path may not be known, there need be no limit either.
            || status.is_some_and(|status| status.contains(429) && ![200, 404].iter().any(|other| status.contains(*other)))
    };
    // What is sent on a promise, or while a key is used up, is nothing without one that was told so.
    let follows_one = |item: &Item| {
        item.steps.iter().any(|place| {
            let before = place.checked_sub(1).and_then(|before| case.steps.get(before));
            let waits = before.is_some_and(|step| {
                matches!(step.value.action, Action::Wait(WaitFor::Promise | WaitFor::FirstPromise))
            });
            waits || matches!(case.steps[*place].value.action, Action::Poll(_) | Action::Exhaust(_))
        })
    };
    reading.items.iter().any(|item| item.expect.as_ref().is_some_and(asks_for_it) || follows_one(item))
}

/// Those of the checks that passed.
fn praised(results: &[CheckResult], ids: &BTreeSet<&str>) -> Vec<String> {
    let passed = results.iter().filter(|result| result.verdict == Verdict::Pass);
    passed.filter(|result| ids.contains(result.id.as_str())).map(said).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_never_limits_is_praised_for_no_429() {
    let observed =
        |id: &&str| SUITE.checks.iter().any(|check| check.id == **id && check.level == Level::Observe);
    let in_need: BTreeSet<&str> = in_need_of_a_429().into_iter().filter(|id| !observed(id)).collect();
    assert!(in_need.len() > 30, "{in_need:?}");
    let mock = Embedded::start().await.unwrap();
    let results = play_suite(mock.target(&["no-limit".to_owned()], None), &SUITE).await;
    let praised = praised(&results, &in_need);
    assert!(praised.is_empty(), "{}", praised.join("\n\n"));
    // The cause is named.
    let named = |id: &str| results.iter().any(|result| result.id == id && result.verdict == Verdict::Fail);
    assert!(named("rate.standard"), "{:?}", results.iter().map(said).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_lets_nobody_in_is_praised_for_no_limit() {
    let about = about_limits();
    assert!(about.len() > 40, "{about:?}");
    let server = start(Box::new(|_, _| unauthorized())).await;
    let results = play_suite(target(&server.uri()), &SUITE).await;
    let praised = praised(&results, &about);
    assert!(praised.is_empty(), "{}", praised.join("\n\n"));
    // Nor is anything of that sort held against it: that it lets nobody in says it all.
    for result in results.iter().filter(|result| about.contains(result.id.as_str())) {
        assert!(!matches!(result.verdict, Verdict::Fail | Verdict::Explained(_)), "{}", said(result));
    }
    let named = results.iter().find(|result| result.id == "auth.valid-key-accepted").unwrap();
    assert!(said(named).contains("no key opens anything;"), "{}", said(named));
}
