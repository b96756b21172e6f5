//! Load: hold keys at a rate, count every window, judge what was seen. `ARCHITECTURE.md` follows a request through the files.
//!
//! A run leaves a [`RunRecord`] behind: counts by lane and window, times by `series`. From there on nothing knows whether
//! one machine made it or many. Percentiles are never averaged: what is shown of several keys comes from their histograms,
//! added bucket by bucket.

mod attack;
mod bookkeeping;
mod client;
mod compare;
mod findings;
mod keys;
mod ledger;
mod live;
mod metrics;
pub mod pacer;
mod plan;
mod play;
pub mod profile;
mod record;
mod report;
#[cfg(test)]
mod samples;
mod senders;
mod series;
mod store;
mod thresholds;
mod tickets;
mod timeline;
mod verdict;
#[cfg(test)]
mod virtual_time;

use std::net::SocketAddr;

use chrono::{DateTime, Utc};
use goose::GooseError;

use crate::amounts::count;
use crate::client::Fault;
use crate::deployment::{Role, TargetError, Unwelcome};
use crate::report::ExitCode;

pub use compare::{Change, Comparison, Estimate, Limit, Measured, Metric};
pub use findings::{About, Finding, Miss, findings};
pub use metrics::Collector;
pub use plan::{LanePlan, LoadPlan, Overrides};
pub use play::{Conduct, play};
pub use record::{LaneRecord, Part, RunRecord, Shard, WindowCounts, WindowTimes};
pub use report::{Outputs, compared, load_schema, report};
pub use series::{Histograms, Outcome, Percentiles, Series, Times};
pub use store::{MergeError, StoreError, merge, read_back, store};
pub use thresholds::{Beside, LatencyLimits, OutcomeLimits, Thresholds, TimeLimit};
pub use timeline::{Coarse, Interval, Timeline};
pub use verdict::{BreakingPoint, LoadVerdict, Step, Unjudged, judge};

/// Why there is no run.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The host has not been allowed.
    #[error(transparent)]
    NotWelcome(#[from] Unwelcome),
    /// So many connections may be needed, and so many files may be open.
    #[error(
        "{0} requests may be under way at once, and this process may open {1} files: \
         raise the limit with `ulimit -n`, or lower `slots` or `keys`"
    )]
    Descriptors(u64, u64),
    /// The shard has nothing to do.
    #[error("this shard has no key: the profile has fewer keys than there are shards")]
    EmptyShard,
    /// There are fewer keys of a role than a lane needs.
    #[error(
        "the lane `{lane}` needs {} of the role {role}, but found {found}; export {variable}=…",
        count(*needed, "key")
    )]
    TooFewKeys {
        /// The lane.
        lane: String,
        /// How many keys of the role there must be.
        needed: u64,
        /// The role.
        role: Role,
        /// How many there are.
        found: usize,
        /// The variable of the first that is missing.
        variable: String,
    },
    /// The key in the first variable is in the second as well, or this one is missing.
    #[error("the key in {0} would have to play two parts; set {1} as well")]
    SharedKey(String, String),
    /// A lane was given no key.
    #[error("a lane has no key")]
    NoKey,
    /// This is no URL to send to, for this reason.
    #[error("`{0}` is no URL: {1}")]
    BadUrl(String, String),
    /// The key in this variable cannot be sent.
    #[error("the key in {0} does not fit into a header")]
    BadKey(String),
    /// A lane's request cannot be written.
    #[error("{0}")]
    Unsendable(Fault),
    /// The target or its control API.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The first request of this lane failed at this URL, for this reason.
    #[error("the lane `{0}` cannot be played at {1}: {2}")]
    Control(String, String, String),
    /// The start time has passed.
    #[error("the start time {0} has passed; give one that leaves time to get ready")]
    TooLate(DateTime<Utc>),
    /// The keys' windows are fresh only after the start time: at the second instant.
    #[error(
        "the keys' windows are fresh only at {1}, after the start time {0}: each key is used up first, so give a start \
         time that lies more than a minute ahead of all shards"
    )]
    NotFresh(DateTime<Utc>, DateTime<Utc>),
    /// Nobody can listen at this address.
    #[error("metrics cannot be told at {0}: {1}; name another address with --metrics")]
    Metrics(SocketAddr, std::io::Error),
    /// The metrics of the run could not be made.
    #[error(transparent)]
    Meters(#[from] prometheus::Error),
    /// A thread that sends could not be started.
    #[error("a thread that sends could not be started: {0}")]
    Senders(#[from] std::io::Error),
    /// The HTTP client could not be set up.
    #[error("the HTTP client could not be set up: {0}")]
    Client(Fault),
    /// Goose did not run.
    #[error("goose: {0}")]
    Goose(String),
    /// A thread broke off.
    #[error("a part of the run broke off: {0}")]
    Broken(String),
    /// It was asked to stop before anything was sent by the schedule.
    #[error("interrupted before the schedule began")]
    Interrupted,
}

impl From<GooseError> for LoadError {
    fn from(error: GooseError) -> Self {
        Self::Goose(error.to_string())
    }
}

impl LoadError {
    /// The exit code.
    pub const fn exit(&self) -> ExitCode {
        match self {
            Self::Control(..) => ExitCode::Unreachable,
            Self::Meters(_) | Self::Senders(_) | Self::Client(_) | Self::Goose(_) | Self::Broken(_) => {
                ExitCode::Internal
            }
            Self::Interrupted => ExitCode::Interrupted,
            _ => ExitCode::Usage,
        }
    }
}
