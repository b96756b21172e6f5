//! Many threads at one key: never one admitted too many, never one too few.
#![allow(clippy::unwrap_used, reason = "helpers of tests are not seen as tests")]

use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use trenchcheck::contract::{ApiKey, Scope, Tier};
use trenchcheck::mock::{Behaviour, Engine, KeySpec, Request};

const KEY: &str = "ct_live_q1W2e3R4t5Y6u7I8o9P0a1S2d3F4g5H6";
const THREADS: usize = 16;

fn engine(scopes: &[Scope], plan: Tier) -> Engine {
    let engine = Engine::new(Behaviour::default(), 0);
    let spec = KeySpec { name: "shared".to_owned(), scopes: scopes.to_vec(), plan };
    let workspace = engine.default_workspace();
    engine.create_key(&workspace, "key_1".to_owned(), spec, &ApiKey::new(KEY).unwrap(), 0).unwrap();
    engine
}

fn status(engine: &Engine, method: &str, path: &str, body: &[u8], now: u64) -> u16 {
    let headers: &[(&str, &[u8])] = &[("x-api-key", KEY.as_bytes())];
    engine.handle(&Request { method, path, headers, body, ..Request::default() }, now).status
}

/// Runs the same on all threads at once, and adds up what they give.
fn together(work: impl Fn() -> u32 + Sync) -> u32 {
    let (barrier, total) = (Barrier::new(THREADS), AtomicU32::new(0));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                barrier.wait();
                total.fetch_add(work(), Ordering::Relaxed);
            });
        }
    });
    total.into_inner()
}

#[test]
fn requests_are_admitted_exactly_in_every_window() {
    for plan in [Tier::Standard, Tier::Premium] {
        let engine = engine(&[Scope::ReadAnalytics], plan);
        let limit = plan.limits().requests;
        for window in 0..50 {
            let admitted = together(|| {
                let send = |_: &u32| status(&engine, "GET", "/api/v1/sessions", b"", window * 60_000) == 200;
                (0..limit).filter(send).count() as u32
            });
            assert_eq!(admitted, limit, "window {window}");
        }
    }
}

#[test]
fn events_are_admitted_exactly_and_together_with_their_requests() {
    let engine = engine(&[Scope::WriteEvents, Scope::ReadAnalytics], Tier::Standard);
    // 700 does not divide 100,000, so the last batch straddles.
    let event = r#"{"event":"error","session_id":"s","ts":"1970-01-01T00:00:00Z"}"#;
    let body = format!(r#"{{"events":[{}]}}"#, vec![event; 700].join(","));
    for window in 0..2 {
        let now = window * 60_000;
        let batches = together(|| {
            let send = |_: &u32| status(&engine, "POST", "/api/v1/events", body.as_bytes(), now) == 200;
            (0..20).filter(send).count() as u32
        });
        assert_eq!(batches, 100_000 / 700, "window {window}");
        // Refused batches used no request: all the others are left.
        let reads = together(|| {
            let send = |_: &u32| status(&engine, "GET", "/api/v1/sessions", b"", now) == 200;
            (0..100).filter(send).count() as u32
        });
        assert_eq!(reads, 1_000 - 100_000 / 700, "window {window}");
    }
}
