//! The YAML language in which the contract is written: its types, loading, diagnostics.
//!
//! A file goes through it in this order; each stage reports what is wrong and goes on where it can:
//!
//! 1. `source` finds the files, `text` refuses what is no text;
//! 2. `tree` keeps every value with its place, and a file with a written-out key goes no further;
//! 3. `rows` fills the rows of tables into the steps and into what checks read;
//! 4. `de` reads the types of `file` and [`model`] from the tree, and `experiment` joins steps and readings;
//! 5. `rules` checks what types cannot say: that names name something and parts belong together, at last over all files.
//!
//! ```
//! use trenchcheck::scenario::{Source, Suite};
//!
//! match Suite::load(&Source::Builtin) {
//!     Ok(suite) => println!("{} checks", suite.checks.len()),
//!     Err(problems) => eprintln!("{problems}"),
//! }
//! ```

mod builtin;
mod de;
mod digest;
mod document;
mod expectation;
mod experiment;
mod file;
mod fixtures;
mod load;
pub mod model;
mod nearest;
mod problem;
mod render;
mod request;
mod rows;
mod rules;
mod scalar;
mod schema;
mod secret;
mod source;
pub mod span;
mod steps;
mod text;
mod tree;
pub mod words;

pub(crate) use builtin::{shipped_fixture, shipped_fixtures};
pub use document::read_document;
pub(crate) use nearest::nearest;
pub use problem::{Problem, Problems};
pub use schema::{requests_schema, schema};
pub use secret::mask_key_literals;
pub use source::Source;

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
    /// The JSON fixtures the checks name, by path below `fixtures/`.
    pub fixtures: BTreeMap<String, serde_json::Value>,
}
