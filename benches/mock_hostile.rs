//! What a well-behaved client notices of 2,000 idle connections, 200 who send a byte a second, and thousands of guessed
//! keys a second; and whether their memory comes back.
//!
//! `cargo bench --bench mock_hostile`
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, missing_docs, reason = "a bench")]
#![allow(dead_code, reason = "each bench uses its part of what they share")]

mod mock_support;

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use mock_support::{Line, get, megabytes_of};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use trenchcheck::contract::Scope;
use trenchcheck::mock::{MockApi, MockOptions, Quotas};

const TIME: Duration = Duration::from_secs(5);
/// They come, go, and come again: what stays of them must not grow.
const ROUNDS: usize = 3;
/// How long after they are gone their memory is looked for.
const AFTERWARDS: Duration = Duration::from_secs(3);
/// Guessed keys a second.
const GUESSES: u64 = 10_000;

fn main() {
    if std::env::args().any(|word| word == "serve") {
        return serve();
    }
    // In a process of its own: what clients take is none of the mock's.
    let mut server = Command::new(std::env::current_exe().unwrap())
        .arg("serve")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut ready = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut ready).unwrap();
    let (address, key) = ready.trim().split_once(' ').unwrap();
    let clients = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (address, key, process) = (address.parse().unwrap(), key.to_owned(), server.id());
    clients.block_on(async { tokio::spawn(measure(address, key, process)).await }).unwrap();
    // It ends when nobody holds its input any more.
    drop(server.stdin.take());
    server.wait().unwrap();
}

fn serve() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let options = MockOptions { quotas: Quotas::UNLIMITED, ..MockOptions::default() };
    let api = runtime.block_on(async { tokio::spawn(MockApi::with(options)).await }).unwrap().unwrap();
    println!("{} {}", api.url().trim_start_matches("http://"), api.key(&[Scope::ReadAnalytics]).unwrap());
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

async fn measure(address: SocketAddr, key: String, process: u32) {
    // Until the journal is full, which is none of theirs either.
    let mut line = Line::connect(address).await;
    for _ in 0..2_000 {
        assert_eq!(line.ask(&get(&key)).await, 200);
    }
    let alone = latencies(address, &key, TIME / 5).await;
    println!("alone                     {alone}");
    let before = megabytes_of(process);
    for round in 1..=ROUNDS {
        let mut idle = Vec::new();
        for _ in 0..2_000 {
            idle.push(TcpStream::connect(address).await.unwrap());
        }
        let slow: Vec<_> = (0..200).map(|_| tokio::spawn(send_slowly(address))).collect();
        let guessed = Arc::new(AtomicU64::new(0));
        let guessing: Vec<_> = (0..4).map(|_| tokio::spawn(guess(address, Arc::clone(&guessed)))).collect();
        let beside = latencies(address, &key, TIME).await;
        let during = megabytes_of(process);
        println!("beside them, round {round}      {beside}  (p99 below 50)");
        println!(
            "guessed keys a second     {:>8.0}",
            guessed.load(Ordering::Relaxed) as f64 / TIME.as_secs_f64()
        );
        drop(idle);
        for task in slow.into_iter().chain(guessing) {
            task.abort();
            let _ = task.await;
        }
        tokio::time::sleep(AFTERWARDS).await;
        println!("memory before, during, after: {before:.1}, {during:.1}, {:.1} MB", megabytes_of(process));
    }
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
