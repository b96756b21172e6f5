//! Tickets: leave to send one request, given when it is due.
//!
//! One task of each sending thread sleeps for all of its lanes, precisely. A lane's tickets are numbers in order;
//! whoever is free takes the next one, so a slow answer holds nobody back, and as many are sent as were planned.
//!
//! A ticket that finds no free slot waits for one. Where the thread sleeps meanwhile, it is the target that holds them
//! all; where the thread is busy, it is ourselves. Who it is, is told with the ticket.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::Semaphore;

use super::pacer::Pacer;
use super::senders::Alarm;
use super::senders::Idle;

/// How long is slept at most before it is looked whether the run was stopped.
const LONGEST_SLEEP: Duration = Duration::from_millis(50);
/// How many tickets are released at most before those that take them have their turn.
const AT_ONCE: u32 = 64;

/// When a run began, and whether it is to end.
#[derive(Debug, Default)]
pub(crate) struct RunState {
    start: OnceLock<Instant>,
    stopped: AtomicBool,
}

impl RunState {
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

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }
}

/// Which of a lane's requests: of every `of` the one at `number`, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) number: u32,
    /// Of how many, at least 1.
    pub(crate) of: u32,
}

/// Leave to send one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket {
    /// When the request was due, counted from the start of the run.
    pub(crate) due: Duration,
    /// How long it lay there because the target held every slot.
    pub(crate) held: Duration,
}

/// The tickets of one lane, or of a part of it.
#[derive(Debug)]
pub(crate) struct Tickets {
    pacer: Pacer,
    part: Part,
    takers: u32,
    idle: Arc<Idle>,
    released: Semaphore,
    next: AtomicU64,
    over: AtomicBool,
    queue: Mutex<Queue>,
}

/// Who waits for whom.
#[derive(Debug, Default)]
struct Queue {
    /// How many slots wait for a ticket.
    free: u32,
    /// The tickets that wait for a slot: how late each was released, in microseconds.
    lying: VecDeque<u32>,
    /// When the first of those that lie there now found no slot, and how long the thread had slept by then.
    since: Option<(Instant, Duration)>,
    /// Whether it was the target that held all slots when that last happened.
    by_target: bool,
}

impl Queue {
    /// Notes by whom the slots are held: by the target, where the thread slept for most of the time.
    fn ask_why(&mut self, idle: &Idle) {
        if let Some((since, slept)) = self.since {
            self.by_target = idle.slept().saturating_sub(slept) * 2 >= since.elapsed();
        }
    }
}

impl Tickets {
    /// Tickets that so many take.
    pub(crate) fn new(pacer: Pacer, part: Part, takers: u32, idle: Arc<Idle>) -> Self {
        Self {
            pacer,
            part,
            takers,
            idle,
            released: Semaphore::new(0),
            next: AtomicU64::new(0),
            over: AtomicBool::new(false),
            queue: Mutex::default(),
        }
    }

    /// Waits for the next ticket and takes it. `None` when there are no more.
    pub(crate) async fn take(&self, state: &RunState) -> Option<Ticket> {
        let mut released_late = None;
        if let Ok(permit) = self.released.try_acquire() {
            permit.forget();
            released_late = self.pick_up();
        } else {
            self.queue.lock().free += 1;
            self.released.acquire().await.ok()?.forget();
        }
        if state.is_stopped() {
            return None;
        }
        let due = self.due(self.next.fetch_add(1, Ordering::Relaxed))?;
        let waits = |late: Duration| state.start().map(|start| (start + due + late).elapsed());
        Some(Ticket { due, held: released_late.and_then(waits).unwrap_or_default() })
    }

    /// Releases the next ticket, which was due then.
    fn release_one(&self, due: Instant) {
        let mut queue = self.queue.lock();
        match queue.free.checked_sub(1) {
            Some(left) => queue.free = left,
            None => {
                let now = Instant::now();
                let late = now.saturating_duration_since(due).as_micros();
                queue.since.get_or_insert_with(|| (now, self.idle.slept()));
                queue.lying.push_back(u32::try_from(late).unwrap_or(u32::MAX));
            }
        }
        drop(queue);
        self.released.add_permits(1);
    }

    /// Takes up a ticket that has been lying there: how late it was released, where it was held by the target since.
    fn pick_up(&self) -> Option<Duration> {
        let mut queue = self.queue.lock();
        let late = queue.lying.pop_front()?;
        queue.ask_why(&self.idle);
        if queue.lying.is_empty() {
            queue.since = None;
        }
        queue.by_target.then(|| Duration::from_micros(late.into()))
    }

    /// Takes note that a request under way comes to nothing, for the run is given up.
    pub(crate) fn give_up(&self) {
        self.queue.lock().ask_why(&self.idle);
    }

