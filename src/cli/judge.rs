//! `trenchcheck judge`.

use std::path::PathBuf;

use chrono::DateTime;
use tokio::sync::mpsc;

use super::args::SelectionArgs;
use super::ended::{Ended, fail};
use super::reports::{ReportArgs, tell_all, written};
use super::test::known_deviations;
use crate::report::ExitCode;
use crate::run::{Options, Recording, judge_recording};
use crate::scenario::Suite;

/// Judge again what an earlier run has sent and seen, without sending anything.
///
/// The file comes from `trenchcheck test --evidence FILE`. Verdicts, causes and reports are those of the run, as of its day,
/// and the exit codes too. With other scenarios (`--scenarios DIR`) checks may expect something else; what a check wants to
/// have sent that was not is skipped.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  trenchcheck test --evidence run.json
  trenchcheck judge run.json --strict --junit report.xml
  trenchcheck judge run.json --scenarios my-scenarios 'limit.*' --verbose")]
pub struct JudgeArgs {
    /// What a run has sent and seen.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// Which checks; those that were played, without an ID.
    #[command(flatten)]
    pub selection: SelectionArgs,

    /// Lets `should` gate, as it does in any case where it did in the run.
    #[arg(long)]
    pub strict: bool,

    /// Lets `rfc` gate, as it does in any case where it did in the run.
    #[arg(long)]
    pub rfc: bool,

    /// Which reports.
    #[command(flatten)]
    pub reports: ReportArgs,

    /// Checks that are known to fail, with reasons and last days. Those are held against the day of the run.
    #[arg(long, value_name = "FILE")]
    pub deviations: Option<PathBuf>,
}

/// Runs the command.
pub(super) fn run(args: &JudgeArgs, suite: &Suite) -> Ended {
    let recording = Recording::read(&args.file).map_err(fail(ExitCode::Usage))?;
    let mut selected = args.selection.choose(suite)?;
    if args.selection.ids.is_empty() {
        let played = recording.checks_in(suite);
        selected.retain(|check| played.contains(check));
    }
    if selected.is_empty() {
        let none = format!("none of the checks played for {} is left to judge", args.file.display());
        return Err(fail(ExitCode::Usage)(none));
    }
    let info = recording.info();
    // A recording whose beginning is no time cannot be read.
    let day = DateTime::parse_from_rfc3339(&info.started_at).unwrap_or_default().to_utc().date_naive();
    let known = known_deviations(args.deviations.as_deref(), suite, &info.target, day)
        .map_err(fail(ExitCode::Usage))?;
    let (strict, rfc) = (args.strict || info.strict, args.rfc || info.rfc);
    let options = Options { strict, rfc, known, ..Options::default() };
    let reports = args.reports.reports(&[], None).map_err(fail(ExitCode::Usage))?;
    let (sender, receiver) = mpsc::unbounded_channel();
    let (_, exit) = judge_recording(suite, &recording, &selected, &options, &sender);
    drop(sender);
    let all_is_written = written(tell_all(reports, receiver));
    Ok(if exit == ExitCode::Conforms && !all_is_written { ExitCode::Internal } else { exit })
}
