//! `trenchcheck matrix`.

use std::io::{self, Write};
use std::path::PathBuf;

use super::{complain, without_keys};
use crate::matrix::{Matrix, markdown, read, save_matrix};
use crate::report::ExitCode;

/// Lay reports of several deployments, or of one at several times, side by side, by clauses of the page.
///
/// Prints Markdown. A clause has a row even where no check can show it, and says why.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: trenchcheck matrix staging.json production.json > matrix.md")]
pub struct MatrixArgs {
    /// JSON reports of `trenchcheck test`, one for each column.
    #[arg(value_name = "REPORT", required = true)]
    pub reports: Vec<PathBuf>,

    /// Writes the matrix as JSON (see schemas/matrix.schema.json).
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// Runs the command; every file that is no report is told of.
///
/// # Errors
/// Where `out` cannot be written to.
pub fn run(args: &MatrixArgs, out: &mut dyn Write) -> io::Result<ExitCode> {
    let mut reports = Vec::new();
    let mut refused = false;
    for path in &args.reports {
        match read(path) {
            Ok(report) => reports.push(report),
            Err(error) => {
                refused = true;
                complain(&format!("trenchcheck: {error}"));
            }
        }
    }
    if refused {
        return Ok(ExitCode::Usage);
    }
    let matrix = Matrix::of(&reports);
    if let Some(path) = &args.json
        && let Err(error) = save_matrix(path, &matrix)
    {
        complain(&format!("trenchcheck: {error}"));
        return Ok(ExitCode::Internal);
    }
    // Reports are written without keys; one that somebody put into them since goes no further.
    out.write_all(without_keys(&markdown(&matrix)).as_bytes())?;
    out.flush()?;
    Ok(ExitCode::Conforms)
}
