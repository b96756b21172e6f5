//! A small suite for the tests of commands.

use crate::scenario::model::Level;
use crate::scenario::{Check, Suite};
use crate::yaml::At;

/// Three checks, sorted by id.
pub(super) fn suite() -> Suite {
    let check = |id: &str, clause: &str, level: Level, about: &str, line: u32| Check {
        id: id.to_owned(),
        clause: clause.to_owned(),
        also: Vec::new(),
        level,
        about: about.to_owned(),
        tags: vec![id.split('.').next().unwrap().to_owned()],
        source: None,
        file: "scenarios/sample.yaml".into(),
        at: At { line, column: 8 },
    };
    let checks = vec![
        check("auth.missing", "error.401", Level::Must, "Without a key\nevery endpoint answers 401.", 1),
        Check {
            also: vec!["auth.header".to_owned()],
            ..check(
                "auth.no-query",
                "auth.only-header",
                Level::Must,
                "A valid key in the query opens nothing.",
                5,
            )
        },
        Check {
            source: Some("the page on limits".to_owned()),
            ..check("rate.standard", "limit.standard", Level::Should, "60 a minute, and not one more.", 9)
        },
    ];
    Suite { checks, ..Suite::default() }
}
