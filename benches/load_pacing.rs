//! Pacing as the server sees it: three keys at 60, 300 and 1,000 a minute, for three windows.
//!
//! `cargo bench --bench load_pacing`, or with `-- 20` for windows of 20 s. Prints, by key, how many requests each
//! window held beside how many were planned, and how far arrivals lay from their places on the grid.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, missing_docs, reason = "a bench")]

mod support;

use std::time::{Duration, SystemTime};

use support::{Server, plan_text, play_plan, target};

const WINDOWS: usize = 3;
const KEYS: [(&str, u64); 3] = [("standard", 60), ("premium", 300), ("both", 1_000)];

#[tokio::main]
async fn main() {
    let seconds: u64 = std::env::args().filter_map(|word| word.parse().ok()).next().unwrap_or(60);
    let server = Server { notes: true, ..Server::default() };
    let target = target(server.clone().start().await);
    let lanes: String = KEYS
        .iter()
        .map(|(key, rate)| format!("  - {{name: {key}, key: {key}, request: list-sessions, rate: {rate}}}\n"))
        .collect();
    let profile = format!(
        "profile: pacing\nabout: x\nwindows: {WINDOWS}\nwindow: {{send: {seconds}s, rest: 0ms}}\nlanes:\n{lanes}"
    );
    let plan = plan_text(&profile, &target);
    let pacers: Vec<_> = plan.lanes.iter().map(|lane| lane.pacer.clone()).collect();
    let run = play_plan(plan, &target).await;

    let start = SystemTime::from(run.started_at);
    let arrivals = server.arrivals.lock().unwrap().clone();
    println!("key       planned  arrived by window      off the grid: p50        p99        max");
    for ((key, rate), pacer) in KEYS.into_iter().zip(&pacers) {
        // The key was tried out before the schedule began.
        let times: Vec<Duration> = arrivals[&format!("ct_live_{key}")]
            .iter()
            .filter_map(|time| time.duration_since(start).ok())
            .collect();
        let window = Duration::from_secs(seconds);
        let planned = (rate * seconds).div_ceil(60);
        let mut windows = [0; WINDOWS + 1];
        let mut off: Vec<Duration> = Vec::new();
        for (i, time) in times.iter().enumerate() {
            windows[((time.as_nanos() / window.as_nanos()) as usize).min(WINDOWS)] += 1;
            if let Some(place) = pacer.due(i as u64) {
                off.push(time.abs_diff(place));
            }
        }
        off.sort();
        let at = |share: f64| off[((off.len() - 1) as f64 * share).ceil() as usize];
        println!(
            "{key:8} {planned:8}  {:20} {:>10.3?} {:>10.3?} {:>10.3?}",
            format!("{:?}", &windows[..WINDOWS]),
            at(0.5),
            at(0.99),
            at(1.0)
        );
    }
}
