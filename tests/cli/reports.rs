//! The report files: JUnit is XML, JSON keeps to its schema, and what cannot be written is told.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::program::trenchcheck;
use crate::target::{KEY, folder, open_door};

/// The JSON report in a folder, held against the published schema.
pub(crate) fn valid_json(folder: &Path) -> Value {
    let schema =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/report.schema.json")).unwrap();
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let report: Value =
        serde_json::from_str(&fs::read_to_string(folder.join("report.json")).unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(&report).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    report
}

/// The JUnit report in a folder, after its tags were matched.
pub(crate) fn well_formed_junit(folder: &Path) -> String {
    let text = fs::read_to_string(folder.join("report.xml")).unwrap();
    let mut open: Vec<&str> = Vec::new();
    let body = text.split_once("?>").map_or(text.as_str(), |(_, body)| body);
    for part in body.split('<').skip(1) {
        let (tag, after) = part.split_once('>').expect("a tag that is not closed");
        assert!(!after.contains(['\u{1b}', '\0']), "{after:?}");
        let name = tag.split_whitespace().next().unwrap_or_default();
        match name.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name)),
            None if tag.ends_with('/') => {}
            None => open.push(name),
        }
    }
    assert!(open.is_empty(), "{open:?} are not closed");
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn both_files_tell_of_a_run_with_every_verdict() {
    let server = open_door().await;
    let (here, url) = (folder(), server.url());
    let path = here.path().to_owned();
    tokio::task::spawn_blocking(move || {
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
            "--junit",
            "report.xml",
            "--json",
            "report.json",
        ];
        trenchcheck(&path, &words, &[("TRENCHCHECK_KEY_STANDARD", KEY)]).ended_with(1);
    })
    .await
    .unwrap();
    let report = valid_json(here.path());
    let verdicts: Vec<&str> =
        report["checks"].as_array().unwrap().iter().map(|check| check["verdict"].as_str().unwrap()).collect();
    for verdict in ["pass", "fail", "skipped", "explained"] {
        assert!(verdicts.contains(&verdict), "{verdicts:?}");
    }
    let junit = well_formed_junit(here.path());
    assert!(junit.contains("<failure") && junit.contains("auth.missing"), "{junit}");
}

#[test]
fn a_report_that_cannot_be_written_is_told_before_anything_is_sent() {
    let folder = folder();
    let words = |json: &'static str| ["test", "auth.missing", "--json", json, "--junit", "report.xml"];
    trenchcheck(folder.path(), &words("made/for/it/report.json"), &[]).ended_with(0);
    assert!(folder.path().join("made/for/it/report.json").is_file());
    let ran = trenchcheck(folder.path(), &words("report.xml/report.json"), &[]).ended_with(2);
    assert!(ran.err.contains("report.xml/report.json") && ran.out.is_empty(), "{} {}", ran.out, ran.err);
    let twice = trenchcheck(folder.path(), &words("report.xml"), &[]).ended_with(2);
    assert!(twice.err.contains("two reports would be written to report.xml"), "{}", twice.err);
    well_formed_junit(folder.path());
}

#[test]
fn a_report_on_standard_output_stands_there_alone() {
    let ran = trenchcheck(folder().path(), &["test", "auth.missing", "--json", "-"], &[]).ended_with(0);
    let report: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(report["outcome"]["word"], "conforms");
    let folder = folder();
    let alone = |words: &[&str], key: &str| {
        let ran = trenchcheck(folder.path(), words, &[("GITHUB_ACTIONS", "true")]).ended_with(0);
        let report: serde_json::Value = serde_json::from_str(&ran.out).expect(&ran.out);
        assert!(report.get(key).is_some(), "{words:?}: {report:#}");
    };
    alone(&["test", "auth.missing", "--evidence", "-"], "evidence");
    alone(&["test", "auth.missing", "--json", "-", "--evidence", "run.json"], "outcome");
    alone(&["judge", "run.json", "--json", "-"], "outcome");
    alone(&["judge", "run.json", "--reporter", "json=-"], "outcome");
    trenchcheck(folder.path(), &["test", "auth.missing", "--json", "a.json"], &[]).ended_with(0);
    alone(&["matrix", "a.json", "--json", "-"], "clauses");
    alone(&["mutants", "accept-bearer", "--json", "-"], "groups");
    for other in [&["--reporter", "plain"][..], &["--reporter", "terminal"], &["--github"], &["--junit", "-"]]
    {
        let words = [&["test", "auth.missing", "--json", "-"], other].concat();
        let ran = trenchcheck(folder.path(), &words, &[]).ended_with(2);
        assert!(ran.out.is_empty(), "{other:?}: {}", ran.out);
    }
}

