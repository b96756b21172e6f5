//! The evidence in this folder, and the verdicts beside it.
//!
//! After a change of what these checks send, `UPDATE_EVIDENCE=1 cargo test --test evidence kept` records all of it anew.
//! After a change of the judge it is there to show what the change does.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use trenchcheck::deployment::Embedded;
use trenchcheck::run::Recording;
use trenchcheck::scenario::Suite;

use crate::playing::{SUITE, judged, places, recorded};

/// Larger ones would be a burden to everybody.
const MOST_BYTES: u64 = 60 * 1_024;

/// A deployment of the mock, and the checks that are played against it.
struct Kept {
    name: &'static str,
    deviations: &'static [&'static str],
    limiter: Option<&'static str>,
    checks: &'static [&'static str],
}

const KEPT: [Kept; 4] = [
    Kept {
        name: "reference",
        deviations: &[],
        limiter: None,
        checks: &["auth.missing", "limit.retry-after-honest", "rate.standard"],
    },
    Kept {
        name: "aligned-window",
        deviations: &[],
        limiter: Some("aligned"),
        checks: &["auth.missing", "rate.fingerprint", "rate.standard"],
    },
    Kept {
        name: "sliding-log",
        deviations: &[],
        limiter: Some("sliding"),
        checks: &["auth.missing", "rate.fingerprint", "rate.standard"],
    },
    Kept {
        name: "lax-startup",
        deviations: &["lax-startup"],
        limiter: None,
        checks: &[
            "auth.body",
            "auth.body-uniform",
            "auth.body-uniform-revoked",
            "auth.missing",
            "scope.body-read",
            "scope.body-write",
            "scope.events-need-write",
        ],
    },
];

/// Left out, for its size.
const LEFT_OUT: &str = "per-key";

pub(crate) fn path(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "evidence", name].iter().collect()
}

/// What a deployment with the small tier alone would have played: the others ask the same, and take much room.
fn small() -> Arc<Suite> {
    let mut suite = Suite::clone(&SUITE);
    for experiment in &mut suite.experiments {
        experiment
            .cases
            .retain(|case| !case.row.iter().any(|(_, value)| value == "premium" || value == "ingestion"));
    }
    suite.experiments.retain(|experiment| experiment.name != LEFT_OUT);
    Arc::new(suite)
}

async fn record(kept: &Kept) {
    let deviations: Vec<String> = kept.deviations.iter().map(ToString::to_string).collect();
    let mock = Embedded::start().await.unwrap();
    let suite = small();
    let target = mock.target(&deviations, kept.limiter);
    let (_, _, recording) = recorded(&suite, target, &places(&suite, kept.checks)).await;
    recording.save(&path(&format!("{}.json", kept.name))).unwrap();
}

/// A line for each check: its verdict, and by which other one it is explained.
fn verdicts(recording: &Recording) -> String {
    let (sender, mut events) = tokio::sync::mpsc::unbounded_channel();
    let places = recording.checks_in(&SUITE);
    let options = trenchcheck::run::Options::default();
    trenchcheck::run::judge_recording(&SUITE, recording, &places, &options, &sender);
    let mut lines = String::new();
    while let Ok(event) = events.try_recv() {
        if let trenchcheck::report::Event::CheckFinished(result) = event {
            let by = result.cause.map_or_else(String::new, |cause| format!(" by {cause}"));
            lines.push_str(&format!("{} {}{by}\n", result.verdict.word(), result.id));
        }
    }
    lines
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kept_run_comes_to_its_verdicts() {
    let update = std::env::var_os("UPDATE_EVIDENCE").is_some();
    for kept in &KEPT {
        let (evidence, beside) = (path(&format!("{}.json", kept.name)), path(&format!("{}.txt", kept.name)));
        if update {
            record(kept).await;
        }
        assert!(fs::metadata(&evidence).unwrap().len() < MOST_BYTES, "{} is too large", kept.name);
        let recording = Recording::read(&evidence).unwrap();
        let verdicts = verdicts(&recording);
        if update {
            fs::write(beside, &verdicts).unwrap();
            continue;
        }
        let (told, _) = judged(&SUITE, &recording, &recording.checks_in(&SUITE));
        let told = told.lines.join("\n");
        assert!(
            !told.contains("sends something else"),
            "{}: what the checks send was changed, so record it anew with UPDATE_EVIDENCE=1\n{told}",
            kept.name
        );
        assert_eq!(verdicts, fs::read_to_string(beside).unwrap(), "{}\n{told}", kept.name);
    }
}

#[test]
fn every_file_of_this_folder_is_judged() {
    let named: Vec<String> =
        KEPT.iter().flat_map(|kept| [format!("{}.json", kept.name), format!("{}.txt", kept.name)]).collect();
    for entry in fs::read_dir(path("")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(name.ends_with(".rs") || named.contains(&name), "{name} is nobody's");
    }
}
