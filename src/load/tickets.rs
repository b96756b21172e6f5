//! Tickets: leave to send one request, given when it is due.
//!
//! One task of each sending thread sleeps for all of its lanes, precisely. A lane's tickets are numbers in order;
//! whoever is free takes the next one, so a slow answer holds nobody back, and as many are sent as were planned.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use super::alarm::Alarm;
use super::pacer::Pacer;

/// How long is slept at most before it is looked whether the run was stopped.
const LONGEST_SLEEP: Duration = Duration::from_millis(50);
/// How many tickets are released at most before those that take them have their turn.
const AT_ONCE: u32 = 64;

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

/// Which of a lane's requests: of every `of` the one at `number`, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    /// Which part.
    pub(crate) number: u32,
    /// Of how many, at least 1.
    pub(crate) of: u32,
}

/// The tickets of one lane, or of a part of it.
#[derive(Debug)]
pub(crate) struct Tickets {
    pacer: Pacer,
    part: Part,
    takers: u32,
    released: Semaphore,
    next: AtomicU64,
    over: AtomicBool,
}

impl Tickets {
    /// Tickets that so many take.
    pub(crate) fn new(pacer: Pacer, part: Part, takers: u32) -> Self {
        Self {
            pacer,
            part,
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
        self.due(self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// When its ticket with this number is due.
    fn due(&self, number: u64) -> Option<Duration> {
        self.pacer.due(u64::from(self.part.number) + number * u64::from(self.part.of))
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

/// Releases the tickets of these lanes, each when it is due. Returns how far the schedule came: of a run that was
/// stopped, just beyond the last ticket.
pub(crate) async fn release(
    lanes: Vec<Arc<Tickets>>,
    course: Arc<Course>,
    interrupted: impl Fn() -> bool + Send,
) -> Duration {
    let alarm = Alarm::new();
    let start = course.start().unwrap_or_else(Instant::now);
    let due = |lane: usize, number: u64| lanes.get(lane).and_then(|tickets| tickets.due(number));
    let mut coming: BinaryHeap<Reverse<(Duration, usize, u64)>> =
        (0..lanes.len()).filter_map(|lane| Some(Reverse((due(lane, 0)?, lane, 0)))).collect();
    let mut came_to = Duration::ZERO;
    let mut at_once = 0;
    while let Some(Reverse((time, lane, number))) = coming.pop() {
        let slept = Instant::now() < start + time;
        if !sleep_until(start + time, &alarm, &course, &interrupted).await {
            course.stop();
            break;
        }
        at_once = if slept { 1 } else { at_once + 1 };
        came_to = time + Duration::from_nanos(1);
        if let Some(tickets) = lanes.get(lane) {
            tickets.released.add_permits(1);
        }
        coming.extend(due(lane, number + 1).map(|next| Reverse((next, lane, number + 1))));
        if at_once >= AT_ONCE {
            at_once = 0;
            tokio::task::yield_now().await;
        }
    }
    for tickets in &lanes {
        tickets.end();
    }
    if course.is_stopped() {
        came_to
    } else {
        lanes.iter().map(|tickets| tickets.pacer.length()).max().unwrap_or_default()
    }
}

/// Whether `time` was reached before the run was stopped.
async fn sleep_until(time: Instant, alarm: &Alarm, course: &Course, interrupted: &impl Fn() -> bool) -> bool {
    loop {
        if course.is_stopped() || interrupted() {
            return false;
        }
        let now = Instant::now();
        if now >= time {
            return true;
        }
        alarm.until(time.min(now + LONGEST_SLEEP)).await;
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
        let whole = Part { number: 0, of: 1 };
        let halves = [0, 1].map(|number| Part { number, of: 2 });
        let lanes: Vec<_> = [(60_000, 50, halves[0]), (60_000, 50, halves[1]), (6_000, 100, whole)]
            .map(|(rate, time, part)| Arc::new(Tickets::new(pacer(rate, time), part, 3)))
            .into();
        let takers: Vec<_> = lanes
            .iter()
            .flat_map(|lane| (0..3).map(|_| tokio::spawn(drain(lane.clone(), course.clone()))))
            .collect();
        let released = tokio::spawn(release(lanes, course.clone(), || false));
        let mut taken = Vec::new();
        for taker in takers {
            taken.push(taker.await.unwrap());
        }
        // Two halves of a lane are the whole, each ticket once.
        let mut halves = taken[..6].concat();
        halves.sort();
        assert_eq!(halves, (0..50).map(Duration::from_millis).collect::<Vec<_>>());
        assert_eq!((taken[..3].concat().len(), taken[6..].concat().len()), (25, 10));
        assert_eq!(released.await.unwrap(), Duration::from_millis(100));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_stopped_run_gives_no_further_ticket() {
        let course = Arc::new(Course::default());
        course.begin(Instant::now());
        let lane = Arc::new(Tickets::new(pacer(60, 3_600_000), Part { number: 0, of: 1 }, 1));
        let taker = tokio::spawn(drain(lane.clone(), course.clone()));
        let released = tokio::spawn(release(vec![lane], course.clone(), || false));
        course.stop();
        assert!(taker.await.unwrap().len() <= 1);
        assert!(released.await.unwrap() < Duration::from_secs(60));
    }
}
