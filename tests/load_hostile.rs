//! Load runs against servers that are wrong now and then, and against odd conforming ones, over real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail loudly")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use api::{Api, Grant, Reply};
use http::{Connection, Head, Server};
use tokio::io::AsyncWriteExt as _;
use trenchcheck::contract::{ApiKey, Tier};
use trenchcheck::deployment::{Envelope, Key, Keys, Role, Target};
use trenchcheck::load::profile::{Profile, Shelved};
use trenchcheck::load::{About, Conduct, Finding, LoadPlan, Overrides, RunRecord, findings, play};
use trenchcheck::report::Redactor;

#[path = "common/api.rs"]
mod api;
#[path = "common/http.rs"]
mod http;

const STANDARD: &str = "ct_live_standardstandardstandardstandard";
const INGESTION: &str = "ct_live_ingestioningestioningestioningest";

/// Thirty a second for two seconds, of which the first 40 are admitted; or half as many, of which all are.
const OVER: &str = "{name: it, key: standard, request: list-sessions, rate: 1800}";
const WITHIN: &str = "{name: it, key: standard, request: list-sessions, rate: 900}";
const EVENTS: &str = "{name: it, key: ingestion, request: post-events, batch: 1, rate: 900}";
const LIMIT: u32 = 40;

/// What a server does to the answer of its `n`th request.
type Oddity = fn(usize, Reply) -> Answer;

enum Answer {
    Whole(Reply),
    Late(Reply, Duration),
    /// The connection ends after it.
    Last(Reply),
    /// So many bytes of it, and a reset.
    Broken(Reply, usize),
}

async fn serve(mut connection: Connection, api: Arc<Api>, counter: Arc<AtomicUsize>, oddity: Oddity) {
    while let Some(head) = Head::read(&mut connection).await {
        let Some(body) = head.body(&mut connection).await else { return };
        let reply = api.refusal(&head).unwrap_or_else(|| Api::effect(&head, &body));
        let nth = counter.fetch_add(1, Ordering::Relaxed);
        let (mut bytes, mut ends) = (Vec::new(), false);
        match oddity(nth, reply) {
            Answer::Whole(reply) => bytes = reply.bytes(&head),
            Answer::Late(reply, wait) => {
                tokio::time::sleep(wait).await;
                bytes = reply.bytes(&head);
            }
            Answer::Last(mut reply) => {
                reply.fields.push(("Connection", "close".to_owned()));
                (bytes, ends) = (reply.bytes(&head), true);
            }
            Answer::Broken(reply, length) => {
                connection.get_ref().set_zero_linger().unwrap();
                bytes.extend(reply.bytes(&head).into_iter().take(length));
                ends = true;
            }
        }
        if connection.write_all(&bytes).await.is_err() || ends {
            return;
        }
    }
}

fn key(role: Role, secret: &str, tier: Tier) -> Key {
    Key {
        variable: format!("KEY_{role}"),
        secret: ApiKey::new(secret).unwrap(),
        tier: Some(tier),
        scopes: role.scopes(),
        account: None,
        given_for: Some(role),
        mock_id: None,
    }
}

/// Plays one lane against a server with an oddity; the first request of the server is the try-out of the key.
async fn run(lane: &str, thresholds: &str, oddity: Oddity) -> RunRecord {
    let grants = [
        Grant { key: STANDARD, reads: true, writes: false, limit: LIMIT },
        Grant { key: INGESTION, reads: false, writes: true, limit: LIMIT },
    ];
    let (api, counter) = (Arc::new(Api::new(&grants, Duration::from_secs(30))), Arc::default());
    let server =
        Server::start(8_192, move |connection| serve(connection, api.clone(), Arc::clone(&counter), oddity))
            .await;
    let keys =
        vec![key(Role::Standard, STANDARD, Tier::Standard), key(Role::Ingestion, INGESTION, Tier::Ingestion)];
    let target = Target {
        envelope: Envelope::Documented,
        timeout: Duration::from_secs(10),
        ..Target::on_this_machine(server.url(), Keys::Environment(keys))
    };
    let text = format!(
        "profile: odd\nabout: x\nwindows: 1\nwindow: {{send: 2s, rest: 0ms}}\nlanes: [{lane}]\n\
         thresholds: {thresholds}\n"
    );
    let profile = Profile::read("odd.yaml", &text).unwrap();
    let shelved = Shelved { profile, file: "odd.yaml".to_owned(), text };
    let plan = LoadPlan::new(&shelved, &Overrides::default(), &target, None).unwrap();
    let conduct = Conduct { quiet: true, ..Conduct::default() };
    play(plan, &target, conduct, &Redactor::default()).await.unwrap()
}

