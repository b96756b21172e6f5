//! What gates: `must` always, `should` with --strict, `rfc` with --rfc.

use std::fs;

use crate::program::{Ran, trenchcheck};
use crate::target::folder;

/// Plays a check of `level` that no target passes.
fn broken(level: &str, flags: &[&str]) -> Ran {
    let folder = folder();
    fs::write(
        folder.path().join("broken.yaml"),
        format!(
            "check: my.broken\nclause: error.401\nlevel: {level}\nabout: It never holds.\nkey: read\nsteps:\n  \
             - send: {{request: list-sessions, credentials: {{}}}}\n    expect: {{status: 418}}\n"
        ),
    )
    .unwrap();
    fs::write(folder.path().join("requests.yaml"), "requests:\n  list-sessions: {endpoint: sessions}\n")
        .unwrap();
    trenchcheck(folder.path(), &[&["test", "--scenarios", "."], flags].concat(), &[])
}

#[test]
fn each_level_gates_when_it_was_asked_to() {
    for (level, flags, code) in [
        ("must", &[][..], 1),
        ("should", &[], 0),
        ("should", &["--strict"], 1),
        ("should", &["--rfc"], 0),
        ("rfc", &[], 0),
        ("rfc", &["--rfc"], 1),
        ("rfc", &["--strict"], 0),
        ("observe", &["--strict", "--rfc"], 0),
    ] {
        let ran = broken(level, flags);
        assert_eq!(ran.code, Some(code), "{level} {flags:?}: {}", ran.out);
        assert!(ran.out.contains("the status is 401, not 418"), "it is told in any case: {}", ran.out);
    }
}
