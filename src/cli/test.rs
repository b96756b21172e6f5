//! `trenchcheck test`, and `trenchcheck judge`, which judges again what it left.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Days, NaiveDate, Utc};
use tokio::sync::{mpsc, watch};

use super::args::SelectionArgs;
use super::deployment::{DeploymentArgs, refused};
use super::reports::{ReportArgs, tell, tell_all, written};
use super::tell::{Ended, fail, say};
use crate::amounts::{count, parse_time};
use crate::deployment::Keys;
use crate::known::{DraftError, Drafted, KnownError, ListedCheck, draft, known};
use crate::report::{CheckResult, ExitCode, KnownDeviation};
use crate::run::{Options, Recording, judge_recording, record};
use crate::scenario::{Source, Suite};
use crate::system::asked_to_stop;

/// A heading of its own, since the longest option of a list decides whether each takes one line or two.
const KNOWN: &str = "Known deviations";

/// Play the contract scenarios against a deployment and say which promise is broken.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Keys come from the variables TRENCHCHECK_KEY_STANDARD, _PREMIUM, _INGESTION,
_READ, _WRITE and _BOTH (more of a kind: _STANDARD_2, _3). Without a target, the
reference API starts in this process.

Examples:
  TRENCHCHECK_KEY_READ=… trenchcheck test --target http://127.0.0.1:80 'auth.*'
  trenchcheck test --evidence run.json && trenchcheck judge run.json --strict")]
pub struct TestArgs {
    #[command(flatten)]
    pub(super) selection: SelectionArgs,

    #[command(flatten)]
    pub(super) deployment: DeploymentArgs,

    /// Stops at the first failure that gates.
    #[arg(long)]
    pub fail_fast: bool,

    /// Ends after this time with what was judged by then.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub within: Option<Duration>,

    /// Plays again when a scenario or target file changes.
    #[arg(long)]
    pub watch: bool,

    /// Lets `should` gate.
    #[arg(long)]
    pub strict: bool,

    /// Lets `rfc` gate.
    #[arg(long)]
    pub rfc: bool,

    #[command(flatten)]
    pub(super) reports: ReportArgs,

    /// Writes all that was seen, for `trenchcheck judge`.
    #[arg(long, value_name = "FILE")]
    pub evidence: Option<PathBuf>,

    /// Checks known to fail, with reasons and dates.
    #[arg(long, value_name = "FILE", help_heading = KNOWN)]
    pub deviations: Option<PathBuf>,

    /// Adds the checks that fail to such a list.
    #[arg(long, value_name = "FILE", conflicts_with = "fail_fast", help_heading = KNOWN)]
    pub write_deviations: Option<PathBuf>,
}

impl TestArgs {
    /// The files that say what is played, and where.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        let target = self.target_file().map(Path::to_owned);
        [target, self.deviations.clone(), self.deployment.reach.env_file.clone()]
            .into_iter()
            .flatten()
            .collect()
    }

    fn target_file(&self) -> Option<&Path> {
        self.deployment.target.as_deref().map(Path::new).filter(|target| target.is_file())
    }
}

/// Plays once. Ends early when `interrupted` turns true.
pub(super) async fn play(
    args: TestArgs,
    suite: Suite,
    source: &Source,
    interrupted: watch::Receiver<bool>,
) -> Ended {
    let selected = args.selection.choose(&suite)?;
    // The embedded mock lives as long as this variable.
    let (target, _mock) = args.deployment.find().await.map_err(refused)?;
    if let Keys::Environment(keys) = &target.keys {
        args.deployment.hint_at_mock(keys);
    }
    let today = Utc::now().date_naive();
    let known = known_deviations(args.deviations.as_deref(), &suite, &target.base_url, today)
        .map_err(fail(ExitCode::Usage))?;
    let further: Vec<&Path> = args.evidence.iter().map(PathBuf::as_path).collect();
    let reports = args.reports.reports(&further, args.target_file()).map_err(fail(ExitCode::Usage))?;
    let own_url = args.deployment.target.is_some().then(|| target.base_url.clone());
    let (sender, receiver) = mpsc::unbounded_channel();
    let runtime = tokio::runtime::Handle::current();
    let reporting = tokio::task::spawn_blocking(move || runtime.block_on(tell(reports, receiver)));
    let again = Some(args.deployment.again(source));
    let options = Options {
        strict: args.strict,
        rfc: args.rfc,
        fail_fast: args.fail_fast,
        verbose: args.reports.wants_exchanges(),
        allowed_hosts: args.deployment.allow_host,
        within: args.within,
        known,
        again,
        ..Options::default()
    };
    let played = record(Arc::new(suite), Arc::new(target), &selected, options, sender, interrupted).await;
    let mut unwritten = reporting.await.unwrap_or_else(|error| vec![io::Error::other(error)]);
    let (results, exit, recording) = played.map_err(fail(ExitCode::Internal))?;
    unwritten.extend(args.evidence.as_deref().and_then(|path| recording.save(path).err()));
    let all_is_written = written(unwritten);
    if let Some(path) = &args.write_deviations {
        drafted(path, &results, own_url.as_deref()).map_err(fail(ExitCode::Internal))?;
    }
    Ok(if exit == ExitCode::Conforms && !all_is_written { ExitCode::Internal } else { exit })
}

/// What is known to fail at the target with this base URL.
fn known_deviations(
    path: Option<&Path>,
    suite: &Suite,
    base_url: &str,
    today: NaiveDate,
) -> Result<BTreeMap<String, KnownDeviation>, KnownError> {
    let Some(path) = path else { return Ok(BTreeMap::new()) };
    let checks: Vec<ListedCheck<'_>> =
        suite.checks.iter().map(|check| ListedCheck { id: &check.id, level: check.level }).collect();
    known(path, &checks, base_url, today)
}

/// Adds what failed to a list, and says what is left to do.
fn drafted(path: &Path, results: &[CheckResult], base_url: Option<&str>) -> Result<(), DraftError> {
    /// How long a new entry holds: long enough to mend things, short enough not to be forgotten.
    const DAYS: Days = Days::new(90);
    let today = Utc::now().date_naive();
    let shown = path.display();
    let Drafted { added, kept } =
        draft(path, results, base_url, today.checked_add_days(DAYS).unwrap_or(today))?;
    say(&match added {
        0 => format!("{shown}: nothing to add"),
        _ => format!(
            "{shown}: {} added, {kept} left as they were; fill in the reasons, then play with --deviations {shown}",
            count(added as u64, "check")
        ),
    });
    Ok(())
}

/// Turns true when the command is asked to stop.
pub(super) fn interruption() -> watch::Receiver<bool> {
    let (sender, receiver) = watch::channel(false);
    tokio::spawn(async move {
        if asked_to_stop().await.is_ok() {
            sender.send_replace(true);
        }
        // The receiver takes a dropped sender for an interruption.
        std::future::pending::<()>().await;
    });
    receiver
}

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

    #[command(flatten)]
    pub(super) selection: SelectionArgs,

    /// Lets `should` gate, as it does in any case where it did in the run.
    #[arg(long)]
    pub strict: bool,

    /// Lets `rfc` gate, as it does in any case where it did in the run.
    #[arg(long)]
    pub rfc: bool,

    #[command(flatten)]
    pub(super) reports: ReportArgs,

    /// Checks that are known to fail, with reasons and last days. Those are held against the day of the run.
    #[arg(long, value_name = "FILE")]
    pub deviations: Option<PathBuf>,
}

pub(super) fn judge(args: &JudgeArgs, suite: &Suite) -> Ended {
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
