//! The report in Markdown, for the summaries of CI systems.

use super::super::record::{RunRecord, groups};
use super::super::series::{Outcome, Series};
use super::super::verdict::judge;
use super::tables::{self, Table};
use super::terminal::{self, REASONS};
use crate::report::{code, line};

/// The report as a text.
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
    if let Some(climb) = verdict.climb(run) {
        text += &format!("\n{}\n", line(&climb.to_string()));
    }
    let broken = tables::broken_windows(run);
    for group in groups(&run.lanes) {
        let sum = &group.sum;
        let (told, window) = tables::told(&group);
        text += &format!("\n#### {}\n\n{}\n", code(&sum.group), line(&told));
        text.extend(window.map(|window| format!("\n{}\n", line(&window))));
        let all = [
            Some(tables::windows(run, &group, broken.get(&sum.group))),
            Some(tables::times(sum)),
            tables::histogram(&sum.times[Series::Response(Outcome::Admitted)]),
        ];
        all.iter().flatten().filter(|table| !table.rows.is_empty()).for_each(|of| text += &table(of));
        for (fault, times) in &sum.faults {
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
