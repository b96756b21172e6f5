//! The end of the report: what was observed, what each clause came to, what stays open, the outcome.

use super::super::event::{CheckResult, RunSummary, Verdict};
use super::super::exit::ExitCode;
use super::super::page::{Page, Tone};
use super::super::tally::{Counts, by_clause};
use super::super::wording::{count, time};

/// Facts about the target, and of those checks whose lines have not shown them.
pub(super) fn observed<'a>(
    page: &mut Page,
    results: impl Iterator<Item = &'a CheckResult>,
    run: &RunSummary,
) {
    let of_checks = results
        .flat_map(|result| result.facts.iter().map(|fact| (format!("{}: ", result.id), fact.as_str())));
    let of_target = run.facts.iter().map(|fact| (String::new(), fact.as_str()));
    section(page, "Observed", of_target.chain(of_checks));
}

/// What could not be checked, and why.
pub(super) fn open(page: &mut Page, results: &[CheckResult], run: &RunSummary) {
    let of_run = run.could_not_check.iter().map(|why| (String::new(), why.as_str()));
    let cases = results.iter().flat_map(|result| {
        result.not_played.iter().map(|case| (format!("{}, in part: ", result.id), case.as_str()))
    });
    let clauses = by_clause(results);
    let hidden = clauses
        .iter()
        .filter_map(|clause| clause.not_observable.map(|why| (format!("{}: ", clause.id), why)));
    section(page, "Could not be checked", of_run.chain(cases).chain(hidden));
}

fn section<'a>(page: &mut Page, title: &str, entries: impl Iterator<Item = (String, &'a str)>) {
    let mut entries = entries.peekable();
    if entries.peek().is_none() {
        return;
    }
    page.gap();
    page.line(0, &[(Tone::Strong, title)]);
    for (subject, text) in entries {
        page.line(2, &[(Tone::Strong, &subject), (Tone::Plain, text)]);
    }
}

/// A row for each clause that has a check in this run.
pub(super) fn clauses(page: &mut Page, results: &[CheckResult]) {
    let tallies = by_clause(results);
    let (played, rest): (Vec<_>, Vec<_>) =
        tallies.iter().partition(|tally| tally.counts != Counts::default());
    if played.is_empty() {
        return;
    }
    let width = played.iter().map(|tally| tally.id.len()).max().unwrap_or(0);
    page.gap();
    page.line(0, &[(Tone::Strong, &format!("{:width$}  pass  fail  note  open", "Clause"))]);
    for tally in played {
        let counts = tally.counts;
        let number = |number: u32| if number == 0 { "     .".to_owned() } else { format!("{number:6}") };
        page.line(
            0,
            &[
                (Tone::Plain, &format!("{:width$}", tally.id)),
                (Tone::Good, &number(counts.pass + counts.unexpected_pass)),
                (Tone::Bad, &number(counts.fail)),
                (Tone::Warn, &number(counts.advisory + counts.known_deviation)),
                (Tone::Dim, &number(counts.open())),
            ],
        );
    }
    let absent: Vec<_> =
        rest.iter().filter(|tally| tally.not_observable.is_none()).map(|tally| tally.id.as_str()).collect();
    if !absent.is_empty() {
        page.line(0, &[(Tone::Dim, &format!("no check in this run: {}", absent.join(", ")))]);
    }
}

/// How many checks came to what, in how much time, with how many requests.
pub(super) fn counts(page: &mut Page, results: &[CheckResult], run: &RunSummary) {
    let counts = Counts::of(results);
    let mut parts = vec![format!("{} passed", counts.pass)];
    let rest = [
        (counts.fail, "failed"),
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
    page.line(0, &[(Tone::Plain, &text)]);
    if results.iter().any(|result| result.verdict == Verdict::Fail) {
        page.line(0, &[(Tone::Dim, "`trenchcheck explain ID` says what a check is about.")]);
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
