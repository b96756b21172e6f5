//! What a report says shows a failure again does: run as it stands, against the mock that is still there.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

use crate::program::trenchcheck;
use crate::target::folder;

/// A mock that runs until it is dropped, with its URL and its keys in the variables that it names.
struct Mock {
    child: Child,
    url: String,
    keys: Vec<(String, String)>,
}

impl Mock {
    fn start(deviation: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_trenchcheck"))
            .args(["mock", "--port", "0", "--json", "--deviate", deviation])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        let ready: Value = serde_json::from_str(&ready).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let keys = ready["keys"].as_array().unwrap().iter();
        let keys = keys.map(|key| (text(&key["variable"]), text(&key["key"]))).collect();
        Self { child, url: text(&ready["url"]), keys }
    }

    /// Runs a line as somebody does who has sourced what the mock printed.
    fn shell(&self, folder: &Path, line: &str) -> Output {
        let program = Path::new(env!("CARGO_BIN_EXE_trenchcheck")).parent().unwrap();
        Command::new("sh")
            .args(["-c", line])
            .current_dir(folder)
            .env_clear()
            .env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", program.display()))
            .envs(self.keys.iter().map(|(name, key)| (name, key)))
            .output()
            .unwrap()
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The part of the report that follows `before` on its line.
#[track_caller]
fn line<'a>(report: &'a str, before: &str) -> &'a str {
    let found = report.lines().find_map(|line| line.trim_start().strip_prefix(before));
    found.unwrap_or_else(|| panic!("no {before:?} in {report}"))
}

#[test]
fn the_lines_of_a_report_show_the_failure_again() {
    let (mock, folder) = (Mock::start("accept-bearer"), folder());
    let words = ["test", "--target", &mock.url, "--keys", "mock", "auth.no-bearer", "--verbose"];
    let report = trenchcheck(folder.path(), &words, &[]).ended_with(1).out;

    // The workspace it was seen in is gone; the mock's own keys are not.
    let curl = line(&report, "curl -sS -i ");
    let answered = mock.shell(folder.path(), &format!("curl -sS -i {curl}"));
    let answered = String::from_utf8_lossy(&answered.stdout).into_owned();
    assert!(answered.starts_with("HTTP/1.1 200"), "{curl}: {answered}");

    let again = line(&report, "again: ");
    assert_eq!(again, format!("trenchcheck test --target {} --keys mock auth.no-bearer", mock.url));
    assert_eq!(mock.shell(folder.path(), again).status.code(), Some(1), "{again}");
}

#[test]
fn scenarios_of_ones_own_and_levels_are_in_the_line() {
    let (mock, folder) = (Mock::start("accept-bearer"), folder());
    std::fs::create_dir(folder.path().join("my own")).unwrap();
    let check = "check: own.never\nclause: auth.header\nlevel: should\nabout: A key opens nothing.\nkey: any\nsteps:\n  - send: {request: list-sessions}\n    expect: {status: 401}\n";
    std::fs::write(folder.path().join("my own/never.yaml"), check).unwrap();
    let words = ["test", "--scenarios", "my own", "--strict", "--quiet"];
    let report = trenchcheck(folder.path(), &words, &[]).ended_with(1).out;
    let again = line(&report, "again: ");
    assert_eq!(again, "trenchcheck test --scenarios 'my own' --strict own.never");
    assert_eq!(mock.shell(folder.path(), again).status.code(), Some(1), "{again}");
    let explained = trenchcheck(folder.path(), &["explain", "--scenarios", "my own", "own.never"], &[]);
    assert!(
        explained.out.ends_with("  trenchcheck test --scenarios 'my own' own.never\n"),
        "{}",
        explained.out
    );
}

#[test]
fn who_plays_a_mock_in_real_time_is_told_of_a_faster_way() {
    let (mock, folder) = (Mock::start("accept-bearer"), folder());
    let ran = mock.shell(folder.path(), &format!("trenchcheck test --target {} auth.missing", mock.url));
    let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(out.contains("keys: environment (") && out.contains("real time"), "{out}");
    assert!(err.starts_with("note: ") && err.contains("--keys mock"), "{err}");
    let words = format!("trenchcheck test --keys environment --target {} auth.missing", mock.url);
    assert!(mock.shell(folder.path(), &words).stderr.is_empty());
}
