//! What a run keeps in memory: a thousand lanes, and a million requests after a million.
//!
//! The server runs in a process of its own, so that its memory is not counted. `cargo bench --bench load_memory` prints
//! the resident memory of a run with 1,000 lanes, and by how much it grows with further requests in one lane.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, missing_docs, reason = "a bench")]

mod support;

use support::{elsewhere, play_text, target_of};

fn main() {
    elsewhere(|address| async move {
        // The lanes that grow come first: what a thousand leave behind would hide it.
        let lane = |seconds: u64| {
            format!(
                "profile: growth\nabout: x\nwindows: {}\nwindow: {{send: 5s, rest: 0ms}}\nlanes:\n  \
                 - {{name: both, key: both, request: list-sessions, rate: 900000, slots: 32}}\n",
                seconds / 5
            )
        };
        let target = target_of(address, 1);
        let warm = play_text(&lane(20), &target).await;
        let before = resident();
        let long = play_text(&lane(90), &target).await;
        let after = resident();
        let sent = |run: &trenchcheck::load::RunRecord| {
            run.lanes[0].windows.iter().map(|counts| counts.sent).sum::<u64>() as f64 / 1e6
        };
        println!("one lane                 after {:.2} million requests {before:>7.1} MB", sent(&warm));
        println!("                     and after {:.2} million more     {after:>7.1} MB", sent(&long));
        println!("  a further million requests {:>6.2} MB", (after - before) / sent(&long));

        let lanes = "profile: lanes\nabout: x\nwindows: 2\nwindow: {send: 15s, rest: 0ms}\nlanes:\n  \
                     - {name: both, key: both, keys: 1000, request: list-sessions, rate: 120, slots: 4}\n";
        let run = play_text(lanes, &target_of(address, 1_000)).await;
        let sent: u64 = run.lanes.iter().flat_map(|lane| &lane.windows).map(|counts| counts.sent).sum();
        println!("{} lanes, {sent} requests: at most {:.0} MB", run.lanes.len(), peak());
    });
}

/// The resident memory, in MB.
fn resident() -> f64 {
    status("VmRSS:")
}

/// The most there ever was.
fn peak() -> f64 {
    status("VmHWM:")
}

fn status(line: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let value = status.lines().find_map(|found| found.strip_prefix(line)).unwrap();
    value.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1_024.0
}
