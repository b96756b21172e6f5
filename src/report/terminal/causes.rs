//! The end of the report: the causes, for each what the deployment does instead and as much of one failure as is needed to believe
//! it; what was observed, what each clause came to, what stays open, the outcome.

use similar::{ChangeTag, TextDiff};

use super::super::event::{Cause, RunSummary};
use super::super::exit::ExitCode;
use super::super::page::{COLUMNS, Page, Tone};
use super::super::results::{ClauseTally, Counts, by_clause, is_named, open as open_reasons, some};
use super::super::verdict::{CheckResult, Exchange, Failure, ONE_OF_MANY, Verdict};
use crate::amounts::{count, time};
use crate::contract::clause;

/// Header fields that carry a credential; the documented one need not be shown.
const CREDENTIALS: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];
/// Fields of an answer that matter wherever they come.
const TELLING: [&str; 2] = ["retry-after", "www-authenticate"];
/// So many fields of an answer are shown.
const FIELDS: usize = 2;
/// So many marks of a body are looked at for the line that is shown of it.
const BODY: usize = 4 * COLUMNS;

/// A paragraph for each cause, in about ten lines.
pub(super) fn causes(page: &mut Page, causes: &[Cause], results: &[CheckResult]) {
    if causes.is_empty() {
        return;
    }
    let explained: usize = causes.iter().map(|cause| cause.explains.len()).sum();
    let heading = match explained {
        0 => count(causes.len() as u64, "cause"),
        explained => format!(
            "{}, which {} {}",
            count(causes.len() as u64, "cause"),
            if causes.len() == 1 { "explains" } else { "explain" },
            count(explained as u64, "more check"),
        ),
    };
    page.line(0, &[(Tone::Strong, &heading)]);
    let width = causes.len().to_string().len();
    for (nth, cause) in causes.iter().enumerate() {
        if nth > 0 {
            page.gap();
        }
        let result = results.iter().find(|result| result.id == cause.check);
        paragraph(page, &format!("{:width$}", nth + 1), cause, result);
    }
}

fn paragraph(page: &mut Page, number: &str, cause: &Cause, result: Option<&CheckResult>) {
    let indent = number.len() + 2;
    title(page, number, cause, result);
    let promise = clause(&cause.clause).map_or(String::new(), |clause| format!(": {}", clause.promise));
    page.wrapped(indent, 2, &[(Tone::Strong, &cause.clause), (Tone::Plain, &promise)]);
    page.wrapped(indent, 3, &[(Tone::Strong, "instead: "), (Tone::Plain, &cause.says)]);
    let compared = Compared::of(&cause.failure);
    let seen = shown(cause, &compared);
    let together = compared.sentence().map(|sentence| joined("; ", &[seen.clone(), sentence]));
    match together.filter(|line| !compared.is_short && indent + line.chars().count() <= COLUMNS) {
        Some(together) => page.wrapped(indent, 2, &[(Tone::Plain, &together)]),
        None => {
            if !seen.is_empty() {
                page.wrapped(indent, 2, &[(Tone::Plain, &seen)]);
            }
            if !compared.is_short {
                compared.lines(page, indent);
            }
        }
    }
    if let Some(seen) = &cause.failure.exchange {
        exchange(page, indent, seen, cause);
    }
    if !cause.explains.is_empty() {
        page.wrapped(indent, 1, &[(Tone::Plain, &explains(&cause.explains, COLUMNS - indent))]);
    }
    // Somebody will copy it, so it stays on one line.
    page.line(indent, &[(Tone::Dim, "again: "), (Tone::Plain, &cause.again)]);
}

/// `1  auth.no-bearer  (must)  scenarios/auth/no-bearer.yaml:8`.
fn title(page: &mut Page, number: &str, cause: &Cause, result: Option<&CheckResult>) {
    let level = result.map_or(String::new(), |result| {
        let gates = match result.verdict {
            Verdict::KnownDeviation => ", a known deviation",
            _ if cause.gates => "",
            _ => ", does not gate",
        };
        format!("  ({}{gates})", result.level.word())
    });
    let place = result.map_or(String::new(), |result| format!("  {}:{}", result.file, cause.failure.line));
    let tone = if cause.gates { Tone::Bad } else { Tone::Warn };
    page.wrapped(
        0,
        2,
        &[
            (tone, number),
            (Tone::Plain, "  "),
            (Tone::Strong, &cause.check),
            (Tone::Plain, &level),
            (Tone::Dim, &place),
        ],
    );
}

/// In which case it was seen, what it looked like there, and how often besides.
fn shown(cause: &Cause, compared: &Compared) -> String {
    let failure = &cause.failure;
    let what = match compared.sentence() {
        Some(sentence) if compared.is_short => sentence,
        _ if failure.what == cause.says => String::new(),
        _ => failure.what.clone(),
    };
    let case = if failure.case.is_empty() { String::new() } else { format!("with {}", failure.case) };
    let more = match cause.more {
        0 => String::new(),
        more => format!("{} of this check", count(u64::from(more), "more failure")),
    };
    joined("; ", &[joined(": ", &[case, what]), more])
}

