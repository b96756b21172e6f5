//! Honesty about a stall: the target freezes for 2 s once in 60 s while requests come at a constant rate.
//!
//! A request due `x` seconds into the freeze waits `2 - x`. The slowest hundredth of 60 s of requests was due in the
//! first 0.6 s of it, so the true p99 is 1.40 s, p99.9 is 1.94 s, and the longest wait is 2 s. A tool that waits for
//! an answer before it sends again would report a p99 of a millisecond. `cargo bench --bench load_stall`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, missing_docs, reason = "a bench")]

mod support;

use std::time::{Duration, SystemTime};

use support::{Server, play_text, target};
use trenchcheck::load::{Outcome, Series};

#[tokio::main]
async fn main() {
    let server = Server::default();
    let target = target(server.clone().start().await);
    let from = SystemTime::now() + Duration::from_secs(20);
    *server.frozen.lock().unwrap() = Some((from, from + Duration::from_secs(2)));
    let profile = "profile: stall\nabout: x\nwindows: 1\nlanes:\n  \
                   - {name: both, key: both, request: list-sessions, rate: 6000, slots: 300}\n";
    let run = play_text(profile, &target).await;
    let response = &run.lanes[0].times[Series::Response(Outcome::Admitted)];
    println!("         reported      true   ratio");
    for (name, quantile, truth) in [("p99", 0.99, 1.40), ("p99.9", 0.999, 1.94), ("max", 1.0, 2.0)] {
        let reported = response.value_at_quantile(quantile) as f64 / 1e6;
        println!("{name:6} {reported:8.3} s {truth:7.2} s {:7.3}", reported / truth);
    }
    let counts = run.lanes[0].windows[0];
    println!("planned {}, sent {}, admitted {}", counts.planned, counts.sent, counts.admitted);
}
