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
            // By id, so that two runs can be compared line by line whichever check was ready first.
            Event::CheckFinished(result) => {
                let place = self.results.partition_point(|earlier| earlier.id < result.id);
                self.results.insert(place, result.as_ref().clone());
            }
            _ => {}
        }
    }

    /// Checks that were to be played and have no verdict: the run was interrupted.
    pub(super) fn unfinished(&self) -> impl Iterator<Item = &str> {
        let planned = self.info.iter().flat_map(|info| &info.checks);
        planned.map(String::as_str).filter(|id| !self.results.iter().any(|result| result.id == *id))
    }
}
