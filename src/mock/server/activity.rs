//! Whether a connection has requests under way, when it last had, and whether a fault severs it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use super::Shared;

/// What is known about a connection while it is open.
#[derive(Debug, Default)]
pub(super) struct Activity {
    under_way: AtomicUsize,
    last_ms: AtomicU64,
    severed: AtomicBool,
}

impl Activity {
    pub(super) fn new(now: u64) -> Self {
        Self { last_ms: AtomicU64::new(now), ..Self::default() }
    }

    pub(super) fn is_idle(&self, now: u64, most: Duration) -> bool {
        let idle = now.saturating_sub(self.last_ms.load(Ordering::Acquire));
        self.under_way.load(Ordering::Acquire) == 0 && u128::from(idle) >= most.as_millis()
    }

    /// Whether it ends with a reset instead of a close.
    pub(super) fn is_severed(&self) -> bool {
        self.severed.load(Ordering::Acquire)
    }
}

/// A request under way. It ends however it ends, also when the client goes away in the middle of it.
pub(super) struct UnderWay {
    activity: Arc<Activity>,
    shared: Arc<Shared>,
}

impl UnderWay {
    pub(super) fn begin(activity: &Arc<Activity>, shared: &Arc<Shared>) -> Self {
        activity.under_way.fetch_add(1, Ordering::AcqRel);
        Self { activity: Arc::clone(activity), shared: Arc::clone(shared) }
    }

    /// The connection is to end with a reset.
    pub(super) fn sever(&self) {
        self.activity.severed.store(true, Ordering::Release);
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.activity.last_ms.store(self.shared.now(), Ordering::Release);
        self.activity.under_way.fetch_sub(1, Ordering::AcqRel);
    }
}
