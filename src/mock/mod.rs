//! The reference API in memory, with keys, windows and a control API.
//!
//! The heart is [`Engine::handle`]: synchronous, with the time as an argument. Before it stands the gateway, which applies
//! faults and keeps the journal; beside it the control API under `/_mock/`, and the page there, which uses that API; and
//! [`MockServer`] carries all of it over HTTP. [`MockApi`] is the short way to one in a test.
//! What the reference decides can be changed one decision at a time by the deviations of the [`catalogue`].

mod api;
mod behaviour;
mod control;
mod deviations;
mod engine;
mod faults;
mod gateway;
mod ingest;
mod journal;
mod keys;
mod limiter;
mod options;
mod page;
mod reply;
mod request;
mod server;
mod settings;
mod store;
#[cfg(feature = "wiremock")]
mod wiremock;
mod workspace;

pub use api::{MockApi, MockHandle};
pub use behaviour::{Behaviour, Concurrency, Form, Look, Rewrite, Stage, Straddle};
pub use control::{CONTROL_PREFIX, ControlToken};
pub use deviations::{
    Aspect, Breach, Clash, Group, NamedChange, UnknownDeviation, behaviour, catalogue, find, get_along,
};
pub use engine::{CreateError, Engine, MAX_KEYS, MAX_WORKSPACES};
pub use faults::{BadFault, Distribution, FaultSpec, ResetWhen};
pub use gateway::Log;
pub use ingest::Written;
pub use journal::{EntryView, JournalOutcome, KeyName, Recorded, RecordedKey, TextView, WhyView};
pub use keys::{KeyEntry, KeyHash, KeySpec, Scopes, WELL_KNOWN_KEYS, WellKnownKey};
pub use limiter::{
    Budget, Decision, Kind as LimiterKind, Limiter, Rules, UnknownLimiter, Usage, Used, WINDOW_MS,
};
pub use options::{Configuration, MockError, MockOptions};
pub use reply::{Detail, Envelopes, OnLeave, Reply};
pub use request::{Presented, Request, RequestContext, Route};
pub use server::{BODY_LIMIT, MockServer};
pub use settings::{NoQuota, Quota, Quotas, Settings};
#[cfg(feature = "wiremock")]
pub use wiremock::mount;
pub use workspace::Workspace;
