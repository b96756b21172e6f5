//! The catalogue of deviations; they are switched with a workspace's settings.

use schemars::JsonSchema;
use serde::Serialize;

use crate::mock::deviations::{Entry, Nature, catalogue};

use super::answer::data;
use super::operation::{Gives, Operation, data_of, no_parameters};

pub(super) const OPERATIONS: &[Operation] = &[Operation {
    method: "GET",
    path: "deviations",
    id: "listDeviations",
    about: "Every deviation and legal variant that can be switched on.",
    parameters: no_parameters,
    body: None,
    gives: Gives::Json(200, data_of::<Vec<DeviationView>>),
    run: |_| Ok(data(200, catalogue().iter().map(DeviationView::from).collect::<Vec<_>>())),
}];

#[derive(Serialize, JsonSchema)]
struct DeviationView {
    name: &'static str,
    group: String,
    /// What it does, in one sentence.
    about: &'static str,
    /// The weight of the promise it breaks, `must`, `should` or `rfc`; null for a legal variant.
    breaks: Option<&'static str>,
    /// The checks that ought to name it.
    checks: &'static [&'static str],
}

impl From<&Entry> for DeviationView {
    fn from(entry: &Entry) -> Self {
        let (breaks, checks) = match entry.nature {
            Nature::Deviation { breach, checks, .. } => (Some(breach.as_str()), checks),
            Nature::LegalVariant => (None, &[][..]),
        };
        Self { name: entry.name, group: entry.group.to_string(), about: entry.about, breaks, checks }
    }
}
