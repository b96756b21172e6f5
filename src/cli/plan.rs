//! `trenchcheck plan`: what `test` would send, when and with which keys.

use std::collections::BTreeMap;
use std::io::{self, Write};

use schemars::{JsonSchema, Schema};
use serde::Serialize;

use super::args::SelectionArgs;
use super::deployment::{DeploymentArgs, refused};
use super::tell::{Ended, is_coloured, told};
use crate::amounts::{count, time};
use crate::deployment::TargetInfo;
use crate::report::key_schedule::{PlannedLane, scale, seconds};
use crate::report::page::{Page, Tone};
use crate::report::{ExitCode, schema_of, some};
use crate::run::{JOBS, LeftOut, TestPlan, plan};
use crate::scenario::Suite;

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
    #[command(flatten)]
    pub(super) selection: SelectionArgs,

    #[command(flatten)]
    pub(super) deployment: DeploymentArgs,

    /// Prints JSON (see schemas/plan.schema.json).
    #[arg(long)]
    pub json: bool,
}

pub(super) async fn run(args: &PlanArgs, suite: &Suite, out: &mut dyn Write) -> Ended {
    let selected = args.selection.choose(suite)?;
    let (info, reach) = args.deployment.info().map_err(refused)?;
    args.deployment.hint_at_mock(info.keys.as_deref().unwrap_or_default());
    let plan = plan(suite, &selected, &info, &args.deployment.allow_host, JOBS);
    let said = match args.json {
        true => serde_json::to_string_pretty(&document(&plan, &info))
            .map_err(io::Error::from)
            .and_then(|text| writeln!(out, "{text}")),
        false => text(&plan, &info).write(out, is_coloured(&io::stdout())),
    };
    // The plan is of use in any case, but the run would end at once.
    if let Some(reach) = reach {
        reach.listens(&info.base_url).await.map_err(refused)?;
    }
    Ok(told(said, ExitCode::Conforms))
}

fn text(plan: &TestPlan, info: &TargetInfo) -> Page {
    let mut page = Page::default();
    let keys = match &info.keys {
        Some(keys) => format!("{}, real time", count(keys.len() as u64, "key")),
        None => "a mock's keys, virtual time".to_owned(),
    };
    let cases =
        format!("  {} in {}, {keys}", count(plan.checks as u64, "check"), count(plan.cases as u64, "case"));
    page.line(0, &[(Tone::Strong, &info.base_url), (Tone::Plain, &cases)]);
    let sent = format!("{} with {}", count(plan.requests, "request"), count(plan.events, "event"));
    let takes = format!("{sent}; expected to take {}", time(plan.schedule.takes));
    let at_most = plan.at_most().map(|most| format!(", at most {} if the deployment is wrong", time(most)));
    page.line(0, &[(Tone::Plain, &takes), (Tone::Plain, &at_most.unwrap_or_default())]);
    lanes(&mut page, plan);
    if !plan.left_out.is_empty() {
        page.gap();
        page.line(0, &[(Tone::Strong, "left out")]);
        for (why, left_out) in by_reason(&plan.left_out) {
            let ids: Vec<&str> = left_out.iter().map(|left_out| left_out.check.as_str()).collect();
            page.line(2, &[(Tone::Plain, &some(&ids, NAMED_LEFT_OUT)), (Tone::Dim, ": "), (Tone::Dim, why)]);
        }
    }
    page
}

/// One line for each key: what it sends, what it waits for, and who has it.
fn lanes(page: &mut Page, plan: &TestPlan) {
    let Some(width) = plan.schedule.lanes.iter().map(|lane| lane.key.chars().count()).max() else { return };
    let whole = plan.schedule.takes;
    page.gap();
    page.line(width + 2, &[(Tone::Dim, &scale(whole, COLUMNS))]);
    for lane in &plan.schedule.lanes {
        let key = format!("{:width$}  ", lane.key);
        let drawn = format!("{:COLUMNS$}  ", lane.drawn(whole, COLUMNS));
        let shared = lane.stretches.iter().filter(|stretch| !stretch.alone).count();
        let short = (shared > 0).then(|| count(shared as u64, "short case"));
        let alone = Some(some(&lane.checks(), NAMED)).filter(|checks| !checks.is_empty());
        let doing = short.into_iter().chain(alone).collect::<Vec<_>>().join(", ");
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

/// What `test` with the same arguments would do.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "trenchcheck plan", extend("$id" = "urn:trenchcheck:schema:plan"))]
struct PlanReport<'a> {
    /// The target's base URL.
    target: &'a str,
    /// Whether waits advance the target's clock instead of taking real time.
    virtual_time: bool,
    /// How many checks will be played, at least in part.
    checks: usize,
    /// How many cases they have in all.
    cases: usize,
    /// Requests that will be sent, positive controls included.
    requests: u64,
    /// Events in them.
    events: u64,
    /// How long it takes at a deployment that answers quickly and counts in fixed windows.
    expected_seconds: f64,
    /// How long it takes at most if the deployment is wrong; absent in virtual time.
    #[serde(skip_serializing_if = "Option::is_none")]
    at_most_seconds: Option<f64>,
    /// When which key is used for what; empty where every check gets keys of its own.
    keys: &'a [PlannedLane],
    /// What will be left out.
    left_out: &'a [LeftOut],
}

fn document<'a>(plan: &'a TestPlan, info: &'a TargetInfo) -> PlanReport<'a> {
    PlanReport {
        target: &info.base_url,
        virtual_time: plan.virtual_time,
        checks: plan.checks,
        cases: plan.cases,
        requests: plan.requests,
        events: plan.events,
        expected_seconds: seconds(plan.schedule.takes),
        at_most_seconds: plan.at_most().map(seconds),
        keys: &plan.schedule.lanes,
        left_out: &plan.left_out,
    }
}

/// The JSON Schema of the document.
pub fn plan_schema() -> Schema {
    schema_of::<PlanReport<'_>>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::plan;
    use crate::scenario::{Source, Suite};

    const COMMITTED: &str = include_str!("../../schemas/plan.schema.json");

    /// `TRENCHCHECK_BLESS=1 cargo test plan_schema` writes the file anew after a change that is meant.
    #[test]
    fn the_committed_plan_schema_is_the_one_in_force() {
        let now = serde_json::to_string_pretty(&plan_schema()).unwrap() + "\n";
        if std::env::var_os("TRENCHCHECK_BLESS").is_some() {
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/plan.schema.json");
            std::fs::write(path, &now).unwrap();
            return;
        }
        assert_eq!(now, COMMITTED);
    }

    #[test]
    fn a_plan_is_valid_by_its_schema() {
        let suite = Suite::load(&Source::Builtin).unwrap();
        let all: Vec<usize> = (0..suite.checks.len()).collect();
        let info = TargetInfo::embedded();
        let plan = plan(&suite, &all, &info, &[], 8);
        let document = document(&plan, &info);
        let schema = serde_json::from_str(COMMITTED).unwrap();
        let value = serde_json::to_value(document).unwrap();
        assert!(jsonschema::is_valid(&schema, &value), "{value:#}");
        assert!(!jsonschema::is_valid(&schema, &serde_json::json!({"target": 1})));
    }
}
