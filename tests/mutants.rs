//! Whether a gap in the suite shows: hunts with a check taken out. `ci/test` hunts with all of them.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail loudly")]

use std::sync::Arc;

use trenchcheck::mutants::{Ground, Hunt, HuntOptions, Mutant, MutantStatus, Summary, hunt, mutants};
use trenchcheck::report::ExitCode;
use trenchcheck::scenario::{Source, Suite};

/// Takes the other checks out of a suite, with what only they read.
fn keep(suite: &mut Suite, wanted: impl Fn(&str) -> bool) {
    let kept: Vec<usize> = (0..suite.checks.len()).filter(|place| wanted(&suite.checks[*place].id)).collect();
    suite.checks = kept.iter().map(|place| suite.checks[*place].clone()).collect();
    for experiment in &mut suite.experiments {
        for case in &mut experiment.cases {
            let mut readings = std::mem::take(&mut case.readings);
            readings.retain_mut(|reading| {
                let place = kept.iter().position(|check| *check == reading.check);
                reading.check = place.unwrap_or_default();
                place.is_some()
            });
            case.readings = readings;
        }
        experiment.cases.retain(|case| !case.readings.is_empty());
    }
}

/// Hunts these mutants with the shipped suite, or with what it says about keys without some of the checks.
async fn hunted(names: &[&str], without: &[&str], ground: Ground) -> (Hunt, Summary) {
    let mut suite = Suite::load(&Source::Builtin).unwrap();
    let before = suite.checks.len();
    keep(&mut suite, |id| !without.contains(&id));
    assert_eq!(suite.checks.len() + without.len(), before, "{without:?}");
    if !without.is_empty() {
        // The limits take long, and these mutants have nothing to do with them.
        keep(&mut suite, |id| id.starts_with("auth."));
    }
    let suite = Arc::new(suite);
    let is_composition = |name: &&&str| Mutant::is_composition(name);
    let composed = names.iter().filter(is_composition).map(|name| name.parse::<Mutant>().unwrap());
    let single = mutants().into_iter().filter(|mutant| names.contains(&mutant.name.as_str()));
    let chosen: Vec<Mutant> = single.chain(composed).collect();
    assert_eq!(chosen.len(), names.len(), "{names:?}");
    let (_alive, interrupted) = tokio::sync::watch::channel(false);
    let options = HuntOptions { jobs: 2, ..HuntOptions::default() };
    let mut told = 0;
    let hunt = hunt(Arc::clone(&suite), chosen, ground, options, |_| told += 1, interrupted).await.unwrap();
    assert_eq!(told, hunt.examined.len());
    let summary = Summary::of(&hunt, &suite);
    (hunt, summary)
}

fn outcome(hunt: &Hunt, name: &str) -> MutantStatus {
    hunt.examined.iter().find(|one| one.mutant.name == name).unwrap().outcome
}

