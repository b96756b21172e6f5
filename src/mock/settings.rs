//! What a workspace is set to: deviations, limiter, limits. It can be changed while requests come in.

use super::behaviour::Behaviour;
use super::deviations::{UnknownDeviation, behaviour};
use super::limiter::Kind;
use super::quotas::Quotas;

/// The settings of a workspace; [`Settings::default`] is the reference.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// What the names and the limiter come to.
    pub(super) behaviour: Behaviour,
    /// The names of the deviations, in the order in which they apply.
    pub(super) deviations: Vec<String>,
    /// The limiter, where it is not the reference's.
    pub(super) limiter: Option<Kind>,
    /// What every tier is granted.
    pub(super) quotas: Quotas,
}

impl Settings {
    /// Settings with these deviations, limiter and limits.
    ///
    /// # Errors
    /// [`UnknownDeviation`] for the first name that is none.
    pub fn new(
        deviations: Vec<String>,
        limiter: Option<Kind>,
        quotas: Quotas,
    ) -> Result<Self, UnknownDeviation> {
        Ok(Self { behaviour: behaviour(&deviations, limiter)?, deviations, limiter, quotas })
    }

    /// The names of the deviations, in the order in which they apply.
    pub fn deviations(&self) -> &[String] {
        &self.deviations
    }

    /// The limiter, where it is not the reference's.
    pub fn limiter(&self) -> Option<Kind> {
        self.limiter
    }

    /// What every tier is granted.
    pub fn quotas(&self) -> Quotas {
        self.quotas
    }

    /// Whether both mean the same.
    pub(super) fn same_as(&self, other: &Self) -> bool {
        self.deviations == other.deviations && self.limiter == other.limiter && self.quotas == other.quotas
    }
}

impl From<Behaviour> for Settings {
    fn from(behaviour: Behaviour) -> Self {
        Self { behaviour, ..Self::default() }
    }
}
