//! Runs against targets that echo, with every report there is.

use crate::echo::{Manner, serve};
use crate::program::trenchcheck;
use crate::secret::{Traces, new_key};

/// Plays against a target of this manner and searches everything that came out.
async fn leaves_no_trace(manner: Manner, code: i32) {
    let roles = ["STANDARD", "PREMIUM", "INGESTION", "READ", "WRITE", "BOTH"];
    let keys: Vec<String> = roles.iter().map(|_| new_key()).collect();
    let server = serve(manner, keys.clone()).await;
    let variables: Vec<(String, String)> =
        roles.iter().zip(&keys).map(|(role, key)| (format!("TRENCHCHECK_KEY_{role}"), key.clone())).collect();
    // A key in the path of the base URL is the user's own mistake, and still no reason to print it.
    let url = format!("{}/{}", server.url(), keys[0]);
    let (ran, folder) = tokio::task::spawn_blocking(move || {
        let folder = tempfile::tempdir().unwrap();
        let variables: Vec<(&str, &str)> =
            variables.iter().map(|(name, key)| (name.as_str(), key.as_str())).collect();
        let words = [
            "test",
            "--target",
            &url,
            "auth.*",
            "scope.*",
            "--skip",
            "scope.403-counts",
            "--skip",
            "scope.order-with-limit",
            "--verbose",
            "--json",
            "report.json",
            "--junit",
            "report.xml",
        ];
        (trenchcheck(folder.path(), &words, &variables), folder)
    })
    .await
    .unwrap();
    let ran = ran.ended_with(code);
    assert!(ran.out.contains("x-echo-"), "the echo is shown: {}", ran.out);
    assert!(folder.path().join("report.json").exists() && folder.path().join("report.xml").exists());
    for key in &keys {
        Traces::of(key).assert_absent_from_all(&ran, folder.path(), &[]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_keeps_the_door() {
    leaves_no_trace(Manner::Good, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_lets_everybody_in() {
    leaves_no_trace(Manner::Open, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_knows_no_key() {
    leaves_no_trace(Manner::Closed, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_breaks_off() {
    leaves_no_trace(Manner::Rude, 1).await;
}
