//! The tables of a report, the same for people at a terminal and in a browser.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;

use super::super::findings::findings;
use super::super::record::{Group, LaneRecord, RunRecord, WindowCounts, groups};
use super::super::series::{Outcome, Percentiles, Quantile, Series, Times, digits};
use crate::amounts::{count, grouped, time};
use crate::contract::WINDOW_SECONDS;
use crate::report::page::{Page, Tone};

/// How many keys have a row of their own.
const KEYS_SHOWN: usize = 40;

/// Rows of cells: words to the left, numbers to the right. A last cell beyond the head is a remark.
#[derive(Serialize)]
pub(super) struct Table {
    pub(super) about: &'static str,
    /// How many of the first columns hold words.
    pub(super) words: usize,
    pub(super) head: Vec<String>,
    pub(super) rows: Vec<Row>,
}

/// A row, and how it is meant.
#[derive(Serialize)]
pub(super) struct Row {
    #[serde(serialize_with = "class")]
    tone: Tone,
    pub(super) cells: Vec<String>,
}

/// The class by which a page shows a tone.
fn class<S: serde::Serializer>(tone: &Tone, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(tone.class())
}

impl Table {
    pub(super) fn new(about: &'static str, words: usize, head: &[&str]) -> Self {
        Self { about, words, head: head.iter().map(|cell| (*cell).to_owned()).collect(), rows: Vec::new() }
    }

    pub(super) fn row(&mut self, tone: Tone, cells: Vec<String>) {
        self.rows.push(Row { tone, cells });
    }

    /// Leaves out these columns where they say nothing.
    fn without(mut self, empty: impl Fn(&str) -> bool) -> Self {
        for column in (0..self.head.len()).rev() {
            if self.head.get(column).is_some_and(|name| empty(name)) {
                self.head.remove(column);
                self.rows.iter_mut().filter(|row| column < row.cells.len()).for_each(|row| {
                    row.cells.remove(column);
                });
            }
        }
        self
    }

