//! The server that carries the engine over HTTP/1.1 and HTTP/2 (prior knowledge).

mod bodies;
mod connection;
mod follow;
mod handler;
mod state;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::contract::ApiKey;

use super::clock::epoch_ms;
use super::control::Control;
use super::engine::Engine;
use super::gateway::Gateway;
use super::keys::{KeySpec, WELL_KNOWN_KEYS};
use super::options::{Configuration, InForce, MockError, MockOptions};
use super::settings::Settings;
use connection::Acceptor;
use state::ServerState;

pub use bodies::BODY_LIMIT;

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
    engine: Arc<Engine>,
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
        let (stop, stopped) = watch::channel(false);
        let gateway = Gateway::new(Arc::clone(&engine), options.log.clone(), options.record.clone());
        let gateway = Arc::new(gateway);
        let state = Arc::new(ServerState {
            control: Control::new(Arc::clone(&gateway), options.control_token.clone()),
            gateway,
            body_timeout: options.body_timeout,
            stopping: stopped.clone(),
            started: Instant::now(),
        });
        let acceptor = Acceptor::new(Arc::clone(&state), &options);
        let accepting = tokio::spawn(accept(listener, acceptor, stopped, options.stop_deadline));
        Ok(Self { address, stop, accepting, engine, state, in_force: Mutex::default() })
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
            .change(&self.engine, configuration, self.state.now())
            .map_err(|error| MockError::Keys(error.to_string()))
    }

    pub(super) fn started(&self) -> Instant {
        self.state.started
    }

    /// The engine behind it.
    pub fn engine(&self) -> &Arc<Engine> {
        &self.engine
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

/// An engine with the well-known keys.
fn engine(options: &MockOptions) -> Result<Engine, MockError> {
    let settings = Settings::new(options.deviations.clone(), options.limiter, options.quotas)?;
    let engine = Engine::with_journals(settings, epoch_ms(), options.journal);
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

async fn accept(
    listener: TcpListener,
    acceptor: Acceptor,
    mut stopped: watch::Receiver<bool>,
    deadline: Duration,
) {
    let mut connections = JoinSet::new();
    let mut number = 0;
    loop {
        let accepted: std::io::Result<(TcpStream, SocketAddr)> = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.wait_for(|stopped| *stopped) => break,
            Some(_) = connections.join_next() => continue,
        };
        match accepted {
            Ok((stream, peer)) => {
                number += 1;
                connections.spawn(acceptor.serve(stream, peer, number, stopped.clone()));
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
    drop(listener);
    let all_done = async { while connections.join_next().await.is_some() {} };
    // Whoever is not done by then is cut off when the set is dropped.
    let _ = tokio::time::timeout(deadline, all_done).await;
}
