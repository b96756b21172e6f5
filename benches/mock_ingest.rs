//! How many events a second one core takes in, beside parsing the same bytes with serde_json.
//!
//! `cargo bench --bench mock_ingest`
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, missing_docs, reason = "a bench")]

use std::borrow::Cow;
use std::hint::black_box;
use std::time::Instant;

use serde::Deserialize;
use trenchcheck::contract::{ApiKey, Scope, Tier};
use trenchcheck::mock::{Engine, KeySpec, Quotas, Request, Settings};

const KEY: &str = "ct_live_q1W2e3R4t5Y6u7I8o9P0a1S2d3F4g5H6";
/// More events in all than the mock remembers to recognise repetitions by, so that in every round all are new.
const BATCHES: usize = 3_000;
const EVENTS: usize = 100;
const ROUNDS: usize = 5;

#[derive(Deserialize)]
struct Batch<'a> {
    #[serde(borrow)]
    events: Vec<Event<'a>>,
}

/// What the mock reads of an event.
#[derive(Deserialize)]
#[allow(dead_code, reason = "parsing is all that is measured")]
struct Event<'a> {
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(borrow)]
    session_id: Cow<'a, str>,
    #[serde(borrow)]
    ts: Cow<'a, str>,
    seq: u64,
    #[serde(borrow)]
    data: Data<'a>,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "parsing is all that is measured")]
struct Data<'a> {
    #[serde(borrow)]
    tool_name: Cow<'a, str>,
    #[serde(borrow)]
    correlation_id: Cow<'a, str>,
}

fn batch(number: usize) -> Vec<u8> {
    let session = format!("0b8f9a52-6c1d-4e0e-9d0a-{:012}", number % 100);
    let events: Vec<String> = (0..EVENTS)
        .map(|place| {
            let (kind, at) = (["tool_use", "tool_result"][place % 2], number * EVENTS + place);
            let (second, ms) = (at / 1_000, at % 1_000);
            let time = format!("2026-03-01T{:02}:{:02}:{:02}.{ms:03}Z", second / 3_600, second / 60 % 60, second % 60);
            let event = format!(
                r#"{{"event":"{kind}","session_id":"{session}","ts":"{time}","seq":{place},"data":{{"tool_name":"Bash","correlation_id":"{:08}""#,
                at / 2
            );
            // Padded to 200 bytes with a member nobody asks for.
            format!(r#"{event},"x":"{}"}}}}"#, "x".repeat(200_usize.saturating_sub(event.len() + 10)))
        })
        .collect();
    format!(r#"{{"events":[{}]}}"#, events.join(",")).into_bytes()
}

fn main() {
    let bodies: Vec<Vec<u8>> = (0..BATCHES).map(batch).collect();
    let size = bodies.iter().map(Vec::len).sum::<usize>() / (BATCHES * EVENTS);
    let settings = Settings::new(Vec::new(), None, Quotas::UNLIMITED).unwrap();
    let engine = Engine::new(settings, 1_774_000_000_000);
    let spec = KeySpec { name: "bench".to_owned(), scopes: vec![Scope::WriteEvents], plan: Tier::Standard };
    let workspace = engine.default_workspace();
    engine.create_key(&workspace, "key_1".to_owned(), spec, &ApiKey::new(KEY).unwrap(), 0).unwrap();
    let headers: &[(&str, &[u8])] = &[("x-api-key", KEY.as_bytes())];
    let (mut taken, mut parsed) = (f64::MAX, f64::MAX);
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        for body in &bodies {
            let request =
                Request { method: "POST", path: "/api/v1/events", headers, body, ..Request::default() };
            assert_eq!(engine.handle(&request, 0).status, 200);
        }
        taken = taken.min(begun.elapsed().as_secs_f64());
        let begun = Instant::now();
        for body in &bodies {
            assert_eq!(black_box(serde_json::from_slice::<Batch<'_>>(body).unwrap()).events.len(), EVENTS);
        }
        parsed = parsed.min(begun.elapsed().as_secs_f64());
    }
    let rate = |seconds: f64| (BATCHES * EVENTS) as f64 / seconds;
    println!("events of {size} bytes in batches of {EVENTS}, one core, the best of {ROUNDS} rounds");
    println!("taken in              {:>10.0} events a second  (at least 600000)", rate(taken));
    println!("parsed by serde_json  {:>10.0} events a second", rate(parsed));
    println!("ratio                 {:>10.3}  (at least 0.5)", parsed / taken);
}
