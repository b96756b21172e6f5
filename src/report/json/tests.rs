use insta::assert_snapshot;
use serde_json::Value;

use super::*;
use crate::report::samples::{KEY, bad, interrupted, report, run};
use crate::report::{Event, Format, ReportFile};

const COMMITTED: &str = include_str!("../../../schemas/report.schema.json");

fn written(events: &[Event]) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.json");
    report(events, ReportFile::new(Format::Json, &path));
    let text = std::fs::read_to_string(path).unwrap();
    assert!(!text.contains(&KEY[8..20]), "{text}");
    serde_json::from_str(&text).unwrap()
}

fn assert_valid(document: &Value) {
    let schema = serde_json::from_str(COMMITTED).unwrap();
    let errors: Vec<String> = jsonschema::validator_for(&schema)
        .unwrap()
        .iter_errors(document)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

/// `TRENCHCHECK_BLESS=1 cargo test report_schema` writes the file anew after a change that is meant.
#[test]
fn the_committed_report_schema_is_the_one_in_force() {
    let now = serde_json::to_string_pretty(&report_schema()).unwrap() + "\n";
    if std::env::var_os("TRENCHCHECK_BLESS").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/report.schema.json");
        std::fs::write(path, &now).unwrap();
        return;
    }
    assert!(COMMITTED == now, "run this test with TRENCHCHECK_BLESS=1 if the change is meant");
}

#[test]
fn a_report_is_valid_by_its_schema() {
    assert_valid(&written(&run()));
    assert_valid(&written(&interrupted()));
    assert_valid(&written(&bad::deployment()));
    let only_the_end = run().pop().unwrap();
    assert_valid(&written(&[only_the_end]));
}

#[test]
fn the_schema_refuses_what_is_no_report() {
    let mut document = written(&run());
    document["checks"][0]["verdict"] = "fine".into();
    let schema = serde_json::from_str(COMMITTED).unwrap();
    assert!(!jsonschema::is_valid(&schema, &document));
}

#[test]
fn an_interrupted_run_names_what_it_did_not_reach() {
    let document = written(&interrupted());
    assert_eq!(document["not_finished"].as_array().unwrap().len(), 6);
    assert_eq!(document["outcome"], serde_json::json!({"exit_code": 130, "word": "interrupted"}));
}

#[test]
fn causes_are_told_with_what_they_explain() {
    let document = written(&bad::deployment());
    let causes = document["causes"].as_array().unwrap();
    assert_eq!(causes.len(), 7);
    assert_eq!(causes[0]["check"], "rate.standard");
    assert_eq!(causes[0]["explains"].as_array().unwrap().len(), 18);
    assert!(causes[3]["failure"]["exchange"]["request"].as_str().unwrap().starts_with("GET https://"));
    assert_eq!(document["summary"]["explained"], 60);
    let check = |id: &str| {
        let checks = document["checks"].as_array().unwrap();
        checks.iter().find(|check| check["id"] == id).unwrap().clone()
    };
    let explained = check("rate.standard-of-endpoint-1");
    assert_eq!((&explained["verdict"], &explained["cause"]), (&"explained".into(), &"rate.standard".into()));
    let blocked = check("limit.retry-after-present-of-endpoint-7");
    assert_eq!(blocked["cause"], "limit.retry-after-present");
    assert_eq!(check("rate.standard")["cause"], Value::Null);
}

