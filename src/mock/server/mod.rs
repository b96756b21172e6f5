//! The server that carries the engine over HTTP/1.1 and HTTP/2 (prior knowledge), and its connections: how long one may idle, and
//! how it ends.

mod handler;
mod state;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use chrono::Utc;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::control::Control;
use super::engine::Engine;
use super::gateway::Gateway;
use super::keys::{KeySpec, WELL_KNOWN_KEYS};
use super::options::{Configuration, InForce, MockError, MockOptions};
use super::settings::Settings;
use crate::contract::ApiKey;
use handler::handle;
use state::{Connection, ServerState, UnderWay};

pub use state::BODY_LIMIT;

/// How long to pause when the system has no connection to give, such as when it is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// How many connections may wait to be taken up, where the system allows it.
const BACKLOG: u32 = 4_096;

/// A running mock. Dropping it stops it at once; [`MockServer::stop`] lets requests under way finish.
///
/// ```
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// use trenchcheck::mock::{MockOptions, MockServer};
/// let mock = MockServer::start(MockOptions::default()).await?;
/// assert!(mock.url().starts_with("http://127.0.0.1:"));
/// mock.stop().await;
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct MockServer {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    accepting: JoinHandle<()>,
    state: Arc<ServerState>,
    in_force: Mutex<InForce>,
}

impl MockServer {
    /// Binds the port and serves in the background of the current tokio runtime.
    ///
    /// # Errors
    /// [`MockError`] when the port cannot be had or a deviation has no such name.
    pub async fn start(options: MockOptions) -> Result<Self, MockError> {
        let engine = Arc::new(engine(&options)?);
        let wanted = SocketAddr::new(options.host, options.port);
        let bind_error = |source| MockError::Bind { address: wanted, source };
        let listener = listen(wanted).map_err(bind_error)?;
        let address = listener.local_addr().map_err(bind_error)?;
        let (stop, stopping) = watch::channel(false);
        let gateway = Arc::new(Gateway::new(engine, options.log, options.record));
        let state = Arc::new(ServerState {
            control: Control::new(Arc::clone(&gateway), options.control_token),
            gateway,
            protocol: protocol(),
            header_timeout: options.header_timeout,
            body_timeout: options.body_timeout,
            idle_timeout: options.idle_timeout,
            stopping,
            started: Instant::now(),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&state), options.stop_deadline));
        Ok(Self { address, stop, accepting, state, in_force: Mutex::default() })
    }

    /// The base URL, such as `http://127.0.0.1:4010`.
    pub fn url(&self) -> String {
        let host = match self.address.ip() {
            // What listens everywhere is reached here.
            IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            ip => ip,
        };
        format!("http://{}", SocketAddr::new(host, self.address.port()))
    }

    /// Puts a configuration into force, while requests come in. What is the same as before goes on undisturbed.
    ///
    /// # Errors
    /// [`MockError::Keys`] when a key of it belongs to another workspace, or there are too many.
    pub fn configure(&self, configuration: Configuration) -> Result<(), MockError> {
        let mut in_force = self.in_force.lock();
        in_force
            .change(self.engine(), configuration, self.state.now())
            .map_err(|error| MockError::Keys(error.to_string()))
    }

    pub(super) fn started(&self) -> Instant {
        self.state.started
    }

    /// The engine behind it.
    pub fn engine(&self) -> &Arc<Engine> {
        &self.state.gateway.engine
    }

    /// Takes no more connections, answers what is under way, and returns when that is done or at the deadline.
    pub async fn stop(mut self) {
        // Nobody listens if accepting has ended already, which is what is wanted.
        let _ = self.stop.send(true);
        let _ = (&mut self.accepting).await;
    }
}

