//! The threads that send.
//!
//! Each is a runtime of one thread, so that a ticket that falls due and the answer that comes back wake nobody but the
//! thread that waits for them, and so that nothing else in this process, goose and an embedded mock among it, comes
//! between a ticket and its request. A lane, or the part of one that is too quick for a thread, belongs to one of them for
//! the whole run.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use std::{io, thread};

use tokio::runtime::{Builder, Handle};
use tokio::sync::watch;

#[derive(Debug, Clone)]
pub(crate) struct Sender {
    /// Where its tasks are spawned.
    pub(crate) handle: Handle,
    /// How long it has had nothing to do.
    pub(crate) idle: Arc<Idle>,
}

/// Some sending threads. They end when this is dropped; what is under way in them is cut off.
#[derive(Debug)]
pub(crate) struct Senders {
    /// At least one. The lanes take turns over them.
    pub(super) threads: Vec<Sender>,
    _running: watch::Sender<()>,
}

impl Senders {
    /// As many threads as there are processors, and no more than lanes.
    pub(crate) fn start(lanes: usize) -> io::Result<Self> {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let (running, over) = watch::channel(());
        let mut threads = Vec::new();
        for number in 0..lanes.min(processors).max(1) {
            let idle = Arc::new(Idle::new());
            let mut builder = Builder::new_current_thread();
            idle.time(&mut builder);
            let runtime = builder.enable_all().build()?;
            threads.push(Sender { handle: runtime.handle().clone(), idle });
            let mut over = over.clone();
            thread::Builder::new().name(format!("sender-{number}")).spawn(move || {
                sharpen_timer();
                // Ends, with an error nobody needs, when the other side is dropped.
                let _ = runtime.block_on(over.changed());
            })?;
        }
        Ok(Self { threads, _running: running })
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

/// A stopwatch that runs while a thread sleeps. The thread itself writes it, and reads it for its tasks.
#[derive(Debug)]
pub(crate) struct Idle {
    zero: Instant,
    slept_ns: AtomicU64,
    /// When the sleep that goes on began; 0 while the thread is at work.
    asleep_since_ns: AtomicU64,
}

impl Idle {
    /// One that stands still.
    pub(crate) fn new() -> Self {
        Self { zero: Instant::now(), slept_ns: AtomicU64::new(0), asleep_since_ns: AtomicU64::new(0) }
    }

    /// Times the sleep of the threads of a runtime that has one.
    pub(crate) fn time(self: &Arc<Self>, builder: &mut Builder) {
        let (falls, wakes) = (self.clone(), self.clone());
        builder.on_thread_park(move || falls.sleep()).on_thread_unpark(move || wakes.wake());
    }

    /// How long was slept so far, a sleep that goes on included.
    pub(crate) fn slept(&self) -> Duration {
        let so_far = self.slept_ns.load(Ordering::Relaxed);
        let asleep = match self.asleep_since_ns.load(Ordering::Relaxed) {
            0 => 0,
            since => self.now().saturating_sub(since),
        };
        Duration::from_nanos(so_far + asleep)
    }

    fn sleep(&self) {
        self.asleep_since_ns.store(self.now().max(1), Ordering::Relaxed);
    }

    fn wake(&self) {
        let since = self.asleep_since_ns.swap(0, Ordering::Relaxed);
        if since > 0 {
            self.slept_ns.fetch_add(self.now().saturating_sub(since), Ordering::Relaxed);
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.zero.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// What the async timer may be late by.
const COARSE: Duration = Duration::from_millis(2);

/// Something to sleep with, in the runtime it was made in.
#[derive(Debug)]
pub(crate) enum Alarm {
    #[cfg(target_os = "linux")]
    Precise(tokio::io::unix::AsyncFd<std::os::fd::OwnedFd>),
    /// The async timer, and the clock.
    Coarse,
}

impl Alarm {
    pub(crate) fn new() -> Self {
        #[cfg(target_os = "linux")]
        {
            use rustix::time::{TimerfdClockId, TimerfdFlags, timerfd_create};
            use tokio::io::{Interest, unix::AsyncFd};
            #[expect(
                deprecated,
                reason = "its successor is unsafe, for descriptors that may change; an OwnedFd keeps its own"
            )]
            let register = |timer| AsyncFd::with_interest(timer, Interest::READABLE);
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            if let Ok(timer) = timerfd_create(TimerfdClockId::Monotonic, flags)
                && let Ok(timer) = register(timer)
            {
                return Self::Precise(timer);
            }
        }
        Self::Coarse
    }

    /// Sleeps until then; not at all when that has passed.
    pub(crate) async fn until(&self, time: Instant) {
        loop {
            let left = time.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            match self {
                #[cfg(target_os = "linux")]
                Self::Precise(timer) if ring_after(timer, left).await => {}
                _ if left > COARSE => tokio::time::sleep(left - COARSE).await,
                _ => tokio::task::yield_now().await,
            }
        }
    }
}

/// Sleeps so long; false where the timer refuses.
#[cfg(target_os = "linux")]
async fn ring_after(timer: &tokio::io::unix::AsyncFd<std::os::fd::OwnedFd>, left: Duration) -> bool {
    use rustix::time::{Itimerspec, TimerfdTimerFlags, Timespec, timerfd_settime};
    let once = Itimerspec {
        it_interval: Timespec { tv_sec: 0, tv_nsec: 0 },
        it_value: Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        },
    };
    // Setting it takes back an earlier ring nobody has read.
    if timerfd_settime(timer.get_ref(), TimerfdTimerFlags::empty(), &once).is_err() {
        return false;
    }
    match timer.readable().await {
        Ok(mut ring) => {
            ring.clear_ready();
            true
        }
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn there_are_no_more_threads_than_lanes_and_they_run_what_they_are_given() {
        let senders = Senders::start(1_000).unwrap();
        let name = senders.threads[0].handle.spawn(async { thread::current().name().map(str::to_owned) });
        assert_eq!(name.await.unwrap().as_deref(), Some("sender-0"));
        assert_eq!(Senders::start(1).unwrap().threads.len(), 1);
    }

    #[test]
    fn it_runs_while_the_thread_sleeps_and_stands_while_it_works() {
        let idle = Arc::new(Idle::new());
        let mut builder = Builder::new_current_thread();
        idle.time(&mut builder);
        let runtime = builder.enable_time().build().unwrap();
        let began = Instant::now();
        runtime.block_on(async {
            tokio::time::sleep(Duration::from_millis(30)).await;
            let slept = idle.slept();
            assert!(slept >= Duration::from_millis(20), "{slept:?}");
            let until = Instant::now() + Duration::from_millis(20);
            while Instant::now() < until {
                std::hint::spin_loop();
            }
            assert_eq!(idle.slept(), slept);
        });
        assert!(idle.slept() <= began.elapsed());
    }

    async fn is_never_early(alarm: &Alarm) {
        for micros in [0, 1, 50, 900, 3_000, 10_000] {
            let time = Instant::now() + Duration::from_micros(micros);
            alarm.until(time).await;
            assert!(Instant::now() >= time);
        }
        // What has passed is not waited for.
        alarm.until(Instant::now() - Duration::from_secs(1)).await;
    }

    #[tokio::test]
    async fn no_alarm_rings_early() {
        is_never_early(&Alarm::new()).await;
        is_never_early(&Alarm::Coarse).await;
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn linux_has_a_precise_one() {
        assert!(matches!(Alarm::new(), Alarm::Precise(_)));
    }
}
