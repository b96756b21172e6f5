//! Targets that are odd and keep every promise: nothing they do may be failed, blocked or left undecided.

use std::time::Duration;

use crate::api::Api;
use crate::oddity::Oddity;
use crate::run::{BOTH, GRANTS, INGESTION, READ, STANDARD, WRITE, judge};

/// The window of these targets. The program waits for what they promise, so a short one saves time.
const WINDOW: Duration = Duration::from_secs(5);

/// Plays checks and makes sure that each of them passed, and that there were so many of them at least.
async fn passes(oddity: Oddity, keys: &[(&str, &str)], arguments: &[&str], at_least: usize) {
    let server = oddity.serve(Api::new(&GRANTS, WINDOW)).await;
    let judged = judge(&server.url(), keys, "10s", arguments).await;
    let checks = judged.report["checks"].as_array().unwrap();
    let skipped = |check: &&serde_json::Value| check["verdict"] == "skipped";
    for check in checks.iter().filter(|check| !skipped(check)) {
        assert_eq!(check["verdict"], "pass", "{check:#}");
    }
    let played = checks.len() - checks.iter().filter(skipped).count();
    assert!(played >= at_least, "{played} were played: {}", judged.ran.out);
    judged.ran.ended_with(0);
}

/// Who may do what, with the largest batches where the page allows none.
async fn keeps_the_door(oddity: Oddity) {
    let keys = [("both", BOTH), ("read", READ), ("write", WRITE)];
    let arguments = [
        "auth.*",
        "scope.*",
        "--skip",
        "scope.no-effect",
        "--level",
        "must",
        "--level",
        "should",
        "--level",
        "rfc",
    ];
    passes(oddity, &keys, &arguments, 35).await;
}

/// How much a key may do.
async fn keeps_count(oddity: Oddity) {
    let keys = [("standard", STANDARD), ("ingestion", INGESTION)];
    let arguments = ["rate.standard", "rate.ingestion", "limit.body", "limit.retry-after-present"];
    passes(oddity, &keys, &arguments, 4).await;
}

macro_rules! conforming {
    ($($name:ident: $oddity:ident;)*) => {
        $(mod $name {
            use super::*;

            #[tokio::test(flavor = "multi_thread")]
            async fn at_the_door() {
                keeps_the_door(Oddity::$oddity).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn in_a_burst() {
                keeps_count(Oddity::$oddity).await;
            }
        })*
    };
}

conforming! {
    http_1_0: Http10;
    refuses_without_reading: RefusesUnread;
    refuses_unheard: RefusesUnheard;
    dribbles: Dribbles;
    shouts_headers: ShoutsHeaders;
    chunks: Chunks;
    compresses: Compresses;
    continues: Continues;
    white_space: Spaces;
    closes: Closes;
    impatient: Impatient;
}
