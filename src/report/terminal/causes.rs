//! The causes: for each what the deployment does instead, and as much of one failure as is needed to believe it.

use similar::{ChangeTag, TextDiff};

use super::super::event::Cause;
use super::super::page::level_word;
use super::super::page::{COLUMNS, Page, Tone};
use super::super::results::some;
use super::super::verdict::{CheckResult, Exchange, Failure, ONE_OF_MANY, Verdict};
use crate::amounts::count;
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
        format!("  ({}{gates})", level_word(result.level))
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

/// The parts that say anything.
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
