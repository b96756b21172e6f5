//! A run, and the judgement of its file, tell the same.

use trenchcheck::deployment::{Embedded, Target};
use trenchcheck::report::ExitCode;
use trenchcheck::run::Recording;

use crate::playing::{SUITE, judged, places, recorded};

async fn is_the_same(target: Target, ids: &[&str]) -> (ExitCode, Vec<String>) {
    let places = places(&SUITE, ids);
    let (live, live_exit, recording) = recorded(&SUITE, target, &places).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("evidence.json");
    recording.save(&path).unwrap();
    let recording = Recording::read(&path).unwrap();
    assert_eq!(recording.checks_in(&SUITE), places);
    for _ in 0..2 {
        let (again, exit) = judged(&SUITE, &recording, &places);
        assert_eq!(exit, live_exit);
        assert_eq!(again.lines.len(), live.lines.len());
        for (again, live) in again.lines.iter().zip(&live.lines) {
            assert_eq!(again, live);
        }
    }
    let causes = live.summary.unwrap().causes;
    (live_exit, causes.into_iter().map(|cause| cause.again).collect())
}

async fn of_a_limiter(word: &str) {
    let mock = Embedded::start().await.unwrap();
    let (_, causes) = is_the_same(mock.target(&[], Some(word)), &[]).await;
    assert!(causes.is_empty(), "{causes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_the_reference() {
    of_a_limiter("anchored").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_an_aligned_window() {
    of_a_limiter("aligned").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_sliding_log() {
    of_a_limiter("sliding").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_sliding_counter() {
    of_a_limiter("sliding-counter").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_lax_startup() {
    let mock = Embedded::start().await.unwrap();
    let (exit, causes) = is_the_same(mock.target(&["lax-startup".to_owned()], None), &[]).await;
    assert_eq!(exit, ExitCode::Failed);
    assert!(causes.len() > 5 && causes.iter().all(|again| !again.contains("--target")), "{causes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_deployment_in_real_time() {
    let (target, _mock) = Embedded::deployment(&["accept-bearer".to_owned()], None, false).await.unwrap();
    let url = target.base_url.clone();
    let (exit, causes) = is_the_same(target, &["auth.no-bearer", "auth.missing", "limit.body"]).await;
    assert_eq!(exit, ExitCode::Failed);
    assert_eq!(causes, [format!("trenchcheck test --target {url} auth.no-bearer")]);
}
