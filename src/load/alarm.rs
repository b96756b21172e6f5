//! Sleeping to the moment.
//!
//! An async timer is good to a millisecond, and that millisecond would colour every response time. Linux has a timer
//! that wakes the thread where it waits for its sockets anyway, to a few microseconds and without a second thread;
//! elsewhere the last millisecond is spent looking at the clock.

use std::time::{Duration, Instant};

/// What the async timer may be late by.
const COARSE: Duration = Duration::from_millis(2);

/// Something to sleep with, in the runtime it was made in.
#[derive(Debug)]
pub(crate) enum Alarm {
    /// The system's timer.
    #[cfg(target_os = "linux")]
    Precise(tokio::io::unix::AsyncFd<std::os::fd::OwnedFd>),
    /// The async timer, and the clock.
    Coarse,
}

impl Alarm {
    /// The best there is.
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
