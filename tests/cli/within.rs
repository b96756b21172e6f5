//! `test --within`: a run that ends by itself, with what was judged by then.

use std::time::{Duration, Instant};

use crate::program::{Ran, trenchcheck};
use crate::reports::valid_json;
use crate::target::{KEY, deployment, folder, keyless};

/// The deployment's window; what waits for it to end cannot be over in the time that is given.
const WINDOW: Duration = Duration::from_secs(50);

#[tokio::test(flavor = "multi_thread")]
async fn what_was_judged_decides_and_the_rest_says_why_it_is_missing() {
    let server = deployment(60, WINDOW).await;
    let (here, url) = (folder(), server.url());
    let path = here.path().to_owned();
    let begun = Instant::now();
    let ran: Ran = tokio::task::spawn_blocking(move || {
        let words = ["test", "--target", &url, "auth.unknown", "rate.hammering", "--within", "5s"];
        let words = [&words[..], &["--json", "report.json"]].concat();
        trenchcheck(&path, &words, &[("TRENCHCHECK_KEY_STANDARD", KEY)])
    })
    .await
    .unwrap()
    .ended_with(0);
    assert!(begun.elapsed() < WINDOW / 2, "{:?}", begun.elapsed());
    assert!(ran.out.contains("the time given with --within was over"), "{}", ran.out);
    let report = valid_json(here.path());
    let checks = report["checks"].as_array().unwrap();
    let verdict = |id: &str| checks.iter().find(|check| check["id"] == id).unwrap()["verdict"].clone();
    assert_eq!((verdict("auth.unknown"), verdict("rate.hammering")), ("pass".into(), "skipped".into()));
}

/// Also where the first answer never comes, and nothing was judged.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_says_nothing_is_not_waited_for() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let begun = Instant::now();
    let ran = tokio::task::spawn_blocking(move || {
        let words = ["test", "--target", &url, "auth.missing", "--within", "1s"];
        trenchcheck(folder().path(), &words, &[("TRENCHCHECK_KEY_STANDARD", KEY)])
    });
    let ran = ran.await.unwrap().ended_with(4);
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    assert!(ran.out.contains("the time given with --within was over"), "{}", ran.out);
}

#[test]
fn a_time_that_is_none_is_a_usage_error() {
    for time in ["0s", "10", "ten", "1.5m", "-3s", "9000h"] {
        let ran = keyless(&["test", &format!("--within={time}")]).ended_with(2);
        assert!(
            ran.err.contains("expected a time of at most a week, such as `500ms`"),
            "{time}: {}",
            ran.err
        );
    }
}
