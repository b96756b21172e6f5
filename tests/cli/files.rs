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

/// Also what is only found out when the file is put to use.
#[test]
fn whatever_is_wrong_in_a_target_file_has_its_place() {
    let folder = folder();
    for (text, place, why) in [
        ("timeout: 1s\nbase_url: ftp://x\n", "t.yaml:2:11", "`ftp://x` is no base URL"),
        ("timeout: 1s\n", "t.yaml:1:1", "`base_url` is missing"),
        ("base_url: http://me:secret@127.0.0.1:9\n", "t.yaml:1:11", "holds a user name or a password"),
        ("base_url: http://127.0.0.1:9\nproxy: proxy\n", "t.yaml:2:8", "the proxy cannot be used"),
        ("base_url: http://127.0.0.1:9\nca: none.pem\n", "t.yaml:2:5", "none.pem cannot be used"),
        ("base_url: http://127.0.0.1:9\nclient_certificate: a.pem\n", "t.yaml:2:21", "a.pem cannot be used"),
        ("base_url: http://127.0.0.1:9\nresolve: {a: nowhere}\n", "t.yaml:2:14", "`nowhere` is no address"),
        ("base_url: http://127.0.0.1:9\nheaders:\n  X-A: b $NOT_SET\n", "t.yaml:3:8", "NOT_SET is not set"),
    ] {
        fs::write(folder.path().join("t.yaml"), text).unwrap();
        for command in ["test", "plan", "load"] {
            let ran = trenchcheck(folder.path(), &[command, "--target", "t.yaml"], &[]).ended_with(2);
            assert!(ran.err.contains(place) && ran.err.contains(why), "{text}: {}", ran.err);
            assert!(!ran.err.contains("secret"), "{}", ran.err);
        }
    }
    // A flag wins, and what is wrong with it is not the file's fault.
    fs::write(folder.path().join("t.yaml"), "base_url: http://127.0.0.1:9\nproxy: http://proxy\n").unwrap();
    let ran =
        trenchcheck(folder.path(), &["test", "--target", "t.yaml", "--proxy", "proxy"], &[]).ended_with(2);
    assert!(ran.err.starts_with("error: the proxy cannot be used"), "{}", ran.err);
}

#[test]
fn a_file_that_names_keys_is_not_played_with_those_of_a_mock() {
    let folder = folder();
    let text = "base_url: http://127.0.0.1:9\nkeys:\n  - {role: standard, env: MY_KEY}\n";
    fs::write(folder.path().join("t.yaml"), text).unwrap();
    let ran = trenchcheck(folder.path(), &["test", "--target", "t.yaml"], &[]).ended_with(2);
    assert!(ran.err.contains("MY_KEY=…") && ran.err.contains("--keys mock"), "{}", ran.err);
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
