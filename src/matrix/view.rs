//! The matrix for programs. The descriptions end up in the JSON Schema.

use std::io;
use std::path::Path;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde::Serialize;

use super::build::{CheckRow, ClauseRow, Column, Matrix};
use crate::report::save;

/// The matrix of some reports of `trenchcheck test`.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "trenchcheck conformance matrix", extend("$id" = "urn:trenchcheck:schema:matrix"))]
struct Document<'a> {
    /// The version of this form. It rises when something is renamed or removed, not when something is added.
    #[schemars(extend("const" = 1))]
    schema: u8,
    /// The reports; every list of cells follows their order.
    reports: Vec<ColumnView<'a>>,
    /// Every clause of the page, in the page's order, then those of scenarios of somebody's own.
    clauses: Vec<ClauseView<'a>>,
}

/// A report.
#[derive(Serialize, JsonSchema)]
struct ColumnView<'a> {
    /// What its column is called.
    name: &'a str,
    /// The file.
    file: &'a str,
    /// The target's base URL.
    target: &'a str,
    /// When the run began.
    started_at: &'a str,
    /// What the run came to, in a word.
    outcome: &'a str,
}

/// A clause.
#[derive(Serialize, JsonSchema)]
struct ClauseView<'a> {
    /// Its id.
    id: &'a str,
    /// What the page promises; null for a clause the page does not have.
    promise: Option<&'static str>,
    /// Why nothing sent over the API can show it, where that is so.
    not_observable: Option<&'static str>,
    /// How it stands in each report.
    #[schemars(extend("items" = {"enum": [
        "kept", "kept in part", "kept, with advice", "known deviation", "broken", "open", "not checked",
        "not observable over the API"
    ]}))]
    cells: Vec<&'static str>,
    /// The checks that enforce it.
    checks: Vec<CheckView<'a>>,
}

/// A check.
#[derive(Serialize, JsonSchema)]
struct CheckView<'a> {
    /// Its id.
    id: &'a str,
    /// How much it weighs.
    level: &'a str,
    /// Its verdict in each report; null where the report does not have it.
    cells: &'a [Option<String>],
}

/// Writes the matrix as JSON.
///
/// # Errors
/// Where the file could not be written.
pub fn save_matrix(path: &Path, matrix: &Matrix) -> io::Result<()> {
    let mut text = serde_json::to_string_pretty(&document(matrix))?;
    text.push('\n');
    save(path, text.as_bytes())
}

/// The JSON Schema of the matrix, committed as `schemas/matrix.schema.json`.
pub fn matrix_schema() -> Schema {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    settings.into_generator().into_root_schema_for::<Document<'_>>()
}

fn document(matrix: &Matrix) -> Document<'_> {
    Document {
        schema: 1,
        reports: matrix.columns.iter().map(column).collect(),
        clauses: matrix.clauses.iter().map(clause).collect(),
    }
}

fn column(column: &Column) -> ColumnView<'_> {
    let Column { name, file, target, started_at, outcome } = column;
    ColumnView { name, file, target, started_at, outcome }
}

fn clause(row: &ClauseRow) -> ClauseView<'_> {
    let ClauseRow { id, promise, not_observable, cells, checks } = row;
    ClauseView {
        id,
        promise: *promise,
        not_observable: *not_observable,
        cells: cells.iter().map(|standing| standing.words()).collect(),
        checks: checks.iter().map(|CheckRow { id, level, cells }| CheckView { id, level, cells }).collect(),
    }
}
