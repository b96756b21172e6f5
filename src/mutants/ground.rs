//! Where mutants live: in workspaces of one mock, or each at a deployment of its own.

use super::mutant::Mutant;
use crate::target::{Embedded, Target, TargetError};

/// Where mutants are played against.
#[derive(Debug)]
pub enum Ground {
    /// Workspaces of one mock, whose clocks are moved.
    Workspaces(Box<Embedded>),
    /// A mock for each of them that is treated like any deployment: its well-known keys, and real minutes.
    Deployments,
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

    /// The mutant as a target; the mock behind it lives as long as the second value.
    pub(super) async fn target(&self, mutant: &Mutant) -> Result<(Target, Option<Embedded>), TargetError> {
        let deviations = mutant.deviations();
        match self {
            Self::Workspaces(mock) => Ok((mock.target(&deviations, mutant.limiter), None)),
            Self::Deployments => {
                let (target, mock) = Embedded::deployment(&deviations, mutant.limiter).await?;
                Ok((target, Some(mock)))
            }
        }
    }
}
