//! Events for the tests of reports.

use std::time::Duration;

use super::event::{CheckResult, Verdict};
use crate::scenario::model::Level;

/// A finished check with nothing remarkable about it.
pub(super) fn result(id: &str, level: Level, verdict: Verdict) -> CheckResult {
    CheckResult {
        id: id.to_owned(),
        clause: "auth.only-header".to_owned(),
        also: Vec::new(),
        level,
        about: "A valid key in the query string opens nothing.".to_owned(),
        source: None,
        file: "scenarios/auth/no-query.yaml".to_owned(),
        line: 1,
        verdict,
        failures: Vec::new(),
        facts: Vec::new(),
        not_played: Vec::new(),
        cases: 1,
        requests: 2,
        took: Duration::from_millis(12),
    }
}