#[test]
fn the_document_reads_well() {
    let mut document = written(&run());
    document["tool"]["version"] = "…".into();
    // The causes repeat the failures; they have a test of their own.
    document["causes"].as_array_mut().unwrap().clear();
    // The clauses are the page's; one with a check and one without are enough to see.
    let clauses = document["clauses"].as_array_mut().unwrap();
    clauses.retain(|clause| clause["id"] == "limit.429" || clause["id"] == "key.shown-once");
    document["checks"].as_array_mut().unwrap().truncate(2);
    document["checks"][1]["failures"].as_array_mut().unwrap().truncate(1);
    assert_snapshot!(serde_json::to_string_pretty(&document).unwrap(), @r#"
    {
      "causes": [],
      "checks": [
        {
          "about": "A valid key in the query string opens nothing.",
          "also": [],
          "cases": 1,
          "cause": null,
          "clause": "error.401",
          "deviation": null,
          "facts": [],
          "failures": [],
          "file": "scenarios/auth/no-query.yaml",
          "id": "auth.missing",
          "level": "must",
          "line": 1,
          "not_played": [],
          "reason": null,
          "requests": 2,
          "source": null,
          "took_ms": 12,
          "verdict": "pass"
        },
        {
          "about": "A valid key in the query string opens nothing.",
          "also": [],
          "cases": 5,
          "cause": null,
          "clause": "auth.only-header",
          "deviation": null,
          "facts": [],
          "failures": [
            {
              "actual": "200",
              "case": "name=api_key",
              "curl": "curl -i 'http://127.0.0.1:8080/api/v1/sessions?api_key='\"$TRENCHCHECK_KEY\"",
              "exchange": {
                "body": "{\"data\":{\"sessions\":[]}}\u001b[2J\u0000",
                "outcome": "200",
                "request": "GET http://127.0.0.1:8080/api/v1/sessions?api_key=ct_live_…",
                "request_headers": [
                  [
                    "accept",
                    "application/json"
                  ]
                ],
                "response_headers": [
                  [
                    "content-type",
                    "application/json"
                  ]
                ],
                "took_ms": 3
              },
              "expected": "401",
              "facts": [
                "the answer came 3 ms after the request"
              ],
              "line": 12,
              "what": "the answer has status 200"
            }
          ],
          "file": "scenarios/auth/no-query.yaml",
          "id": "auth.no-query",
          "level": "must",
          "line": 1,
          "not_played": [],
          "reason": null,
          "requests": 6,
          "source": null,
          "took_ms": 12,
          "verdict": "fail"
        }
      ],
      "clauses": [
        {
          "checks": {
            "advisory": 0,
            "blocked": 0,
            "explained": 0,
            "fail": 0,
            "inconclusive": 0,
            "known_deviation": 0,
            "pass": 0,
            "skipped": 0,
            "unexpected_pass": 0
          },
          "id": "key.shown-once",
          "not_observable": "keys are made in the dashboard; the API never shows one",
          "promise": "The plaintext of a key is shown once, at creation, and never again.",
          "touched_by": []
        },
        {
          "checks": {
            "advisory": 0,
            "blocked": 0,
            "explained": 0,
            "fail": 0,
            "inconclusive": 0,
            "known_deviation": 0,
            "pass": 1,
            "skipped": 0,
            "unexpected_pass": 0
          },
          "id": "limit.429",
          "not_observable": null,
          "promise": "Going over a limit is answered with 429.",
          "touched_by": [
            "limit.fingerprint"
          ]
        }
      ],
      "could_not_check": [
        "auth.revoked needs a target that can revoke keys"
      ],
      "facts": [
        "the target takes the documented envelope"
      ],
      "not_finished": [],
      "outcome": {
        "exit_code": 1,
        "word": "failed"
      },
      "run": {
        "interrupted": false,
        "keys": "embedded mock",
        "requests": 12345,
        "rfc": true,
        "started_at": "2026-01-02T03:04:05Z",
        "strict": false,
        "target": "http://127.0.0.1:8080",
        "took_ms": 1234,
        "virtual_time": true
      },
      "schema": 2,
      "summary": {
        "advisory": 1,
        "blocked": 1,
        "explained": 0,
        "fail": 1,
        "inconclusive": 1,
        "known_deviation": 0,
        "pass": 2,
        "skipped": 1,
        "unexpected_pass": 0
      },
      "tool": {
        "name": "trenchcheck",
        "version": "…"
      }
    }
    "#);
}
