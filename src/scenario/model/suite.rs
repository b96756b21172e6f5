//! A suite as it is played: experiments with their cases and steps, and the checks that read them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Expect, Fact, Level};
use crate::scenario::file::Action;
use crate::scenario::steps::RequestDef;
use crate::scenario::words::StatusSet;
use crate::yaml::{At, Spanned};

/// Everything a run can play: the experiments, the checks that read their evidence, the shared requests, the literal
/// fixtures.
#[derive(Debug, Clone, Default)]
pub struct Suite {
    /// Every check, sorted by id.
    pub checks: Vec<Check>,
    /// Every experiment, sorted by name.
    pub experiments: Vec<Experiment>,
    /// Requests by name.
    pub requests: BTreeMap<String, Spanned<RequestDef>>,
    /// The JSON bodies that checks may expect, by path below `fixtures/`.
    pub fixtures: BTreeMap<String, serde_json::Value>,
}

/// One check of the contract.
#[derive(Debug, Clone)]
pub struct Check {
    /// Stable id.
    pub id: String,
    /// The clause it enforces.
    pub clause: String,
    /// Further clauses it touches.
    pub also: Vec<String>,
    /// How much it weighs.
    pub level: Level,
    /// What it says, in a sentence or two.
    pub about: String,
    /// Labels for `--tag`; the name of the folder is always one.
    pub tags: Vec<String>,
    /// The page it comes from, where that is not the *Authentication* page.
    pub source: Option<String>,
    /// The file, as the user would name it.
    pub file: Arc<str>,
    /// Where the check's id stands.
    pub at: At,
}

/// What is sent once, and read by one check or by several.
#[derive(Debug, Clone)]
pub struct Experiment {
    /// Its name: that of the file's `experiment`, or the id of the only check that reads it.
    pub name: String,
    /// What is done, and why so.
    pub about: String,
    /// The file, as the user would name it.
    pub file: Arc<str>,
    /// One for each row, or just one.
    pub cases: Vec<Case>,
}

/// An experiment with one row of its table filled in.
#[derive(Debug, Clone)]
pub struct Case {
    /// The row, as `name=value` pairs in the order of the file; empty where there is no table.
    pub row: Vec<(String, String)>,
    /// The role of the key the steps use unless they name another.
    pub key: Option<Spanned<String>>,
    /// Further keys by the name the steps use for them, with their roles.
    pub keys: BTreeMap<String, Spanned<String>>,
    /// Whether all of these keys belong to one account.
    pub one_account: bool,
    /// What is done, in order.
    pub steps: Vec<Spanned<Step>>,
    /// What is read from it.
    pub readings: Vec<Reading>,
    /// A number that is another one when its keys or its steps are.
    pub digest: String,
}

/// What one check reads from the evidence of a case.
#[derive(Debug, Clone)]
pub struct Reading {
    /// The check, by its place in the suite.
    pub check: usize,
    /// Checks that name the cause where they fail: then this one is explained by them.
    pub needs: Vec<String>,
    /// Checks of the same promise elsewhere: where they are broken in the same words, it is one cause.
    pub like: Vec<String>,
    /// What the run learns from it; see [`Fact`].
    pub learns: Option<Fact>,
    /// What is read, in the order of the steps; that of the whole run comes last.
    pub items: Vec<Item>,
}

/// What is read from one piece of evidence. Nothing is said of `find_session` and `fingerprint`, whose step says itself
/// what is to be found.
#[derive(Debug, Clone)]
pub struct Item {
    /// The line of the scenario file.
    pub line: u32,
    /// The steps whose evidence it is, by their places; none where it is that of the whole run.
    pub steps: Vec<usize>,
    /// The status that is taken for granted.
    pub given: Option<StatusSet>,
    /// What must be true.
    pub expect: Option<Expect>,
    /// A fact to report.
    pub observe: Option<String>,
}

/// A step, with the name of its evidence.
#[derive(Debug, Clone)]
pub struct Step {
    /// The name under which checks read what it brings to light; several steps of one table share it.
    pub name: Option<String>,
    /// The row of the step's own table, such as `header=Forwarded`.
    pub row: String,
    /// What is done.
    pub action: Action,
}

/// The row of a case, as failures and messages tell it: `tier=premium second=64`.
pub(crate) fn told_row(row: &[(String, String)]) -> String {
    row.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
}
