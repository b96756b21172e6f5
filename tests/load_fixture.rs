//! Events out of a user's own file: sent as they are written, and refused where they stand.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail loudly")]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

const PROFILE: &str = "profile: mine\nabout: My events.\nwindows: 1\nwindow: {send: 1s, rest: 0ms}\nlanes:\n  \
                       - {name: mine, key: ingestion, request: post-events, payload: events/mine.json, rate: 600}\n\
                       thresholds: {admitted: all, limited: 0, events_admitted: all}\n";

const EVENTS: &str = r#"{"events": [
  {"event_type": "session_start", "session_id": "s", "timestamp": "2020-02-29T10:00:00Z", "data": {"a": 1.50}},
  {"event_type": "tool_use", "session_id": "s", "timestamp": "2020-02-29T10:00:01Z", "data": {"tool_name": "Read"}},
  {"event_type": "session_end", "session_id": "s", "timestamp": "2020-02-29T10:00:09Z"}
]}
"#;

/// Plays the profile beside these events.
fn load(folder: &Path, profile: &str, events: &str, arguments: &[&str]) -> Output {
    std::fs::create_dir_all(folder.join("events")).unwrap();
    std::fs::write(folder.join("mine.yaml"), profile).unwrap();
    std::fs::write(folder.join("events/mine.json"), events).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_trenchcheck"));
    command.current_dir(folder).args(["load", "mine.yaml", "--quiet"]).args(arguments);
    command.output().unwrap()
}

fn refused(profile: &str, events: &str, arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let output = load(folder.path(), profile, events, arguments);
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_file_of_events_is_sent_and_none_of_them_is_taken_for_another() {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("load.json");
    let output = load(folder.path(), PROFILE, EVENTS, &["--json", report.to_str().unwrap()]);
    // Exit code 7 says that this machine was busy; the counts hold all the same.
    let code = output.status.code().unwrap();
    assert!(code == 0 || code == 7, "{}{:?}", String::from_utf8_lossy(&output.stdout), output.stderr);
    let report: Value = serde_json::from_slice(&std::fs::read(&report).unwrap()).unwrap();
    let counts = &report["run"]["lanes"][0]["windows"][0];
    assert_eq!((&counts["admitted"], &counts["events_admitted"]), (&10.into(), &30.into()), "{counts}");
}

#[test]
fn what_is_wrong_with_the_events_is_said_at_its_place() {
    let events = EVENTS
        .replacen("tool_use", "tool_uze", 1)
        .replacen("2020-02-29T10:00:00Z", "yesterday", 1)
        .replacen(", \"timestamp\": \"2020-02-29T10:00:09Z\"", "", 1);
    insta::assert_snapshot!(refused(PROFILE, &events, &[]));
}

#[test]
fn what_is_no_batch_of_events_is_refused() {
    let said = |events: &str, words: &[&str]| {
        let said = refused(PROFILE, events, &[]);
        for word in words {
            assert!(said.contains(word), "{said}");
        }
    };
    said("{\"events\": [\n  {]}", &["these are no events: ", "events/mine.json:2:4"]);
    said("[]", &["a body as the API takes it is expected"]);
    said("{\"events\": []}", &["there are no events in it"]);
    let same = EVENTS.replacen("tool_use", "session_start", 1).replacen("10:00:01Z", "10:00:00Z", 1);
    said(&same, &["session, type and time are those of event 1", "events/mine.json:3:3"]);
    let key = EVENTS.replacen("Read", "ct_live_a1b2c3d4e5f6g7h8", 1);
    said(&key, &["a key is written out in this line", "ct_live_****", "events/mine.json:3:1"]);
}

#[test]
fn a_profile_and_its_file_must_agree() {
    let batch = PROFILE.replace("payload:", "batch: 5, payload:");
    let said = refused(&batch, EVENTS, &[]);
    assert!(said.contains("the file of events says how many a request carries: 3"), "{said}");
    assert!(said.contains("mine.yaml:6:"), "{said}");
    let flag = refused(PROFILE, EVENTS, &["--batch", "5"]);
    assert!(
        flag.contains("says how many a request carries: 3") && flag.contains("the command line"),
        "{flag}"
    );
    let missing = refused(&PROFILE.replace("events/mine", "events/editor-sesion"), EVENTS, &[]);
    assert!(missing.contains("there is no file events/editor-sesion.json"), "{missing}");
    assert!(missing.contains("did you mean `events/editor-session.json`?"), "{missing}");
    let rate = refused(&PROFILE.replace("rate: 600", "events: 100000"), EVENTS, &[]);
    assert!(rate.contains("100000 events a minute are no whole number of batches of 3"), "{rate}");
}

#[test]
fn an_envelope_the_target_does_not_take_is_refused_before_anything_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let target = "base_url: http://127.0.0.1:1\nkeys_from: environment\nenvelope: wire\n";
    std::fs::write(folder.path().join("target.yaml"), target).unwrap();
    std::fs::create_dir_all(folder.path().join("events")).unwrap();
    std::fs::write(folder.path().join("mine.yaml"), PROFILE).unwrap();
    std::fs::write(folder.path().join("events/mine.json"), EVENTS).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_trenchcheck"));
    command.env("TRENCHCHECK_KEY_INGESTION", "ct_live_0123456789abcdef0123456789abcdef");
    command.current_dir(folder.path()).args(["load", "mine.yaml", "--target", "target.yaml", "--dry-run"]);
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    let words = "this event is in the documented envelope, and the target takes the wire one";
    assert!(said.contains(words) && said.contains("events/mine.json:2:3"), "{said}");
}

#[test]
fn the_shipped_fixture_is_found_by_name() {
    let profile = PROFILE.replace("events/mine.json", "events/editor-session.json");
    let folder = tempfile::tempdir().unwrap();
    let output = load(folder.path(), &profile, EVENTS, &["--dry-run"]);
    let out = String::from_utf8(output.stdout).unwrap();
    assert!(out.contains("10 requests and 200 events in all"), "{out}{:?}", output.stderr);
}
