//! The run so far, for reports that are written at its end.

use super::event::{CheckResult, Event, RunInfo};

/// What has been heard of a run.
#[derive(Default)]
pub(super) struct Record {
    pub(super) info: Option<RunInfo>,
    pub(super) results: Vec<CheckResult>,
}

impl Record {
    /// Keeps what the event says for later.
    pub(super) fn keep(&mut self, event: &Event) {
        match event {
            Event::Started(info) => self.info = Some(info.clone()),
            Event::CheckFinished(result) => self.results.push(result.as_ref().clone()),
            _ => {}
        }
    }

    /// Checks that were to be played and have no verdict: the run was interrupted.
    pub(super) fn unfinished(&self) -> impl Iterator<Item = &str> {
        let planned = self.info.iter().flat_map(|info| &info.checks);
        planned.map(String::as_str).filter(|id| !self.results.iter().any(|result| result.id == *id))
    }
}
