//! Where mutants live: in workspaces of one mock, or each at a deployment of its own.

use crate::deployment::{Embedded, Target, TargetError};

/// Where mutants are played against.
#[derive(Debug)]
pub enum Ground {
    /// Workspaces of one mock, whose clocks are moved.
    Workspaces(Box<Embedded>),
    /// A mock for each of them that is treated like any deployment: its well-known keys, and real minutes.
    Deployments,
}

/// A server that is played against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Server {
    /// What it is called.
    pub(super) name: String,
    /// The changes of the mock that make it.
    pub(super) changes: Vec<String>,
    /// Its limiter, where that is not the reference's.
    pub(super) limiter: Option<&'static str>,
}

impl Ground {
    /// A mock in this process, with clocks that are moved.
    ///
    /// # Errors
    /// [`TargetError::Embedded`] when no port can be had.
    pub async fn workspaces() -> Result<Self, TargetError> {
        Embedded::start().await.map(|mock| Self::Workspaces(Box::new(mock)))
    }

    /// Whether waits move a clock instead of taking real time.
    pub const fn is_virtual(&self) -> bool {
        matches!(self, Self::Workspaces(_))
    }

    /// The server as a target; the mock behind it lives as long as the second value.
    pub(super) async fn target(&self, server: &Server) -> Result<(Target, Option<Embedded>), TargetError> {
        match self {
            Self::Workspaces(mock) => Ok((mock.target(&server.changes, server.limiter), None)),
            Self::Deployments => {
                let (target, mock) = Embedded::deployment(&server.changes, server.limiter).await?;
                Ok((target, Some(mock)))
            }
        }
    }
}
