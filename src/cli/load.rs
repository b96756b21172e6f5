//! `trenchcheck load`, and `trenchcheck merge` of what it left behind on many machines.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;

use chrono::{DateTime, Utc};

use super::compare::ComparisonArgs;
use super::deployment::{DeploymentArgs, refused};
use super::reports::{deliver, try_outputs};
use super::tell::{Ended, fail, is_coloured, say, told};
use crate::amounts::{count, grouped, part, time};
use crate::deployment::{Keys, Target};
use crate::load::compared::page;
use crate::load::profile::{Align, Library, Shelved};
use crate::load::{
    Collector, Comparison, Conduct, LoadPlan, Measured, Outputs, Overrides, Shard, merge, play,
};
use crate::report::{ExitCode, Redactor};
use crate::scenario::Source;

/// Hold keys at a rate and judge every window.
///
/// Without a target, the reference API starts in this process. A run ends with exit code 6 when a threshold
/// was missed, and 7 when this machine fell behind its schedule, which says nothing about the target.
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "Example: trenchcheck load                                  (a short ingestion run, at once)\n         \
                  trenchcheck load --list\n         \
                  trenchcheck load sustain-ingestion --target http://127.0.0.1:8080 --dry-run"
)]
pub struct LoadArgs {
    /// A profile's name, or a file that ends in .yaml.
    #[arg(value_name = "PROFILE", default_value = "quick-ingestion")]
    pub profile: String,

    /// Lists the profiles.
    #[arg(long)]
    pub list: bool,

    /// Says what would be sent, and sends nothing.
    #[arg(long)]
    pub dry_run: bool,

    #[command(flatten)]
    pub(super) deployment: DeploymentArgs,

    #[command(flatten)]
    pub(super) overrides: Overrides,

    /// Plays a part of the keys, such as 2/4.
    #[arg(long, value_name = "I/N", value_parser = parse_shard)]
    pub shard: Option<Shard>,

    /// When the schedule begins: 2026-01-31T12:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = parse_instant)]
    pub start_at: Option<DateTime<Utc>>,

    /// Lets goose write its own report: .html, .md, .json.
    #[arg(long, value_name = "FILE", value_parser = parse_goose_report)]
    pub goose_report: Option<PathBuf>,

    /// Answers Prometheus at this address, `/metrics`.
    #[arg(long, value_name = "ADDRESS")]
    pub metrics: Option<SocketAddr>,

    /// Sends metrics to an OpenTelemetry collector.
    #[arg(long, value_name = "URL", num_args = 0..=1, require_equals = true)]
    pub otlp: Option<Option<String>>,

    /// Shows nothing while the run goes on.
    #[arg(long, short)]
    pub quiet: bool,

    /// Compares the run with this one, saved or as JSON.
    #[arg(long, value_name = "RUN")]
    pub baseline: Option<PathBuf>,

    #[command(flatten)]
    pub(super) comparison: ComparisonArgs,

    #[command(flatten)]
    pub(super) reports: Outputs,
}

/// Goose tells the form of its report by the name, and gives up on any other after everything is set up.
fn parse_goose_report(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("html" | "md" | "json") => Ok(path),
        _ => Err("expected a file that ends in .html, .md or .json".to_owned()),
    }
}

fn parse_shard(text: &str) -> Result<Shard, String> {
    part(text)
        .map(|(index, of)| Shard { index, of })
        .ok_or_else(|| "expected a part and how many there are, such as `1/4`".to_owned())
}

fn parse_instant(text: &str) -> Result<DateTime<Utc>, String> {
    DateTime::parse_from_rfc3339(text)
        .map(|time| time.to_utc())
        .map_err(|error| format!("{error}; expected a time such as 2026-01-31T12:00:00Z"))
}

