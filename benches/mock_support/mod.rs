//! What the benches of the mock share: a client that does as little as a client can, and the size of this process.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use memchr::memmem;
use rustix::time::{ClockId, clock_gettime};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The allocator of the binary.
#[cfg(all(feature = "jemalloc", target_os = "linux", target_pointer_width = "64"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// A connection that is kept.
pub(crate) struct Line {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Line {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("a server");
        stream.set_nodelay(true).expect("a socket");
        Self { stream, read: Vec::with_capacity(65_536) }
    }

    /// Sends a request and reads its answer whole; gives the status.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> u16 {
        self.stream.write_all(request).await.expect("a connection");
        self.read.clear();
        loop {
            assert_ne!(self.stream.read_buf(&mut self.read).await.expect("an answer"), 0);
            let Some(end) = memmem::find(&self.read, b"\r\n\r\n") else { continue };
            let head = std::str::from_utf8(&self.read[..end]).expect("a head");
            let (mut length, status) = (0, head[9..12].parse().expect("a status"));
            for line in head.lines() {
                if let Some((name, value)) = line.split_once(": ")
                    && name.eq_ignore_ascii_case("content-length")
                {
                    length = value.parse().expect("a length");
                }
            }
            while self.read.len() < end + 4 + length {
                assert_ne!(self.stream.read_buf(&mut self.read).await.expect("a body"), 0);
            }
            return status;
        }
    }
}

/// How a server did.
#[derive(Clone, Copy)]
pub(crate) struct Pace {
    /// Requests a second.
    pub(crate) rate: f64,
    /// What a request cost all threads but the client's, in microseconds of a processor.
    pub(crate) cost: f64,
}

/// Asks over so many connections for so long, on this thread. `request` makes the nth request.
pub(crate) async fn pace(
    address: SocketAddr,
    connections: u64,
    time: Duration,
    request: Arc<dyn Fn(u64) -> Vec<u8> + Send + Sync>,
) -> Pace {
    let (over, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let tasks: Vec<_> = (0..connections)
        .map(|place| {
            let (over, count, request) = (Arc::clone(&over), Arc::clone(&count), Arc::clone(&request));
            tokio::spawn(async move {
                let mut line = Line::connect(address).await;
                let mut number = place;
                while !over.load(Ordering::Relaxed) {
                    let status = line.ask(&request(number)).await;
                    assert!(status < 300, "{status}");
                    count.fetch_add(1, Ordering::Relaxed);
                    number += connections;
                }
            })
        })
        .collect();
    // The first moments fill caches and are nobody's.
    tokio::time::sleep(time / 10).await;
    let (begun, before, used) = (Instant::now(), count.load(Ordering::Relaxed), others());
    tokio::time::sleep(time).await;
    let answered = (count.load(Ordering::Relaxed) - before) as f64;
    let pace = Pace {
        rate: answered / begun.elapsed().as_secs_f64(),
        cost: (others() - used) * 1_000_000.0 / answered,
    };
    over.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await.expect("a client");
    }
    pace
}

/// How long all threads but this one have used a processor, in seconds. On a machine that others use, too, it says more
/// than a clock.
fn others() -> f64 {
    let seconds = |clock| {
        let time = clock_gettime(clock);
        time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
    };
    seconds(ClockId::ProcessCPUTime) - seconds(ClockId::ThreadCPUTime)
}

/// A request for the list of sessions.
pub(crate) fn get(key: &str) -> Vec<u8> {
    format!("GET /api/v1/sessions HTTP/1.1\r\nhost: 127.0.0.1\r\nx-api-key: {key}\r\n\r\n").into_bytes()
}

/// The memory this process takes, in megabytes.
pub(crate) fn megabytes() -> f64 {
    megabytes_of(std::process::id())
}

/// The memory a process takes, in megabytes.
pub(crate) fn megabytes_of(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("a system with /proc");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
    line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number") / 1_024.0
}

/// A key for a number.
pub(crate) fn key(number: usize) -> String {
    format!("ct_live_{number:032}")
}

/// The median of some rates.
pub(crate) fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}
