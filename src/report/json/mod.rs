//! The report for programs.

mod view;

pub(super) use view::document;

use std::io;
use std::path::PathBuf;

use schemars::Schema;
use schemars::generate::SchemaSettings;

use super::causes::causes;
use super::event::{Event, RunSummary};
use super::record::Record;
use super::save::save;
use super::sink::Reporter;

/// Writes one JSON document when the run ends. Its form is committed as `schemas/report.schema.json`.
pub struct Json {
    path: PathBuf,
    record: Record,
}

impl Json {
    /// Writes to this file.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), record: Record::default() }
    }

    fn text(&self, run: &RunSummary) -> io::Result<String> {
        let causes = causes(&self.record.results, self.record.info.as_ref(), run);
        let mut text = serde_json::to_string_pretty(&view::document(&self.record, run, &causes))?;
        text.push('\n');
        Ok(text)
    }
}

impl Reporter for Json {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        self.record.keep(event);
        match event {
            Event::Finished(run) => save(&self.path, self.text(run)?.as_bytes()),
            _ => Ok(()),
        }
    }
}

/// The JSON Schema of the JSON report.
pub fn report_schema() -> Schema {
    SchemaSettings::draft2020_12()
        .for_serialize()
        .into_generator()
        .into_root_schema_for::<view::Document<'_>>()
}

#[cfg(test)]
mod tests;
