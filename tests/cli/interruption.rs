//! Ctrl-C, or SIGTERM, during a wait in real time: what was judged until then is reported and written, at once.

#![cfg(unix)]

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::program::{Ran, trenchcheck};
use crate::reports::{valid_json, well_formed_junit};
use crate::target::{KEY, deployment, folder};

/// The deployment's window; the second check waits for it to end.
const WINDOW: Duration = Duration::from_secs(50);

/// What is told until the one check has long been played and the other has nothing left to do but to wait: it looks at
/// five answers of 429, one at a time, after it has used its key up.
fn told_until_it_waits(lines: &mut impl Iterator<Item = String>) -> Vec<String> {
    let mut told = Vec::new();
    let count = |told: &[String], word: &str| told.iter().filter(|line| line.contains(word)).count();
    while count(&told, "429") < 5 {
        told.push(lines.next().expect("the run ended before it waited"));
    }
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_judged_is_reported_and_the_wait_is_over() {
    tokio::join!(is_reported_at("-INT"), is_reported_at("-TERM"));
}

async fn is_reported_at(signal: &'static str) {
    let server = deployment(60, WINDOW).await;
    let (here, url) = (folder(), server.url());
    let path = here.path().to_owned();
    let begun = Instant::now();
    let ran = tokio::task::spawn_blocking(move || {
        let mut child = Command::new(env!("CARGO_BIN_EXE_trenchcheck"))
            .args(["test", "--target", &url, "auth.unknown", "rate.hammering"])
            .args(["-vv", "--junit", "report.xml", "--json", "report.json", "--evidence", "run.json"])
            .env_clear()
            .env("TRENCHCHECK_KEY_STANDARD", KEY)
            .current_dir(path)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let mut out = told_until_it_waits(&mut lines);
        let process = child.id().to_string();
        assert!(Command::new("kill").args([signal, &process]).status().unwrap().success());
        out.extend(lines);
        let ended = Ran::of(child.wait_with_output().unwrap());
        Ran { out: out.join("\n"), ..ended }
    })
    .await
    .unwrap()
    .ended_with(130);
    assert!(begun.elapsed() < WINDOW / 2, "{:?}", begun.elapsed());
    assert!(ran.out.contains("interrupted before the end (exit code 130)"), "{}", ran.out);

    let report = valid_json(here.path());
    let verdict = |id: &str| {
        let checks = report["checks"].as_array().unwrap();
        checks.iter().find(|check| check["id"] == id).unwrap()["verdict"].as_str().unwrap().to_owned()
    };
    assert_eq!(verdict("auth.unknown"), "pass");
    assert_eq!(verdict("rate.hammering"), "skipped");
    assert!(well_formed_junit(here.path()).contains("auth.unknown"));

    let words = ["judge", "run.json", "--json", "judged.json"];
    let judged = trenchcheck(here.path(), &words, &[]).ended_with(130);
    assert!(judged.out.contains("interrupted before the end (exit code 130)"), "{}", judged.out);
    let read = |name: &str| std::fs::read(here.path().join(name)).unwrap();
    assert!(read("report.json") == read("judged.json"));
}
