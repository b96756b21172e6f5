//! What a well-behaved client notices of 2,000 idle connections, 200 who send a byte a second, and thousands of guessed
//! keys a second; and whether their memory comes back.
//!
//! `cargo bench --bench mock_hostile`
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, missing_docs, reason = "a bench")]
#![allow(dead_code, reason = "each bench uses its part of what they share")]

mod mock_support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use mock_support::{Line, get, megabytes};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use trenchcheck::contract::Scope;
use trenchcheck::mock::{MockApi, MockOptions, Quotas};

const TIME: Duration = Duration::from_secs(10);
/// Guessed keys a second.
const GUESSES: u64 = 10_000;

fn main() {
    let servers = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let clients = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let options = MockOptions { quotas: Quotas::UNLIMITED, ..MockOptions::default() };
    let api = servers.block_on(async { tokio::spawn(MockApi::with(options)).await }).unwrap().unwrap();
    let address: SocketAddr = api.url().trim_start_matches("http://").parse().unwrap();
    let key = api.key(&[Scope::ReadAnalytics]).unwrap();
    clients.block_on(async { tokio::spawn(measure(address, key)).await }).unwrap();
}

async fn measure(address: SocketAddr, key: String) {
    // Once with everything that is allocated once and kept.
    let alone = latencies(address, &key, TIME / 5).await;
    println!("alone                     {alone}");
    let before = megabytes();
    let mut idle = Vec::new();
    for _ in 0..2_000 {
        idle.push(TcpStream::connect(address).await.unwrap());
    }
    let slow: Vec<_> = (0..200).map(|_| tokio::spawn(send_slowly(address))).collect();
    let guessed = Arc::new(AtomicU64::new(0));
    let guessing: Vec<_> = (0..4).map(|_| tokio::spawn(guess(address, Arc::clone(&guessed)))).collect();
    let beside = latencies(address, &key, TIME).await;
    let during = megabytes();
    println!("beside them               {beside}  (p99 below 50)");
    println!(
        "guessed keys a second     {:>8.0}",
        guessed.load(Ordering::Relaxed) as f64 / TIME.as_secs_f64()
    );
    drop(idle);
    for task in slow.into_iter().chain(guessing) {
        task.abort();
        let _ = task.await;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    println!("memory before, during, after: {before:.1}, {during:.1}, {:.1} MB", megabytes());
}

/// A client that asks a hundred times a second: its latencies in milliseconds.
async fn latencies(address: SocketAddr, key: &str, time: Duration) -> String {
    let (mut line, request, mut all) = (Line::connect(address).await, get(key), Vec::new());
    let begun = Instant::now();
    while begun.elapsed() < time {
        let sent = Instant::now();
        assert_eq!(line.ask(&request).await, 200);
        all.push(sent.elapsed().as_secs_f64() * 1_000.0);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    all.sort_by(f64::total_cmp);
    let at = |share: f64| all[((all.len() - 1) as f64 * share) as usize];
    format!("p50 {:.2} ms, p99 {:.2} ms, most {:.2} ms", at(0.5), at(0.99), at(1.0))
}

async fn send_slowly(address: SocketAddr) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let _ =
        stream.write_all(b"POST /api/v1/events HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n").await;
    while stream.write_all(b"x").await.is_ok() {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// A quarter of all guesses.
async fn guess(address: SocketAddr, guessed: Arc<AtomicU64>) {
    let mut line = Line::connect(address).await;
    let mut tick = tokio::time::interval(Duration::from_millis(10));
    loop {
        tick.tick().await;
        for _ in 0..GUESSES / 400 {
            let number = guessed.fetch_add(1, Ordering::Relaxed);
            assert_eq!(line.ask(&get(&format!("ct_live_{number:032}"))).await, 401);
        }
    }
}
