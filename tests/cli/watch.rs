//! `test --watch` plays again at every change, whatever came of the one before, until it is interrupted.

#![cfg(unix)]

use std::fs;
use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::target::{folder, keyless};

/// The lines of a stream, as they come.
struct Lines(Receiver<String>);

impl Lines {
    fn of(stream: impl Read + Send + 'static) -> Self {
        let (sender, receiver) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self(receiver)
    }

    /// Reads on until a line has this in it.
    #[track_caller]
    fn until(&self, part: &str) -> String {
        let mut before = Vec::new();
        loop {
            let line = self.0.recv_timeout(Duration::from_secs(60));
            let line = line.unwrap_or_else(|_| panic!("no {part:?} after {before:#?}"));
            if line.contains(part) {
                return line;
            }
            before.push(line);
        }
    }
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn write(folder: &Path, status: &str) {
    let check = format!(
        "check: own.unknown\nclause: error.401\nlevel: must\nabout: A key nobody made opens nothing.\nkey: read\n\
         steps:\n  - send: {{request: list-sessions, credentials: {{x-api-key: unknown}}}}\n    expect: {{status: {status}}}\n"
    );
    fs::write(folder.join("own/unknown.yaml"), check).unwrap();
}

#[test]
fn every_change_is_played_until_ctrl_c() {
    let folder = folder();
    fs::create_dir(folder.path().join("own")).unwrap();
    write(folder.path(), "401");
    let mut child = Command::new(env!("CARGO_BIN_EXE_trenchcheck"))
        .args(["test", "--watch", "--scenarios", "own"])
        .env_clear()
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (out, err) = (Lines::of(child.stdout.take().unwrap()), Lines::of(child.stderr.take().unwrap()));
    let mut running = Running(child);
    out.until("(exit code 0)");
    err.until("waiting for a change");
    write(folder.path(), "403");
    assert_eq!(err.until("changed"), "changed: own/unknown.yaml");
    out.until("(exit code 1)");
    err.until("waiting for a change");
    write(folder.path(), "[");
    err.until("own/unknown.yaml:8:");
    err.until("waiting for a change");
    write(folder.path(), "401");
    let last = out.until("(exit code 0)");
    assert!(!last.contains('\u{1b}'), "{last:?}");
    err.until("waiting for a change");
    let process = running.0.id().to_string();
    assert!(Command::new("kill").args(["-INT", &process]).status().unwrap().success());
    assert_eq!(running.0.wait().unwrap().code(), Some(130));
}

#[test]
fn what_does_not_change_or_is_somebody_elses_is_not_watched() {
    let ran = keyless(&["test", "--watch", "auth.missing"]).ended_with(2);
    assert!(ran.err.contains("--scenarios DIR or --target FILE"), "{}", ran.err);
    let folder = folder();
    let target = folder.path().join("target.yaml");
    fs::write(&target, "base_url: https://app.trenchcoat.example\n").unwrap();
    let words = ["test", "--watch", "--target", target.to_str().unwrap()];
    let keys = [("TRENCHCHECK_KEY_READ", crate::target::KEY)];
    let ran = crate::program::trenchcheck(folder.path(), &words, &keys).ended_with(2);
    assert!(ran.err.contains("on this machine"), "{}", ran.err);
}