pub(super) async fn run(args: LoadArgs, source: Source) -> Ended {
    try_outputs(&args.reports).map_err(fail(ExitCode::Usage))?;
    let baseline = match args.baseline {
        Some(path) => Some(Measured::read(&path).map_err(fail(ExitCode::Usage))?),
        None if args.comparison.fail_if.is_empty() => None,
        None => {
            return Err(fail(ExitCode::Usage)("--fail-if compares with a run: name it with --baseline RUN"));
        }
    };
    let otlp = args.otlp.map(|url| Collector::new(url.as_deref(), |name| std::env::var(name).ok()));
    let otlp = otlp.transpose().map_err(fail(ExitCode::Usage))?;
    let library = Library(&source);
    if args.list {
        let profiles = library.all().map_err(fail(ExitCode::Usage))?;
        return Ok(told(list(&profiles, &mut io::stdout()), ExitCode::Conforms));
    }
    let shelved = library.find(&args.profile).map_err(fail(ExitCode::Usage))?;
    // The embedded mock lives as long as this variable.
    let (target, _mock) = args.deployment.find().await.map_err(refused)?;
    let plan =
        LoadPlan::new(&shelved, &args.overrides, &target, args.shard).map_err(fail(ExitCode::Usage))?;
    if let Some(lane) = plan.needs_fresh_windows().filter(|_| args.overrides.no_align) {
        let why = format!(
            "--no-align: a threshold of {lane} is on counts, and what its key was used for before would be held against \
             the target; leave --no-align out, or the threshold"
        );
        return Err(fail(ExitCode::Usage)(why));
    }
    plan.has_lanes().map_err(fail(ExitCode::Usage))?;
    if args.dry_run {
        return Ok(told(tell(&plan, &target, &mut io::stdout()), ExitCode::Conforms));
    }
    for short in plan.falls_short() {
        say(&format!("note: {short}"));
    }
    let conduct = Conduct {
        allowed_hosts: args.deployment.allow_host,
        goose_report: args.goose_report,
        start_at: args.start_at,
        quiet: args.quiet,
        prometheus: args.metrics,
        otlp,
    };
    let redactor = Redactor::default();
    let run = play(plan, &target, conduct, &redactor).await.map_err(|error| fail(error.exit())(error))?;
    let Some(base) = baseline else { return Ok(deliver(run, &redactor, &args.reports)) };
    let comparison = Comparison::new(&base, &Measured::of("this run", &run), &args.comparison.fail_if);
    let exit = deliver(run, &redactor, &args.reports);
    let out = &mut io::stdout();
    let colour = is_coloured(out);
    let said = page(&comparison).write(out, colour);
    Ok(told(said, if exit == ExitCode::Conforms { comparison.exit() } else { exit }))
}

fn list(profiles: &[Shelved], out: &mut dyn Write) -> io::Result<()> {
    let width = profiles.iter().map(|shelved| shelved.profile.profile.len()).max().unwrap_or(0);
    for Shelved { profile, .. } in profiles {
        writeln!(out, "{:width$}  {}", profile.profile.value, profile.about.trim())?;
    }
    Ok(())
}

fn tell(plan: &LoadPlan, target: &Target, out: &mut dyn Write) -> io::Result<()> {
    let (name, url) = (&plan.profile.profile.value, &target.base_url);
    writeln!(out, "{name} would send to {url}, in {}:", time(plan.length()))?;
    for lanes in plan.lanes.chunk_by(|one, other| one.record.group == other.record.group) {
        let (lane, keys) = (&lanes[0], lanes.len());
        let (endpoint, rates, group) =
            (lane.request.endpoint(), &lane.record.window_rates, &lane.record.group);
        let rises = rates.iter().any(|both| Some(both) != rates.first() || both.0 != both.1);
        let up_to = if rises { "up to " } else { "" };
        let each = if lane.batch > 0 { format!(" of {}", lane.batch) } else { String::new() };
        writeln!(
            out,
            "  {group}: {}, {} {}{each}, {}{} a minute, {} a key, {} at once",
            count(keys as u64, &format!("{} key", lane.role)),
            endpoint.method(),
            endpoint.path(),
            up_to,
            grouped(lane.pacer.highest_rate().into()),
            count(lane.pacer.total(), "request"),
            lane.record.in_flight,
        )?;
    }
    writeln!(
        out,
        "{} and {} in all, over {}, at most {} under way at once.",
        count(plan.requests(), "request"),
        count(plan.events(), "event"),
        count(plan.lanes.len() as u64, "lane"),
        plan.in_flight()
    )?;
    if plan.profile.align == Align::FreshWindow && matches!(target.keys, Keys::Environment(_)) {
        writeln!(
            out,
            "Before that each key is used up, and its fresh window is waited for: up to a minute, and a few more requests \
             than its limit."
        )?;
    }
    for short in plan.falls_short() {
        writeln!(out, "{short}.")?;
    }
    Ok(())
}

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

    /// Merges what is there where shards are missing; the run is then invalid.
    #[arg(long)]
    pub partial: bool,

    #[command(flatten)]
    pub(super) reports: Outputs,
}

pub(super) fn run_merge(args: MergeArgs) -> Ended {
    try_outputs(&args.reports).map_err(fail(ExitCode::Usage))?;
    let whole = merge(&args.dirs, !args.partial).map_err(fail(ExitCode::Usage))?;
    // Every shard has masked its keys; what looks like one is masked again.
    Ok(deliver(whole, &Redactor::default(), &args.reports))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::amounts::parse_time;

    #[test]
    fn times_and_shards_are_read_or_refused() {
        assert_eq!(parse_time("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_time("2h"), Ok(Duration::from_secs(7_200)));
        for bad in ["", "5", "s", "0s", "1d", "99999999999999h"] {
            assert!(parse_time(bad).is_err(), "{bad}");
        }
        assert_eq!(parse_shard("2/4"), Ok(Shard { index: 2, of: 4 }));
        for bad in ["0/4", "5/4", "1", "1/0", "a/b"] {
            assert!(parse_shard(bad).is_err(), "{bad}");
        }
        assert!(parse_instant("tomorrow").unwrap_err().contains("expected a time such as"));
    }
}
