//! The reference API in memory, with keys, windows and a control API.
//!
//! The heart is [`Engine::handle`]: synchronous, with the time as an argument. Before it stands the gateway, which applies
//! faults and keeps the journal; beside it the control API under `/_mock/`, and the page there, which uses that API; and
//! [`MockServer`] carries all of it over HTTP. [`MockApi`] is the short way to one in a test.
//! What the reference decides can be changed one decision at a time by the deviations of the [`catalogue`].

mod api;
mod behaviour;
mod clock;
mod configuration;
mod context;
mod control;
mod deviations;
mod engine;
mod errors;
mod faults;
mod gateway;
mod handle;
mod hashed;
mod ingest;
mod journal;
mod keys;
mod limiter;
mod log;
mod message;
mod meters;
mod options;
mod page;
mod product;
mod quotas;
mod server;
mod settings;
mod store;
mod summary;
mod sync;
mod well_known;
#[cfg(feature = "wiremock")]
mod wiremock;
mod workspace;

pub use api::MockApi;
pub use behaviour::{Behaviour, Concurrency, CountedFor, Form, Look, Place, Rewrite, Stage, Straddle};
pub use configuration::Configuration;
pub use context::{Presented, RequestContext, Route};
pub use control::{CONTROL_PREFIX, ControlToken};
pub use deviations::{
    Aspect, Breach, Clash, Entry, Group, Nature, UnknownDeviation, aspects, behaviour, catalogue, find,
    get_along,
};
pub use engine::{CreateError, Engine, MAX_KEYS, MAX_WORKSPACES};
pub use errors::Detail;
pub use faults::{BadFault, Distribution, FaultSpec, ResetWhen};
pub use handle::MockHandle;
pub use journal::{EntryView, EnvelopesView, KeyName, Outcome, TextView, WhyView};
pub use keys::{KeyEntry, KeyHash, KeySpec, Scopes};
pub use limiter::{
    Budget, Decision, Kind as LimiterKind, Limiter, Rules, UnknownLimiter, Usage, Used, WINDOW_MS,
};
pub use log::Log;
pub use message::{OnLeave, Reply, Request};
pub use options::{MockError, MockOptions};
pub use quotas::{NoQuota, Quota, QuotaText, Quotas};
pub use server::{BODY_LIMIT, MockServer};
pub use settings::Settings;
pub use well_known::{WELL_KNOWN_KEYS, WellKnownKey};
#[cfg(feature = "wiremock")]
pub use wiremock::{Mounted, mount};
pub use workspace::Workspace;
