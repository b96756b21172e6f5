//! Whether a connection has requests under way, when it last had, and whether a fault severs it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use http::Version;

use super::Shared;

/// How long a connection may have nothing under way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Idle {
    /// Until the header of a request is there.
    pub(super) header: Duration,
    /// In any case.
    pub(super) connection: Duration,
}

impl Idle {
    pub(super) fn shortest(self) -> Duration {
        self.header.min(self.connection)
    }
}

/// What is known about a connection while it is open.
#[derive(Debug)]
pub(super) struct Activity {
    pub(super) shared: Arc<Shared>,
    /// Which connection it is, and whose.
    pub(super) number: u64,
    pub(super) peer: SocketAddr,
    under_way: AtomicUsize,
    last_ms: AtomicU64,
    http2: AtomicBool,
    severed: AtomicBool,
}

impl Activity {
    pub(super) fn new(shared: Arc<Shared>, number: u64, peer: SocketAddr) -> Self {
        Self {
            last_ms: AtomicU64::new(shared.now()),
            shared,
            number,
            peer,
            under_way: AtomicUsize::new(0),
            http2: AtomicBool::new(false),
            severed: AtomicBool::new(false),
        }
    }

    /// Whether nothing has been under way for longer than the rule allows: without a request under way, HTTP/1.1 waits
    /// for the header of the next one.
    pub(super) fn is_idle(&self, rule: Idle) -> bool {
        let most = if self.http2.load(Ordering::Relaxed) { rule.connection } else { rule.shortest() };
        let now = self.shared.now();
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
    ended: Option<Instant>,
}

impl UnderWay {
    pub(super) fn begin(activity: &Arc<Activity>, version: Version) -> Self {
        activity.under_way.fetch_add(1, Ordering::AcqRel);
        activity.http2.store(version == Version::HTTP_2, Ordering::Relaxed);
        Self { activity: Arc::clone(activity), ended: None }
    }

    /// The connection it came over.
    pub(super) fn connection(&self) -> &Activity {
        &self.activity
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.activity.shared
    }

    /// It ends now, at this instant: who knows the time need not ask for it again.
    pub(super) fn ends(&mut self, now: Instant) {
        self.ended = Some(now);
    }

    /// The connection is to end with a reset.
    pub(super) fn sever(&self) {
        self.activity.severed.store(true, Ordering::Release);
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let now = self.ended.unwrap_or_else(Instant::now);
        self.activity.last_ms.store(self.activity.shared.time(now), Ordering::Release);
        self.activity.under_way.fetch_sub(1, Ordering::AcqRel);
    }
}
