//! Columns that line up.

use crate::report::page::{Page, Tone};

/// Rows of cells: words to the left, numbers to the right.
pub(super) struct Table {
    words: usize,
    rows: Vec<(Tone, Vec<String>)>,
}

impl Table {
    /// A table whose first `words` columns hold words, and the others numbers. A last cell beyond the head
    /// is a remark.
    pub(super) fn new(words: usize, head: &[&str]) -> Self {
        Self { words, rows: vec![(Tone::Dim, head.iter().map(|cell| (*cell).to_owned()).collect())] }
    }

    /// Adds a row.
    pub(super) fn row(&mut self, tone: Tone, cells: Vec<String>) {
        self.rows.push((tone, cells));
    }

    /// Puts it on a page.
    pub(super) fn show(&self, page: &mut Page, indent: usize) {
        let columns = self.rows.first().map_or(0, |(_, head)| head.len());
        let widths: Vec<usize> = (0..columns)
            .map(|at| {
                let cells = self.rows.iter().filter_map(|(_, cells)| cells.get(at));
                cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
            })
            .collect();
        for (tone, cells) in &self.rows {
            let padded: Vec<String> = cells
                .iter()
                .enumerate()
                .map(|(at, cell)| match widths.get(at) {
                    Some(width) if at < self.words => format!("{cell:<width$}"),
                    Some(width) => format!("{cell:>width$}"),
                    None => cell.clone(),
                })
                .collect();
            page.line(indent, &[(*tone, &padded.join("  "))]);
        }
    }
}
