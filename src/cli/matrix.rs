//! `trenchcheck matrix`.

use std::io::Write;
use std::path::PathBuf;

use super::tell::{Ended, fail, told, without_keys};
use crate::matrix::{Matrix, markdown, read, save_matrix};
use crate::report::{ExitCode, is_standard_output};

/// Lay reports of several deployments, or of one at several times, side by side, by clauses of the page.
///
/// Prints Markdown. A clause has a row even where no check can show it, and says why.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: trenchcheck matrix staging.json production.json > matrix.md")]
pub struct MatrixArgs {
    /// JSON reports of `trenchcheck test`, one for each column.
    #[arg(value_name = "REPORT", required = true)]
    pub reports: Vec<PathBuf>,

    /// Writes the matrix as JSON (see schemas/matrix.schema.json); `-` is standard output, in the place of Markdown.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// Runs the command; every file that is no report is told of.
pub(super) fn run(args: &MatrixArgs, out: &mut dyn Write) -> Ended {
    let read: Vec<_> = args.reports.iter().map(|path| read(path).map_err(fail(ExitCode::Usage))).collect();
    let reports = read.into_iter().collect::<Result<Vec<_>, _>>()?;
    let matrix = Matrix::of(&reports);
    if let Some(path) = &args.json {
        save_matrix(path, &matrix).map_err(fail(ExitCode::Internal))?;
        if is_standard_output(path) {
            return Ok(ExitCode::Conforms);
        }
    }
    // Reports are written without keys; one that somebody put into them since goes no further.
    let said = out.write_all(without_keys(&markdown(&matrix)).as_bytes()).and_then(|()| out.flush());
    Ok(told(said, ExitCode::Conforms))
}
