//! One connection: which protocol, how long it may idle, how it ends.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::Version;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::mock::options::MockOptions;

use super::ServerState;
use super::handler::handle;

/// How often HTTP/2 peers are asked whether they are still there.
const PING: Duration = Duration::from_secs(20);

/// What is needed to carry connections.
#[derive(Clone)]
pub(super) struct Acceptor {
    state: Arc<ServerState>,
    protocol: Arc<auto::Builder<TokioExecutor>>,
    idle: Idle,
}

impl Acceptor {
    pub(super) fn new(state: Arc<ServerState>, options: &MockOptions) -> Self {
        let mut protocol = auto::Builder::new(TokioExecutor::new());
        // Who watches idle connections watches this, too: a timer for every request is not for nothing.
        protocol.http1().header_read_timeout(None);
        // An answer is a few hundred bytes: to copy them costs less than to hand them over in two pieces.
        protocol.http1().writev(false);
        protocol.http2().timer(TokioTimer::new()).keep_alive_interval(PING).keep_alive_timeout(PING);
        let idle = Idle { header: options.header_timeout, connection: options.idle_timeout };
        Self { state, protocol: Arc::new(protocol), idle }
    }

    /// Serves a connection until it ends, idles too long, or the server stops.
    pub(super) fn serve(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        number: u64,
        mut stopped: watch::Receiver<bool>,
    ) -> impl Future<Output = ()> + Send + 'static {
        let Self { state, protocol, idle } = self.clone();
        async move {
            // Answers are small and awaited; a socket that cannot be told so still works.
            let _ = stream.set_nodelay(true);
            let _open = Open::count(&state);
            // Who is connected and says nothing, or goes away again, takes next to no memory.
            let mut byte = [0];
            let speaks = tokio::select! {
                peeked = stream.peek(&mut byte) => peeked.is_ok_and(|bytes| bytes > 0),
                _ = stopped.wait_for(|stopped| *stopped) => false,
                () = tokio::time::sleep(idle.shortest()) => false,
            };
            if !speaks {
                return;
            }
            let connection = Arc::new(Connection::new(state, number, peer));
            let service = {
                let connection = Arc::clone(&connection);
                hyper::service::service_fn(move |request: http::Request<Incoming>| {
                    handle(UnderWay::begin(&connection, request.version()), request)
                })
            };
            let line = Socket { stream, connection: Arc::clone(&connection) };
            let mut serving = Box::pin(protocol.serve_connection(TokioIo::new(line), service));
            let mut watch_idle = tokio::time::interval(idle.shortest().max(Duration::from_millis(4)) / 4);
            let mut ending = false;
            loop {
                tokio::select! {
                    biased;
                    _ = serving.as_mut() => break,
                    _ = stopped.wait_for(|stopped| *stopped), if !ending => {
                        ending = true;
                        serving.as_mut().graceful_shutdown();
                    }
                    _ = watch_idle.tick() => {
                        // Idle means that nothing is answered, so nothing is lost by cutting the line, whatever
                        // half a request or half-read reply it holds.
                        if connection.is_idle(idle) {
                            break;
                        }
                    }
                }
            }
        }
    }
}

/// An open connection, as long as it is counted.
struct Open(Arc<ServerState>);

impl Open {
    fn count(state: &Arc<ServerState>) -> Self {
        state.gateway.meters.connections.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(state))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.gateway.meters.connections.fetch_sub(1, Ordering::Relaxed);
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

pub(super) struct Socket {
    pub(super) stream: TcpStream,
    pub(super) connection: Arc<Connection>,
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.connection.is_severed() {
            // Where the system refuses, the client sees a close instead of a reset.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.connection.is_severed() {
            // A close now would come before the reset.
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
