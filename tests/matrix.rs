//! The conformance matrix, from two reports that lie in `tests/reports`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail loudly")]

#[path = "common/program.rs"]
mod program;

use std::path::Path;

use serde_json::Value;
use trenchcheck::contract::CLAUSES;
use trenchcheck::matrix::matrix_schema;

use crate::program::trenchcheck;

const REPORTS: [&str; 2] = ["tests/reports/staging.json", "tests/reports/production.json"];

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_matrix_reads_well() {
    let ran = trenchcheck(here(), &["matrix", REPORTS[0], REPORTS[1]], &[]).ended_with(0);
    insta::assert_snapshot!(ran.out);
}

#[test]
fn every_clause_has_its_row_and_the_json_keeps_to_its_schema() {
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("matrix.json");
    let words = ["matrix", REPORTS[0], REPORTS[1], "--json", json.to_str().unwrap()];
    trenchcheck(here(), &words, &[]).ended_with(0);
    let matrix: Value = serde_json::from_str(&std::fs::read_to_string(&json).unwrap()).unwrap();
    let ids: Vec<&str> =
        matrix["clauses"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap()).collect();
    assert!(CLAUSES.iter().all(|clause| ids.contains(&clause.id)), "{ids:?}");
    let schema = here().join("schemas/matrix.schema.json");
    let mut current = serde_json::to_string_pretty(&matrix_schema()).unwrap();
    current.push('\n');
    if std::env::var_os("TRENCHCHECK_BLESS").is_some() {
        std::fs::write(&schema, &current).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(schema).unwrap(),
        current,
        "TRENCHCHECK_BLESS=1 if the change is meant"
    );
    let schema: Value = serde_json::from_str(&current).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(&matrix).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
}

/// One report that lies here is of the form this program writes, the other of the one before, which it reads, too.
#[test]
fn the_reports_it_is_made_of_keep_to_the_schema_of_reports() {
    let schema = std::fs::read_to_string(here().join("schemas/report.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    for (report, form) in [(REPORTS[0], 2), (REPORTS[1], 1)] {
        let report: Value =
            serde_json::from_str(&std::fs::read_to_string(here().join(report)).unwrap()).unwrap();
        assert_eq!(report["schema"], form);
        if form == 1 {
            continue;
        }
        let errors: Vec<String> = validator.iter_errors(&report).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}");
    }
}

#[test]
fn every_file_that_is_no_report_is_told_of() {
    let words = ["matrix", REPORTS[0], "fixtures/errors/401.json", "README.md", "nowhere.json"];
    let ran = trenchcheck(here(), &words, &[]).ended_with(2);
    for file in &words[2..] {
        assert!(ran.err.contains(file), "{file}: {}", ran.err);
    }
    assert!(ran.out.is_empty() && !ran.err.contains(REPORTS[0]), "{}", ran.err);
}