/// What the target missed.
fn missed(run: &RunRecord) -> Vec<Finding> {
    let about_target = |finding: &Finding| finding.about == About::Target && !finding.held();
    findings(run).into_iter().filter(about_target).collect()
}

#[track_caller]
fn assert_found(run: &RunRecord, threshold: &str, fault: Option<&str>) {
    let missed = missed(run);
    assert!(missed.iter().any(|miss| miss.threshold == threshold), "{threshold}: {missed:#?}");
    if let Some(fault) = fault {
        assert!(run.lanes[0].faults.contains_key(fault), "{fault}: {:?}", run.lanes[0].faults);
    }
}

fn each(every: usize, nth: usize) -> bool {
    nth % every == every - 1
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_wrong_now_and_then_is_found_and_named() {
    // The try-out is one of the 40.
    let asked = "{admitted: 39}";
    let ended = "the connection ended before the answer was complete";
    let rows: [(Oddity, &str, &str); 5] = [
        (
            |nth, reply| if each(9, nth) { Answer::Broken(reply, 0) } else { Answer::Whole(reply) },
            "errors",
            ended,
        ),
        (
            |nth, reply| if each(9, nth) { Answer::Broken(reply, 90) } else { Answer::Whole(reply) },
            "errors",
            ended,
        ),
        (
            |nth, reply| Answer::Whole(if each(9, nth) { Reply::new(500, "{}") } else { reply }),
            "errors",
            "status 500",
        ),
        (
            |nth, mut reply| {
                if each(3, nth) {
                    reply.fields.retain(|(name, _)| *name != "Retry-After");
                }
                Answer::Whole(reply)
            },
            "wrong_429",
            "a 429 without Retry-After",
        ),
        (
            |nth, mut reply| {
                if each(3, nth) && reply.status == 429 {
                    reply.body = reply.body.replace("RATE_LIMITED", "TOO_MANY_REQUESTS");
                }
                Answer::Whole(reply)
            },
            "wrong_429",
            "a 429 whose body is not the documented one",
        ),
    ];
    for (oddity, threshold, fault) in rows {
        assert_found(&run(OVER, asked, oddity).await, threshold, Some(fault));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_are_not_accepted_are_no_success() {
    let nothing: Oddity = |_, mut reply| {
        reply.body = reply.body.replace("\"accepted\":1", "\"accepted\":0");
        Answer::Whole(reply)
    };
    let run = run(EVENTS, "{admitted: all, events_admitted: all}", nothing).await;
    assert_found(&run, "events_admitted", None);
    assert_eq!(run.lanes[0].windows[0].admitted, 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_and_conforming_answers_are_never_failed() {
    let rows: [Oddity; 4] = [
        |_, mut reply| {
            reply.status = if reply.status == 200 { 201 } else { reply.status };
            Answer::Whole(reply)
        },
        |nth, reply| Answer::Late(reply, Duration::from_millis(nth as u64 * 97 % 400)),
        |_, reply| Answer::Last(reply),
        |_, mut reply| {
            reply.fields.push(("X-More", "of it".to_owned()));
            Answer::Whole(reply)
        },
    ];
    for (place, oddity) in rows.into_iter().enumerate() {
        let over = run(OVER, "{admitted: 39}", oddity).await;
        let counts = over.lanes[0].windows[0];
        assert_eq!((missed(&over), counts.limited), (vec![], 21), "{place}");
        let within = run(WITHIN, "{admitted: all, limited: 0}", oddity).await;
        assert_eq!((missed(&within), within.lanes[0].windows[0].admitted), (vec![], 30), "{place}");
    }
}
