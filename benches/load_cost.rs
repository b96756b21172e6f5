//! What a request costs: ours, a plain goose attack and a bare client, one after the other in one run; and the rates of oha
//! and wrk, where they are installed.
//!
//! The server runs in a process of its own, so that its work is not counted. `cargo bench --bench load_cost` prints
//! CPU time a request at 2,000 requests a second, how late they were sent, and how many a second go through when the
//! schedule asks for more than that.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, missing_docs, reason = "a bench")]

mod support;

use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use goose::config::GooseConfiguration;
use goose::prelude::*;
use support::{elsewhere, play_text, target};

const SECONDS: u64 = 10;
const PACED: u64 = 2_000;
/// The highest rate of a lane, in requests a minute: three such lanes ask for more than anything here sends.
const HIGHEST: u64 = 3_000_000;
/// More users than cores can serve, as many as our lane has slots.
const USERS: usize = 64;

fn main() {
    elsewhere(measure);
}

async fn measure(address: SocketAddr) {
    let paced_ours = ours(address, PACED * 60, 1).await;
    let paced_goose = plain_goose(address, Some(PACED as usize)).await;
    println!("at {PACED} requests a second        CPU a request");
    println!("  this tool                     {:>8.1} µs", paced_ours.cpu_us);
    println!("  plain goose                   {:>8.1} µs", paced_goose.cpu_us);
    println!("  ratio                         {:>8.3}", paced_ours.cpu_us / paced_goose.cpu_us);
    println!("  send lag p50 {:.3} ms, p99 {:.3} ms", paced_ours.lag_ms.0, paced_ours.lag_ms.1);
    let (ours, goose) = (ours(address, HIGHEST, 3).await.rate, plain_goose(address, None).await.rate);
    let bare = bare(address).await;
    println!("as fast as it goes               requests a second");
    println!("  this tool                     {ours:>8.0}");
    println!("  plain goose                   {goose:>8.0}   ratio {:.3}", ours / goose);
    println!("  bare client                   {bare:>8.0}   ratio {:.3}", ours / bare);
    let (url, users) = (format!("http://{address}/api/v1/sessions"), USERS.to_string());
    let length = format!("{SECONDS}s");
    for (tool, arguments) in [
        ("oha", vec!["--no-tui", "-c", &users, "-z", &length, &url]),
        ("wrk", vec!["-t", "2", "-c", &users, "-d", &length, &url]),
    ] {
        match installed(tool, &arguments) {
            Some(rate) => println!("  {tool:<30}{rate:>8.0}   ratio {:.3}", ours / rate),
            None => println!("  {tool:<30}not installed here"),
        }
    }
}

/// How many requests a second another tool says it sent.
fn installed(tool: &str, arguments: &[&str]) -> Option<f64> {
    let output = Command::new(tool).args(arguments).output().ok()?;
    let said = String::from_utf8_lossy(&output.stdout);
    let rate = said.lines().find_map(|line| line.trim().strip_prefix("Requests/sec:"));
    Some(rate.expect("its rate").trim().parse().expect("a number"))
}

struct Cost {
    cpu_us: f64,
    rate: f64,
    lag_ms: (f64, f64),
}

/// CPU time of this process so far, in microseconds.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after_name = stat.rsplit_once(')').unwrap().1;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks * 10_000.0
}

async fn ours(address: SocketAddr, rate: u64, lanes: usize) -> Cost {
    let lane = |key: &&str| {
        let slots = USERS / lanes;
        format!("  - {{name: {key}, key: {key}, request: list-sessions, rate: {rate}, slots: {slots}}}\n")
    };
    let lanes: String = ["both", "premium", "standard"].iter().take(lanes).map(lane).collect();
    let profile = format!(
        "profile: cost\nabout: x\nwindows: 1\nwindow: {{send: {SECONDS}s, rest: 0ms}}\nlanes:\n{lanes}"
    );
    let before = cpu();
    let run = play_text(&profile, &target(address)).await;
    let spent = cpu() - before;
    let sent: u64 = run.lanes.iter().map(|lane| lane.windows[0].sent).sum();
    let sent = sent as f64;
    let lane = &run.lanes[0];
    let ms = |quantile| {
        lane.times[trenchcheck::load::Series::SendLag].value_at_quantile(quantile) as f64 / 1_000.0
    };
    Cost { cpu_us: spent / sent, rate: sent / run.took.as_secs_f64(), lag_ms: (ms(0.5), ms(0.99)) }
}

async fn plain_goose(address: SocketAddr, throttle: Option<usize>) -> Cost {
    let mut configuration = GooseConfiguration::default();
    configuration.host = Some(format!("http://{address}"));
    configuration.users = Some(USERS);
    configuration.increase_rate = Some("1000000".to_owned());
    configuration.run_time = Some(format!("{SECONDS}s"));
    configuration.throttle_requests = throttle;
    configuration.no_telnet = true;
    configuration.no_websocket = true;
    configuration.no_print_metrics = true;
    configuration.quiet = 2;
    let before = cpu();
    let metrics = GooseAttack::initialize_with_config(configuration)
        .unwrap()
        .register_scenario(scenario!("plain").register_transaction(transaction!(get)))
        .execute()
        .await
        .unwrap();
    let spent = cpu() - before;
    let sent: usize =
        metrics.requests.values().map(|request| request.success_count + request.fail_count).sum();
    Cost { cpu_us: spent / sent as f64, rate: sent as f64 / SECONDS as f64, lag_ms: (0.0, 0.0) }
}

async fn get(user: &mut GooseUser) -> TransactionResult {
    let answer = user.get("/api/v1/sessions").await?;
    if let Ok(response) = answer.response {
        let _ = response.bytes().await;
    }
    Ok(())
}

async fn bare(address: SocketAddr) -> f64 {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let end = Instant::now() + Duration::from_secs(SECONDS);
    let tasks: Vec<_> = (0..USERS)
        .map(|_| {
            let client = client.clone();
            let url = format!("http://{address}/api/v1/sessions");
            tokio::spawn(async move {
                let mut sent = 0_u64;
                while Instant::now() < end {
                    client.get(&url).send().await.unwrap().bytes().await.unwrap();
                    sent += 1;
                }
                sent
            })
        })
        .collect();
    let mut sent = 0;
    for task in tasks {
        sent += task.await.unwrap();
    }
    sent as f64 / SECONDS as f64
}
