//! The YAML language in which the contract is written: its types, loading, diagnostics.
//!
//! A file goes through it in this order; each stage reports what is wrong and goes on where it can:
//!
//! 1. `source` finds the files, and [`crate::yaml`] makes trees of them in which every value has its place;
//! 2. `rows` fills the rows of tables into the steps and into what checks read;
//! 3. `file` brings a file of one check into the form of an experiment, and has the types that are read;
//! 4. `rules` checks what types cannot say: that names name something and parts belong together, at last over all files;
//! 5. `load` has all of this done to every file, which is `loaded` then, and builds the suite of [`model`] where nothing is
//!    wrong.
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
mod loaded;
pub mod model;
mod rows;
mod rules;
mod schema;
mod source;
mod steps;
pub mod words;

pub use model::suite::{Check, Suite};
pub use schema::{requests_schema, schema};
pub use source::Source;
pub(crate) use source::{shipped_fixture, shipped_fixtures};
