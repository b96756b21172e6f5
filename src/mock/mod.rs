//! The reference API in memory, with keys, windows and a control API.
//!
//! The heart is [`Engine::handle`]: synchronous, with the time as an argument. Before it stands the front, which applies
//! faults and keeps the journal; beside it the control API under `/_mock/`, and the page there, which uses that API; and
//! [`MockServer`] carries all of it over HTTP. [`MockApi`] is the short way to one in a test.
//! What the reference decides can be changed one decision at a time by the deviations of the [`catalogue`].

mod api;
mod backstage;
mod clock;
mod configuration;
mod control;
mod deviations;
mod engine;
mod errors;
mod faults;
mod front;
mod hashed;
mod ingest;
mod journal;
mod keys;
mod knobs;
mod limiter;
mod log;
mod message;
mod meters;
mod note;
mod options;
mod page;
mod product;
mod quotas;
mod server;
mod settings;
mod store;
mod sync;
mod visit;
mod well_known;
#[cfg(feature = "wiremock")]
mod wiremock;
mod workspace;

pub use api::MockApi;
pub use backstage::Backstage;
pub use configuration::Configuration;
pub use control::{CONTROL_PREFIX, ControlToken};
pub use deviations::{
    Aspect, Breach, Clash, Entry, Group, Nature, UnknownDeviation, aspects, catalogue, find, get_along, knobs,
};
pub use engine::{CreateError, Engine, MAX_KEYS, MAX_WORKSPACES};
pub use errors::Detail;
pub use faults::{BadFault, Distribution, FaultSpec, ResetWhen};
pub use journal::{EntryView, EnvelopesView, KeyName, Outcome, TextView, WhyView};
pub use keys::{KeyEntry, KeyHash, KeySpec, Scopes};
pub use knobs::{Counting, Form, Knobs, Place, Rewrite, Stage, Straddle, Unit};
pub use limiter::{
    Budget, Decision, Kind as LimiterKind, Limiter, Rules, Standing, UnknownLimiter, Use, WINDOW_MS,
};
pub use log::Log;
pub use message::{OnLeave, Reply, Request};
pub use options::{MockError, MockOptions};
pub use quotas::{NoQuota, Quota, QuotaText, Quotas};
pub use server::{BODY_LIMIT, MockServer};
pub use settings::Settings;
pub use visit::{Presented, Route, Visit};
pub use well_known::{WELL_KNOWN_KEYS, WellKnownKey};
#[cfg(feature = "wiremock")]
pub use wiremock::{Mounted, mount};
pub use workspace::Workspace;
