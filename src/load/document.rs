//! A run for programs: one form for `--json` and for the `run.json` of a saved run.

use std::io;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde::Serialize;

use super::climb::Climb;
use super::findings::{Finding, findings};
use super::quantile::{Quantile, quantile};
use super::record::RunRecord;
use super::series::Series;
use super::stored::StoredRun;
use super::totals::groups;
use super::verdict::judge;

/// The version of the form. It rises when something is renamed or removed, not when something is added.
pub(super) const SCHEMA: u8 = 1;

/// The record of one run of `trenchcheck load`, or of many shards merged by `trenchcheck merge`.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "trenchcheck load report", extend("$id" = "urn:trenchcheck:schema:load"))]
struct Document {
    /// The version of this form. It rises when something is renamed or removed, not when something is added.
    #[schemars(extend("const" = 1))]
    schema: u8,
    /// What wrote it.
    tool: Tool,
    /// What the run came to.
    verdict: Verdict,
    /// How far the target came, where the run was to end with the first window that misses a threshold; `null` for
    /// any other run, and where the run is invalid or not judged.
    climb: Option<Climb>,
    /// What was run, and every count.
    run: StoredRun,
    /// Every threshold of every lane that could be judged, held or not.
    thresholds: Vec<Finding>,
    /// Times by group of lanes, clock and outcome; those of a group are added up bucket by bucket.
    times: Vec<Times>,
}

/// A program.
#[derive(Serialize, JsonSchema)]
struct Tool {
    /// `trenchcheck`.
    name: &'static str,
    /// Its version.
    version: &'static str,
}

/// What a run came to.
#[derive(Serialize, JsonSchema)]
struct Verdict {
    /// The word for it.
    #[schemars(extend("enum" = ["not-judged", "invalid", "missed", "met"]))]
    word: &'static str,
    /// The number the process exits with.
    exit_code: u8,
    /// Why, a sentence each.
    reasons: Vec<String>,
}

/// The times of one series.
#[derive(Serialize, JsonSchema)]
struct Times {
    /// The lane of the profile.
    group: String,
    /// How many keys it had.
    keys: u32,
    /// What was timed, of requests of which outcome: `admitted.response`, `send-lag`.
    series: String,
    /// How many times were taken.
    samples: u64,
    /// The percentiles, in milliseconds: `p50`, `p90`, `p99`, `p99_9`, `max`.
    milliseconds: Milliseconds,
}

/// Percentiles in milliseconds.
#[derive(Serialize, JsonSchema)]
struct Milliseconds {
    /// The median.
    p50: f64,
    /// What nine in ten stay within.
    p90: f64,
    /// What 99 in 100 stay within.
    p99: f64,
    /// What 999 in 1,000 stay within.
    p99_9: f64,
    /// The longest.
    max: f64,
}

/// The document, with a line break at its end.
pub(super) fn text(run: &RunRecord) -> io::Result<String> {
    let verdict = judge(run);
    let document = Document {
        schema: SCHEMA,
        tool: Tool { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION") },
        verdict: Verdict {
            word: verdict.word(),
            exit_code: verdict.exit().code(),
            reasons: verdict.reasons(),
        },
        climb: verdict.climb(run),
        run: run.into(),
        thresholds: findings(run),
        times: times(run),
    };
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

fn times(run: &RunRecord) -> Vec<Times> {
    let mut all = Vec::new();
    for group in groups(&run.lanes) {
        for series in Series::all() {
            let Some(histogram) = series.of(&group.sum).filter(|times| !times.is_empty()) else { continue };
            let of = |which| quantile(histogram, which).unwrap_or(0.0);
            all.push(Times {
                group: group.sum.group.clone(),
                keys: group.keys,
                series: series.name(),
                samples: histogram.len(),
                milliseconds: Milliseconds {
                    p50: of(Quantile::P50),
                    p90: of(Quantile::P90),
                    p99: of(Quantile::P99),
                    p99_9: of(Quantile::P999),
                    max: of(Quantile::Max),
                },
            });
        }
    }
    all
}

/// The JSON Schema of the document, committed as `schemas/load.schema.json`.
pub fn load_schema() -> Schema {
    SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<Document>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::WindowCounts;
    use crate::load::samples::{GOOD, climbing, lane, run};

    const COMMITTED: &str = include_str!("../../schemas/load.schema.json");

    /// `TRENCHCHECK_BLESS=1 cargo test load_schema` writes the file anew after a change that is meant.
    #[test]
    fn the_committed_load_schema_is_the_one_in_force() {
        let now = serde_json::to_string_pretty(&load_schema()).unwrap() + "\n";
        if std::env::var_os("TRENCHCHECK_BLESS").is_some() {
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/load.schema.json");
            std::fs::write(path, &now).unwrap();
            return;
        }
        assert!(COMMITTED == now, "run this test with TRENCHCHECK_BLESS=1 if the change is meant");
    }

    fn document(run: &RunRecord) -> serde_json::Value {
        serde_json::from_str(&text(run).unwrap()).unwrap()
    }

    #[test]
    fn what_is_written_is_valid_by_the_schema() {
        let few = WindowCounts { admitted: 50, limited: 9, errors: 1, ..GOOD };
        let mut shard = run(
            vec![lane(0, &[GOOD, few]), lane(1, &[])],
            r#"{"admitted": "limit - 1", "response": {"admitted": {"p99_9_ms": 3}}}"#,
        );
        shard.shard = Some((1, 4));
        let schema = serde_json::from_str(COMMITTED).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        for run in [climbing(), run(vec![], "{}"), run(vec![lane(0, &[GOOD])], r#"{"admitted": 60}"#), shard]
        {
            let document = document(&run);
            let errors: Vec<String> = validator
                .iter_errors(&document)
                .map(|error| format!("{}: {error}", error.instance_path()))
                .collect();
            assert!(errors.is_empty(), "{errors:#?}");
        }
    }

    #[test]
    fn the_document_says_where_a_rising_rate_broke() {
        let step = |window: u32, rate: u32| {
            serde_json::json!({
                "window": window,
                "requests_per_minute": [rate, rate],
                "events_per_minute": [rate * 100, rate * 100]
            })
        };
        let climb = serde_json::json!({"lane": "standard-1", "held": step(2, 200), "broke": step(3, 300)});
        assert_eq!(document(&climbing())["climb"], climb);
        let plain = document(&run(vec![lane(0, &[GOOD])], "{}"));
        assert!(plain["climb"].is_null(), "{plain}");
    }

    #[test]
    fn the_document_says_what_the_run_came_to() {
        let few = WindowCounts { admitted: 50, limited: 10, ..GOOD };
        let document = document(&run(vec![lane(0, &[few])], r#"{"admitted": "limit"}"#));
        assert_eq!(
            document["verdict"],
            serde_json::json!({
                "word": "missed",
                "exit_code": 6,
                "reasons": ["standard-1, window 1: admitted 50, expected exactly 60 (limit)"]
            })
        );
        assert_eq!(document["times"][0]["series"], "admitted.response");
        assert_eq!(document["times"][0]["samples"], 50);
        assert_eq!(document["times"][2]["series"], "limited.response");
    }
}
