//! The schema and the loader agree on what a file may look like.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail loudly")]

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use trenchcheck::scenario::{requests_schema, schema};

fn as_json(path: &Path) -> Value {
    serde_yaml::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn yaml_files(root: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("fixtures") && !path.ends_with("load") {
            files.extend(yaml_files(path.to_str().unwrap()));
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            files.push(path);
        }
    }
    files
}

#[test]
fn the_schema_takes_what_the_loader_takes() {
    let check = jsonschema::validator_for(&schema()).unwrap();
    let requests = jsonschema::validator_for(&requests_schema()).unwrap();
    for path in yaml_files("tests/good").into_iter().chain(yaml_files("scenarios")) {
        let validator = if path.ends_with("requests.yaml") { &requests } else { &check };
        let faults: Vec<String> = validator
            .iter_errors(&as_json(&path))
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(faults.is_empty(), "{}: {faults:#?}", path.display());
    }
}

#[test]
fn the_schema_refuses_what_is_badly_built() {
    let check = jsonschema::validator_for(&schema()).unwrap();
    let badly_built = [
        "unknown-field",
        "wrong-type",
        "unknown-word",
        "missing-fields",
        "empty-field",
        "no-mapping",
        "just-words",
        "old-words",
        "mixed-forms",
        "inline-in-an-experiment",
    ];
    for name in badly_built {
        let path = PathBuf::from(format!("tests/bad/{name}.yaml"));
        assert!(!check.is_valid(&as_json(&path)), "{name}");
    }
}

#[test]
fn a_variable_may_stand_for_a_word_a_number_and_a_boolean_of_a_step_and_nowhere_else() {
    let check = jsonschema::validator_for(&schema()).unwrap();
    let with = |level: &str, step: &str| -> Value {
        let text = format!("{{check: a.b, clause: auth.header, level: {level}, about: x, steps: [{step}]}}");
        serde_yaml::from_str(&text).unwrap()
    };
    let burst = |rest: &str| format!("{{burst: {{request: r, count: 1, {rest}}}}}");
    assert!(check.is_valid(&with("must", &burst("in_flight: '{n}', fresh_connections: '{f}'"))));
    assert!(check.is_valid(&with("must", "{wait: '{what}'}")));
    assert!(check.is_valid(&with("must", "{send: {request: r, credentials: {bearer: '{form}'}}}")));
    assert!(!check.is_valid(&with("must", &burst("in_flight: many"))));
    assert!(!check.is_valid(&with("must", &burst("fresh_connections: 'yes'"))));
    assert!(!check.is_valid(&with("'{level}'", &burst("in_flight: 1"))));
}

#[test]
fn a_step_does_exactly_one_thing() {
    let check = jsonschema::validator_for(&schema()).unwrap();
    let with = |step: &str| -> Value {
        let text = format!("{{check: a.b, clause: auth.header, level: must, about: x, steps: [{step}]}}");
        serde_yaml::from_str(&text).unwrap()
    };
    assert!(check.is_valid(&with("{wait: promise}")));
    assert!(!check.is_valid(&with("{wait: promise, send: {}}")));
    assert!(!check.is_valid(&with("{expect: {status: 401}}")));
}

#[test]
fn every_field_is_explained() {
    fn walk(schema: &Value, path: &str, silent: &mut Vec<String>) {
        for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            if property.get("description").is_none() {
                silent.push(format!("{path}.{name}"));
            }
        }
        for (name, definition) in schema.get("$defs").and_then(Value::as_object).into_iter().flatten() {
            walk(definition, name, silent);
        }
    }
    let mut silent = Vec::new();
    walk(&schema(), "check", &mut silent);
    walk(&requests_schema(), "requests", &mut silent);
    assert!(silent.is_empty(), "{silent:?}");
}
