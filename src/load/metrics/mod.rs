//! How a run stands, for the tools that watch many things: `prometheus` asks for it, and by `otlp` it is sent. Both tell
//! what the `meters` show.

mod meters;
pub(super) mod otlp;
pub(super) mod prometheus;

use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};

use super::error::LoadError;

pub(crate) use meters::Meters;
pub use otlp::Collector;

/// The tools that watch a run.
#[derive(Debug, Clone, Default)]
pub struct Watchers {
    /// Where Prometheus may ask.
    pub prometheus: Option<SocketAddr>,
    /// Where it is sent.
    pub otlp: Option<Collector>,
}

/// A run that is watched.
#[derive(Debug)]
pub(crate) struct Watched {
    /// What is told; `None` where nobody watches.
    pub(crate) meters: Option<Arc<Mutex<Meters>>>,
    /// Where Prometheus may ask.
    pub(crate) address: Option<SocketAddr>,
    telling: JoinSet<()>,
    over: Arc<Notify>,
    export: Option<JoinHandle<()>>,
}

impl Watched {
    /// Tells everybody who asks from now on how a run stands.
    ///
    /// # Errors
    /// [`LoadError::Metrics`] where nobody can listen at the address.
    pub(crate) async fn begin(watchers: &Watchers, meters: Meters) -> Result<Self, LoadError> {
        let mut watched = Self {
            meters: None,
            address: None,
            telling: JoinSet::new(),
            over: Arc::new(Notify::new()),
            export: None,
        };
        if watchers.prometheus.is_none() && watchers.otlp.is_none() {
            return Ok(watched);
        }
        let meters = Arc::new(Mutex::new(meters));
        watched.meters = Some(meters.clone());
        if let Some(address) = watchers.prometheus {
            let broken = |error| LoadError::Metrics(address, error);
            let listener = TcpListener::bind(address).await.map_err(broken)?;
            watched.address = Some(listener.local_addr().map_err(broken)?);
            watched.telling.spawn(prometheus::serve(listener, meters.clone()));
        }
        if let Some(collector) = watchers.otlp.clone() {
            watched.export = Some(tokio::spawn(otlp::export(collector, meters, watched.over.clone())));
        }
        Ok(watched)
    }

    /// Exports how the run ended.
    pub(crate) async fn end(self) {
        self.over.notify_one();
        if let Some(export) = self.export {
            // It is a service to those who watch: the run does not depend on it.
            let _ = export.await;
        }
    }
}
