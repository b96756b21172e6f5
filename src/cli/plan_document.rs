//! The plan for programs. Its form is committed as `schemas/plan.schema.json`.

use std::time::Duration;

use schemars::{JsonSchema, Schema};
use serde::Serialize;

use crate::deployment::TargetInfo;
use crate::run::Plan;

/// What `test` with the same arguments would do.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Document {
    /// The target's base URL.
    target: String,
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
    keys: Vec<Lane>,
    /// What will be left out.
    left_out: Vec<LeftOut>,
}

/// A key's uses.
#[derive(Debug, Serialize, JsonSchema)]
struct Lane {
    /// The variable that holds the key.
    variable: String,
    /// Its uses, by their beginnings.
    uses: Vec<Stretch>,
}

/// One case's use of a key. Times are seconds from the beginning of the run.
#[derive(Debug, Serialize, JsonSchema)]
struct Stretch {
    /// The check's id.
    check: String,
    /// The checks that are judged by the same requests.
    with: Vec<String>,
    /// Its beginning.
    from: f64,
    /// Its end.
    until: f64,
    /// When the case does nothing but wait: beginnings and ends.
    waits: Vec<[f64; 2]>,
    /// Whether nobody else uses the key meanwhile.
    alone: bool,
}

/// Cases that will not be played.
#[derive(Debug, Serialize, JsonSchema)]
struct LeftOut {
    /// The check's id.
    check: String,
    /// How many of its cases.
    cases: usize,
    /// Whether these are all of its cases.
    whole: bool,
    /// Why, and what would change that.
    why: String,
}

/// The plan as a document.
pub fn document(plan: &Plan, info: &TargetInfo) -> Document {
    let uses = |lane: &crate::report::Lane| {
        let stretch = |stretch: &crate::report::Stretch| Stretch {
            check: stretch.check.clone(),
            with: stretch.with.clone(),
            from: seconds(stretch.from),
            until: seconds(stretch.until),
            waits: stretch.waits.iter().map(|(from, until)| [seconds(*from), seconds(*until)]).collect(),
            alone: stretch.alone,
        };
        lane.stretches.iter().map(stretch).collect()
    };
    let lane = |lane: &crate::report::Lane| Lane { variable: lane.key.clone(), uses: uses(lane) };
    let left_out = |left_out: &crate::run::LeftOut| LeftOut {
        check: left_out.check.clone(),
        cases: left_out.cases,
        whole: left_out.whole,
        why: left_out.why.clone(),
    };
    Document {
        target: info.base_url.clone(),
        virtual_time: plan.virtual_time,
        checks: plan.checks,
        cases: plan.cases,
        requests: plan.requests,
        events: plan.events,
        expected_seconds: seconds(plan.timeline.takes),
        at_most_seconds: plan.at_most().map(seconds),
        keys: plan.timeline.lanes.iter().map(lane).collect(),
        left_out: plan.left_out.iter().map(left_out).collect(),
    }
}

/// Seconds, to the millisecond.
fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1_000.0).round() / 1_000.0
}

/// The JSON Schema of the document.
pub fn plan_schema() -> Schema {
    schemars::generate::SchemaSettings::draft2020_12()
        .for_serialize()
        .into_generator()
        .into_root_schema_for::<Document>()
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
        let document = document(&plan(&suite, &all, &info, &[], 8), &info);
        let schema = serde_json::from_str(COMMITTED).unwrap();
        let value = serde_json::to_value(document).unwrap();
        assert!(jsonschema::is_valid(&schema, &value), "{value:#}");
        assert!(!jsonschema::is_valid(&schema, &serde_json::json!({"target": 1})));
    }
}