impl Drop for MockServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Binds an address. A burst opens its connections faster than they are taken up, and one that finds the queue full comes
/// back a second later, so this is as long as systems have it.
fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // As `TcpListener::bind` does: on Windows another process might bind the port as well.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn engine(options: &MockOptions) -> Result<Engine, MockError> {
    let settings = Settings::new(options.deviations.clone(), options.limiter, options.quotas)?;
    let engine = Engine::with_journals(settings, Utc::now().timestamp_millis(), options.journal);
    let workspace = engine.default_workspace();
    for (number, key) in WELL_KNOWN_KEYS.iter().enumerate() {
        let plaintext = ApiKey::new(key.plaintext).map_err(|error| MockError::Keys(error.to_string()))?;
        let spec = KeySpec { name: key.variable.to_owned(), scopes: key.scopes.to_vec(), plan: key.plan };
        engine
            .create_key(&workspace, format!("key_{}", number + 1), spec, &plaintext, 0)
            .map_err(|error| MockError::Keys(error.to_string()))?;
    }
    Ok(engine)
}

async fn accept(listener: TcpListener, state: Arc<ServerState>, deadline: Duration) {
    let mut stopping = state.stopping.clone();
    let mut connections = JoinSet::new();
    let mut number = 0;
    loop {
        state.gateway.meters.connections.store(connections.len() as u64, Ordering::Relaxed);
        let accepted: std::io::Result<(TcpStream, SocketAddr)> = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopping.wait_for(|stopping| *stopping) => break,
            Some(_) = connections.join_next() => continue,
        };
        match accepted {
            Ok((stream, peer)) => {
                number += 1;
                connections.spawn(serve(Arc::clone(&state), stream, peer, number));
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
    drop(listener);
    let all_done = async { while connections.join_next().await.is_some() {} };
    // Whoever is not done by then is cut off when the set is dropped.
    let _ = tokio::time::timeout(deadline, all_done).await;
}

/// How often HTTP/2 peers are asked whether they are still there.
const PING: Duration = Duration::from_secs(20);

fn protocol() -> auto::Builder<TokioExecutor> {
    let mut protocol = auto::Builder::new(TokioExecutor::new());
    // Who watches idle connections watches this, too: a timer for every request is not for nothing.
    protocol.http1().header_read_timeout(None);
    // An answer is a few hundred bytes: to copy them costs less than to hand them over in two pieces.
    protocol.http1().writev(false);
    protocol.http2().timer(TokioTimer::new()).keep_alive_interval(PING).keep_alive_timeout(PING);
    protocol
}

/// Serves a connection until it ends, idles too long, or the server stops.
async fn serve(state: Arc<ServerState>, stream: TcpStream, peer: SocketAddr, number: u64) {
    let mut stopping = state.stopping.clone();
    let shortest = state.header_timeout.min(state.idle_timeout);
    // Answers are small and awaited; a socket that cannot be told so still works.
    let _ = stream.set_nodelay(true);
    // Who is connected and says nothing, or goes away again, takes next to no memory.
    let mut byte = [0];
    let speaks = tokio::select! {
        peeked = stream.peek(&mut byte) => peeked.is_ok_and(|bytes| bytes > 0),
        _ = stopping.wait_for(|stopping| *stopping) => false,
        () = tokio::time::sleep(shortest) => false,
    };
    if !speaks {
        return;
    }
    let connection = Arc::new(Connection::new(Arc::clone(&state), number, peer));
    let service = {
        let connection = Arc::clone(&connection);
        hyper::service::service_fn(move |request: http::Request<Incoming>| {
            handle(UnderWay::begin(&connection, request.version()), request)
        })
    };
    let socket = Socket { stream, connection: Arc::clone(&connection) };
    let mut serving = Box::pin(state.protocol.serve_connection(TokioIo::new(socket), service));
    let mut watch_idle = tokio::time::interval(shortest.max(Duration::from_millis(4)) / 4);
    let mut ending = false;
    loop {
        tokio::select! {
            biased;
            _ = serving.as_mut() => break,
            _ = stopping.wait_for(|stopping| *stopping), if !ending => {
                ending = true;
                serving.as_mut().graceful_shutdown();
            }
            _ = watch_idle.tick() => {
                // Idle means that nothing is answered, so nothing is lost by cutting the connection, whatever
                // half a request or half-read reply it holds.
                if connection.is_idle() {
                    break;
                }
            }
        }
    }
}

struct Socket {
    stream: TcpStream,
    connection: Arc<Connection>,
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.connection.severed.load(Ordering::Acquire) {
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
        if self.connection.severed.load(Ordering::Acquire) {
            // A close now would come before the reset.
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
