//! The arguments that choose reports, and the feeding of these.

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::complain;
use crate::report::{Event, Json, Junit, Redactor, Reports, Terminal, TerminalOptions, Verbosity};

/// Which reports, and how much is told.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ReportArgs {
    /// Writes a JUnit report.
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,

    /// Writes a JSON report (see schemas/report.schema.json).
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Shows every check, every failure in full and every exchange as it comes.
    #[arg(long, short, conflicts_with = "quiet")]
    pub verbose: bool,

    /// Shows the causes that gate and the last line only.
    #[arg(long, short)]
    pub quiet: bool,
}

impl ReportArgs {
    /// The reports, with none of them begun.
    pub(super) fn reports(&self) -> Reports {
        let verbosity = match (self.verbose, self.quiet) {
            (true, _) => Verbosity::Verbose,
            (_, true) => Verbosity::Quiet,
            _ => Verbosity::Normal,
        };
        let no_color = std::env::var_os("NO_COLOR");
        let terminal = TerminalOptions::detect(io::stdout().is_terminal(), no_color.as_deref(), verbosity);
        let mut reports = Reports::new(Arc::new(Redactor::default()));
        reports.add(Terminal::new(Box::new(io::stdout()), terminal));
        if let Some(path) = &self.junit {
            reports.add(Junit::new(path.clone()));
        }
        if let Some(path) = &self.json {
            reports.add(Json::new(path.clone()));
        }
        reports
    }
}

/// Feeds the reports until the run is over.
pub(super) fn tell(mut reports: Reports, mut events: mpsc::UnboundedReceiver<Event>) -> Vec<io::Error> {
    while let Some(event) = events.blocking_recv() {
        reports.event(&event);
    }
    reports.finish()
}

/// Says what could not be written. Whether all was.
pub(super) fn written(mut unwritten: Vec<io::Error>) -> bool {
    // Who closed the pipe has read enough.
    unwritten.retain(|error| error.kind() != io::ErrorKind::BrokenPipe);
    for error in &unwritten {
        complain(&format!("a report could not be written: {error}"));
    }
    unwritten.is_empty()
}
