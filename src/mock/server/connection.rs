//! One connection: which protocol, how long it may idle, how it ends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::mock::options::MockOptions;

use super::Shared;
use super::activity::{Activity, Idle, UnderWay};
use super::handler::handle;
use super::line::Line;

/// How often HTTP/2 peers are asked whether they are still there.
const PING: Duration = Duration::from_secs(20);

/// What is needed to carry connections.
#[derive(Clone)]
pub(super) struct Carrier {
    shared: Arc<Shared>,
    protocol: Arc<auto::Builder<TokioExecutor>>,
    idle: Idle,
}

impl Carrier {
    pub(super) fn new(shared: Arc<Shared>, options: &MockOptions) -> Self {
        let mut protocol = auto::Builder::new(TokioExecutor::new());
        // Who watches idle connections watches this, too: a timer for every request is not for nothing.
        protocol.http1().header_read_timeout(None);
        // An answer is a few hundred bytes: to copy them costs less than to hand them over in two pieces.
        protocol.http1().writev(false);
        protocol.http2().timer(TokioTimer::new()).keep_alive_interval(PING).keep_alive_timeout(PING);
        let idle = Idle { header: options.header_timeout, connection: options.idle_timeout };
        Self { shared, protocol: Arc::new(protocol), idle }
    }

    /// Serves a connection until it ends, idles too long, or the server stops.
    pub(super) fn carry(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        number: u64,
        mut stopped: watch::Receiver<bool>,
    ) -> impl Future<Output = ()> + Send + 'static {
        let Self { shared, protocol, idle } = self.clone();
        async move {
            // Answers are small and awaited; a socket that cannot be told so still works.
            let _ = stream.set_nodelay(true);
            let _open = Open::count(&shared);
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
            let activity = Arc::new(Activity::new(shared, number, peer));
            let service = {
                let activity = Arc::clone(&activity);
                hyper::service::service_fn(move |request: http::Request<Incoming>| {
                    handle(UnderWay::begin(&activity, request.version()), request)
                })
            };
            let line = Line { stream, activity: Arc::clone(&activity) };
            let mut connection = Box::pin(protocol.serve_connection(TokioIo::new(line), service));
            let mut watch_idle = tokio::time::interval(idle.shortest().max(Duration::from_millis(4)) / 4);
            let mut ending = false;
            loop {
                tokio::select! {
                    biased;
                    _ = connection.as_mut() => break,
                    _ = stopped.wait_for(|stopped| *stopped), if !ending => {
                        ending = true;
                        connection.as_mut().graceful_shutdown();
                    }
                    _ = watch_idle.tick() => {
                        // Idle means that nothing is answered, so nothing is lost by cutting the line, whatever
                        // half a request or half-read reply it holds.
                        if activity.is_idle(idle) {
                            break;
                        }
                    }
                }
            }
        }
    }
}

/// An open connection, as long as it is counted.
struct Open(Arc<Shared>);

impl Open {
    fn count(shared: &Arc<Shared>) -> Self {
        shared.gateway.meters.connections.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(shared))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.gateway.meters.connections.fetch_sub(1, Ordering::Relaxed);
    }
}
