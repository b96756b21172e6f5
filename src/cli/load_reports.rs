//! How a load run is reported: the flags that `load` and `merge` have in common.

use std::io::{self, IsTerminal};
use std::path::PathBuf;

use super::complain;
use crate::load::{Outputs, RunRecord, report};
use crate::report::{ExitCode, Redactor, TerminalOptions, Verbosity};

/// Where reports go besides the terminal.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct LoadReports {
    /// Writes a JUnit report.
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,

    /// Writes a JSON report (see schemas/load.schema.json).
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Leaves the run in this directory: run.json for `trenchcheck merge`, and HdrHistogram interval logs.
    #[arg(long, value_name = "DIR")]
    pub save: Option<PathBuf>,
}

/// Judges and reports a run, without the keys the redactor knows.
pub fn deliver(run: RunRecord, redactor: &Redactor, to: LoadReports) -> ExitCode {
    let LoadReports { junit, json, save } = to;
    let no_color = std::env::var_os("NO_COLOR");
    let mut out = io::stdout();
    let colour = TerminalOptions::detect(out.is_terminal(), no_color.as_deref(), Verbosity::Normal).colour;
    let reported = report(run, redactor, &Outputs { json, junit, save }, &mut out, colour);
    for error in &reported.unwritten {
        complain(&format!("a report could not be written: {error}"));
    }
    reported.exit()
}
