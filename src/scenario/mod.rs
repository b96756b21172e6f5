//! The YAML language in which the contract is written: its types, loading, diagnostics.
//!
//! A file goes through it in this order; each stage reports what is wrong and goes on where it can:
//!
//! 1. `source` finds the files, and [`crate::yaml`] makes trees of them in which every value has its place;
//! 2. `rows` fills the rows of tables into the steps and into what checks read;
//! 3. `file` brings a file of one check into the form of an experiment, and has the types that are read;
//! 4. `rules` checks what types cannot say: that names name something and parts belong together, at last over all files;
//! 5. `load` builds the suite of [`model`] out of files in which nothing is wrong.
//!
//! ```
//! use trenchcheck::scenario::{Source, Suite};
//!
//! match Suite::load(&Source::Builtin) {
//!     Ok(suite) => println!("{} checks", suite.checks.len()),
//!     Err(problems) => eprintln!("{problems}"),
//! }
//! ```

mod file;
mod load;
pub mod model;
mod rows;
mod rules;
mod schema;
mod source;
mod steps;
pub mod words;

pub use schema::{requests_schema, schema};
pub use source::Source;
pub(crate) use source::{shipped_fixture, shipped_fixtures};

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::yaml::{At, Spanned};
use model::{Experiment, Level, RequestDef};

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