/// With the whole suite, each is caught by the check that is about it, and nothing else needs to be played.
#[tokio::test(flavor = "multi_thread")]
async fn the_suite_as_it_is_catches_them() {
    let names = ["accept-bearer", "any-key-opens", "forbidden-extra-member", "retry-after-missing"];
    let (hunt, summary) = hunted(&names, &[], Ground::workspaces().await.unwrap()).await;
    for name in names {
        assert_eq!(outcome(&hunt, name), MutantStatus::Caught, "{name}");
    }
    assert!(hunt.examined.iter().all(|one| !one.whole_suite && one.missed_by.is_empty()));
    assert_eq!((summary.exit, hunt.complete), (ExitCode::Conforms, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_is_taken_out_leaves_a_survivor_or_a_weak_kill() {
    let names = ["accept-bearer", "any-key-opens"];
    let without = ["auth.no-bearer", "auth.only-header-for-scores", "auth.unknown"];
    let (hunt, summary) = hunted(&names, &without, Ground::workspaces().await.unwrap()).await;
    assert_eq!(outcome(&hunt, "accept-bearer"), MutantStatus::Survived);
    // Checks about neighbouring promises trip over it.
    assert_eq!(outcome(&hunt, "any-key-opens"), MutantStatus::Weak);
    assert_eq!(summary.exit, ExitCode::Failed);
}

/// Plays what the suite says about keys against one server with these deviations.
async fn composed(names: &str, without: &[&str]) -> (Hunt, Summary) {
    let mut suite = Suite::load(&Source::Builtin).unwrap();
    keep(&mut suite, |id| id.starts_with("auth.") && !without.contains(&id));
    let (_alive, interrupted) = tokio::sync::watch::channel(false);
    let options = HuntOptions { jobs: 1, ..HuntOptions::default() };
    let ground = Ground::workspaces().await.unwrap();
    let chosen = vec![names.parse().unwrap()];
    let suite = Arc::new(suite);
    let hunt = hunt(Arc::clone(&suite), chosen, ground, options, |_| (), interrupted).await.unwrap();
    let summary = Summary::of(&hunt, &suite);
    (hunt, summary)
}

#[tokio::test(flavor = "multi_thread")]
async fn deviations_in_one_server_are_each_named_by_checks_of_their_own() {
    let (hunt, summary) =
        composed("accept-cookie+echo-key+no-challenge", &["auth.only-header-for-scores"]).await;
    assert_eq!((summary.constituents, summary.named), (3, 3), "{:?}", hunt.examined);
    assert_eq!((summary.foreign, summary.exit), (0, ExitCode::Conforms), "{:?}", hunt.examined);
}

/// In each of these servers one deviation once hid another, or had somebody else blamed.
#[tokio::test(flavor = "multi_thread")]
async fn deviations_that_once_hid_each_other_are_named_each() {
    let names = [
        "later-windows-one-less+retry-after-unit",
        "bad-keys-drain+retry-after-half",
        "two-replicas+junk-key-500",
        "reading-needs-both+accept-x-auth-token",
        "standard-limit-59+retry-after-61",
        "events-limit-half+straddle-partly-stored",
        "events-limit-half+straddle-admitted",
        "events-limit-double+straddle-partly-stored+reads-stop-with-events",
    ];
    let suite = Arc::new(Suite::load(&Source::Builtin).unwrap());
    let chosen = names.iter().map(|name| name.parse().unwrap()).collect();
    let (_alive, interrupted) = tokio::sync::watch::channel(false);
    let (ground, options) =
        (Ground::workspaces().await.unwrap(), HuntOptions { jobs: 2, ..HuntOptions::default() });
    let hunt = hunt(Arc::clone(&suite), chosen, ground, options, |_| (), interrupted).await.unwrap();
    for one in &hunt.examined {
        assert!(one.missed.is_empty() && one.foreign.is_empty(), "{one:?}");
    }
    assert_eq!(Summary::of(&hunt, &suite).exit, ExitCode::Conforms);
}

/// The minute ends between a burst of events and the look at what comes back of them.
#[tokio::test(flavor = "multi_thread")]
async fn events_that_are_let_in_at_an_even_pace_count_as_having_come_back() {
    let mut suite = Suite::load(&Source::Builtin).unwrap();
    keep(&mut suite, |id| id == "events.window");
    let chosen = mutants().into_iter().filter(|mutant| mutant.name == "minute-ends-soon").collect();
    let (_alive, interrupted) = tokio::sync::watch::channel(false);
    let (ground, options) = (Ground::workspaces().await.unwrap(), HuntOptions::default());
    let hunt = hunt(Arc::new(suite), chosen, ground, options, |_| (), interrupted).await.unwrap();
    let one = &hunt.examined[0];
    assert_eq!(one.outcome, MutantStatus::Passed, "{one:?}");
    // What seems to have come back in part would be looked at again.
    assert!(one.requests < 500, "{one:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deviation_behind_a_check_that_is_taken_out_is_missed() {
    let (hunt, summary) = composed("accept-cookie+no-challenge", &["auth.challenge"]).await;
    let one = &hunt.examined[0];
    assert_eq!((one.named.as_slice(), one.missed[0].name), (&["accept-cookie"][..], "no-challenge"));
    assert_eq!((one.missed[0].checks[0].verdict, summary.exit), ("absent", ExitCode::Failed));
}

/// What takes no waiting shows at a deployment of its own as well, with the keys everybody knows.
#[tokio::test(flavor = "multi_thread")]
async fn a_mutant_can_be_treated_as_a_deployment() {
    let names = ["accept-bearer", "tools-unscoped"];
    let (hunt, summary) = hunted(&names, &[], Ground::Deployments { skips_waits: false }).await;
    assert_eq!(summary.exit, ExitCode::Conforms, "{:?}", hunt.examined);
    assert!(!hunt.virtual_time);
}

/// What shows at a deployment alone, where all checks share a few keys, whose windows follow each other; its minutes are skipped.
#[tokio::test(flavor = "multi_thread")]
async fn at_a_deployment_that_skips_waits_the_same_is_caught_and_nothing_conforming_is_failed() {
    let wrong = [
        "connections-remember",
        "guessers-limited",
        "tier-by-route",
        "window-90s",
        "windows-never-end",
        "events-limit-one-less",
        "events-limit-one-more",
        "two-replicas",
        // Where keys have to be silent for two minutes, there is hardly time for a proof: others' windows have to do.
        "shared-by-all-keys+limiter-sliding",
        "events-unlimited+limiter-sliding",
        "large-batches-refused+limiter-sliding",
    ];
    let conforming = ["reference", "aligned-window", "sliding-log", "sliding-counter"];
    let ground = Ground::Deployments { skips_waits: true };
    let (hunt, _) = hunted(&[&wrong[..], &conforming[..]].concat(), &[], ground).await;
    for one in &hunt.examined {
        assert!(one.outcome.is_in_order(), "{one:?}");
    }
    assert_eq!(hunt.examined.len(), wrong.len() + conforming.len());
    assert!(hunt.virtual_time);
}

#[tokio::test]
async fn what_was_known_before_ctrl_c_is_kept() {
    let suite = Arc::new(Suite::load(&Source::Builtin).unwrap());
    let (stop, interrupted) = tokio::sync::watch::channel(false);
    let ground = Ground::workspaces().await.unwrap();
    let chosen = mutants().into_iter().filter(|mutant| mutant.name.starts_with("accept-")).collect();
    let options = HuntOptions { jobs: 1, ..HuntOptions::default() };
    let done = |_: &_| {
        stop.send_replace(true);
    };
    let hunt = hunt(Arc::clone(&suite), chosen, ground, options, done, interrupted).await.unwrap();
    assert!(!hunt.examined.is_empty() && hunt.examined.len() < 5, "{}", hunt.examined.len());
    assert!(hunt.interrupted);
    assert_eq!(Summary::of(&hunt, &suite).exit, ExitCode::Interrupted);
}
