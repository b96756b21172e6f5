//! How runs differ, told: to people at a terminal and in a browser, in Markdown, and as JSON.

use std::io;

use serde::Serialize;
use serde_json::json;

use super::super::compare::{Change, Comparison, Measured};
use super::tables::Table;
use super::{html, pictures};
use crate::report::page::{Page, Tone};
use crate::report::{ExitCode, Tool, code, json_text, line};

const NUMBERS: &str = "Times in ms, with the interval of 95 % confidence, and numbers of requests.";

pub(crate) fn page(of: &Comparison) -> Page {
    let mut page = Page::default();
    page.line(0, &[(Tone::Strong, &of.new), (Tone::Plain, &format!("  beside {}", of.base))]);
    for (group, table) in tables(of) {
        page.line(2, &[(Tone::Strong, group), (Tone::Dim, "  in ms with 95 % confidence, and requests")]);
        table.show(&mut page, 4);
    }
    for doubt in &of.doubts {
        page.line(2, &[(Tone::Warn, doubt)]);
    }
    for broken in &of.broken {
        page.line(2, &[(Tone::Bad, broken)]);
    }
    let (tone, text) = verdict(of);
    page.line(0, &[(tone, text), (Tone::Plain, &format!(" (exit code {})", of.exit().code()))]);
    page
}

fn verdict(of: &Comparison) -> (Tone, &'static str) {
    match of.exit() {
        ExitCode::Conforms => (Tone::Good, "no limit is broken"),
        ExitCode::ThresholdMissed => (Tone::Bad, "changed more than it may"),
        _ => (Tone::Warn, "nothing follows"),
    }
}

fn tables(of: &Comparison) -> Vec<(&str, Table)> {
    of.changes
        .chunk_by(|one, other| one.group == other.group)
        .filter_map(|changes| Some((changes.first()?.group.as_str(), table(changes))))
        .collect()
}

fn table(changes: &[Change]) -> Table {
    let mut table = Table::new(NUMBERS, 1, &["", "base", "new", "change"]);
    for change in changes {
        let (tone, remark) = match (change.clear, change.base == change.new) {
            (true, _) => (Tone::Warn, None),
            (false, true) => (Tone::Dim, None),
            (false, false) => (Tone::Plain, Some("may be chance".to_owned())),
        };
        let mut cells = vec![
            change.metric.word().to_owned(),
            change.interval(change.base),
            change.interval(change.new),
            change.told(),
        ];
        cells.extend(remark);
        table.row(tone, cells);
    }
    table
}

/// Comparisons as tables in Markdown.
pub fn markdown(all: &[Comparison]) -> String {
    all.iter().map(section).collect()
}

fn section(of: &Comparison) -> String {
    // Even within code a bar ends a cell of a table.
    let cell = |text: &str| code(text).replace('|', r"\|");
    let mut text = format!(
        "### {} beside {}\n\n| Lane | | Base | New | Change |\n|---|---|--:|--:|--:|\n",
        code(&of.new),
        code(&of.base)
    );
    for change in &of.changes {
        let told = if change.clear { format!("**{}**", change.told()) } else { change.told() };
        text += &format!(
            "| {} | {} | {} | {} | {told} |\n",
            cell(&change.group),
            change.metric.word(),
            change.interval(change.base),
            change.interval(change.new)
        );
    }
    text.push('\n');
    for said in of.doubts.iter().chain(&of.broken) {
        text += &format!("- {}\n", line(said));
    }
    text + "\nTimes in ms, with the interval of 95 % confidence; bold is more than chance.\n\n"
}

/// Comparisons for programs.
pub fn json(all: &[Comparison]) -> io::Result<String> {
    json_text(&all)
}

/// A group of lanes of one run beside another's.
#[derive(Serialize)]
struct Section<'a> {
    name: &'a str,
    picture: Option<String>,
    table: Table,
}

/// Comparisons as a page with pictures, in one HTML file; each with the two runs it is of.
pub fn html(all: &[(&Comparison, &Measured, &Measured)]) -> io::Result<String> {
    let mut told = Vec::new();
    for (comparison, base, new) in all {
        let mut groups = Vec::new();
        for (name, table) in tables(comparison) {
            let of = |run: &Measured| {
                run.groups.iter().find(|group| group.name == name).map(|group| group.response.clone())
            };
            let picture = match (of(base), of(new)) {
                (Some(base), Some(new)) if !(base.is_empty() && new.is_empty()) => {
                    Some(pictures::beside(&base, &new).map_err(io::Error::other)?)
                }
                _ => None,
            };
            groups.push(Section { name, picture, table });
        }
        let (tone, verdict) = verdict(comparison);
        told.push(json!({
            "comparison": comparison,
            "groups": groups,
            "verdict": verdict,
            "tone": tone.class(),
            "exit_code": comparison.exit().code(),
        }));
    }
    html::page("compared.html", &json!({ "tool": Tool::THIS, "told": told }))
}
