//! The conformance matrix: what several deployments, or one at several times, make of every clause of the page.
//!
//! Its rows are the clauses in the page's order, each with its checks; its columns are JSON reports of
//! `trenchcheck test`. A clause that nothing sent over the API can show has its row too, and says so.

mod build;
mod markdown;
mod read;
mod view;

pub use build::{CheckRow, ClauseRow, Column, Matrix, Standing};
pub use markdown::markdown;
pub use read::{MatrixError, Report, read};
pub use view::{matrix_schema, save_matrix};
