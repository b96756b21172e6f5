//! The reference API in memory, with keys, windows and a control API.
//!
//! The heart is [`Engine::handle`]: synchronous, with the time as an argument. Around it stand the control API
//! ([`Control`]), which makes workspaces and keys, and [`MockServer`], which carries both over HTTP.
//! What the reference decides can be changed one decision at a time by the deviations of the [`catalogue`].

mod control;
mod deviations;
mod engine;
mod errors;
mod ingest;
mod keys;
mod knobs;
mod limiter;
mod message;
mod options;
mod server;
mod store;
mod sync;
mod visit;
mod well_known;
mod workspace;

pub use control::{CONTROL_PREFIX, Control, ControlToken};
pub use deviations::{Breach, Entry, Group, Nature, UnknownDeviation, catalogue, find, knobs};
pub use engine::{CreateError, Engine, MAX_KEYS, MAX_WORKSPACES};
pub use keys::{KeyEntry, KeyHash, KeySpec};
pub use knobs::{Counting, Form, Knobs, Place, Rewrite, Stage, Straddle, Unit};
pub use limiter::{Decision, Kind as LimiterKind, Limiter, Rules, UnknownLimiter, WINDOW_MS};
pub use message::{OnLeave, Reply, Request};
pub use options::{MockError, MockOptions};
pub use server::{BODY_LIMIT, MockServer};
pub use visit::{Presented, Route, Visit};
pub use well_known::{WELL_KNOWN_KEYS, WellKnownKey};
pub use workspace::Workspace;
