//! `trenchcheck plan`: what `test` would send, when and with which keys.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};

use super::complain;
use super::deployment::DeploymentArgs;
use super::plan_document::document;
use super::selection::SelectionArgs;
use super::test::JOBS;
use crate::deployment::TargetInfo;
use crate::report::ExitCode;
use crate::report::page::{Page, Tone};
use crate::report::timeline::scale;
use crate::report::wording::{count, time};
use crate::run::{LeftOut, Plan, plan};
use crate::scenario::Suite;

/// Columns of the timeline.
const COLUMNS: usize = 36;
/// So many checks are named beside a key, and below a reason.
const NAMED: usize = 2;
const NAMED_LEFT_OUT: usize = 6;

/// Says what `test` with the same arguments would do: requests, events, keys and time. Sends nothing.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Without a target it describes the run against the built-in reference. The time is that of a deployment which
answers quickly and counts in fixed windows; one that slides needs longer silences, which a run finds out.

Examples:
  trenchcheck plan
  TRENCHCHECK_KEY_STANDARD=… trenchcheck plan --target https://trenchcoat.example 'rate.*'")]
pub struct PlanArgs {
    /// Which checks.
    #[command(flatten)]
    pub selection: SelectionArgs,

    /// Which deployment.
    #[command(flatten)]
    pub deployment: DeploymentArgs,

    /// Prints JSON (see schemas/plan.schema.json).
    #[arg(long)]
    pub json: bool,
}

/// Runs the command.
///
/// # Errors
/// Those of `out`.
pub fn run(args: &PlanArgs, suite: &Suite, out: &mut dyn Write) -> io::Result<ExitCode> {
    let selected = match args.selection.choose(suite) {
        Ok(selected) => selected,
        Err(why) => {
            complain(&why);
            return Ok(ExitCode::Usage);
        }
    };
    let info = match args.deployment.info() {
        Ok(info) => info,
        Err(error) => {
            complain(&format!("trenchcheck: {error}"));
            return Ok(ExitCode::Usage);
        }
    };
    let plan = plan(suite, &selected, &info, &args.deployment.allow_host, JOBS);
    if args.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&document(&plan, &info))?)?;
    } else {
        let colour = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        text(&plan, &info).write(out, colour)?;
    }
    Ok(ExitCode::Conforms)
}

/// The plan for people.
fn text(plan: &Plan, info: &TargetInfo) -> Page {
    let mut page = Page::default();
    let keys = match &info.keys {
        Some(keys) => format!("{}, real time", count(keys.len() as u64, "key")),
        None => "a mock's keys, virtual time".to_owned(),
    };
    let cases =
        format!("  {} in {}, {keys}", count(plan.checks as u64, "check"), count(plan.cases as u64, "case"));
    page.line(0, &[(Tone::Strong, &info.base_url), (Tone::Plain, &cases)]);
    let sent = format!("{} with {}", count(plan.requests, "request"), count(plan.events, "event"));
    let takes = format!("{sent}; expected to take {}", time(plan.timeline.takes));
    let at_most = plan.at_most().map(|most| format!(", at most {} if the deployment is wrong", time(most)));
    page.line(0, &[(Tone::Plain, &takes), (Tone::Plain, &at_most.unwrap_or_default())]);
    lanes(&mut page, plan);
    if !plan.left_out.is_empty() {
        page.gap();
        page.line(0, &[(Tone::Strong, "left out")]);
        for (why, left_out) in by_reason(&plan.left_out) {
            let ids: Vec<&str> = left_out.iter().map(|left_out| left_out.check.as_str()).collect();
            page.line(2, &[(Tone::Plain, &named(&ids, NAMED_LEFT_OUT)), (Tone::Dim, ": "), (Tone::Dim, why)]);
        }
    }
    page
}

/// One line for each key: what it sends, what it waits for, and who has it.
fn lanes(page: &mut Page, plan: &Plan) {
    let Some(width) = plan.timeline.lanes.iter().map(|lane| lane.key.chars().count()).max() else { return };
    let whole = plan.timeline.takes;
    page.gap();
    page.line(width + 2, &[(Tone::Dim, &scale(whole, COLUMNS))]);
    for lane in &plan.timeline.lanes {
        let key = format!("{:width$}  ", lane.key);
        let drawn = format!("{:COLUMNS$}  ", lane.drawn(whole, COLUMNS));
        let checks = lane.checks();
        let shared = lane.stretches.iter().filter(|stretch| !stretch.alone).count();
        let mut doing = named(&checks, NAMED);
        if shared > 0 {
            let short = count(shared as u64, "short case");
            doing = if doing.is_empty() { short } else { format!("{short}, {doing}") };
        }
        page.line(0, &[(Tone::Plain, &key), (Tone::Good, &drawn), (Tone::Dim, &doing)]);
    }
    page.line(width + 2, &[(Tone::Dim, "█ sends  ─ waits for a window")]);
}

fn by_reason(left_out: &[LeftOut]) -> BTreeMap<&str, Vec<&LeftOut>> {
    let mut reasons: BTreeMap<&str, Vec<&LeftOut>> = BTreeMap::new();
    for one in left_out {
        reasons.entry(&one.why).or_default().push(one);
    }
    reasons
}

fn named(ids: &[&str], most: usize) -> String {
    let shown = ids.iter().take(most).copied().collect::<Vec<_>>().join(", ");
    match ids.len().saturating_sub(most) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
