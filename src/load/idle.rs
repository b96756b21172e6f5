//! How long a sending thread has had nothing to do.
//!
//! A request that waits while its thread is at work waits for us. One that waits while the thread sleeps, every slot of
//! its lane being under way, waits for the target.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::runtime::Builder;

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

#[cfg(test)]
mod tests {
    use super::*;

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
}
