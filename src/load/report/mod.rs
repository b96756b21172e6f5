//! The reports after a run, the same for one machine and for merged shards.

pub mod compared;
mod html;
pub(super) mod json;
mod junit;
mod markdown;
mod pictures;
mod tables;
mod terminal;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::record::RunRecord;
use super::store::store;
use super::verdict::judge;
use crate::report::{ExitCode, Redactor, save};

pub use json::load_schema;

/// What a run is written to, besides the terminal.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Outputs {
    /// Writes a JUnit report.
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,

    /// Writes a JSON report (see schemas/load.schema.json).
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Writes a report to look at, in one HTML file.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,

    /// Writes a report in Markdown, for a job's summary.
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,

    /// Leaves the run here, for `merge` and `compare`.
    #[arg(long, value_name = "DIR")]
    pub save: Option<PathBuf>,
}

impl Outputs {
    /// The files among them.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        [&self.junit, &self.json, &self.html, &self.markdown].into_iter().filter_map(Option::as_deref)
    }
}

/// Judges a run and reports it: to `out` for people, and to files. Keys the redactor knows stay out of all of them. A report
/// that cannot be written does not stop the others. Returns what the process exits with, and why some were not written.
pub fn report(
    mut run: RunRecord,
    redactor: &Redactor,
    outputs: &Outputs,
    out: &mut dyn Write,
    colour: bool,
) -> (ExitCode, Vec<io::Error>) {
    redact(&mut run, redactor);
    let run = &run;
    let verdict = judge(run);
    let to = |path: &Option<PathBuf>, text: fn(&RunRecord) -> io::Result<String>| match path {
        Some(path) => text(run).and_then(|text| save(path, text.as_bytes())),
        None => Ok(()),
    };
    let written = [
        outputs.save.as_ref().map_or(Ok(()), |directory| store(run, directory)),
        to(&outputs.json, json::text),
        to(&outputs.junit, junit::text),
        to(&outputs.html, html::text),
        to(&outputs.markdown, |run| Ok(markdown::text(run))),
        terminal::page(run, &verdict).write(out, colour).and_then(|()| out.flush()),
    ];
    let unwritten: Vec<io::Error> = written.into_iter().filter_map(Result::err).collect();
    let exit = match verdict.exit() {
        // A good run that could not be written down is a fault of ours.
        ExitCode::Conforms if !unwritten.is_empty() => ExitCode::Internal,
        exit => exit,
    };
    (exit, unwritten)
}

/// Masks keys in whatever a user or a target may have put into the record.
fn redact(run: &mut RunRecord, redactor: &Redactor) {
    run.target = redactor.scrub(&run.target);
    for lane in &mut run.lanes {
        for (fault, times) in std::mem::take(&mut lane.faults) {
            *lane.faults.entry(redactor.scrub(&fault)).or_default() += times;
        }
    }
}

#[cfg(test)]
mod tests;
