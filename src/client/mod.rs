//! The one HTTP client: what checks and load runs send goes out here, and every answer is read whole here.
//!
//! [`HttpClient`] stands on reqwest: TLS, HTTP/2, proxies, a connection of its own for a request, a body that is held back.
//! [`Pool`] goes below it, over plain HTTP/1.1 without a proxy, for what a client for every purpose cannot do: write a header's
//! name as somebody else would, keep to one connection for certain, and send for a fraction of the cost (`benches/load_cost.rs`
//! has the figure).

mod connector;
mod delayed_body;
mod fault;
mod http_client;
mod message;
mod pool;

use std::time::Duration;

use http::HeaderValue;

pub use fault::Fault;
pub(crate) use http_client::{Connections, HttpClient, Prepared};
pub(crate) use message::{Answer, Content, MachineClock, Outgoing, Timekeeper};
pub(crate) use pool::Pool;

/// How this program calls itself.
const OUR_NAME: HeaderValue = HeaderValue::from_static(concat!("trenchcheck/", env!("CARGO_PKG_VERSION")));

/// Nobody asks for a compressed answer.
const IDENTITY: HeaderValue = HeaderValue::from_static("identity");

/// The most of a body that is read. No documented answer comes near it.
const MOST_BODY_BYTES: usize = 8 * 1024 * 1024;

/// How long an idle connection is kept: shorter than common servers keep it, so that nothing is sent into one that is just
/// being closed.
const KEPT_IDLE: Duration = Duration::from_secs(2);
