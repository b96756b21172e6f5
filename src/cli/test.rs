//! `trenchcheck test`.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{Days, Utc};
use tokio::sync::{mpsc, watch};

use super::complain;
use super::deployment::DeploymentArgs;
use super::selection::SelectionArgs;
use crate::known::{Drafted, KnownError, ListedCheck, draft, known};
use crate::report::wording::count;
use crate::report::{
    CheckResult, Event, ExitCode, Json, Junit, KnownDeviation, Redactor, Reports, Terminal, TerminalOptions,
    Verbosity,
};
use crate::run::{Options, play};
use crate::scenario::Suite;
use crate::signals::asked_to_stop;
use crate::target::Target;

/// How many jobs are under way at once. Most of their time is spent waiting for answers.
pub(super) const JOBS: usize = 8;

/// Play the contract scenarios against a deployment and say which promise is broken.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Keys come from the variables TRENCHCHECK_KEY_STANDARD, _PREMIUM, _INGESTION, _READ, _WRITE and _BOTH
(more of a kind: _STANDARD_2, _3). Without a target, the reference API starts in this process.

Examples:
  trenchcheck test
  TRENCHCHECK_KEY_STANDARD=… trenchcheck test --target http://127.0.0.1:8080 'auth.*'")]
pub struct TestArgs {
    /// Which checks.
    #[command(flatten)]
    pub selection: SelectionArgs,

    /// Which deployment.
    #[command(flatten)]
    pub deployment: DeploymentArgs,

    /// Stops at the first failure that gates.
    #[arg(long)]
    pub fail_fast: bool,

    /// Lets `should` gate.
    #[arg(long)]
    pub strict: bool,

    /// Lets `rfc` gate.
    #[arg(long)]
    pub rfc: bool,

    /// Writes a JUnit report.
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,

    /// Writes a JSON report (see schemas/report.schema.json).
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Checks that are known to fail, with reasons and last days.
    #[arg(long, value_name = "FILE")]
    pub deviations: Option<PathBuf>,

    /// Adds the checks that fail to a list of known deviations; the reasons are yours to fill in.
    #[arg(long, value_name = "FILE", conflicts_with = "fail_fast")]
    pub write_deviations: Option<PathBuf>,

    /// Shows every exchange.
    #[arg(long, short, conflicts_with = "quiet")]
    pub verbose: bool,

    /// Shows failures and the last line only.
    #[arg(long, short)]
    pub quiet: bool,
}

/// Runs the command.
pub async fn run(args: TestArgs, suite: Suite) -> ExitCode {
    let selected = match args.selection.choose(&suite) {
        Ok(selected) => selected,
        Err(why) => {
            complain(&why);
            return ExitCode::Usage;
        }
    };
    // The embedded mock lives as long as this variable.
    let (target, _mock) = match args.deployment.find().await {
        Ok(found) => found,
        Err(error) => {
            complain(&format!("trenchcheck: {error}"));
            return ExitCode::Usage;
        }
    };
    let known = match known_deviations(&args, &suite, &target) {
        Ok(known) => known,
        Err(error) => {
            complain(&format!("trenchcheck: {error}"));
            return ExitCode::Usage;
        }
    };
    let own_url = args.deployment.target.is_some().then(|| target.base_url.clone());
    let (sender, receiver) = mpsc::unbounded_channel();
    let reporting = tokio::task::spawn_blocking({
        let reports = reports(&args);
        move || tell(reports, receiver)
    });
    let options = Options {
        strict: args.strict,
        rfc: args.rfc,
        fail_fast: args.fail_fast,
        verbose: args.verbose,
        allowed_hosts: args.deployment.allow_host,
        jobs: JOBS,
        known,
    };
    let played = play(Arc::new(suite), Arc::new(target), &selected, options, sender, interruption()).await;
    let mut unwritten = reporting.await.unwrap_or_else(|error| vec![io::Error::other(error)]);
    // Who closed the pipe has read enough.
    unwritten.retain(|error| error.kind() != io::ErrorKind::BrokenPipe);
    for error in &unwritten {
        complain(&format!("a report could not be written: {error}"));
    }
    if let (Some(path), Ok((results, _))) = (&args.write_deviations, &played)
        && !drafted(path, results, own_url.as_deref())
    {
        return ExitCode::Internal;
    }
    match played {
        Ok((_, ExitCode::Conforms)) if !unwritten.is_empty() => ExitCode::Internal,
        Ok((_, exit)) => exit,
        Err(fault) => {
            complain(&format!("trenchcheck: {fault}"));
            ExitCode::Internal
        }
    }
}

/// What is known to fail at this target.
fn known_deviations(
    args: &TestArgs,
    suite: &Suite,
    target: &Target,
) -> Result<BTreeMap<String, KnownDeviation>, KnownError> {
    let Some(path) = &args.deviations else { return Ok(BTreeMap::new()) };
    let checks: Vec<ListedCheck<'_>> =
        suite.checks.iter().map(|check| ListedCheck { id: &check.id, level: check.level }).collect();
    known(path, &checks, &target.base_url, Utc::now().date_naive())
}

/// Adds what failed to a list, and says what is left to do. Whether that went well.
fn drafted(path: &Path, results: &[CheckResult], base_url: Option<&str>) -> bool {
    /// How long a new entry holds: long enough to mend things, short enough not to be forgotten.
    const DAYS: Days = Days::new(90);
    let today = Utc::now().date_naive();
    let shown = path.display();
    match draft(path, results, base_url, today.checked_add_days(DAYS).unwrap_or(today)) {
        Ok(Drafted { added: 0, .. }) => complain(&format!("{shown}: nothing to add")),
        Ok(Drafted { added, kept }) => complain(&format!(
            "{shown}: {} added, {kept} left as they were; fill in the reasons, then play with --deviations {shown}",
            count(added as u64, "check")
        )),
        Err(error) => {
            complain(&format!("trenchcheck: {error}"));
            return false;
        }
    }
    true
}

fn reports(args: &TestArgs) -> Reports {
    let verbosity = match (args.verbose, args.quiet) {
        (true, _) => Verbosity::Verbose,
        (_, true) => Verbosity::Quiet,
        _ => Verbosity::Normal,
    };
    let no_color = std::env::var_os("NO_COLOR");
    let terminal = TerminalOptions::detect(io::stdout().is_terminal(), no_color.as_deref(), verbosity);
    let mut reports = Reports::new(Arc::new(Redactor::default()));
    reports.add(Terminal::new(Box::new(io::stdout()), terminal));
    if let Some(path) = &args.junit {
        reports.add(Junit::new(path.clone()));
    }
    if let Some(path) = &args.json {
        reports.add(Json::new(path.clone()));
    }
    reports
}

/// Feeds the reports until the run is over.
fn tell(mut reports: Reports, mut events: mpsc::UnboundedReceiver<Event>) -> Vec<io::Error> {
    while let Some(event) = events.blocking_recv() {
        reports.event(&event);
    }
    reports.finish()
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
