//! What is known while the server runs: what all connections have in common, one connection, one request under way.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use http::Version;
use tokio::sync::watch;

use crate::mock::control::Control;
use crate::mock::gateway::Gateway;

/// What all connections share.
#[derive(Debug)]
pub(super) struct ServerState {
    pub(super) gateway: Arc<Gateway>,
    pub(super) control: Control,
    pub(super) body_timeout: Duration,
    /// True when the server stops.
    pub(super) stopping: watch::Receiver<bool>,
    pub(super) started: Instant,
}

impl ServerState {
    /// The server's time in milliseconds. It never goes back.
    pub(super) fn now(&self) -> u64 {
        self.time(Instant::now())
    }

    /// The server's time at an instant.
    pub(super) fn time(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.started).as_millis()).unwrap_or(u64::MAX)
    }
}

/// How long a connection may have nothing under way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Idle {
    /// Until the header of a request is there.
    pub(super) header: Duration,
    pub(super) connection: Duration,
}

impl Idle {
    pub(super) fn shortest(self) -> Duration {
        self.header.min(self.connection)
    }
}

/// What is known about a connection while it is open.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) state: Arc<ServerState>,
    /// Which connection it is, and whose.
    pub(super) number: u64,
    pub(super) peer: SocketAddr,
    under_way: AtomicUsize,
    last_ms: AtomicU64,
    http2: AtomicBool,
    severed: AtomicBool,
}

impl Connection {
    pub(super) fn new(state: Arc<ServerState>, number: u64, peer: SocketAddr) -> Self {
        Self {
            last_ms: AtomicU64::new(state.now()),
            state,
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
        let now = self.state.now();
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
    connection: Arc<Connection>,
    ended: Option<Instant>,
}

impl UnderWay {
    pub(super) fn begin(connection: &Arc<Connection>, version: Version) -> Self {
        connection.under_way.fetch_add(1, Ordering::AcqRel);
        connection.http2.store(version == Version::HTTP_2, Ordering::Relaxed);
        Self { connection: Arc::clone(connection), ended: None }
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(super) fn state(&self) -> &ServerState {
        &self.connection.state
    }

    /// It ends now, at this instant: who knows the time need not ask for it again.
    pub(super) fn ends(&mut self, now: Instant) {
        self.ended = Some(now);
    }

    pub(super) fn sever(&self) {
        self.connection.severed.store(true, Ordering::Release);
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let now = self.ended.unwrap_or_else(Instant::now);
        self.connection.last_ms.store(self.connection.state.time(now), Ordering::Release);
        self.connection.under_way.fetch_sub(1, Ordering::AcqRel);
    }
}
