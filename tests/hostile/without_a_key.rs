//! A target that keeps its promises to those who have a key, and misbehaves only towards those who have none: that
//! is the target's fault, so the check fails, with the fact in it, and the exit code is 1.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;

use crate::api::Api;
use crate::fault::Fault;
use crate::http::{Head, Server};
use crate::run::{BOTH, GRANTS, READ, judge};

/// Which requests meet the fault.
type When = fn(&Api, &Head) -> bool;

/// Those without a valid key.
fn no_key(api: &Api, head: &Head) -> bool {
    api.grant(head).is_none()
}

/// Those whose header is spelled in capitals.
fn shouted(_: &Api, head: &Head) -> bool {
    head.fields.iter().any(|(name, _)| name == "X-API-KEY")
}

/// Plays one check and looks for `words` in its first failure. Returns how many bytes of faults were sent at most.
async fn fails(check: &str, when: When, fault: Fault, words: &[&str]) -> usize {
    let sent = Arc::new(AtomicUsize::new(0));
    let api = Arc::new(Api::new(&GRANTS, Duration::from_secs(60)));
    let faults = Arc::new(AtomicUsize::new(0));
    let server = Server::start(8_192, {
        let (sent, faults) = (Arc::clone(&sent), Arc::clone(&faults));
        move |mut connection| {
            let (api, sent, faults) = (Arc::clone(&api), Arc::clone(&sent), Arc::clone(&faults));
            async move {
                while let Some(head) = Head::read(&mut connection).await {
                    let Some(body) = head.body(&mut connection).await else { return };
                    if when(&api, &head) {
                        faults.fetch_add(1, Ordering::Relaxed);
                        return fault.commit(401, connection, sent).await;
                    }
                    let reply = api.refusal(&head).unwrap_or_else(|| Api::effect(&head, &body));
                    if connection.write_all(&reply.bytes(&head)).await.is_err() {
                        return;
                    }
                }
            }
        }
    })
    .await;
    let judged =
        judge(&server.url(), &[("both", BOTH), ("read", READ)], fault.timeout(), &[check, "--rfc"]).await;
    let result = judged.check(check);
    assert_eq!(result["verdict"], "fail", "{result:#}");
    let what = result["failures"][0]["what"].as_str().unwrap();
    for word in words {
        assert!(what.contains(word), "no {word:?} in {what:?}");
    }
    let ran = judged.ran.ended_with(1);
    assert!(ran.out.contains(words[0]), "{}", ran.out);
    assert!(ran.out.len() < 200_000, "{} bytes of report", ran.out.len());
    sent.load(Ordering::Relaxed) / faults.load(Ordering::Relaxed).max(1)
}

macro_rules! fails {
    ($($name:ident: $check:literal, $fault:ident => $words:expr;)*) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            fails($check, no_key, Fault::$fault, &$words).await;
        })*
    };
}

fails! {
    reset_at_once: "auth.missing", ResetAtOnce =>
        ["no answer: the connection ended before the answer was complete"];
    reset_in_the_body: "auth.missing", ResetInTheBody =>
        ["no answer: the connection ended before the answer was complete", "status 401 and 8 bytes of body came"];
    less_than_announced: "auth.missing", TooShort =>
        ["no answer: the connection ended before the answer was complete", "status 401 and 8 bytes of body came"];
    more_than_announced: "auth.body", TooLong => ["the body is not JSON"];
    a_header_without_end: "auth.missing", EndlessHeader => ["no answer: the answer was not HTTP", "too large"];
    a_header_that_trickles: "auth.missing", TricklingHeader =>
        ["no answer: no complete answer within 1 s", "no header came"];
    a_body_that_trickles: "auth.missing", TricklingBody =>
        ["no answer: no complete answer within 1 s", "status 401"];
    bytes_that_are_no_text: "auth.body", NotUtf8 => ["the body is not JSON"];
    compressed_gigabytes: "auth.body", GzipBomb => ["the body is not JSON"];
    json_too_deep: "auth.body", DeepJson => ["the body is not JSON", "recursion limit"];
    a_string_of_megabytes: "auth.body", LongString => ["the body is not the documented object: error is"];
    a_string_of_megabytes_twice: "auth.body-uniform", LongString => ["the body is another one"];
    a_redirect: "auth.missing", Redirect => ["the status is 307, not 401"];
    another_protocol: "auth.missing", NotHttp => ["no answer: the answer was not HTTP"];
    silence: "auth.missing", Silence => ["no answer: no complete answer within 1 s", "no header came"];
    interim_answers_without_end: "auth.missing", EndlessInterim =>
        ["no answer: no complete answer within 1 s", "no header came"];
}

/// What is not read needs no memory: the target gets rid of far less than it has.
#[tokio::test(flavor = "multi_thread")]
async fn fifty_megabytes_are_not_read() {
    let words = ["no answer: the body was larger than 8388608 bytes"];
    for (check, when) in [("auth.missing", no_key as When), ("auth.header-name-case", shouted)] {
        let taken = fails(check, when, Fault::HugeJson, &words).await;
        assert!(taken < 20_000_000, "{taken} bytes were taken for each answer");
    }
}

/// The header's spelling is tested over a connection of its own kind, which has its own way to fail.
#[tokio::test(flavor = "multi_thread")]
async fn a_spelling_that_meets_faults() {
    for (fault, words) in [
        (Fault::Silence, "no complete answer within 1 s"),
        (Fault::ResetAtOnce, "the connection ended before the answer was complete"),
        (Fault::NotHttp, "the answer was not HTTP"),
    ] {
        fails("auth.header-name-case", shouted, fault, &[words]).await;
    }
}
