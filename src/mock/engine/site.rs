//! A workspace as one request finds it: its settings stay the same until the request is answered.

use std::ops::Deref;
use std::sync::Arc;

use crate::mock::knobs::Knobs;
use crate::mock::settings::Settings;
use crate::mock::workspace::Workspace;

/// A workspace and its settings at the time of one request.
pub(super) struct Site {
    pub(super) workspace: Arc<Workspace>,
    pub(super) settings: Arc<Settings>,
}

impl Site {
    pub(super) fn of(workspace: &Arc<Workspace>) -> Self {
        Self { workspace: Arc::clone(workspace), settings: workspace.settings() }
    }

    pub(super) fn knobs(&self) -> &Knobs {
        &self.settings.knobs
    }
}

impl Deref for Site {
    type Target = Arc<Workspace>;

    fn deref(&self) -> &Arc<Workspace> {
        &self.workspace
    }
}
