//! A broken promise, told in full.

use similar::{ChangeTag, TextDiff};

use super::page::level_word;
use super::page::{Page, Tone};
use super::verdict::{CheckResult, Exchange, Failure, Verdict};
use crate::amounts::count;
use crate::contract::clause;

/// So many lines of a body are shown.
const BODY_LINES: usize = 20;

/// Everything a reader needs to see what is wrong with a check, and to see it again.
pub(super) fn check_in_full(page: &mut Page, check: &CheckResult) {
    let (word, tone, gates) = match check.verdict {
        Verdict::Fail => ("FAIL", Tone::Bad, String::new()),
        Verdict::Explained(_) => {
            let cause = check.cause.as_deref().unwrap_or("another check");
            ("BROKEN", Tone::Warn, format!(", explained by {cause}"))
        }
        Verdict::KnownDeviation => ("KNOWN", Tone::Warn, ", a known deviation".to_owned()),
        _ => ("NOTE", Tone::Warn, ", does not gate".to_owned()),
    };
    page.line(
        0,
        &[
            (tone, word),
            (Tone::Plain, "  "),
            (Tone::Strong, &check.id),
            (Tone::Plain, &format!("  ({}{gates})", level_word(check.level))),
        ],
    );
    page.block(2, Tone::Plain, &check.about);
    let promise = clause(&check.clause).map_or(String::new(), |clause| format!(": {}", clause.promise));
    page.line(2, &[(Tone::Strong, &check.clause), (Tone::Plain, &promise)]);
    if let Some(source) = &check.source {
        page.line(2, &[(Tone::Plain, &format!("source: {source}"))]);
    }
    for alike in alike(&check.failures) {
        page.gap();
        failures(page, check, &alike);
    }
}

/// Failures of the same step with the same complaint, together.
fn alike(failures: &[Failure]) -> Vec<Vec<&Failure>> {
    let mut groups: Vec<Vec<&Failure>> = Vec::new();
    for failure in failures {
        match groups.iter_mut().find(|group| group[0].line == failure.line && group[0].what == failure.what) {
            Some(group) => group.push(failure),
            None => groups.push(vec![failure]),
        }
    }
    groups
}

/// The first in full, the others in a line each.
fn failures(page: &mut Page, check: &CheckResult, alike: &[&Failure]) {
    let Some((failure, others)) = alike.split_first() else { return };
    page.line(2, &[(Tone::Bad, &failure.what)]);
    page.line(4, &[(Tone::Dim, &format!("at {}:{}", check.file, failure.line))]);
    if !failure.case.is_empty() {
        page.line(4, &[(Tone::Plain, &format!("with {}", failure.case))]);
    }
    diff(page, &failure.expected, &failure.actual);
    for fact in &failure.facts {
        page.block(4, Tone::Plain, fact);
    }
    if let Some(seen) = &failure.exchange {
        exchange(page, 4, seen);
    }
    if let Some(curl) = &failure.curl {
        page.line(4, &[(Tone::Dim, "to see it again:")]);
        page.block(6, Tone::Plain, curl);
    }
    for other in others {
        let case = if other.case.is_empty() { "once more" } else { &other.case };
        page.line(4, &[(Tone::Plain, &format!("the same with {case}"))]);
    }
}

/// What was expected and what was seen, line by line.
fn diff(page: &mut Page, expected: &str, actual: &str) {
    if expected.is_empty() && actual.is_empty() {
        return;
    }
    page.line(4, &[(Tone::Good, "- expected"), (Tone::Plain, "  "), (Tone::Bad, "+ actual")]);
    let diff = TextDiff::from_lines(expected, actual);
    for (nth, group) in diff.grouped_ops(3).iter().enumerate() {
        if nth > 0 {
            page.line(6, &[(Tone::Dim, "…")]);
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let (sign, tone) = match change.tag() {
                ChangeTag::Delete => ("- ", Tone::Good),
                ChangeTag::Insert => ("+ ", Tone::Bad),
                ChangeTag::Equal => ("  ", Tone::Plain),
            };
            page.line(4, &[(tone, sign), (tone, change.value().trim_end())]);
        }
    }
}

/// A request and its answer.
pub(super) fn exchange(page: &mut Page, indent: usize, exchange: &Exchange) {
    page.line(indent, &[(Tone::Plain, &format!("> {}", exchange.request))]);
    for (name, value) in &exchange.request_headers {
        page.line(indent, &[(Tone::Dim, &format!("> {name}: {value}"))]);
    }
    page.line(indent, &[(Tone::Plain, &format!("< {}", exchange.told()))]);
    for (name, value) in &exchange.response_headers {
        page.line(indent, &[(Tone::Dim, &format!("< {name}: {value}"))]);
    }
    let mut lines = exchange.body.lines();
    for line in lines.by_ref().take(BODY_LINES) {
        page.line(indent + 2, &[(Tone::Plain, line)]);
    }
    let more = lines.count();
    if more > 0 {
        page.line(indent + 2, &[(Tone::Dim, &format!("… {}", count(more as u64, "more line")))]);
    }
}
