//! How a mock is started, and what may keep it from starting.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::control::ControlToken;
use super::deviations::UnknownDeviation;
use super::journal::Room;
use super::limiter::Kind;
use super::log::Log;
use super::quotas::Quotas;

/// How a mock is started. The default is the reference on a free port of this machine.
#[derive(Debug, Clone)]
pub struct MockOptions {
    /// The address to listen on.
    pub host: IpAddr,
    /// The port to listen on; 0 for a free one.
    pub port: u16,
    /// Names from the catalogue, for the default workspace.
    pub deviations: Vec<String>,
    /// The limiter of the default workspace; none for the reference's.
    pub limiter: Option<Kind>,
    /// What every tier is granted, in every workspace that is not made otherwise.
    pub quotas: Quotas,
    /// How many requests the journal of a workspace holds; 0 for none.
    pub journal: usize,
    /// Who is told about each request, in one line.
    pub log: Option<Log>,
    /// Who may use the control API from elsewhere.
    pub control_token: Option<ControlToken>,
    /// How long a request's header may take to arrive, the wait for it to begin included.
    pub header_timeout: Duration,
    /// How long a request's body may take to arrive.
    pub body_timeout: Duration,
    /// How long a connection without a request under way is kept.
    pub idle_timeout: Duration,
    /// How long requests under way are waited for when the server stops.
    pub stop_deadline: Duration,
}

impl Default for MockOptions {
    fn default() -> Self {
        Self {
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 0,
            deviations: Vec::new(),
            limiter: None,
            quotas: Quotas::default(),
            journal: Room::DEFAULT_ENTRIES,
            log: None,
            control_token: None,
            // Longer than a window: the wait for a header begins with the answer before it, and a client that
            // waits for the next window keeps its connection.
            header_timeout: Duration::from_secs(75),
            body_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(90),
            // A container runtime kills after ten seconds, and people wait less gladly.
            stop_deadline: Duration::from_secs(2),
        }
    }
}

/// Why a mock did not start.
#[derive(Debug, thiserror::Error)]
pub enum MockError {
    /// The address is taken, or not ours.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A deviation has no such name.
    #[error(transparent)]
    Deviation(#[from] UnknownDeviation),
    /// The well-known keys could not be made, which a new engine always can.
    #[error("the well-known keys cannot be made: {0}")]
    Keys(String),
}
