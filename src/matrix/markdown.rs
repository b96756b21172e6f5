//! The matrix as Markdown: for a wiki, a release note, a pull request.

use std::fmt::Write;

use super::build::Matrix;

/// The matrix as one Markdown document.
pub fn markdown(matrix: &Matrix) -> String {
    let mut out = String::from("# Conformance matrix\n\n");
    for column in &matrix.columns {
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "- {}: {}, from {} ({})",
            cell(&column.name),
            cell(&column.outcome),
            cell(&column.started_at),
            cell(&column.file)
        );
    }
    let names: Vec<String> = matrix.columns.iter().map(|column| cell(&column.name)).collect();
    let _ = writeln!(out, "\n| clause, and its checks | {} |", names.join(" | "));
    let _ = writeln!(out, "|---|{}", "---|".repeat(names.len()));
    for clause in &matrix.clauses {
        let promise = clause.promise.map(|promise| format!(" {}", cell(promise))).unwrap_or_default();
        let why = clause.not_observable.map(|why| format!(" *({})*", cell(why))).unwrap_or_default();
        let cells: Vec<&str> = clause.cells.iter().map(|standing| standing.words()).collect();
        let _ = writeln!(out, "| **{}**{promise}{why} | {} |", cell(&clause.id), cells.join(" | "));
        for check in &clause.checks {
            let cells: Vec<String> =
                check.cells.iter().map(|verdict| verdict.as_deref().map_or("·".to_owned(), cell)).collect();
            let _ = writeln!(out, "| {} ({}) | {} |", cell(&check.id), cell(&check.level), cells.join(" | "));
        }
    }
    out
}

/// A text that stays within its cell.
fn cell(text: &str) -> String {
    text.replace(['\n', '\r'], " ").replace('\\', "\\\\").replace('|', "\\|").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::{Column, Matrix};

    #[test]
    fn what_a_report_says_does_not_leave_its_cell() {
        let column = Column {
            name: "http://a|b\n# c".to_owned(),
            file: "a.json".to_owned(),
            target: String::new(),
            started_at: String::new(),
            outcome: "<b>".to_owned(),
        };
        let text = markdown(&Matrix { columns: vec![column], clauses: Vec::new() });
        assert!(text.contains("| clause, and its checks | http://a\\|b # c |"), "{text}");
        assert!(!text.contains('<'), "{text}");
    }
}