    pub(super) fn show(&self, page: &mut Page, indent: usize) {
        let head = Row { tone: Tone::Dim, cells: self.head.clone() };
        let rows = || std::iter::once(&head).chain(&self.rows);
        let width = |at: usize| {
            rows().filter_map(|row| row.cells.get(at)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.head.len()).map(width).collect();
        for row in rows() {
            let padded = row.cells.iter().enumerate().map(|(at, cell)| match widths.get(at) {
                Some(width) if at < self.words => format!("{cell:<width$}"),
                Some(width) => format!("{cell:>width$}"),
                None => cell.clone(),
            });
            page.line(indent, &[(row.tone, &padded.collect::<Vec<_>>().join("  "))]);
        }
    }
}

/// A group of lanes, as every report tells of it.
#[derive(Serialize)]
pub(super) struct Section {
    pub(super) name: String,
    pub(super) told: String,
    pub(super) window: Option<String>,
    pub(super) tables: Vec<Table>,
    pub(super) faults: Vec<(String, u64)>,
}

/// The groups of a run.
pub(super) fn sections(run: &RunRecord) -> Vec<(Group, Section)> {
    let broken = broken_windows(run);
    let section = |group: Group| {
        let sum = &group.sum;
        let (told, window) = told(&group);
        let mut tables = vec![windows(run, &group, broken.get(&sum.group)), times(sum)];
        tables.extend(histogram(&sum.times[Series::Response(Outcome::Admitted)]));
        let (name, faults) = (sum.group.clone(), sum.faults.clone().into_iter().collect());
        (group, Section { name, told, window, tables, faults })
    };
    groups(&run.lanes).into_iter().map(section).collect()
}

/// `2 keys, 120 requests a minute; limit 60 requests a minute each`, and what a window is where it is no minute.
fn told(group: &Group) -> (String, Option<String>) {
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
        "{}, {}{} requests a minute; {}",
        count(group.keys.into(), "key"),
        if rises { "up to " } else { "" },
        rate(sum.planned_rate_per_minute),
        limit,
    );
    let silence =
        if sum.rest.is_zero() { String::new() } else { format!(", then {} of silence", time(sum.rest)) };
    let is_minute = sum.window == Duration::from_secs(WINDOW_SECONDS) && sum.rest.is_zero();
    let window = format!("a window is {} of requests{silence}", time(sum.window.saturating_sub(sum.rest)));
    (text, (!is_minute).then_some(window))
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

/// The windows of a group, without columns in which there is nothing.
fn windows(run: &RunRecord, group: &Group, broken: Option<&BTreeSet<usize>>) -> Table {
    let unjudged = match run.stop_at_first_miss && broken.is_some_and(|windows| !windows.is_empty()) {
        true => "after the break, not judged",
        false => "not whole, not judged",
    };
    let sum = &group.sum;
    let told_apart = !sum.times_by_window.is_empty();
    // Of several keys it is known what none of them exceeded, unless their times were kept in full.
    let most = if group.keys > 1 && !told_apart { "≤" } else { "" };
    let mut head = vec!["window", "planned", "sent", "admitted", "limited", "errors", "wrong 429", "events"];
    if told_apart {
        head.push("per min");
    }
    head.extend(["p50 ms", "p99 ms", "max ms"]);
    let mut table = Table::new("by window", 0, &head);
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
    table.without(|column| match column {
        "planned" => total.planned == total.sent,
        "limited" => total.limited == 0,
        "errors" => total.errors == 0,
        "wrong 429" => total.wrong_429 == 0,
        "events" => sum.events_per_request == 0,
        _ => false,
    })
}

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
    let mut table = Table::new("times", 2, &["in ms", "", "count", "p50", "p90", "p99", "p99.9", "max"]);
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

/// What each key of a group had admitted in each window.
pub(super) fn keys(run: &RunRecord, group: &str) -> Option<Table> {
    let lanes: Vec<&LaneRecord> = run.lanes.iter().filter(|lane| lane.group == group).collect();
    let windows = lanes.iter().map(|lane| lane.windows.len()).max().unwrap_or(0);
    if lanes.len() < 2 || windows == 0 {
        return None;
    }
    let numbers: Vec<String> = (1..=windows).map(|window| window.to_string()).collect();
    let head: Vec<&str> = std::iter::once("key").chain(numbers.iter().map(String::as_str)).collect();
    let mut table = Table::new("admitted by key and window", 1, &head);
    for lane in lanes.iter().take(KEYS_SHOWN) {
        let admitted = lane.windows.iter().map(|counts| grouped(counts.admitted));
        table.row(Tone::Plain, std::iter::once(lane.name.clone()).chain(admitted).collect());
    }
    if let more @ 1.. = lanes.len().saturating_sub(KEYS_SHOWN) {
        table.row(Tone::Dim, vec![format!("and {more} more")]);
    }
    Some(table)
}

/// How many rows a histogram has, the last one for what took longer than 99 in 100.
const ROWS: u64 = 10;
/// How wide its longest bar is.
const BAR: u64 = 40;

/// How many requests took how long: even steps up to the p99, and the rest.
fn histogram(times: &Times) -> Option<Table> {
    let (low, _) = times.buckets().next()?;
    let high = times.value_at_quantile(0.99);
    let step = (high + 1).saturating_sub(low).div_ceil(ROWS - 1).max(1);
    let mut counts: BTreeMap<u64, u64> = BTreeMap::new();
    for (value, times) in times.buckets() {
        *counts.entry(((value - low) / step).min(ROWS - 1)).or_default() += times;
    }
    let most = counts.values().copied().max()?;
    let last = counts.keys().copied().max()?;
    let mut table = Table::new("response times of admitted requests", 0, &["from ms", "count", ""]);
    for row in 0..=last {
        let count = counts.get(&row).copied().unwrap_or(0);
        let bar = "■".repeat(usize::try_from((count * BAR).div_ceil(most)).unwrap_or(0));
        let from = digits((low + row * step) as f64 / 1_000.0);
        table.row(Tone::Plain, vec![from, grouped(count), format!("{bar:<width$}", width = BAR as usize)]);
    }
    Some(table)
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
