//! The files of the scenario language, as they are written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::model::{Level, RequestDef, Step};
use super::span::Spanned;

/// One check of the contract.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CheckFile {
    /// The check's id, `group.name` in lower case. It never changes: reports and known deviations name it.
    pub(super) check: Spanned<String>,
    /// The clause of the contract it enforces; see `trenchcheck explain`.
    pub(super) clause: Spanned<String>,
    /// Further clauses it touches.
    #[serde(default)]
    pub(super) also: Vec<Spanned<String>>,
    /// How much it weighs.
    pub(super) level: Spanned<Level>,
    /// What it says, in a sentence or two.
    pub(super) about: Spanned<String>,
    /// Labels for `--tag`; the name of the folder is always one.
    #[serde(default)]
    pub(super) tags: Vec<String>,
    /// The page it comes from, where that is not the *Authentication* page. Such a check is never at level `must`.
    pub(super) source: Option<String>,
    /// The role of the key the steps use unless they name another: `standard`, `premium`, `ingestion`, `read`,
    /// `write`, `both` or `any`.
    pub(super) key: Option<Spanned<String>>,
    /// Further keys by the name the steps use for them, with their roles.
    #[serde(default)]
    pub(super) keys: BTreeMap<String, Spanned<String>>,
    /// Whether all keys of the check belong to one account, as `account` in the target file tells. Skipped where they
    /// cannot.
    #[serde(default)]
    pub(super) one_account: bool,
    /// Plays the steps once for each value, with the value in place of `{name}`. With several names, once for
    /// each combination. Written `{{name}}`, the braces stay.
    #[serde(default)]
    pub(super) for_each: BTreeMap<String, Vec<String>>,
    /// Plays the steps once for each row, with the row's values in place of `{name}`; where not every combination
    /// of values makes sense.
    #[serde(default)]
    pub(super) rows: Vec<BTreeMap<String, String>>,
    /// What is done, in order.
    pub(super) steps: Vec<Spanned<Step>>,
}

/// The requests that checks share, in `requests.yaml`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RequestsFile {
    /// Each by its name.
    pub(super) requests: BTreeMap<String, Spanned<RequestDef>>,
}
