//! The report for people.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::super::findings::findings;
use super::super::record::{Group, LaneRecord, Outcome, RunRecord, WindowCounts, groups};
use super::super::series::{Percentiles, Quantile, Series, digits};
use super::super::verdict::LoadVerdict;
use crate::amounts::{count, grouped, time};
use crate::contract::WINDOW_SECONDS;
use crate::report::ExitCode;
use crate::report::page::{Page, Tone};

/// How many reasons are told in full.
const REASONS: usize = 20;

/// The whole report.
pub(super) fn page(run: &RunRecord, verdict: &LoadVerdict) -> Page {
    let mut page = Page::default();
    if let LoadVerdict::Invalid { .. } = verdict {
        // Before anything else: no number below says anything about the target.
        page.line(
            0,
            &[
                (Tone::Bad, "INVALID"),
                (Tone::Plain, "  the generator fell behind; blame nothing below on the target"),
            ],
        );
        reasons(&mut page, verdict);
        page.line(
            2,
            &[(Tone::Dim, "A quieter machine, fewer keys or more shards (--shard) make a run valid.")],
        );
        page.gap();
    }
    head(&mut page, run);
    let broken = broken_windows(run);
    let unjudged = match run.stop_at_first_miss && broken.values().any(|windows| !windows.is_empty()) {
        true => "after the break, not judged",
        false => "not whole, not judged",
    };
    for group in groups(&run.lanes) {
        page.gap();
        lane(&mut page, &group, broken.get(&group.sum.group), unjudged);
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

/// The windows, by group, in which a lane of the group missed something; from 1.
fn broken_windows(run: &RunRecord) -> BTreeMap<String, BTreeSet<usize>> {
    let group_of: BTreeMap<&str, &str> =
        run.lanes.iter().map(|lane| (lane.name.as_str(), lane.group.as_str())).collect();
    let mut broken: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    for finding in findings(run) {
        let Some(group) = group_of.get(finding.lane.as_str()) else { continue };
        let windows = finding.misses.iter().filter_map(|miss| miss.window);
        broken.entry((*group).to_owned()).or_default().extend(windows);
    }
    broken
}

fn lane(page: &mut Page, group: &Group, broken: Option<&BTreeSet<usize>>, unjudged: &str) {
    let sum = &group.sum;
    let each = if group.keys > 1 { " each" } else { "" };
    let first = sum.window_rates.first().copied().unwrap_or_default();
    let rises = sum.window_rates.iter().any(|rates| *rates != (first.0, first.0));
    let events =
        sum.events_limit.map_or(String::new(), |limit| format!(" and {}", count(limit.into(), "event")));
    let limit = match sum.requests_limit {
        u32::MAX => "limit not known".to_owned(),
        limit => format!("limit {}{events} a minute{each}", count(limit.into(), "request")),
    };
    let text = format!(
        ": {}, {}{} requests a minute; {}",
        count(group.keys.into(), "key"),
        if rises { "up to " } else { "" },
        rate(sum.planned_rate_per_minute),
        limit,
    );
    page.line(0, &[(Tone::Strong, &sum.group), (Tone::Plain, &text)]);
    if sum.window != Duration::from_secs(WINDOW_SECONDS) || !sum.rest.is_zero() {
        let silence =
            if sum.rest.is_zero() { String::new() } else { format!(", then {} of silence", time(sum.rest)) };
        let text = format!("a window is {} of requests{silence}", time(sum.window.saturating_sub(sum.rest)));
        page.line(2, &[(Tone::Dim, &text)]);
    }
    windows(group, broken, unjudged).show(page, 2);
    times(sum).show(page, 2);
    for (fault, times) in &sum.faults {
        page.line(2, &[(Tone::Warn, &format!("{} × ", grouped(*times))), (Tone::Plain, fault)]);
    }
}

fn windows(group: &Group, broken: Option<&BTreeSet<usize>>, unjudged: &str) -> Table {
    let sum = &group.sum;
    let told_apart = !sum.times_by_window.is_empty();
    // Of several keys it is known what none of them exceeded, unless their times were kept in full.
    let most = if group.keys > 1 && !told_apart { "≤" } else { "" };
    let mut head = vec!["window", "planned", "sent", "admitted", "limited", "errors", "wrong 429", "events"];
    if told_apart {
        head.push("per min");
    }
    head.extend(["p50 ms", "p99 ms", "max ms"]);
    let mut table = Table::new(0, &head);
    let mut total = WindowCounts::default();
    for (at, counts) in sum.windows.iter().enumerate() {
        total += *counts;
        let (tone, remark) = match () {
            () if at < sum.warm_up_windows as usize => (Tone::Dim, "warm-up, not judged"),
            () if at >= sum.whole_windows as usize => (Tone::Dim, unjudged),
            () if broken.is_some_and(|broken| broken.contains(&(at + 1))) => (Tone::Bad, "not as asked"),
            () => (Tone::Plain, ""),
        };
        let mut cells = row((at + 1).to_string(), counts);
        if told_apart {
            cells.push(step(sum, at));
        }
        cells.extend(quickness(sum, at, most));
        cells.push(remark.to_owned());
        table.row(tone, cells);
    }
    if sum.windows.len() > 1 {
        table.row(Tone::Strong, row("all".to_owned(), &total));
    }
    table
}

/// The rate of a window.
fn step(sum: &LaneRecord, window: usize) -> String {
    let (from, to) = sum.window_rates.get(window).copied().unwrap_or_default();
    if from == to { grouped(from.into()) } else { format!("{}-{}", grouped(from.into()), grouped(to.into())) }
}

/// The median, the p99 and the longest of the response times of what a window admitted.
fn quickness(sum: &LaneRecord, window: usize, most: &str) -> [String; 3] {
    let kept = sum.window_times.get(window).and_then(|times| times.response.get(&Outcome::Admitted).copied());
    let whole = sum.of_window(Series::Response(Outcome::Admitted), window);
    let shown = whole.and_then(Percentiles::of).or(kept);
    shown.map_or_else(Default::default, |of| {
        [of.p50, of.p99, of.max].map(|micros| format!("{most}{}", digits(micros as f64 / 1_000.0)))
    })
}

fn row(window: String, counts: &WindowCounts) -> Vec<String> {
    let numbers = [
        counts.planned,
        counts.sent,
        counts.admitted,
        counts.limited,
        counts.errors,
        counts.wrong_429,
        counts.events_admitted,
    ];
    let mut cells = vec![window];
    cells.extend(numbers.map(grouped));
    cells
}

/// A row for each clock of each outcome that occurred: the admitted by themselves, and the rest too.
fn times(sum: &LaneRecord) -> Table {
    let mut table = Table::new(2, &["in ms", "", "count", "p50", "p90", "p99", "p99.9", "max"]);
    for series in Series::ALL.into_iter().filter(|series| !sum.times[*series].is_empty()) {
        let times = &sum.times[series];
        let (what, clock) = match series {
            Series::Response(outcome) => (outcome.word(), "response"),
            Series::Service(_) => ("", "service"),
            Series::SendLag => ("send lag", ""),
            Series::SlotWait => ("wait for a slot", ""),
        };
        let mut cells = vec![what.to_owned(), clock.to_owned(), grouped(times.len())];
        cells.extend(Quantile::ALL.iter().filter_map(|which| which.of(times)).map(digits));
        table.row(Tone::Plain, cells);
    }
    table
}

/// `60`, `1,000`, `0.5`.
fn rate(per_minute: f64) -> String {
    if per_minute.fract() == 0.0 && per_minute >= 0.0 {
        // A rate is far below what a u64 holds.
        grouped(per_minute as u64)
    } else {
        format!("{per_minute:.1}")
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
    let (tone, text) = match verdict {
        LoadVerdict::Met => (Tone::Good, "met: every threshold held".to_owned()),
        LoadVerdict::Missed { reasons } => {
            (Tone::Bad, format!("missed: {} not held", count(reasons.len() as u64, "threshold")))
        }
        LoadVerdict::Invalid { .. } => (Tone::Bad, "invalid: the generator fell behind".to_owned()),
        LoadVerdict::NotJudged(_) => (Tone::Warn, "not judged".to_owned()),
    };
    let exit: ExitCode = verdict.exit();
    page.line(0, &[(tone, &text), (Tone::Plain, &format!(" (exit code {})", exit.code()))]);
}

/// Rows of cells: words to the left, numbers to the right.
struct Table {
    words: usize,
    rows: Vec<(Tone, Vec<String>)>,
}

impl Table {
    /// A table whose first `words` columns hold words, and the others numbers. A last cell beyond the head
    /// is a remark.
    fn new(words: usize, head: &[&str]) -> Self {
        Self { words, rows: vec![(Tone::Dim, head.iter().map(|cell| (*cell).to_owned()).collect())] }
    }

    /// Adds a row.
    fn row(&mut self, tone: Tone, cells: Vec<String>) {
        self.rows.push((tone, cells));
    }

    /// Puts it on a page.
    fn show(&self, page: &mut Page, indent: usize) {
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
