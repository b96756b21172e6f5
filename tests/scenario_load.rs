//! Loading whole suites: what is sound is read, what is not is said where it stands.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail loudly")]

use std::fs;
use std::path::Path;

use trenchcheck::scenario::{Source, Suite};

/// Loads the bad file on top of the good requests and fixtures, and shows what is said about it.
fn said_about(files: &[(&str, &[u8])]) -> String {
    let room = tempfile::tempdir().unwrap();
    let dir = room.path().join("scenarios");
    for sound in ["requests.yaml", "fixtures/errors/401.json", "fixtures/errors/429.json"] {
        write(&dir.join(sound), &fs::read(Path::new("tests/good").join(sound)).unwrap());
    }
    for (name, bytes) in files {
        write(&dir.join(name), bytes);
    }
    let said = Suite::load(&Source::Directory(dir)).expect_err("the file is bad").to_string();
    said.replace(room.path().to_str().unwrap(), "ROOM")
}

fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

#[test]
fn the_good_corpus_is_read() {
    let suite =
        Suite::load(&Source::Directory("tests/good".into())).unwrap_or_else(|problems| panic!("{problems}"));
    let ids: Vec<&str> = suite.checks.iter().map(|check| check.id.as_str()).collect();
    assert_eq!(ids, ["auth.forms", "auth.no-query", "limits.everything"]);
    assert_eq!(suite.fixtures.len(), 2);
    assert_eq!(suite.requests.len(), 4);

    let check = &suite.checks[1];
    assert_eq!(check.tags, ["quick", "auth"]);
    assert_eq!(check.cases.len(), 10);
    let second = [("name".to_owned(), "api_key".to_owned()), ("status".to_owned(), "4xx".to_owned())];
    assert_eq!(check.cases[1].row, second);
    let query = |case: usize| check.cases[case].steps[0].send.clone().unwrap().credentials.unwrap().query;
    assert_eq!(query(2).as_deref(), Some("apikey"));
    let text = check.cases[0].steps[1].send.clone().unwrap().body.unwrap().text.unwrap();
    assert_eq!(text, r#"{"events": {"not": {}} {not json {escaped}"#);
    assert_eq!((check.at.line, check.at.column), (1, 8));
}

#[test]
fn every_bad_file_is_explained() {
    let mut files: Vec<_> = fs::read_dir("tests/bad").unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    for path in files {
        let name = path.file_name().unwrap().to_str().unwrap();
        let said = said_about(&[(&format!("auth/{name}"), &fs::read(&path).unwrap())]);
        insta::assert_snapshot!(name.trim_end_matches(".yaml"), said);
    }
}

#[test]
fn the_builtin_suite_is_sound() {
    Suite::load(&Source::Builtin).unwrap_or_else(|problems| panic!("{problems}"));
}
