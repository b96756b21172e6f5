use super::*;
use crate::mutants::samples::mixed;
use crate::scenario::{Source, Suite};

const COMMITTED: &str = include_str!("../../schemas/mutants.schema.json");

fn written() -> serde_json::Value {
    let hunt = mixed();
    let summary = Summary::of(&hunt, &Suite::load(&Source::Builtin).unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mutants.json");
    save_hunt(&path, &hunt, &summary, "2026-01-02T03:04:05Z".to_owned()).unwrap();
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn the_schema_that_is_committed_is_the_one_of_this_program() {
    let mut current = serde_json::to_string_pretty(&hunt_schema()).unwrap();
    current.push('\n');
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/mutants.schema.json");
        std::fs::write(path, &current).unwrap();
    }
    assert_eq!(current, COMMITTED, "run the test with UPDATE_SCHEMAS=1 and look at what changed");
}

#[test]
fn the_report_keeps_to_its_schema() {
    let schema: serde_json::Value = serde_json::from_str(COMMITTED).unwrap();
    let report = written();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(&report).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    let mut wrong = report;
    wrong["mutants"][0]["outcome"] = "killed".into();
    assert!(!validator.is_valid(&wrong));
}

#[test]
fn every_outcome_is_written_with_what_led_to_it() {
    let report = written();
    let mutants = report["mutants"].as_array().unwrap();
    let of = |name: &str| mutants.iter().find(|mutant| mutant["name"] == name).unwrap();
    assert_eq!(of("accept-bearer")["caught_by"][0], "auth.no-bearer");
    assert_eq!(of("accept-basic")["missed_by"][0], "auth.no-basic");
    assert_eq!(of("write-implies-read")["held"][0]["check"], "scope.before-body");
    assert_eq!(of("json-indented")["outcome"], "passed");
    assert!(of("standard-limit-61")["reason"].as_str().unwrap().contains("crossed a reset"));
}