    /// Whether it was the target that held all slots when they were last missed. Tickets that nobody has taken at the
    /// end of a run were held up by it then.
    pub(crate) fn are_held_up(&self) -> bool {
        self.queue.lock().by_target
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
    state: Arc<RunState>,
    interrupted: impl Fn() -> bool + Send,
) -> Duration {
    let alarm = Alarm::new();
    let start = state.start().unwrap_or_else(Instant::now);
    let due = |lane: usize, number: u64| lanes.get(lane).and_then(|tickets| tickets.due(number));
    let mut coming: BinaryHeap<Reverse<(Duration, usize, u64)>> =
        (0..lanes.len()).filter_map(|lane| Some(Reverse((due(lane, 0)?, lane, 0)))).collect();
    let mut came_to = Duration::ZERO;
    let mut at_once = 0;
    while let Some(Reverse((time, lane, number))) = coming.pop() {
        let slept = Instant::now() < start + time;
        if !sleep_until(start + time, &alarm, &state, &interrupted).await {
            state.stop();
            break;
        }
        at_once = if slept { 1 } else { at_once + 1 };
        came_to = time + Duration::from_nanos(1);
        if let Some(tickets) = lanes.get(lane) {
            tickets.release_one(start + time);
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
    if state.is_stopped() {
        came_to
    } else {
        lanes.iter().map(|tickets| tickets.pacer.length()).max().unwrap_or_default()
    }
}

/// Whether `time` was reached before the run was stopped.
async fn sleep_until(
    time: Instant,
    alarm: &Alarm,
    state: &RunState,
    interrupted: &impl Fn() -> bool,
) -> bool {
    loop {
        if state.is_stopped() || interrupted() {
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
    use crate::load::pacer::{Phase, Segment};

    fn pacer(rate: u32, milliseconds: u64) -> Pacer {
        let send = Duration::from_millis(milliseconds);
        Pacer::new(
            Duration::ZERO,
            Phase::default(),
            [Segment { from: rate, to: rate, send, rest: Duration::ZERO }],
        )
    }

    async fn drain(tickets: Arc<Tickets>, state: Arc<RunState>) -> Vec<Duration> {
        let mut taken = Vec::new();
        while let Some(due) = tickets.take(&state).await {
            taken.push(due.due);
        }
        taken
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn every_ticket_is_taken_once_and_none_beyond() {
        let state = Arc::new(RunState::default());
        state.begin(Instant::now());
        let whole = Part { number: 0, of: 1 };
        let halves = [0, 1].map(|number| Part { number, of: 2 });
        let lanes: Vec<_> = [(60_000, 50, halves[0]), (60_000, 50, halves[1]), (6_000, 100, whole)]
            .map(|(rate, time, part)| {
                Arc::new(Tickets::new(pacer(rate, time), part, 3, Arc::new(Idle::new())))
            })
            .into();
        let takers: Vec<_> = lanes
            .iter()
            .flat_map(|lane| (0..3).map(|_| tokio::spawn(drain(lane.clone(), state.clone()))))
            .collect();
        let released = tokio::spawn(release(lanes, state.clone(), || false));
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
        let state = Arc::new(RunState::default());
        state.begin(Instant::now());
        let whole = Part { number: 0, of: 1 };
        let lane = Arc::new(Tickets::new(pacer(60, 3_600_000), whole, 1, Arc::new(Idle::new())));
        let taker = tokio::spawn(drain(lane.clone(), state.clone()));
        let released = tokio::spawn(release(vec![lane], state.clone(), || false));
        state.stop();
        assert!(taker.await.unwrap().len() <= 1);
        assert!(released.await.unwrap() < Duration::from_secs(60));
    }

    /// Takes every ticket of a lane with one slot, ten milliseconds apart, and spends so long with each.
    fn one_slot(spend: impl AsyncFn()) -> (Vec<Ticket>, bool) {
        let idle = Arc::new(Idle::new());
        let mut builder = tokio::runtime::Builder::new_current_thread();
        idle.time(&mut builder);
        let runtime = builder.enable_all().build().unwrap();
        runtime.block_on(async {
            let state = Arc::new(RunState::default());
            state.begin(Instant::now());
            let lane = Arc::new(Tickets::new(pacer(6_000, 100), Part { number: 0, of: 1 }, 1, idle));
            let released = tokio::spawn(release(vec![lane.clone()], state.clone(), || false));
            let mut taken = Vec::new();
            while let Some(ticket) = lane.take(&state).await {
                taken.push(ticket);
                spend().await;
            }
            released.await.unwrap();
            (taken, lane.are_held_up())
        })
    }

    #[test]
    fn a_ticket_without_a_slot_waits_for_the_target_while_the_thread_sleeps() {
        let (taken, held_up) = one_slot(async || tokio::time::sleep(Duration::from_millis(30)).await);
        assert_eq!((taken.len(), held_up), (10, true));
        assert_eq!(taken[0].held, Duration::ZERO);
        // The last was due after 90 ms and had its turn after nine times 30.
        assert!(taken[9].held >= Duration::from_millis(150), "{taken:?}");
    }

    #[test]
    fn a_ticket_without_a_slot_waits_for_us_while_the_thread_works() {
        let (taken, held_up) = one_slot(async || {
            let until = Instant::now() + Duration::from_millis(30);
            while Instant::now() < until {
                tokio::task::yield_now().await;
            }
        });
        assert_eq!((taken.len(), held_up), (10, false));
        assert!(taken.iter().all(|ticket| ticket.held.is_zero()), "{taken:?}");
    }
}
