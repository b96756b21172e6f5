//! The report in Markdown, for the summaries of CI systems.

use super::super::record::RunRecord;
use super::super::verdict::judge;
use super::tables::{Table, sections};
use super::terminal::{self, REASONS};
use crate::report::{code, line};

pub(super) fn text(run: &RunRecord) -> String {
    let verdict = judge(run);
    let mut text = format!(
        "### {} against {}\n\n**{}**\n",
        code(&run.profile),
        code(&run.target),
        terminal::outcome(&verdict)
    );
    let reasons = verdict.reasons();
    if !reasons.is_empty() {
        text.push('\n');
    }
    for reason in reasons.iter().take(REASONS) {
        text += &format!("- {}\n", line(reason));
    }
    if let more @ 1.. = reasons.len().saturating_sub(REASONS) {
        text += &format!("- and {more} more\n");
    }
    if let Some(point) = verdict.breaking_point(run) {
        text += &format!("\n{}\n", line(&point.to_string()));
    }
    for (_, section) in sections(run) {
        text += &format!("\n#### {}\n\n{}\n", code(&section.name), line(&section.told));
        text.extend(section.window.map(|window| format!("\n{}\n", line(&window))));
        let tables = section.tables.iter().filter(|table| !table.rows.is_empty());
        tables.for_each(|of| text += &table(of));
        for (fault, times) in &section.faults {
            text += &format!("- {times} × {}\n", line(fault));
        }
    }
    text
}

fn table(of: &Table) -> String {
    let columns = of.rows.iter().map(|row| row.cells.len()).chain([of.head.len()]).max().unwrap_or(0);
    let row = |cells: &[String]| {
        let cells = (0..columns).map(|at| line(cells.get(at).map_or("", |cell| cell.trim_end())));
        format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
    };
    // A column without a name holds words, too.
    let is_number = |at: usize| at >= of.words && of.head.get(at).is_some_and(|name| !name.is_empty());
    let sides: Vec<&str> = (0..columns).map(|at| if is_number(at) { "--:" } else { "---" }).collect();
    let rows: String = of.rows.iter().map(|of| row(&of.cells)).collect();
    format!("\n{}| {} |\n{rows}", row(&of.head), sides.join(" | "))
}
