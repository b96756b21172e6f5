//! One connection: which protocol, how long it may idle, how it ends.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::mock::options::MockOptions;

use super::handler::handle;
use super::state::{Connection, Idle, ServerState, UnderWay};

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
            let socket = Socket { stream, connection: Arc::clone(&connection) };
            let mut serving = Box::pin(protocol.serve_connection(TokioIo::new(socket), service));
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
                        // Idle means that nothing is answered, so nothing is lost by cutting the connection, whatever
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
