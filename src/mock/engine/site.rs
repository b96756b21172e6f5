//! A workspace as one request finds it: its settings stay the same until the request is answered.

use std::ops::Deref;
use std::sync::Arc;

use crate::mock::behaviour::Behaviour;
use crate::mock::faults::Deviating;
use crate::mock::settings::Settings;
use crate::mock::workspace::Workspace;

/// A workspace and its settings at the time of one request.
pub(super) struct Site {
    pub(super) workspace: Arc<Workspace>,
    pub(super) settings: Arc<Settings>,
    /// The name under which is counted, where that is not done as always.
    pub(super) apart: Option<String>,
}

impl Site {
    pub(super) fn of(workspace: &Arc<Workspace>, deviating: Deviating) -> Self {
        let (workspace, settings) = (Arc::clone(workspace), workspace.settings());
        let Deviating { entries, apart } = deviating;
        if entries.is_empty() {
            return Self { workspace, settings, apart: None };
        }
        let mut settings = Settings::clone(&settings);
        entries.iter().for_each(|entry| entry.apply(&mut settings.behaviour));
        Self { workspace, settings: Arc::new(settings), apart: Some(apart) }
    }

    pub(super) fn behaviour(&self) -> &Behaviour {
        &self.settings.behaviour
    }
}

impl Deref for Site {
    type Target = Arc<Workspace>;

    fn deref(&self) -> &Arc<Workspace> {
        &self.workspace
    }
}
