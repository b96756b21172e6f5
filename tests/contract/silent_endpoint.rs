//! An endpoint that never answers: the check that lets keys in there says so, and nobody waits for it again and again.

use std::collections::BTreeSet;
use std::time::Duration;

use trenchcheck::deployment::Target;
use trenchcheck::report::Verdict;
use wiremock::Request;

use crate::api;
use crate::deployment::{start, target};
use crate::playing::{SUITE, play_checks, said};

/// These use up quotas, which takes minutes of real time.
const LONG: &[&str] = &["auth.never-limited", "scope.403-counts", "scope.order-with-limit"];

/// Plays what is about keys and scopes against a deployment whose session list hangs for some; gives the number of checks
/// that passed.
async fn play(hangs: fn(&Request) -> bool) -> usize {
    let deployment = start(Box::new(move |request, mut reply| {
        if request.url.path().ends_with("/sessions") && hangs(request) {
            reply.delay = Duration::from_secs(60);
        }
        reply
    }))
    .await;
    let target = Target { timeout: Duration::from_secs(1), ..target(&deployment.uri()) };
    let ids = SUITE.checks.iter().map(|check| check.id.as_str());
    let about = |id: &&str| (id.starts_with("auth.") || id.starts_with("scope.")) && !LONG.contains(id);
    let ids: BTreeSet<&str> = ids.filter(about).collect();
    let results = play_checks(target, &SUITE, &ids).await;
    let all = || results.iter().map(said).collect::<Vec<_>>().join("\n\n");
    let unexplained = |is: fn(&Verdict) -> bool| {
        let of = results.iter().filter(|result| is(&result.verdict) && result.cause.is_none());
        of.map(|result| result.id.as_str()).collect::<Vec<_>>()
    };
    let failed = unexplained(|verdict| *verdict == Verdict::Fail);
    assert_eq!(failed, ["auth.valid-key-accepted"], "{}", all());
    let open = unexplained(|verdict| matches!(verdict, Verdict::Inconclusive(_) | Verdict::Blocked(_)));
    assert!(open.is_empty(), "{open:?} {}", all());
    let passed = unexplained(|verdict| *verdict == Verdict::Pass);
    let explained: Vec<_> = results.iter().filter_map(|result| result.cause.as_deref()).collect();
    assert!(explained.iter().all(|cause| *cause == "auth.valid-key-accepted"), "{}", all());
    passed.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_named_once_and_what_is_about_others_is_judged() {
    let passed = play(|_| true).await;
    assert!(passed > 10, "{passed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_it_hangs_only_for_those_it_lets_in_refusals_are_judged() {
    let passed = play(|request| api::conforming(request).status == 200).await;
    assert!(passed > 25, "{passed}");
}
