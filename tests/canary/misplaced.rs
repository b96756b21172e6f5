//! Keys where no keys belong: on the command line, in files, in a variable with its line end.

use std::fs;
use std::path::Path;

use crate::program::{Ran, trenchcheck};
use crate::secret::{Traces, new_key};

/// Runs the program and makes sure that it complains without a trace of the key.
fn refused(folder: &Path, words: &[&str], variables: &[(&str, &str)], own: &[&str], key: &str) -> Ran {
    let ran = trenchcheck(folder, words, variables);
    assert!(ran.code.is_some_and(|code| code != 0), "{words:?}: {ran:?}");
    assert!(!ran.err.is_empty() || !ran.out.is_empty(), "{words:?} is met by silence");
    Traces::of(key).assert_absent_from_all(&ran, folder, own);
    ran
}

#[test]
fn on_the_command_line() {
    let (key, folder) = (new_key(), tempfile::tempdir().unwrap());
    let random = key.replace("ct_live_", "");
    let urls = [
        format!("http://{key}@127.0.0.1"),
        format!("http://user:{random}@127.0.0.1"),
        format!("http://user:{random}@127.0.0.1:99999"),
        format!("http://{random}@"),
        format!("http://127.0.0.1/?api_key={random}"),
        format!("http://127.0.0.1/#{random}"),
        format!("http://127.0.0.1:1/{key}"),
        format!("ftp://127.0.0.1/{key}"),
        key.clone(),
    ];
    for url in &urls {
        refused(folder.path(), &["test", "--target", url], &[], &[], &key);
    }
    let path = format!("/dev/null/{key}/report");
    for words in [
        &["test", key.as_str()][..],
        &["test", "--skip", &key],
        &["test", "--level", &key],
        &["test", "--keys", &key],
        &["test", "auth.missing", "--json", &path],
        &["test", "auth.missing", "--junit", &path],
        &["test", "auth.missing", "--evidence", &path],
        &["judge", &path],
        &["list", &key],
        &["list", "--scenarios", &key],
        &["explain", &key],
        &["schema", &key],
        &["mock", &format!("--{key}")],
        &[&key],
    ] {
        refused(folder.path(), words, &[], &[], &key);
    }
}

#[test]
fn in_a_target_file() {
    let (key, folder) = (new_key(), tempfile::tempdir().unwrap());
    for text in [
        format!("base_url: http://127.0.0.1:1\nkeys:\n  - {{role: read, env: {key}}}\n"),
        format!("base_url: http://127.0.0.1:1\nkey: {key}\n"),
        format!("base_url: http://{key}@127.0.0.1:1\n"),
        format!("# {key}\nbase_urll: x\n"),
        format!("base_url: [{key}\n"),
    ] {
        fs::write(folder.path().join("target.yaml"), text).unwrap();
        let ran = refused(folder.path(), &["test", "--target", "target.yaml"], &[], &["target.yaml"], &key);
        assert_eq!(ran.code, Some(2), "{ran:?}");
    }
}

#[test]
fn in_a_scenario() {
    let (key, folder) = (new_key(), tempfile::tempdir().unwrap());
    for line in [
        format!("about: It uses {key}."),
        format!("about: x\n{key}: y"),
        format!("about: x\nsteps:\n  - send: {{request: r, headers: {{X-API-Key: {key}}}}}"),
    ] {
        let text = format!("check: my.check\nclause: error.401\nlevel: must\n{line}\n");
        fs::write(folder.path().join("mine.yaml"), text).unwrap();
        let ran = refused(folder.path(), &["test", "--scenarios", "."], &[], &["mine.yaml"], &key);
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(ran.err.contains("mine.yaml"), "{}", ran.err);
    }
}

#[test]
fn in_a_variable_with_its_line_end() {
    let (key, folder) = (new_key(), tempfile::tempdir().unwrap());
    let value = format!("{key}\n");
    let words = ["test", "--target", "http://127.0.0.1:1"];
    let ran = refused(folder.path(), &words, &[("TRENCHCHECK_KEY_READ", &value)], &[], &key);
    assert!(ran.code == Some(2) && ran.err.contains("TRENCHCHECK_KEY_READ"), "{ran:?}");
}
