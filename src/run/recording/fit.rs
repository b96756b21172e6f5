//! Holding old evidence against the scenarios as they are now.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::run::evidence::{Evidence, Gap, NotPlayed};
use crate::scenario::Suite;
use crate::scenario::model::told_row;

/// A case that was to be played.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Planned {
    /// The experiment.
    pub(super) experiment: String,
    /// The row of its table.
    pub(super) row: Vec<(String, String)>,
    /// A number that is another one when the scenario sends something else.
    pub(super) digest: String,
}

/// A case: the experiment and the row.
type Name<'a> = (&'a str, &'a [(String, String)]);

/// The evidence as far as the suite still sends what was sent. Cases that the run did not have, or that sent something else
/// then, count as not played, and it is said why.
pub(super) fn fit(mut evidence: Evidence, planned: &[Planned], suite: &Suite) -> Evidence {
    let digests: HashMap<Name<'_>, &str> = planned
        .iter()
        .map(|planned| ((planned.experiment.as_str(), planned.row.as_slice()), planned.digest.as_str()))
        .collect();
    let mut lacking: HashMap<Name<'_>, String> = HashMap::new();
    for experiment in &suite.experiments {
        for case in &experiment.cases {
            let name = (experiment.name.as_str(), case.row.as_slice());
            let why = match digests.get(&name) {
                Some(digest) if *digest == case.digest => continue,
                Some(_) => "sends something else than when this evidence was recorded",
                None => "is not in this evidence",
            };
            lacking.insert(name, format!("{} {why}", told(name)));
        }
    }
    let is_kept = |experiment: &str, row: &[(String, String)]| !lacking.contains_key(&(experiment, row));
    evidence.plays.retain(|play| is_kept(&play.experiment, &play.row));
    evidence.not_played.retain(|left| is_kept(&left.experiment, &left.row));
    evidence.not_played.extend(lacking.into_iter().map(|((experiment, row), why)| NotPlayed {
        experiment: experiment.to_owned(),
        row: row.to_vec(),
        why: Gap::Skipped(why),
    }));
    evidence
}

/// What is to be said of checks that were played and that the suite has no longer.
pub(super) fn gone(checks: &[String], suite: &Suite) -> Option<String> {
    let is_there = |id: &String| suite.checks.iter().any(|check| check.id == *id);
    let gone: Vec<&str> = checks.iter().filter(|id| !is_there(id)).map(String::as_str).collect();
    (!gone.is_empty()).then(|| format!("{}: in this evidence, but not in the scenarios", gone.join(", ")))
}

fn told((experiment, row): Name<'_>) -> String {
    format!("`{experiment}` {}", told_row(row)).trim_end().to_owned()
}
