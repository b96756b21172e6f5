//! Pacing as the server sees it: three keys at 60, 300 and 1,000 a minute, for three windows.
//!
//! `cargo bench --bench load_pacing`, or with `-- 20` for windows of 20 s. Prints, by key, how many requests each
//! window held beside how many were planned, and how far arrivals lay from their places on the grid; and, where oha is
//! installed, how evenly its requests arrive at the same rates, one after the other.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, missing_docs, reason = "a bench")]

mod support;

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use support::{Server, plan_text, play_plan, target};

const WINDOWS: usize = 3;
const KEYS: [(&str, u64); 3] = [("standard", 60), ("premium", 300), ("both", 1_000)];

#[tokio::main]
async fn main() {
    let seconds: u64 = std::env::args().filter_map(|word| word.parse().ok()).next().unwrap_or(60);
    let server = Server { notes: true, ..Server::default() };
    let address = server.clone().start().await;
    let target = target(address);
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
    println!("key       planned  arrived by window      off the grid: p50        p99        max");
    for ((key, rate), pacer) in KEYS.into_iter().zip(&pacers) {
        // The key was tried out before the schedule began.
        let times = arrived(&server, key, start);
        let window = Duration::from_secs(seconds);
        let planned = (rate * seconds).div_ceil(60);
        let mut windows = [0; WINDOWS + 1];
        for time in &times {
            windows[((time.as_nanos() / window.as_nanos()) as usize).min(WINDOWS)] += 1;
        }
        let places = times.iter().zip(0..).filter_map(|(time, i)| Some(time.abs_diff(pacer.due(i)?)));
        let [p50, p99, max] = spread(places.collect());
        let windows = format!("{:?}", &windows[..WINDOWS]);
        println!("{key:8} {planned:8}  {windows:20} {p50:>10.3?} {p99:>10.3?} {max:>10.3?}");
    }

    let length = Duration::from_secs(seconds * WINDOWS as u64);
    println!("around a grid of its own:  p50        p99        max");
    for ((key, rate), pacer) in KEYS.into_iter().zip(&pacers) {
        let times = arrived(&server, key, start);
        let places = times.iter().zip(0..).filter_map(|(time, i)| Some((*time, pacer.due(i)?)));
        own_grid("this tool", rate, places.collect());
        // Whole requests a second are all it can be asked for.
        let a_second = rate.div_ceil(60);
        let name = format!("oha-{a_second}");
        let began = SystemTime::now();
        match oha(address, &name, a_second, length) {
            None => println!("  oha is not installed here"),
            Some(()) => {
                let times = arrived(&server, &name, began);
                let place = |i: u32| Duration::from_secs(1) * i / u32::try_from(a_second).unwrap();
                let places = times.iter().zip(0..).map(|(time, i)| (*time, place(i)));
                own_grid("oha -q", a_second * 60, places.collect());
            }
        }
    }
}

/// When requests of a key arrived, counted from a moment; earlier ones are left out.
fn arrived(server: &Server, key: &str, from: SystemTime) -> Vec<Duration> {
    let arrivals = server.arrivals.lock().unwrap();
    let times = arrivals.get(&format!("ct_live_{key}")).into_iter().flatten();
    times.filter_map(|time| time.duration_since(from).ok()).collect()
}

/// The median, the p99 and the largest.
fn spread(mut all: Vec<Duration>) -> [Duration; 3] {
    all.sort();
    [0.5, 0.99, 1.0].map(|share| all[((all.len() - 1) as f64 * share).ceil() as usize])
}

/// How far arrivals lie from places that are moved to where most of them are: nobody says when oha begins.
fn own_grid(who: &str, rate: u64, arrivals: Vec<(Duration, Duration)>) {
    let moved = |(time, place): &(Duration, Duration)| time.as_secs_f64() - place.as_secs_f64();
    let mut by: Vec<f64> = arrivals.iter().map(moved).collect();
    by.sort_by(f64::total_cmp);
    let middle = by[by.len() / 2];
    let off = by.iter().map(|by| Duration::from_secs_f64((by - middle).abs())).collect();
    let [p50, p99, max] = spread(off);
    println!("  {who:10} {rate:5}/min {p50:>10.3?} {p99:>10.3?} {max:>10.3?}");
}

/// Lets oha send so many requests a second, where it is installed.
fn oha(address: SocketAddr, name: &str, a_second: u64, length: Duration) -> Option<()> {
    let time = format!("{}s", length.as_secs());
    let (rate, key) = (a_second.to_string(), format!("x-api-key: ct_live_{name}"));
    let url = format!("http://{address}/api/v1/sessions");
    let arguments = ["--no-tui", "-c", "4", "-z", &time, "-q", &rate, "-H", &key, &url];
    let mut oha = Command::new("oha");
    let done = oha.args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status().ok()?;
    done.success().then_some(())
}
