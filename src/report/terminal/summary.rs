//! The end of the report: what was observed, what each clause came to, what stays open, the outcome.

use super::super::event::{Cause, RunSummary};
use super::super::exit::ExitCode;
use super::super::page::{Page, Tone};
use super::super::results::{ClauseTally, Counts, by_clause};
use super::super::results::{Open, is_named, open as open_reasons, some};
use super::super::verdict::{CheckResult, Verdict};
use crate::amounts::{count, time};

/// A check is named with so many others that share its reason.
const NAMED: usize = 3;
/// So many facts are shown beside causes, which are what the reader came for.
const FEW: usize = 6;
/// So many lines a fact or a reason may take.
const LINES: usize = 3;

/// Facts about the target, and of those checks whose lines have not shown them. Beside causes, more than a
/// few facts of checks are only counted.
pub(super) fn observed(page: &mut Page, untold: &[CheckResult], run: &RunSummary, causes: bool) {
    let of_checks: Vec<(String, &str)> = untold
        .iter()
        .flat_map(|result| result.facts.iter().map(|fact| (format!("{}: ", result.id), fact.as_str())))
        .collect();
    let mut entries: Vec<(String, &str)> =
        run.facts.iter().map(|fact| (String::new(), fact.as_str())).collect();
    let left_out = (causes && of_checks.len() > FEW)
        .then(|| format!("{} of single checks: shown with --verbose", count(of_checks.len() as u64, "fact")));
    match &left_out {
        Some(left_out) => entries.push((String::new(), left_out)),
        None => entries.extend(of_checks),
    }
    section(page, "Observed", &entries);
}

/// What could not be checked, and why. Causes have said what they blocked.
pub(super) fn open(page: &mut Page, results: &[CheckResult], causes: &[Cause], run: &RunSummary) {
    let reasons = open_reasons(results, |result| is_named(causes, &result.id));
    let mut entries: Vec<(String, &str)> = reasons
        .iter()
        .map(|Open { reason, checks }| (format!("{}: ", some(checks, NAMED)), reason.as_str()))
        .collect();
    // What the run has to say besides: its own words for the same reasons are those of the checks.
    let told = |why: &str| {
        let mut said = results.iter().flat_map(|result| {
            result.verdict.reason().into_iter().chain(result.not_played.iter().map(String::as_str))
        });
        said.any(|reason| why.ends_with(reason))
    };
    let besides = run.could_not_check.iter().filter(|why| !told(why));
    entries.extend(besides.map(|why| (String::new(), why.as_str())));
    let clauses = by_clause(results);
    // Who asked for a few checks did not ask what else there is.
    let is_whole = clauses.iter().all(|clause| clause.is_played() || clause.not_observable.is_some());
    let hidden = clauses.iter().filter(|_| is_whole);
    let hidden = hidden.filter_map(|clause| clause.not_observable.map(|why| (&clause.id, why)));
    entries.extend(hidden.map(|(id, why)| (format!("{id}: "), why)));
    section(page, "Could not be checked", &entries);
}

fn section(page: &mut Page, title: &str, entries: &[(String, &str)]) {
    if entries.is_empty() {
        return;
    }
    page.gap();
    page.line(0, &[(Tone::Strong, title)]);
    for (subject, text) in entries {
        page.wrapped(2, LINES, &[(Tone::Strong, subject), (Tone::Plain, text)]);
    }
}

/// A row for each clause of which not every check in this run passed; those of which all did in a sentence.
pub(super) fn clauses(page: &mut Page, results: &[CheckResult]) {
    let tallies = by_clause(results);
    let played: Vec<_> = tallies.iter().filter(|tally| tally.is_played()).collect();
    if played.is_empty() {
        return;
    }
    page.gap();
    let (kept, others): (Vec<_>, Vec<_>) = played.into_iter().partition(|tally| tally.counts.all_passed());
    if !others.is_empty() {
        table(page, &others);
    }
    let kept: Vec<String> =
        kept.iter().map(|tally| format!("{} ({})", tally.id, tally.counts.passed())).collect();
    if !kept.is_empty() {
        page.wrapped(0, usize::MAX, &[(Tone::Dim, "every check passed: "), (Tone::Plain, &kept.join(", "))]);
    }
}

fn table(page: &mut Page, tallies: &[&ClauseTally]) {
    let width = tallies.iter().map(|tally| tally.id.len()).max().unwrap_or(0);
    page.line(0, &[(Tone::Strong, &format!("{:width$}  pass  fail  explained  note  open", "Clause"))]);
    for tally in tallies {
        let counts = tally.counts;
        let number = |number: u32, width: usize| match number {
            0 => format!("{:>width$}", "."),
            number => format!("{number:width$}"),
        };
        page.line(
            0,
            &[
                (Tone::Plain, &format!("{:width$}", tally.id)),
                (Tone::Good, &number(counts.passed(), 6)),
                (Tone::Bad, &number(counts.fail, 6)),
                (Tone::Warn, &number(counts.explained, 11)),
                (Tone::Warn, &number(counts.advisory + counts.known_deviation, 6)),
                (Tone::Dim, &number(counts.open(), 6)),
            ],
        );
    }
}

/// How many checks came to what, in how much time, with how many requests.
pub(super) fn counts(page: &mut Page, results: &[CheckResult], run: &RunSummary, full: bool) {
    let counts = Counts::of(results);
    let mut parts = vec![format!("{} passed", counts.pass)];
    let rest = [
        (counts.fail, "failed"),
        (counts.explained, "explained"),
        (counts.advisory, "noted"),
        (counts.skipped, "skipped"),
        (counts.blocked, "blocked"),
        (counts.inconclusive, "unsure"),
        (counts.known_deviation, "known"),
        (counts.unexpected_pass, "passed unexpectedly"),
    ];
    parts.extend(
        rest.iter().filter(|(number, _)| *number > 0).map(|(number, word)| format!("{number} {word}")),
    );
    page.gap();
    let text = format!(
        "{}: {}; {} in {}",
        count(results.len() as u64, "check"),
        parts.join(", "),
        count(run.requests, "request"),
        time(run.took)
    );
    page.wrapped(0, LINES, &[(Tone::Plain, &text)]);
    if results.iter().any(|result| result.verdict == Verdict::Fail) {
        let more = if full { "" } else { " `--verbose` shows every failure in full." };
        page.line(0, &[(Tone::Dim, &format!("`trenchcheck explain ID` says what a check is about.{more}"))]);
    }
}

/// The outcome in words, and as a number.
pub(super) fn last_line(page: &mut Page, run: &RunSummary) {
    let tone = match run.exit {
        ExitCode::Conforms => Tone::Good,
        ExitCode::Inconclusive | ExitCode::Interrupted => Tone::Warn,
        _ => Tone::Bad,
    };
    page.line(
        0,
        &[(tone, &run.exit.to_string()), (Tone::Plain, &format!(" (exit code {})", run.exit.code()))],
    );
}
