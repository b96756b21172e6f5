//! The report for people.

use std::collections::BTreeSet;

use super::super::record::{Group, RunRecord, groups};
use super::super::series::{Outcome, Series};
use super::super::verdict::LoadVerdict;
use super::tables::{broken_windows, histogram, times, told, windows};
use crate::amounts::{count, grouped, time};
use crate::report::page::{Page, Tone};

/// How many reasons are told in full.
pub(super) const REASONS: usize = 20;

/// The whole report.
pub(super) fn page(run: &RunRecord, verdict: &LoadVerdict) -> Page {
    let mut page = Page::default();
    if let LoadVerdict::Invalid { reasons: of } = verdict {
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
    let broken = broken_windows(run);
    for group in groups(&run.lanes) {
        page.gap();
        lane(&mut page, run, &group, broken.get(&group.sum.group));
    }
    page.gap();
    if let Some(climb) = verdict.climb(run) {
        page.line(2, &[(Tone::Strong, &climb.to_string())]);
    }
    if !matches!(verdict, LoadVerdict::Invalid { .. }) {
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

fn lane(page: &mut Page, run: &RunRecord, group: &Group, broken: Option<&BTreeSet<usize>>) {
    let sum = &group.sum;
    let (text, window) = told(group);
    page.line(0, &[(Tone::Strong, &sum.group), (Tone::Plain, ": "), (Tone::Plain, &text)]);
    if let Some(window) = window {
        page.line(2, &[(Tone::Dim, &window)]);
    }
    if sum.windows.iter().all(|counts| counts.sent == 0) {
        page.line(2, &[(Tone::Dim, "nothing was sent")]);
        return;
    }
    windows(run, group, broken).show(page, 2);
    times(sum).show(page, 2);
    if let Some(histogram) = histogram(&sum.times[Series::Response(Outcome::Admitted)]) {
        histogram.show(page, 2);
    }
    for (fault, times) in &sum.faults {
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
    let tone = match verdict {
        LoadVerdict::Met => Tone::Good,
        LoadVerdict::Missed { .. } | LoadVerdict::Invalid { .. } => Tone::Bad,
        LoadVerdict::NotJudged(_) => Tone::Warn,
    };
    let told = outcome(verdict);
    let (text, exit) = told.split_once(" (").unwrap_or((&told, ""));
    page.line(0, &[(tone, text), (Tone::Plain, &format!(" ({exit}"))]);
}

/// `missed: 2 thresholds not held (exit code 6)`.
pub(super) fn outcome(verdict: &LoadVerdict) -> String {
    let text = match verdict {
        LoadVerdict::Met => "met: every threshold held".to_owned(),
        LoadVerdict::Missed { reasons } => {
            format!("missed: {} not held", count(reasons.len() as u64, "threshold"))
        }
        LoadVerdict::Invalid { .. } => "invalid: the load was not the one that was asked for".to_owned(),
        LoadVerdict::NotJudged(_) => "not judged".to_owned(),
    };
    format!("{text} (exit code {})", verdict.exit().code())
}
