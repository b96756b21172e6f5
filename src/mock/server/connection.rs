//! One connection: which protocol, how long it may idle, how it ends.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::service::Service;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::mock::options::MockOptions;

use super::Shared;
use super::handler::{Connection, router};

/// How often HTTP/2 peers are asked whether they are still there.
const PING: Duration = Duration::from_secs(20);

/// What is needed to carry connections.
#[derive(Clone)]
pub(super) struct Carrier {
    router: TowerToHyperService<Router>,
    shared: Arc<Shared>,
    protocol: auto::Builder<TokioExecutor>,
    idle: Duration,
}

/// Whether a connection has requests under way, and when it last had.
#[derive(Debug, Default)]
pub(super) struct Activity {
    under_way: AtomicUsize,
    last_ms: AtomicU64,
}

impl Activity {
    fn begin(&self) {
        self.under_way.fetch_add(1, Ordering::AcqRel);
    }

    fn end(&self, now: u64) {
        self.last_ms.store(now, Ordering::Release);
        self.under_way.fetch_sub(1, Ordering::AcqRel);
    }

    fn is_idle(&self, now: u64, most: Duration) -> bool {
        let idle = now.saturating_sub(self.last_ms.load(Ordering::Acquire));
        self.under_way.load(Ordering::Acquire) == 0 && u128::from(idle) >= most.as_millis()
    }
}

/// Ends the activity of a request however it ends, also when the client goes away in the middle of it.
struct UnderWay {
    activity: Arc<Activity>,
    shared: Arc<Shared>,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.activity.end(self.shared.now());
    }
}

impl Carrier {
    pub(super) fn new(shared: Arc<Shared>, options: &MockOptions) -> Self {
        let mut protocol = auto::Builder::new(TokioExecutor::new());
        protocol.http1().timer(TokioTimer::new()).header_read_timeout(options.header_timeout);
        protocol.http2().timer(TokioTimer::new()).keep_alive_interval(PING).keep_alive_timeout(PING);
        Self {
            router: TowerToHyperService::new(router(Arc::clone(&shared))),
            shared,
            protocol,
            idle: options.idle_timeout,
        }
    }

    /// Serves a connection until it ends, idles too long, or the server stops.
    pub(super) fn carry(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        number: u64,
        mut stopped: watch::Receiver<bool>,
    ) -> impl Future<Output = ()> + Send + 'static {
        let Self { router, shared, protocol, idle } = self.clone();
        async move {
            // Answers are small and awaited; a socket that cannot be told so still works.
            let _ = stream.set_nodelay(true);
            let activity = Arc::new(Activity::default());
            activity.last_ms.store(shared.now(), Ordering::Release);
            let service = {
                let (activity, shared) = (Arc::clone(&activity), Arc::clone(&shared));
                hyper::service::service_fn(move |request: http::Request<hyper::body::Incoming>| {
                    activity.begin();
                    let under_way = UnderWay { activity: Arc::clone(&activity), shared: Arc::clone(&shared) };
                    let router = router.clone();
                    let mut request = request.map(Body::new);
                    request.extensions_mut().insert(Connection { number, peer });
                    async move {
                        let response = router.call(request).await;
                        drop(under_way);
                        response
                    }
                })
            };
            let mut connection = pin!(protocol.serve_connection(TokioIo::new(stream), service));
            let mut watch_idle = tokio::time::interval(idle.max(Duration::from_millis(4)) / 4);
            let mut ending = false;
            loop {
                tokio::select! {
                    _ = connection.as_mut() => break,
                    _ = stopped.wait_for(|stopped| *stopped), if !ending => {
                        ending = true;
                        connection.as_mut().graceful_shutdown();
                    }
                    _ = watch_idle.tick() => {
                        // Idle means that nothing is answered, so nothing is lost by cutting the line, whatever
                        // half a request or half-read reply it holds.
                        if activity.is_idle(shared.now(), idle) {
                            break;
                        }
                    }
                }
            }
        }
    }
}
