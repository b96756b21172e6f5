//! How much memory the mock takes: at rest, with a million keys, and while events keep coming.
//!
//! `cargo bench --bench mock_memory`, or with a number of requests of 10 events each: `… -- 10000000`
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, missing_docs, reason = "a bench")]
#![allow(dead_code, reason = "each bench uses its part of what they share")]

mod mock_support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mock_support::{Line, key, megabytes};
use trenchcheck::contract::{ApiKey, Scope, Tier};
use trenchcheck::mock::{Engine, KeySpec, MAX_KEYS, MockApi, MockOptions, Quotas, Settings};

const SESSIONS: u64 = 10_000;
const EVENTS: u64 = 10;
const CONNECTIONS: u64 = 16;
const STEPS: u64 = 5;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let words: Vec<String> = std::env::args().collect();
    let requests = words.iter().find_map(|word| word.parse::<u64>().ok()).unwrap_or(400_000);
    if words.iter().any(|word| word == "keys") {
        return keys();
    }
    runtime.block_on(events(requests));
    // In a process of its own: what was freed before would be used again unseen.
    std::process::Command::new(std::env::current_exe().unwrap()).arg("keys").status().unwrap();
}

async fn events(requests: u64) {
    let options = MockOptions { quotas: Quotas::UNLIMITED, ..MockOptions::default() };
    let api = MockApi::with(options).await.unwrap();
    let key = api.key(&[Scope::WriteEvents]).unwrap();
    let address = api.url().trim_start_matches("http://").parse().unwrap();
    Line::connect(address).await;
    let rest = megabytes();
    println!("at rest                              {rest:>7.1} MB  (below 15)");
    let sent = Arc::new(AtomicU64::new(0));
    for step in 1..=STEPS {
        let tasks: Vec<_> = (0..CONNECTIONS)
            .map(|_| {
                let (sent, key, until) = (Arc::clone(&sent), key.clone(), requests * step / STEPS);
                tokio::spawn(async move {
                    let mut line = Line::connect(address).await;
                    loop {
                        let number = sent.fetch_add(1, Ordering::Relaxed);
                        if number >= until {
                            break;
                        }
                        assert_eq!(line.ask(&post(&key, number)).await, 200);
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        sent.store(requests * step / STEPS, Ordering::Relaxed);
        let (count, size) = (requests * step / STEPS, megabytes());
        println!(
            "{count:>9} requests, {:>10} events {size:>7.1} MB  ({:+.1}; at most +100)",
            count * EVENTS,
            size - rest
        );
    }
}

fn post(key: &str, number: u64) -> Vec<u8> {
    let session = number % SESSIONS;
    let events: Vec<String> = (0..EVENTS)
        .map(|place| {
            let (at, tool) = (number * EVENTS + place, (number + place) % 12);
            let (day, second, ms) = (at / 86_400_000 % 28 + 1, at / 1_000 % 86_400, at % 1_000);
            let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
            format!(
                r#"{{"event":"tool_use","session_id":"0b8f9a52-6c1d-4e0e-9d0a-{session:012}","ts":"2026-03-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z","seq":{place},"data":{{"tool_name":"tool {tool}","correlation_id":"{at}"}}}}"#
            )
        })
        .collect();
    let body = format!(r#"{{"events":[{}]}}"#, events.join(","));
    let head = format!(
        "POST /api/v1/events HTTP/1.1\r\nhost: 127.0.0.1\r\nx-api-key: {key}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    (head + &body).into_bytes()
}

fn keys() {
    let before = megabytes();
    let engine = Engine::new(Settings::default(), 0);
    for workspace in 0..1_000_000 / MAX_KEYS {
        let workspace = engine.create_workspace(format!("ws_{workspace}"), Settings::default()).unwrap();
        for number in 0..MAX_KEYS {
            let number = workspace.id[3..].parse::<usize>().unwrap() * MAX_KEYS + number;
            let spec = KeySpec {
                name: format!("key {number}"),
                scopes: vec![Scope::ReadAnalytics],
                plan: Tier::Standard,
            };
            let plaintext = ApiKey::new(key(number)).unwrap();
            engine.create_key(&workspace, format!("key_{number:012}"), spec, &plaintext, 0).unwrap();
        }
    }
    println!("1,000,000 keys                       {:>7.1} MB  (below 400)", megabytes() - before);
}
