//! Where a case is played: a base URL, a time line, and the keys of its roles.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::clock::Clock;
use super::keys::KeyState;
use crate::deployment::{Target, TargetError, Workspace};

/// The name steps use for a case's main key.
pub(crate) const OWN: &str = "own";

/// An environment. Cases in one environment see each other's requests; cases in different ones do not.
#[derive(Debug, Clone)]
pub(crate) struct Environment {
    /// The base URL, without a trailing slash.
    pub(crate) base_url: String,
    /// The time line.
    pub(crate) clock: Arc<Clock>,
    /// The workspace, where the target is a mock.
    pub(crate) workspace: Option<Workspace>,
}

/// The keys of a case by the name its steps use.
pub(crate) type KeyBindings = BTreeMap<String, Arc<KeyState>>;

/// The variables that hold the bound keys.
pub(crate) fn variables(bindings: &KeyBindings) -> Vec<String> {
    bindings.values().map(|key| key.key.variable.clone()).collect()
}

impl Environment {
    /// A deployment: one environment for the whole run.
    pub(crate) fn deployed(target: &Target) -> Self {
        let clock = target.clock.clone().map_or_else(Clock::real, Clock::skipping);
        Self { base_url: target.base_url.clone(), clock: Arc::new(clock), workspace: None }
    }

    /// A fresh workspace of a mock.
    pub(crate) fn of(workspace: Workspace, began: std::time::Instant) -> Self {
        Self {
            base_url: workspace.base_url.clone(),
            clock: Arc::new(Clock::of(workspace.clone(), began)),
            workspace: Some(workspace),
        }
    }

    /// Gives back what was borrowed.
    ///
    /// # Errors
    /// [`TargetError::Control`].
    pub(crate) async fn close(&self) -> Result<(), TargetError> {
        match &self.workspace {
            Some(workspace) => workspace.close().await,
            None => Ok(()),
        }
    }
}
