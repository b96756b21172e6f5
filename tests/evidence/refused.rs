//! `trenchcheck judge` as people meet it: what it writes, and what it refuses.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::kept::path;
use crate::program::trenchcheck;

fn kept() -> Value {
    serde_json::from_slice(&fs::read(path("reference.json")).unwrap()).unwrap()
}

/// What is said of a file with this text.
fn said_of(text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("run.json"), text).unwrap();
    let ran = trenchcheck(folder.path(), &["judge", "run.json"], &[]).ended_with(2);
    assert!(ran.err.contains("run.json") && ran.out.is_empty(), "{ran:?}");
    ran.err
}

#[test]
fn what_is_no_evidence_is_refused_by_name() {
    for text in ["", "A novel.", "[]", "{}", "{\"schema\": 1}", "\u{0}", &"[".repeat(100_000)] {
        let said = said_of(text);
        assert!(said.contains("is no evidence") && said.contains("test --evidence"), "{said}");
    }
    let report = fs::read_to_string(path("../reports/staging.json")).unwrap();
    assert!(said_of(&report).contains("is no evidence: it is a report"));
    let folder = tempfile::tempdir().unwrap();
    let ran = trenchcheck(folder.path(), &["judge", "none.json"], &[]).ended_with(2);
    assert!(ran.err.contains("cannot read the evidence none.json"), "{}", ran.err);
}

#[test]
fn another_form_is_refused_with_the_way_out() {
    let with = |schema: u64| {
        let mut changed = kept();
        changed["schema"] = json!(schema);
        changed["tool"]["version"] = json!("7.8.9");
        changed["what_is_new"] = json!(true);
        said_of(&changed.to_string())
    };
    let newer = with(3);
    assert!(newer.contains("form 3, written by trenchcheck 7.8.9"), "{newer}");
    assert!(newer.contains("judge it with a newer trenchcheck"), "{newer}");
    assert!(with(0).contains("record it again"));
}

#[test]
fn damage_is_told_with_its_place() {
    let with = |pointer: &str, value: Value| {
        let mut changed = kept();
        *changed.pointer_mut(pointer).unwrap() = value;
        said_of(&changed.to_string())
    };
    let looks = with("/evidence/looks", json!([]));
    assert!(looks.contains("is damaged") && looks.contains("there are only 0 looks"), "{looks}");
    assert!(with("/run/started_at", json!("yesterday")).contains("no time"));
    assert!(with("/evidence/run", json!({"more": 1})).contains("line 1 column"));
}

fn judge(folder: &Path, more: &[&str], code: i32) -> (String, String, String) {
    let file = path("lax-startup.json");
    let words: Vec<&str> =
        ["judge", file.to_str().unwrap(), "--json", "report.json", "--junit", "report.xml"]
            .iter()
            .chain(more)
            .copied()
            .collect();
    let ran = trenchcheck(folder, &words, &[]).ended_with(code);
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    (ran.out, read("report.json"), read("report.xml"))
}

#[test]
fn the_same_file_gives_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let first = judge(folder.path(), &[], 1);
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    assert_eq!(first, judge(folder.path(), &[], 1));
    assert!(first.0.contains("does not conform"), "{}", first.0);
}

#[test]
fn checks_can_be_chosen_and_known_to_fail() {
    let folder = tempfile::tempdir().unwrap();
    let (out, json, _) = judge(folder.path(), &["auth.missing", "auth.body"], 1);
    assert!(out.contains("2 checks"), "{out}");
    let report: Value = serde_json::from_str(&json).unwrap();
    let failed: Vec<&str> = report["checks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|check| check["verdict"] == "fail")
        .map(|check| check["id"].as_str().unwrap())
        .collect();
    assert_eq!(failed, ["auth.body"]);
    let entry = "deviations:\n  - {check: auth.body, reason: It is so., expires: EXPIRES}\n";
    for (expires, code) in [("2020-01-01", 5), ("2099-01-01", 0)] {
        fs::write(folder.path().join("known.yaml"), entry.replace("EXPIRES", expires)).unwrap();
        let words = ["auth.missing", "auth.body", "--deviations", "known.yaml"];
        let (out, _, _) = judge(folder.path(), &words, code);
        assert!(out.contains("auth.body"), "{out}");
    }
    let ran =
        trenchcheck(folder.path(), &["judge", path("reference.json").to_str().unwrap(), "auth.none"], &[]);
    assert!(ran.ended_with(2).err.contains("auth.none"));
}
