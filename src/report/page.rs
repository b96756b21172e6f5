//! Text for people: lines of toned pieces. The one road to a terminal, so that nothing a target sent
//! can steer it.
//!
//! A broken promise is told in full here, for every report that does.

use std::io::{self, Write};

use similar::{ChangeTag, TextDiff};

use super::verdict::{CheckResult, Exchange, Failure, Verdict};
use crate::amounts::count;
use crate::contract::clause;
use crate::scenario::model::Level;

/// What is broken into lines keeps within so many columns, which any terminal and any CI log has.
pub(crate) const COLUMNS: usize = 100;
/// How far the further lines of a text hang behind its first.
const HANG: usize = 2;
/// However deep a text is indented, so many columns are its own.
const NARROWEST: usize = 20;

/// How a piece of text is meant; a terminal shows it in a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    Strong,
    Dim,
    Good,
    Bad,
    Warn,
}

impl Tone {
    /// The class by which a page in a browser shows it.
    pub(crate) const fn class(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Strong => "strong",
            Self::Dim => "dim",
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Warn => "warn",
        }
    }

    fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Strong => "\x1b[1m",
            Self::Dim => "\x1b[2m",
            Self::Good => "\x1b[32m",
            Self::Bad => "\x1b[31m",
            Self::Warn => "\x1b[33m",
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Page(Vec<Vec<(Tone, String)>>);

impl Page {
    pub(crate) fn line(&mut self, indent: usize, pieces: &[(Tone, &str)]) {
        let mut line = vec![(Tone::Plain, " ".repeat(indent))];
        line.extend(pieces.iter().map(|(tone, text)| (*tone, visible(text).replace('\n', " "))));
        self.0.push(line);
    }

    /// Adds a text, which may have several lines.
    pub(crate) fn block(&mut self, indent: usize, tone: Tone, text: &str) {
        for line in text.lines() {
            self.line(indent, &[(tone, line)]);
        }
    }

    /// Adds a text of one paragraph, broken into at most so many lines of [`COLUMNS`]; what does not fit is cut off.
    pub(crate) fn wrapped(&mut self, indent: usize, lines: usize, pieces: &[(Tone, &str)]) {
        let marks: Vec<(Tone, char)> = pieces
            .iter()
            .flat_map(|(tone, text)| {
                visible(text).replace('\n', " ").chars().map(|mark| (*tone, mark)).collect::<Vec<_>>()
            })
            .collect();
        let mut rest = marks.as_slice();
        for nth in 1.. {
            let indent = indent + if nth > 1 { HANG } else { 0 };
            let room = COLUMNS.saturating_sub(indent).max(NARROWEST);
            if rest.len() <= room {
                self.marks(indent, rest);
                return;
            }
            if nth == lines {
                let cut = [&rest[..room - 1], &[(Tone::Plain, '…')]].concat();
                self.marks(indent, &cut);
                return;
            }
            let space = |from: usize| rest[from..=room].iter().rposition(|(_, mark)| *mark == ' ');
            let cut = space(1).map_or(room, |at| at + 1);
            self.marks(indent, &rest[..cut]);
            let blank = rest[cut..].iter().take_while(|(_, mark)| *mark == ' ').count();
            rest = &rest[cut + blank..];
        }
    }

    fn marks(&mut self, indent: usize, marks: &[(Tone, char)]) {
        let pieces: Vec<(Tone, String)> = marks
            .chunk_by(|(one, _), (other, _)| one == other)
            .map(|alike| (alike[0].0, alike.iter().map(|(_, mark)| mark).collect()))
            .collect();
        let pieces: Vec<(Tone, &str)> = pieces.iter().map(|(tone, text)| (*tone, text.as_str())).collect();
        self.line(indent, &pieces);
    }

    /// Takes an empty line away from the beginning.
    pub(crate) fn without_first_gap(&mut self) {
        if self.0.first().is_some_and(Vec::is_empty) {
            self.0.remove(0);
        }
    }

    pub(crate) fn gap(&mut self) {
        self.0.push(Vec::new());
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn write(&self, out: &mut dyn Write, colour: bool) -> io::Result<()> {
        out.write_all(self.rendered(colour).as_bytes())
    }

    /// The text without colours, and without a line break at its end.
    pub(crate) fn text(&self) -> String {
        let text = self.rendered(false);
        text.strip_suffix('\n').map(str::to_owned).unwrap_or(text)
    }

    fn rendered(&self, colour: bool) -> String {
        let mut text = String::new();
        for line in &self.0 {
            let start = text.len();
            for (tone, piece) in line {
                let code = if colour { tone.code() } else { "" };
                text.push_str(code);
                text.push_str(piece);
                if !code.is_empty() {
                    text.push_str("\x1b[0m");
                }
            }
            text.truncate(start + text[start..].trim_end().len());
            text.push('\n');
        }
        text
    }
}

/// The text with control characters, and those that turn the direction of writing, spelled out.
fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for mark in text.chars() {
        match mark {
            '\n' => out.push('\n'),
            '\t' => out.push_str("    "),
            mark if mark.is_control()
                || matches!(mark, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') =>
            {
                out.extend(mark.escape_default());
            }
            mark => out.push(mark),
        }
    }
    out
}

/// What a level means: where it comes from, and when a failure decides over the run.
pub fn level_meaning(level: Level) -> &'static str {
    match level {
        Level::Must => "the page promises it; a failure always gates",
        Level::Should => "a user would expect it; a failure gates with --strict",
        Level::Rfc => "HTTP itself asks for it; a failure gates with --rfc",
        Level::Observe => "reported only; never gates",
    }
}

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
            (Tone::Plain, &format!("  ({}{gates})", check.level.word())),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_target_cannot_steer_the_terminal() {
        let mut page = Page::default();
        page.block(2, Tone::Plain, "a\x1b]0;owned\x07\u{202e}b\r\nc");
        assert_eq!(page.text(), "  a\\u{1b}]0;owned\\u{7}\\u{202e}b\n  c");
    }

    #[test]
    fn a_paragraph_is_broken_between_words_and_cut_off_where_it_ends() {
        let mut page = Page::default();
        let text = "word ".repeat(50);
        page.wrapped(3, 2, &[(Tone::Strong, "first: "), (Tone::Plain, &text)]);
        page.wrapped(0, 9, &[(Tone::Plain, &"x".repeat(150))]);
        page.wrapped(200, 1, &[(Tone::Plain, "short")]);
        let text = page.text();
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("   first: word") && lines[0].ends_with(" word"), "{text}");
        assert!(lines[1].starts_with("     word") && lines[1].ends_with('…'), "{text}");
        assert!(lines[..4].iter().all(|line| line.chars().count() <= COLUMNS), "{text}");
        assert_eq!((lines[2].len(), lines[3].len(), lines[4].trim()), (100, 52, "short"));
    }

    #[test]
    fn colours_are_switched_off_after_each_piece() {
        let mut page = Page::default();
        page.line(0, &[(Tone::Bad, "FAIL"), (Tone::Plain, " x")]);
        let mut out = Vec::new();
        page.write(&mut out, true).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "\x1b[31mFAIL\x1b[0m x\n");
    }
}