#[test]
fn a_run_that_passes_is_summed_up_without_what_it_was_not_about() {
    let folder = folder();
    let runner = [("GITHUB_ACTIONS", "true"), ("GITHUB_STEP_SUMMARY", "summary.md")];
    let ran = trenchcheck(folder.path(), &["test", "auth.missing"], &runner).ended_with(0);
    assert!(!ran.out.contains("::"), "nothing to annotate: {}", ran.out);
    let summary = fs::read_to_string(folder.path().join("summary.md")).unwrap();
    assert!(summary.starts_with("# conforms: "), "{summary}");
    assert!(summary.contains("1 check: 1 pass."), "{summary}");
    let rows: Vec<&str> = summary.lines().filter(|line| line.starts_with("| ")).skip(2).collect();
    assert_eq!(rows, ["| auth.everywhere | 1 | 0 | 0 | 0 | 0 |"], "{summary}");
    for other in ["rate", "limit.429", "key.shown-once", "Could not be checked"] {
        assert!(!ran.out.contains(other) && !summary.contains(other), "{other}: {}\n{summary}", ran.out);
    }
}

#[test]
fn checks_that_pass_and_exchanges_are_shown_on_request() {
    let shown = |flags: &[&str]| {
        trenchcheck(folder().path(), &[&["test", "auth.missing"], flags].concat(), &[]).ended_with(0).out
    };
    let (passes, exchanges) = ("PASS    auth.missing", "> GET http");
    for (flags, expected) in [
        (&[][..], (false, false)),
        (&["--verbose"], (true, false)),
        (&["-vv"], (true, true)),
        (&["--verbose", "--verbose"], (true, true)),
    ] {
        let out = shown(flags);
        assert_eq!((out.contains(passes), out.contains(exchanges)), expected, "{flags:?}: {out}");
    }
}

#[test]
fn on_a_runner_of_github_causes_are_annotated_and_the_job_gets_a_summary() {
    let folder = folder();
    let scenario = "check: own.never\nclause: auth.header\nlevel: must\nabout: A key opens nothing.\nkey: any\nsteps:\n  - send: {request: list-sessions}\n    expect: {status: 401}\n";
    let scenarios = folder.path().join("own");
    std::fs::create_dir(&scenarios).unwrap();
    std::fs::write(scenarios.join("never.yaml"), scenario).unwrap();
    std::fs::write(scenarios.join("requests.yaml"), "requests:\n  list-sessions: {endpoint: sessions}\n")
        .unwrap();
    let words = ["test", "--scenarios", "own", "--html", "report.html", "--gitlab", "quality.json"];
    let runner = [("GITHUB_ACTIONS", "true"), ("GITHUB_STEP_SUMMARY", "summary.md")];
    let ran = trenchcheck(folder.path(), &words, &runner).ended_with(1);
    assert!(
        ran.out.contains("::error file=own/never.yaml,line=7,title=own.never::own.never (auth.header): "),
        "{}",
        ran.out
    );
    let written = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert!(written("summary.md").contains("**own.never**"), "{}", written("summary.md"));
    assert!(written("report.html").contains("own.never"));
    let quality: serde_json::Value = serde_json::from_str(&written("quality.json")).unwrap();
    assert_eq!(quality[0]["location"]["path"], "own/never.yaml");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told() {
    let folder = folder();
    let ran =
        trenchcheck(folder.path(), &["test", "auth.missing", "--json", "/dev/full"], &[]).ended_with(70);
    assert!(ran.err.contains("cannot write the report /dev/full"), "{}", ran.err);
    assert!(ran.err.contains(r#""word": "conforms""#), "what cannot be written is not lost: {}", ran.err);
}
