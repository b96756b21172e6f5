//! Runs against targets that echo, with every report there is, and with their evidence.

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
    let (ran, judged, folder) = tokio::task::spawn_blocking(move || {
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
            "-vv",
            "--json",
            "report.json",
            "--junit",
            "report.xml",
            "--evidence",
            "evidence.json",
        ];
        let ran = trenchcheck(folder.path(), &words, &variables).ended_with(code);
        let words = ["judge", "evidence.json", "--verbose", "--json", "judged.json", "--junit", "judged.xml"];
        let judged = trenchcheck(folder.path(), &words, &[]).ended_with(code);
        (ran, judged, folder)
    })
    .await
    .unwrap();
    // Bodies that differ in nothing but keys still differ when these are masked.
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert!(read("report.json") == read("judged.json") && read("report.xml") == read("judged.xml"));
    assert!(ran.out.contains("x-echo-"), "the echo is shown: {}", ran.out);
    assert!(folder.path().join("report.json").exists() && folder.path().join("report.xml").exists());
    for key in &keys {
        Traces::of(key).assert_absent_from_all(&ran, folder.path(), &[]);
        Traces::of(key).assert_absent_from_all(&judged, folder.path(), &[]);
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
