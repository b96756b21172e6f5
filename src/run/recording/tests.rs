use std::sync::Arc;

use super::*;
use crate::deployment::Embedded;
use crate::run::record;
use crate::scenario::Source;

const COMMITTED: &str = include_str!("../../../schemas/evidence.schema.json");

/// `TRENCHCHECK_BLESS=1 cargo test evidence_schema` writes the file anew after a change that is meant. Where older evidence
/// cannot be read any more, or would be misread, the version has to rise.
#[test]
fn the_committed_evidence_schema_is_the_one_in_force() {
    let now = serde_json::to_string_pretty(&evidence_schema()).unwrap() + "\n";
    if std::env::var_os("TRENCHCHECK_BLESS").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/evidence.schema.json");
        std::fs::write(path, &now).unwrap();
        return;
    }
    assert!(COMMITTED == now, "run this test with TRENCHCHECK_BLESS=1 if the change is meant");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_is_valid_by_its_schema_and_comes_back_as_it_was() {
    let suite = Arc::new(Suite::load(&Source::Builtin).unwrap());
    let ids =
        ["auth.missing", "events.quota", "limit.body", "limit.fingerprint", "rate.paced", "rate.standard"];
    let places = suite.checks.iter().enumerate().filter(|(_, check)| ids.contains(&check.id.as_str()));
    let places: Vec<usize> = places.map(|(place, _)| place).collect();
    let mock = Embedded::start().await.unwrap();
    let (events, _told) = tokio::sync::mpsc::unbounded_channel();
    // The run takes a dropped sender for Ctrl-C.
    let (_alive, interrupted) = tokio::sync::watch::channel(false);
    let target = Arc::new(mock.target(&["lax-startup".to_owned()], None));
    let options = Options { jobs: 2, ..Options::default() };
    let (_, _, recording) = record(suite, target, &places, options, events, interrupted).await.unwrap();
    let value = serde_json::to_value(&recording).unwrap();
    let schema = serde_json::from_str(COMMITTED).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(&value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    let again: Recording = serde_json::from_value(value.clone()).unwrap();
    assert_eq!(serde_json::to_value(&again).unwrap(), value);
    let mut other = value;
    other["evidence"]["looks"][0]["colour"] = "green".into();
    assert!(!validator.is_valid(&other) && serde_json::from_value::<Recording>(other).is_err());
}
