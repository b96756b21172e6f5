//! The YAML language in which the contract is written: its types, loading, diagnostics.
//!
//! A file goes through it in this order; each stage reports what is wrong and goes on where it can:
//!
//! 1. `source` finds the files, `text` refuses what is no text;
//! 2. `tree` keeps every value with its place, and a file with a written-out key goes no further;
//! 3. `rows` fills the rows of tables into the steps and into what checks read;
//! 4. `form` brings a file of one check into the form of an experiment, and `de` reads the types of `file` and [`model`];
//! 5. `rules` checks what types cannot say: that names name something and parts belong together, at last over all files;
//! 6. `load` builds the suite out of files in which nothing is wrong.
//!
//! ```
//! use trenchcheck::scenario::{Source, Suite};
//!
//! match Suite::load(&Source::Builtin) {
//!     Ok(suite) => println!("{} checks", suite.checks.len()),
//!     Err(problems) => eprintln!("{problems}"),
//! }
//! ```

mod de;
mod digest;
mod expectation;
mod file;
mod form;
mod load;
pub mod model;
mod problem;
mod request;
mod rows;
mod rules;
mod scalar;
mod schema;
mod source;
pub mod span;
mod steps;
mod text;
mod tree;
pub mod words;

pub(crate) use problem::nearest;
pub use problem::{Problem, Problems, mask_key_literals};
pub use schema::{requests_schema, schema};
pub use source::Source;
pub(crate) use source::{shipped_fixture, shipped_fixtures};
pub use text::read_document;

use model::{Experiment, Level, RequestDef};
use span::{At, Spanned};
use std::collections::BTreeMap;
use std::sync::Arc;

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
