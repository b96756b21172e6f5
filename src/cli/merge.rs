//! `trenchcheck merge`.

use std::path::PathBuf;

use super::complain;
use super::load_reports::{LoadReports, deliver};
use crate::load::merge;
use crate::report::{ExitCode, Redactor};

/// Make one run of the shards of many machines, and judge it as one.
///
/// Each directory is what `trenchcheck load --shard I/N --save DIR` left behind. Counts and histograms are
/// added, percentiles never averaged; reports and exit code are those of `trenchcheck load`. Shards that are
/// missing, doubled or unlike are refused.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: trenchcheck merge runs/*/ --junit load.xml")]
pub struct MergeArgs {
    /// The directory of every shard, in any order.
    #[arg(value_name = "DIR", required = true)]
    pub dirs: Vec<PathBuf>,

    /// Where reports go.
    #[command(flatten)]
    pub reports: LoadReports,
}

/// Runs the command.
pub fn run(args: MergeArgs) -> ExitCode {
    match merge(&args.dirs) {
        // Every shard has masked its keys; what looks like one is masked again.
        Ok(whole) => deliver(whole, &Redactor::default(), args.reports),
        Err(error) => {
            complain(&format!("trenchcheck: {error}"));
            ExitCode::Usage
        }
    }
}
