//! Files that are wrong are told in full, each with its place, and nothing is sent.

use std::fs;

use crate::program::trenchcheck;
use crate::target::{folder, keyless};

#[test]
fn a_scenario_folder_that_is_not_there_is_told() {
    let ran = keyless(&["test", "--scenarios", "nowhere"]).ended_with(2);
    assert!(ran.err.contains("nowhere"), "{}", ran.err);
}

#[test]
fn every_problem_of_a_scenario_is_shown_where_it_stands() {
    let folder = folder();
    let check = "check: my.check\nclause: error.401\nlevel: mustt\nabout: It says.\nsteps:\n  - snd: {}\n";
    fs::write(folder.path().join("mine.yaml"), check).unwrap();
    for command in ["test", "list"] {
        let ran = trenchcheck(folder.path(), &[command, "--scenarios", "."], &[]).ended_with(2);
        for part in ["mine.yaml:3:", "level: mustt", "mine.yaml:6:", "snd", "did you mean `send`"] {
            assert!(ran.err.contains(part), "no {part:?} in {}", ran.err);
        }
    }
}

#[test]
fn every_problem_of_a_target_file_is_shown_where_it_stands() {
    let folder = folder();
    fs::write(folder.path().join("target.yaml"), "base_urll: http://127.0.0.1\ntimeout: soon\n").unwrap();
    let ran = trenchcheck(folder.path(), &["test", "--target", "target.yaml"], &[]).ended_with(2);
    for part in ["target.yaml:1:", "did you mean `base_url`", "target.yaml:2:"] {
        assert!(ran.err.contains(part), "no {part:?} in {}", ran.err);
    }
}

#[test]
fn scenarios_of_ones_own_are_played() {
    let folder = folder();
    fs::create_dir(folder.path().join("mine")).unwrap();
    fs::write(
        folder.path().join("mine/first.yaml"),
        "check: my.first\nclause: error.401\nlevel: must\nabout: Nobody gets in without a key.\nkey: read\n\
         steps:\n  - send: {request: list-sessions, credentials: {}}\n    expect: {status: 401}\n",
    )
    .unwrap();
    fs::write(folder.path().join("requests.yaml"), "requests:\n  list-sessions: {endpoint: sessions}\n")
        .unwrap();
    let ran = trenchcheck(folder.path(), &["test", "--scenarios", "."], &[]).ended_with(0);
    assert!(ran.out.contains("1 check: 1 passed"), "{}", ran.out);
}
