//! Load: hold keys at a rate, count every window, judge what was seen.
//!
//! A run goes through these, in this order:
//!
//! 1. [`profile`] reads what is asked for; [`LoadPlan`] lays it out for a target: lanes, each with a schedule;
//! 2. `keys` gathers the keys, sees that they work, and waits for their fresh windows;
//! 3. `senders` are the threads that send; in each, `tickets` releases every request when it is due, as [`pacer`] says;
//! 4. `attack`, on goose, has users whose slots take tickets and send; `client` says what came of it;
//! 5. `bookkeeping` takes it to the `ledger` of its lane, which counts it, and to those who watch: it is shown `live`;
//! 6. [`play()`] conducts all of them and returns the record.
//!
//! A run leaves a [`RunRecord`] behind: counts by lane and window, times by `series`. From there on nothing
//! knows whether one machine made it or many:
//!
//! - [`findings()`] holds every threshold of every lane against the record, and [`judge`] makes one verdict of it:
//!   *invalid*, where the load was not the one that was asked for, before anything about the target;
//! - [`report()`] tells it: to people, as JSON, as JUnit, and as a directory that [`merge()`] reads;
//! - [`merge()`] makes one record of the directories of all shards;
//! - [`Comparison`] lays a record beside that of another run.
//!
//! Percentiles are never averaged: what is shown of several keys comes from their histograms, added bucket by
//! bucket.

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

use crate::client::Fault;
use crate::deployment::{TargetError, Unwelcome};
use crate::report::ExitCode;

pub use compare::{Change, Comparison, Estimate, Limit, Measured, Metric};
pub use findings::{About, Finding, Miss, findings};
pub use metrics::{Collector, Watchers};
pub use plan::{LanePlan, LoadPlan, Overrides};
pub use play::{Conduct, View, play};
pub use record::{LaneRecord, Part, RunRecord, Shard, WindowCounts, WindowTimes};
pub use report::{Outputs, Reported, compared, load_schema, report};
pub use series::{Histograms, Outcome, Percentiles, Series, Times};
pub use store::{MergeError, StoreError, merge, read_back, store};
pub use thresholds::{Beside, LatencyLimits, OutcomeLimits, Thresholds, TimeLimit};
pub use timeline::{Coarse, Interval, Timeline};
pub use verdict::{Climb, LoadVerdict, Step, Unjudged, judge};

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
    /// A key is missing.
    #[error("{0}")]
    Keys(String),
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
            Self::NotWelcome(..)
            | Self::Descriptors(..)
            | Self::EmptyShard
            | Self::Keys(_)
            | Self::Metrics(..)
            | Self::Target(_)
            | Self::TooLate(_)
            | Self::NotFresh(..) => ExitCode::Usage,
            Self::Control(..) => ExitCode::Unreachable,
            Self::Senders(_) | Self::Client(_) | Self::Goose(_) | Self::Broken(_) => ExitCode::Internal,
            Self::Interrupted => ExitCode::Interrupted,
        }
    }
}
