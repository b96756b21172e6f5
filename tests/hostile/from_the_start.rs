//! A target that misbehaves from the first request on: the positive control fails, so checks are blocked, with the
//! fact in the reason, and the exit code is 3.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use tokio::net::TcpListener;

use crate::fault::Fault;
use crate::http::{Head, Server};
use crate::run::{BOTH, judge};

/// Judges `url` and looks for `words` in the reason.
async fn blocked_at(url: &str, timeout: &str, words: &[&str]) {
    let judged =
        judge(url, &[("both", BOTH)], timeout, &["auth.missing", "auth.body", "rate.ingestion"]).await;
    let check = judged.check("auth.missing");
    assert_eq!(check["verdict"], "blocked", "{check:#}");
    let reason = check["reason"].as_str().unwrap();
    for word in words {
        assert!(reason.contains(word), "no {word:?} in {reason:?}");
    }
    let ran = judged.ran.ended_with(3);
    assert!(ran.out.contains(words[0]), "{}", ran.out);
}

async fn blocked_by(fault: Fault, words: &[&str]) {
    let server = Server::start(8_192, move |mut connection| async move {
        if Head::read(&mut connection).await.is_some() {
            fault.commit(200, connection, Arc::new(AtomicUsize::new(0))).await;
        }
    })
    .await;
    blocked_at(&server.url(), fault.timeout(), words).await;
}

macro_rules! blocked {
    ($($name:ident: $fault:ident => $words:expr;)*) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            blocked_by(Fault::$fault, &$words).await;
        })*
    };
}

blocked! {
    reset_at_once: ResetAtOnce => ["the connection ended before the answer was complete"];
    reset_in_the_body: ResetInTheBody =>
        ["the connection ended before the answer was complete", "status 200 and 8 bytes of body came"];
    less_than_announced: TooShort =>
        ["the connection ended before the answer was complete", "status 200 and 8 bytes of body came"];
    a_header_without_end: EndlessHeader => ["the answer was not HTTP", "too large"];
    a_header_that_trickles: TricklingHeader => ["no complete answer within 1 s", "no header came"];
    a_body_that_trickles: TricklingBody =>
        ["no complete answer within 1 s", "status 200", "bytes of body came"];
    fifty_megabytes: HugeJson => ["the body was larger than 8388608 bytes"];
    a_redirect_to_itself: Redirect => ["list-sessions: 307"];
    another_protocol: NotHttp => ["the answer was not HTTP"];
    silence: Silence => ["no complete answer within 1 s", "no header came"];
    interim_answers_without_end: EndlessInterim => ["no complete answer within 1 s", "no header came"];
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    blocked_at(&url, "1s", &["no connection could be made", "refused"]).await;
}

/// The label is longer than names allow, so no name server is asked.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_means_nothing() {
    let url = format!("http://{}.invalid", "n".repeat(70));
    blocked_at(&url, "1s", &["the host name could not be looked up"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_tls_behind_https() {
    let server = Server::start(8_192, |connection| {
        Fault::NotHttp.commit(200, connection, Arc::new(AtomicUsize::new(0)))
    })
    .await;
    blocked_at(&server.url().replace("http", "https"), "1s", &["TLS could not be agreed on"]).await;
}
