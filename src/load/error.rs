//! Why a run did not come about.

use std::net::SocketAddr;

use chrono::{DateTime, Utc};
use goose::GooseError;

use crate::client::Fault;
use crate::deployment::{TargetError, Unwelcome};
use crate::report::ExitCode;

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
