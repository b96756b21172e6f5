//! What is known while the server runs: what all connections have in common, one connection, one request under way; the body of
//! the request, read whole within a size and a time, and that of the answer: whole, or hurt on its way.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt, stream};
use http::Version;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Either, Full, StreamBody};
use hyper::body::{Body, Frame, Incoming};
use hyper_util::rt::TokioExecutor;
use hyper_util::server::conn::auto;
use tokio::sync::watch;

use crate::amounts::whole_millis;
use crate::mock::control::Control;
use crate::mock::gateway::Gateway;
use crate::mock::reply::Reason;

/// What all connections share.
#[derive(Debug)]
pub(super) struct ServerState {
    pub(super) gateway: Arc<Gateway>,
    pub(super) control: Control,
    pub(super) protocol: auto::Builder<TokioExecutor>,
    /// How long a connection may have nothing under way until the header of a request is there.
    pub(super) header_timeout: Duration,
    pub(super) body_timeout: Duration,
    /// How long it may have nothing under way at all.
    pub(super) idle_timeout: Duration,
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
        whole_millis(at.saturating_duration_since(self.started))
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
    /// Whether it ends with a reset instead of a close.
    pub(super) severed: AtomicBool,
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

    /// Whether nothing has been under way for too long: without a request under way, HTTP/1.1 waits
    /// for the header of the next one.
    pub(super) fn is_idle(&self) -> bool {
        let ServerState { header_timeout, idle_timeout, .. } = *self.state;
        let waits_for_header = !self.http2.load(Ordering::Relaxed);
        let most = if waits_for_header { header_timeout.min(idle_timeout) } else { idle_timeout };
        let idle = self.state.now().saturating_sub(self.last_ms.load(Ordering::Acquire));
        self.under_way.load(Ordering::Acquire) == 0 && u128::from(idle) >= most.as_millis()
    }
}

/// A request under way. It ends however it ends, also when the client goes away in the middle of it.
pub(super) struct UnderWay {
    pub(super) connection: Arc<Connection>,
    /// When it ended, where that is known: nobody need ask for the time again.
    pub(super) ended: Option<Instant>,
}

impl UnderWay {
    pub(super) fn begin(connection: &Arc<Connection>, version: Version) -> Self {
        connection.under_way.fetch_add(1, Ordering::AcqRel);
        connection.http2.store(version == Version::HTTP_2, Ordering::Relaxed);
        Self { connection: Arc::clone(connection), ended: None }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let now = self.ended.unwrap_or_else(Instant::now);
        self.connection.last_ms.store(self.connection.state.time(now), Ordering::Release);
        self.connection.under_way.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The largest body the server reads.
pub const BODY_LIMIT: usize = 4 * 1024 * 1024;

/// How much of a body that is too large is read and thrown away. A client that is still sending when the
/// connection closes may never see the answer.
const DISCARD_LIMIT: usize = 4 * BODY_LIMIT;

/// How much memory is taken at the most for what is only promised.
const PROMISED: usize = 16 * 1_024;

/// How many times as much as has come is taken at first: who promises much and sends little takes little.
const TRUST: usize = 4;

/// How much is taken at the least.
const LEAST: usize = 512;

/// Reads a body that is no larger than [`BODY_LIMIT`] and arrives in time.
pub(super) async fn read(body: Incoming, most: Duration) -> Result<Bytes, Reason> {
    tokio::time::timeout(most, collect(body)).await.unwrap_or(Err(Reason::TooSlow))
}

async fn collect(body: Incoming) -> Result<Bytes, Reason> {
    let expected = body.size_hint().exact().and_then(|size| usize::try_from(size).ok()).unwrap_or(0);
    let mut stream = body.into_data_stream();
    let first = match stream.next().await {
        None => return Ok(Bytes::new()),
        Some(Err(_)) => return Err(Reason::BrokeOff),
        Some(Ok(first)) => first,
    };
    if first.len() == expected {
        return Ok(first);
    }
    let mut whole = BytesMut::with_capacity(expected.min(PROMISED).min((TRUST * first.len()).max(LEAST)));
    let mut size = first.len();
    whole.extend_from_slice(&first);
    // It is a part of the connection's own buffer, which is in use as long as somebody holds it.
    drop(first);
    while let Some(part) = stream.next().await {
        let Ok(part) = part else {
            return Err(Reason::BrokeOff);
        };
        size += part.len();
        if size <= BODY_LIMIT {
            whole.extend_from_slice(&part);
        } else if size > DISCARD_LIMIT {
            break;
        }
    }
    if size > BODY_LIMIT { Err(Reason::TooLarge) } else { Ok(whole.freeze()) }
}

/// In how many pieces a slow body is sent.
const PIECES: usize = 20;

/// The body of an answer. Nearly all are whole, and those cost nothing more.
pub(super) type Outgoing = Either<Full<Bytes>, UnsyncBoxBody<Bytes, Severed>>;

/// A fault cuts the connection here.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("a fault cut the connection")]
pub(super) struct Severed;

pub(super) fn whole(body: Bytes) -> Outgoing {
    Either::Left(Full::new(body))
}

/// A body of pieces. It counts as under way until its end.
pub(super) fn pieces(
    pieces: impl Stream<Item = Result<Bytes, Severed>> + Send + 'static,
    under_way: UnderWay,
) -> Outgoing {
    let frames = pieces.map(move |piece| {
        // Held by the stream, and so dropped with it.
        let _held = &under_way;
        piece.map(Frame::data)
    });
    Either::Right(StreamBody::new(frames).boxed_unsync())
}

/// The beginning of a body; then the connection is cut.
pub(super) fn cut_off(beginning: Bytes, under_way: UnderWay) -> Outgoing {
    // Waiting once lets the beginning leave, which would be thrown away with the connection.
    let cut = stream::once(async {
        tokio::task::yield_now().await;
        Err(Severed)
    });
    pieces(stream::iter([Ok(beginning)]).chain(cut), under_way)
}

pub(super) fn slow(body: Bytes, time: Duration, under_way: UnderWay) -> Outgoing {
    let size = body.len().div_ceil(PIECES).max(1);
    let count = body.len().div_ceil(size).max(1);
    let pause = time / u32::try_from(count).unwrap_or(u32::MAX);
    let slowly = stream::unfold(body, move |mut left| async move {
        if left.is_empty() {
            return None;
        }
        tokio::time::sleep(pause).await;
        let piece = left.split_to(size.min(left.len()));
        Some((Ok(piece), left))
    });
    pieces(slowly, under_way)
}
