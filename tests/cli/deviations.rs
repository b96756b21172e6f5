//! Known deviations: what is listed and fails is no failure, and a list that no longer tells the truth is told.

use std::fs;

use tempfile::TempDir;

use crate::program::{Ran, trenchcheck};
use crate::reports::{valid_json, well_formed_junit};
use crate::target::folder;

/// A folder with a check that fails and one that passes against any target.
fn checks() -> TempDir {
    let folder = folder();
    for (name, status) in [("broken", 418), ("whole", 401)] {
        let check = format!(
            "check: my.{name}\nclause: error.401\nlevel: must\nabout: It is {name}.\nkey: read\nsteps:\n  \
             - send: {{request: list-sessions, credentials: {{}}}}\n    expect: {{status: {status}}}\n"
        );
        fs::create_dir_all(folder.path().join("mine")).unwrap();
        fs::write(folder.path().join(format!("mine/{name}.yaml")), check).unwrap();
    }
    fs::write(folder.path().join("mine/requests.yaml"), "requests:\n  list-sessions: {endpoint: sessions}\n")
        .unwrap();
    folder
}

fn played(folder: &TempDir, flags: &[&str]) -> Ran {
    trenchcheck(folder.path(), &[&["test", "--scenarios", "mine"], flags].concat(), &[])
}

fn list(folder: &TempDir, entries: &str) {
    fs::write(folder.path().join("known.yaml"), format!("deviations:\n{entries}")).unwrap();
}

const BROKEN: &str = "  - {check: my.broken, reason: We brew tea., expires: 2999-12-31}\n";

#[test]
fn what_is_listed_and_fails_is_known_in_every_report() {
    let folder = checks();
    played(&folder, &[]).ended_with(1);
    list(&folder, BROKEN);
    let flags = ["--deviations", "known.yaml", "--json", "report.json", "--junit", "report.xml"];
    let ran = played(&folder, &flags).ended_with(0);
    assert!(ran.out.contains("KNOWN   my.broken"), "{}", ran.out);
    assert!(ran.out.contains("known until 2999-12-31: We brew tea."), "{}", ran.out);
    let report = valid_json(folder.path());
    assert_eq!(report["checks"][0]["verdict"], "known-deviation");
    assert_eq!(report["checks"][0]["deviation"]["reason"], "We brew tea.");
    assert_eq!(
        (report["summary"]["known_deviation"].as_u64(), report["summary"]["pass"].as_u64()),
        (Some(1), Some(1))
    );
    let junit = well_formed_junit(folder.path());
    assert!(junit.contains("<skipped message=\"known until 2999-12-31: We brew tea.\""), "{junit}");
}

#[test]
fn what_is_listed_and_passes_is_told_and_so_is_what_has_expired() {
    let folder = checks();
    list(&folder, &format!("{BROKEN}  - {{check: my.whole, reason: It was so., expires: 2999-12-31}}\n"));
    let flags = ["--deviations", "known.yaml", "--junit", "report.xml"];
    let ran = played(&folder, &flags).ended_with(5);
    assert!(
        ran.out.contains("STALE   my.whole") && ran.out.contains("it passed, and is listed"),
        "{}",
        ran.out
    );
    assert!(well_formed_junit(folder.path()).contains("type=\"unexpected-pass\""));

    list(&folder, &BROKEN.replace("2999", "2001"));
    let ran = played(&folder, &flags).ended_with(5);
    assert!(ran.out.contains("known, but expired on 2001-12-31: We brew tea."), "{}", ran.out);
    assert!(well_formed_junit(folder.path()).contains("type=\"expired-deviation\""));
}

#[test]
fn a_draft_wants_its_reasons_and_keeps_those_it_has() {
    let folder = checks();
    let ran = played(&folder, &["--write-deviations", "known.yaml"]).ended_with(1);
    assert!(ran.err.contains("known.yaml: 1 check added"), "{}", ran.err);
    let path = folder.path().join("known.yaml");
    let draft = fs::read_to_string(&path).unwrap();
    assert!(draft.contains("- check: my.broken\n    reason: \"\"\n    expires: 2"), "{draft}");

    let ran = played(&folder, &["--deviations", "known.yaml"]).ended_with(2);
    for part in ["known.yaml:6:", "the reason why `my.broken` may fail is not filled in", "say in a sentence"]
    {
        assert!(ran.err.contains(part), "no {part:?} in {}", ran.err);
    }

    let filled = draft.replace("\"\"", "We brew tea.");
    fs::write(&path, &filled).unwrap();
    played(&folder, &["--deviations", "known.yaml"]).ended_with(0);
    let ran = played(&folder, &["--write-deviations", "known.yaml"]).ended_with(1);
    assert!(ran.err.contains("nothing to add"), "{}", ran.err);
    assert_eq!(fs::read_to_string(&path).unwrap(), filled);
}

#[test]
fn a_slip_in_a_list_is_told_where_it_stands() {
    let folder = checks();
    list(&folder, "  - {check: my.brokn, reason: We brew tea., expires: 2999-12-31}\n");
    let ran = played(&folder, &["--deviations", "known.yaml"]).ended_with(2);
    for part in ["known.yaml:2:", "did you mean `my.broken`?"] {
        assert!(ran.err.contains(part), "no {part:?} in {}", ran.err);
    }
    let ran = played(&folder, &["--deviations", "nowhere.yaml"]).ended_with(2);
    assert!(ran.err.contains("nowhere.yaml"), "{}", ran.err);
}