fn joined(between: &str, parts: &[String]) -> String {
    parts.iter().filter(|part| !part.is_empty()).map(String::as_str).collect::<Vec<_>>().join(between)
}

/// What differs between what was expected and what was seen.
struct Compared {
    expected: String,
    seen: String,
    /// Whether each was a line, so that nothing else need be said about what broke.
    is_short: bool,
}

impl Compared {
    fn of(failure: &Failure) -> Self {
        let diff = TextDiff::from_lines(&failure.expected, &failure.actual);
        let (mut expected, mut seen) = (Vec::new(), Vec::new());
        for change in diff.iter_all_changes() {
            let line = change.value().trim().trim_end_matches(',');
            match change.tag() {
                ChangeTag::Delete => expected.push(line),
                ChangeTag::Insert => seen.push(line),
                ChangeTag::Equal => {}
            }
        }
        // The body is shown with its answer.
        let body = failure.exchange.as_ref().map_or("", |exchange| exchange.body.trim());
        if seen.len() > 1 {
            seen.retain(|line| *line != body);
        }
        let is_short = failure.expected.lines().count() == 1 && expected.len() == 1 && seen.len() == 1;
        Self { expected: expected.join(", "), seen: seen.join(", "), is_short }
    }

    fn sentence(&self) -> Option<String> {
        match (self.expected.as_str(), self.seen.as_str()) {
            ("", "") => None,
            (expected, "") => Some(format!("missing: {expected}")),
            ("", seen) => Some(format!("not expected: {seen}")),
            (expected, seen) => Some(format!("expected {expected}; got {seen}")),
        }
    }

    /// On one line where there is room.
    fn lines(&self, page: &mut Page, indent: usize) {
        let Some(sentence) = self.sentence() else { return };
        if self.expected.is_empty() || self.seen.is_empty() || indent + sentence.chars().count() <= COLUMNS {
            page.wrapped(indent, 2, &[(Tone::Plain, &sentence)]);
        } else {
            page.wrapped(indent, 2, &[(Tone::Good, "expected "), (Tone::Plain, &self.expected)]);
            page.wrapped(indent, 2, &[(Tone::Bad, "got      "), (Tone::Plain, &self.seen)]);
        }
    }
}

/// The request, the status, and those fields and that part of the body that say something about it.
fn exchange(page: &mut Page, indent: usize, exchange: &Exchange, cause: &Cause) {
    if exchange.request != ONE_OF_MANY {
        page.wrapped(indent, 1, &[(Tone::Plain, &format!("> {}", exchange.request))]);
    }
    let credential = |name: &str| CREDENTIALS.iter().any(|field| name.eq_ignore_ascii_case(field));
    if let Some((name, value)) = exchange.request_headers.iter().find(|(name, _)| credential(name)) {
        page.wrapped(indent, 1, &[(Tone::Plain, &format!("> {name}: {value}"))]);
    }
    let Failure { what, expected, actual, .. } = &cause.failure;
    let spoken_of = [&cause.says, what, expected, actual].map(|text| text.to_ascii_lowercase());
    let tells = |name: &str| {
        let name = name.to_ascii_lowercase();
        // Names without a dash are words that turn up anywhere: date, server, via.
        TELLING.contains(&name.as_str())
            || name.contains('-') && spoken_of.iter().any(|text| text.contains(&name))
    };
    let fields = exchange.response_headers.iter().filter(|(name, _)| tells(name)).take(FIELDS);
    let fields: Vec<String> = fields.map(|(name, value)| format!("{name}: {value}")).collect();
    let status = format!("< {}", exchange.told());
    let together = [std::slice::from_ref(&status), fields.as_slice()].concat().join("  ");
    if indent + together.chars().count() <= COLUMNS {
        page.wrapped(indent, 1, &[(Tone::Plain, &together)]);
    } else {
        page.wrapped(indent, 1, &[(Tone::Plain, &status)]);
        for field in fields {
            page.wrapped(indent, 1, &[(Tone::Plain, &format!("< {field}"))]);
        }
    }
    let beginning: String = exchange.body.chars().take(BODY).collect();
    let body = beginning.split_whitespace().collect::<Vec<_>>().join(" ");
    if !body.is_empty() {
        page.wrapped(indent + 2, 1, &[(Tone::Dim, &body)]);
    }
}

/// `explains 12 checks: a, b, c and 9 more`, with as many of them as there is room for.
fn explains(ids: &[String], room: usize) -> String {
    let told = |shown: usize| format!("explains {}: {}", count(ids.len() as u64, "check"), some(ids, shown));
    (2..=ids.len()).rev().map(told).find(|text| text.chars().count() <= room).unwrap_or_else(|| told(1))
}

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
    let mut entries: Vec<(String, &str)> =
        reasons.iter().map(|(reason, checks)| (format!("{}: ", some(checks, NAMED)), *reason)).collect();
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
