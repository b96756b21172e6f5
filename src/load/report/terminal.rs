//! The report for people.

use super::super::record::{Group, RunRecord};
use super::super::verdict::LoadVerdict;
use super::tables::{Section, sections};
use crate::amounts::{count, grouped, time};
use crate::report::page::{Page, Tone};

/// How many reasons are told in full.
pub(super) const REASONS: usize = 20;

pub(super) fn page(run: &RunRecord, verdict: &LoadVerdict) -> Page {
    let mut page = Page::default();
    if let LoadVerdict::Invalid(of) = verdict {
        // Before anything else: no number below says anything about the target.
        page.line(
            0,
            &[
                (Tone::Bad, "INVALID"),
                (
                    Tone::Plain,
                    "  the load was not the one that was asked for; blame nothing below on the target",
                ),
            ],
        );
        reasons(&mut page, verdict);
        // What shards are missing or late for is no matter of how busy a machine is.
        if of.iter().any(|finding| run.lanes.iter().any(|lane| lane.name == finding.lane)) {
            page.line(
                2,
                &[(Tone::Dim, "A quieter machine, fewer keys or more shards (--shard) make a run valid.")],
            );
        }
        page.gap();
    }
    head(&mut page, run);
    for (group, section) in sections(run) {
        page.gap();
        tell(&mut page, &group, &section);
    }
    page.gap();
    if let Some(point) = verdict.breaking_point(run) {
        page.line(2, &[(Tone::Strong, &point.to_string())]);
    }
    if !matches!(verdict, LoadVerdict::Invalid(_)) {
        reasons(&mut page, verdict);
    }
    last_line(&mut page, verdict);
    page
}

fn head(page: &mut Page, run: &RunRecord) {
    let shard = run.shard.map_or(String::new(), |shard| format!(", shard {} of {}", shard.index, shard.of));
    let keys = count(run.lanes.len() as u64, "key");
    let text = format!("  against {}, {keys} for {}{shard}", run.target, time(run.took));
    page.line(0, &[(Tone::Strong, &run.profile), (Tone::Plain, &text)]);
}

fn tell(page: &mut Page, group: &Group, section: &Section) {
    page.line(0, &[(Tone::Strong, &section.name), (Tone::Plain, ": "), (Tone::Plain, &section.told)]);
    if let Some(window) = &section.window {
        page.line(2, &[(Tone::Dim, window)]);
    }
    if group.sum.windows.iter().all(|counts| counts.sent == 0) {
        page.line(2, &[(Tone::Dim, "nothing was sent")]);
        return;
    }
    section.tables.iter().for_each(|table| table.show(page, 2));
    for (fault, times) in &section.faults {
        page.line(2, &[(Tone::Warn, &format!("{} × ", grouped(*times))), (Tone::Plain, fault)]);
    }
}

fn reasons(page: &mut Page, verdict: &LoadVerdict) {
    let reasons = verdict.reasons();
    for reason in reasons.iter().take(REASONS) {
        page.line(2, &[(Tone::Plain, reason)]);
    }
    if let more @ 1.. = reasons.len().saturating_sub(REASONS) {
        page.line(2, &[(Tone::Dim, &format!("and {more} more; --json FILE has them all"))]);
    }
}

fn last_line(page: &mut Page, verdict: &LoadVerdict) {
    let told = outcome(verdict);
    let (text, exit) = told.split_once(" (").unwrap_or((&told, ""));
    page.line(0, &[(verdict.tone(), text), (Tone::Plain, &format!(" ({exit}"))]);
}

/// `missed: 2 thresholds not held (exit code 6)`.
pub(super) fn outcome(verdict: &LoadVerdict) -> String {
    let text = match verdict {
        LoadVerdict::Met => "met: every threshold held".to_owned(),
        LoadVerdict::Missed(reasons) => {
            format!("missed: {} not held", count(reasons.len() as u64, "threshold"))
        }
        LoadVerdict::Invalid(_) => "invalid: the load was not the one that was asked for".to_owned(),
        LoadVerdict::NotJudged(_) => "not judged".to_owned(),
    };
    format!("{text} (exit code {})", verdict.exit().code())
}
