//! Keys that open nothing cost a moment: they are named, with what came back, and nothing waits for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt as _;

use crate::api::Reply;
use crate::http::{Head, Server};
use crate::program::{Ran, trenchcheck};
use crate::target::{KEY, deployment, folder, for_both_scopes};

const OTHER: &str = "ct_live_otherotherotherotherotherotherother";

/// Far less than any check takes that waits for a window.
const AT_ONCE: Duration = Duration::from_secs(10);

/// A server that gives everybody this answer, and how many it has given.
async fn always(status: u16) -> (Server, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let server = Server::start(8_192, {
        let count = Arc::clone(&count);
        move |mut connection| {
            let count = Arc::clone(&count);
            async move {
                while let Some(head) = Head::read(&mut connection).await {
                    if head.body(&mut connection).await.is_none() {
                        return;
                    }
                    count.fetch_add(1, Ordering::Relaxed);
                    let reply = Reply::new(status, "{}");
                    if connection.write_all(&reply.bytes(&head)).await.is_err() {
                        return;
                    }
                }
            }
        }
    })
    .await;
    (server, count)
}

/// Runs these checks with a Standard and an Ingestion key, and perhaps one with both scopes.
async fn run(url: String, keys: &[&'static str], checks: &[&'static str]) -> Ran {
    let names = ["TRENCHCHECK_KEY_STANDARD", "TRENCHCHECK_KEY_INGESTION", "TRENCHCHECK_KEY_BOTH"];
    let variables: Vec<_> = names.into_iter().zip(keys.iter().copied()).collect();
    let checks = checks.to_vec();
    let begun = Instant::now();
    let ran = tokio::task::spawn_blocking(move || {
        let words = [&["test", "--target", &url], &checks[..]].concat();
        trenchcheck(folder().path(), &words, &variables)
    });
    let ran = ran.await.unwrap();
    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    ran
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_key_works_each_is_named_and_nothing_is_played() {
    for (status, hint) in [
        (401, "; the deployment does not know this key"),
        (404, "; nothing of this API is at this base URL: is the path doubled or missing?"),
    ] {
        let (server, count) = always(status).await;
        let ran = run(server.url(), &[KEY, OTHER], &[]).await.ended_with(3);
        let words = ran.out.split_whitespace().collect::<Vec<_>>().join(" ");
        let answers = format!("(list-sessions: {status}, overview: {status}, tools: {status})");
        assert!(
            words.contains(&format!("TRENCHCHECK_KEY_STANDARD opens nothing {answers}{hint}")),
            "{}",
            ran.out
        );
        assert_eq!(words.matches("TRENCHCHECK_KEY_INGESTION opens nothing (").count(), 1, "{}", ran.out);
        assert!(words.contains("more: no key opens anything;"), "{}", ran.out);
        assert!(words.contains(" 0 passed,") && !words.contains("FAIL"), "{}", ran.out);
        // Two keys at five endpoints, a look for HTTP/2, and the spellings of the header.
        let sent = count.load(Ordering::Relaxed);
        assert!(sent < 20, "{sent} requests");
    }
}

/// Nor does the one check fail that is about being let in: no key that works has shown what the deployment does.
#[tokio::test(flavor = "multi_thread")]
async fn a_single_check_ends_in_the_same_way() {
    let (server, count) = always(401).await;
    for check in ["auth.valid-key-accepted", "scope.status-and-code-agree"] {
        let ran = run(server.url(), &[KEY, OTHER], &[check]).await.ended_with(3);
        assert!(ran.out.contains("1 check: 0 passed, 1 blocked"), "{}", ran.out);
    }
    assert!(count.load(Ordering::Relaxed) < 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_there_is_praised_for_nothing() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let ran = run(url, &[KEY, OTHER], &[]).await.ended_with(3);
    assert!(ran.out.contains("no connection could be made"), "{}", ran.out);
    assert!(ran.out.contains(" 0 passed,") && !ran.out.contains("expected to take"), "{}", ran.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_dead_key_blocks_what_needs_it_and_nothing_else() {
    let server = deployment(60, Duration::from_secs(60)).await;
    let checks = ["auth.unknown", "rate.ingestion", "events.quota"];
    let ran = run(server.url(), &[KEY, OTHER], &checks).await.ended_with(3);
    let named = "TRENCHCHECK_KEY_INGESTION opens nothing (post-events: 401";
    assert_eq!(ran.out.matches(named).count(), 1, "{}", ran.out);
    assert!(ran.out.contains("1 passed, 2 blocked"), "{}", ran.out);
}

/// The check that only such a key could play does not fail: with what it may ask, others are let in.
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_key_with_both_scopes_blocks_what_needs_one() {
    const POSTS: &str = "ct_live_postspostspostspostspostspostsposts";
    let server = for_both_scopes(POSTS).await;
    let ran = run(server.url(), &[KEY, POSTS, OTHER], &["auth.unknown", "scope.both"]).await.ended_with(3);
    assert_eq!(ran.out.matches("TRENCHCHECK_KEY_BOTH opens nothing").count(), 1, "{}", ran.out);
    assert!(ran.out.contains("1 passed, 1 blocked"), "{}", ran.out);
}

/// Another key does for everything that it was there for, and still it is named.
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_key_that_nothing_needs_is_named() {
    let server = deployment(60, Duration::from_secs(60)).await;
    let ran = run(server.url(), &[KEY, OTHER], &["auth.unknown"]).await.ended_with(0);
    assert_eq!(ran.out.matches("TRENCHCHECK_KEY_INGESTION opens nothing").count(), 1, "{}", ran.out);
}
