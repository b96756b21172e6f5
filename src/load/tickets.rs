//! Tickets: leave to send one request, given when it is due.
//!
//! One thread sleeps for all lanes, precisely: an async timer is good to a millisecond, and that millisecond
//! would colour every response time. A lane's tickets are numbers in order; whoever is free takes the next
//! one, so a slow answer holds nobody back, and as many are sent as were planned.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use super::pacer::Pacer;

/// How long the thread sleeps at most before it looks whether the run was stopped.
const LONGEST_SLEEP: Duration = Duration::from_millis(50);

/// When a run began, and whether it is to end.
#[derive(Debug, Default)]
pub(crate) struct Course {
    start: OnceLock<Instant>,
    stopped: AtomicBool,
}

impl Course {
    /// Sets the beginning. The first call decides.
    pub(crate) fn begin(&self, start: Instant) {
        let _ = self.start.set(start);
    }

    /// The beginning, once it is known.
    pub(crate) fn start(&self) -> Option<Instant> {
        self.start.get().copied()
    }

    /// Ends the run: no further ticket is given out.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
    }

    /// Whether the run is to end.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }
}

/// The tickets of one lane.
#[derive(Debug)]
pub(crate) struct Tickets {
    pacer: Pacer,
    takers: u32,
    released: Semaphore,
    next: AtomicU64,
    over: AtomicBool,
}

impl Tickets {
    /// Tickets that so many take.
    pub(crate) fn new(pacer: Pacer, takers: u32) -> Self {
        Self {
            pacer,
            takers,
            released: Semaphore::new(0),
            next: AtomicU64::new(0),
            over: AtomicBool::new(false),
        }
    }

    /// Waits for the next ticket and takes it: when its request was due. `None` when there are no more.
    pub(crate) async fn take(&self, course: &Course) -> Option<Duration> {
        self.released.acquire().await.ok()?.forget();
        if course.is_stopped() {
            return None;
        }
        self.pacer.due(self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// Whether every ticket has been released, or none will be any more.
    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// Lets every taker find out that there is nothing left.
    fn end(&self) {
        self.over.store(true, Ordering::Release);
        self.released.add_permits(self.takers as usize);
    }
}

/// Releases the tickets of all lanes, each when it is due. Returns how far the schedule came: of a run that was
/// stopped, just beyond the last ticket.
pub(crate) fn release(lanes: &[Arc<Tickets>], course: &Course, interrupted: &dyn Fn() -> bool) -> Duration {
    sharpen_timer();
    let start = course.start().unwrap_or_else(Instant::now);
    let due = |lane: usize, number: u64| lanes.get(lane).and_then(|tickets| tickets.pacer.due(number));
    let mut coming: BinaryHeap<Reverse<(Duration, usize, u64)>> =
        (0..lanes.len()).filter_map(|lane| Some(Reverse((due(lane, 0)?, lane, 0)))).collect();
    let mut came_to = Duration::ZERO;
    while let Some(Reverse((time, lane, number))) = coming.pop() {
        if !sleep_until(start + time, course, interrupted) {
            course.stop();
            break;
        }
        came_to = time + Duration::from_nanos(1);
        if let Some(tickets) = lanes.get(lane) {
            tickets.released.add_permits(1);
        }
        coming.extend(due(lane, number + 1).map(|next| Reverse((next, lane, number + 1))));
    }
    for tickets in lanes {
        tickets.end();
    }
    if course.is_stopped() {
        came_to
    } else {
        lanes.iter().map(|tickets| tickets.pacer.length()).max().unwrap_or_default()
    }
}

/// Whether `time` was reached before the run was stopped.
fn sleep_until(time: Instant, course: &Course, interrupted: &dyn Fn() -> bool) -> bool {
    loop {
        if course.is_stopped() || interrupted() {
            return false;
        }
        let left = time.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return true;
        }
        thread::sleep(left.min(LONGEST_SLEEP));
    }
}

/// Linux wakes a sleeper up to 50 µs late, to save power, unless the thread asks otherwise.
fn sharpen_timer() {
    #[cfg(target_os = "linux")]
    {
        // Where it is refused, the run is a little less precise, and its send lag says how much.
        let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::pacer::Segment;

    fn pacer(rate: u32, milliseconds: u64) -> Pacer {
        let send = Duration::from_millis(milliseconds);
        Pacer::new(Duration::ZERO, [Segment { from: rate, to: rate, send, rest: Duration::ZERO }])
    }

    async fn drain(tickets: Arc<Tickets>, course: Arc<Course>) -> Vec<Duration> {
        let mut taken = Vec::new();
        while let Some(due) = tickets.take(&course).await {
            taken.push(due);
        }
        taken
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn every_ticket_is_taken_once_and_none_beyond() {
        let course = Arc::new(Course::default());
        course.begin(Instant::now());
        let lanes: Vec<_> = [(60_000, 50), (6_000, 100)]
            .map(|(rate, time)| Arc::new(Tickets::new(pacer(rate, time), 3)))
            .into();
        let takers: Vec<_> = lanes
            .iter()
            .flat_map(|lane| (0..3).map(|_| tokio::spawn(drain(lane.clone(), course.clone()))))
            .collect();
        let thread = {
            let course = course.clone();
            thread::spawn(move || release(&lanes, &course, &|| false))
        };
        let mut counts = Vec::new();
        for taker in takers {
            counts.push(taker.await.unwrap().len());
        }
        assert_eq!(counts[..3].iter().sum::<usize>(), 50);
        assert_eq!(counts[3..].iter().sum::<usize>(), 10);
        assert_eq!(thread.join().unwrap(), Duration::from_millis(100));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_stopped_run_gives_no_further_ticket() {
        let course = Arc::new(Course::default());
        course.begin(Instant::now());
        let lane = Arc::new(Tickets::new(pacer(60, 3_600_000), 1));
        let taker = tokio::spawn(drain(lane.clone(), course.clone()));
        let thread = {
            let course = course.clone();
            thread::spawn(move || release(&[lane], &course, &|| false))
        };
        course.stop();
        assert!(taker.await.unwrap().len() <= 1);
        assert!(thread.join().unwrap() < Duration::from_secs(60));
    }
}
