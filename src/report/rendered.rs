//! Reports that are written to a file when a run ends. Those for people, a page of HTML and Markdown, are made from the JSON
//! report and a template.

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, Error, UndefinedBehavior};
use serde::Deserialize;
use serde_json::{Value, json};
use similar::{ChangeTag, TextDiff};

use super::event::{Event, RunSummary};
use super::key_use::KeyUses;
use super::page::Page;
use super::results::{Record, causes};
use super::save::save;
use super::sink::Reporter;
use super::verdict::CheckResult;
use super::{gitlab, json, junit, page};
use crate::amounts::{count, time};
use crate::contract::clause;
use crate::words::words;

words! {
    /// What a report in a file looks like.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Format: word {
        /// XML for CI systems.
        Junit => "junit",
        /// One document for programs.
        Json => "json",
        /// One HTML file that needs nothing else, not even scripts.
        Html => "html",
        /// Markdown, as a pull request or a job summary shows it.
        Markdown => "markdown",
        /// The causes as GitLab shows them beside a merge request.
        Gitlab => "gitlab",
    }
}

/// Writes a report to a file when the run ends.
pub struct ReportFile {
    format: Format,
    path: PathBuf,
    heard: Heard,
}

impl ReportFile {
    /// Writes to this file.
    pub fn new(format: Format, path: impl Into<PathBuf>) -> Self {
        Self { format, path: path.into(), heard: Heard::default() }
    }
}

impl Reporter for ReportFile {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        self.heard.keep(event);
        match event {
            Event::Finished(run) => save(&self.path, self.heard.text(self.format, run)?.as_bytes()),
            _ => Ok(()),
        }
    }
}

/// What has been heard of a run, for a report at its end.
#[derive(Default)]
pub(super) struct Heard {
    pub(super) record: Record,
    begun: Option<Instant>,
    uses: KeyUses,
}

impl Heard {
    pub(super) fn keep(&mut self, event: &Event) {
        let begun = *self.begun.get_or_insert_with(Instant::now);
        self.uses.keep(event, begun.elapsed());
        self.record.keep(event);
    }

    pub(super) fn text(&self, format: Format, run: &RunSummary) -> io::Result<String> {
        match format {
            Format::Junit => junit::text(&self.record, run),
            Format::Json => json::text(&self.record, run),
            Format::Html => self.rendered("report.html", run),
            Format::Markdown => self.rendered("summary.md", run),
            Format::Gitlab => Ok(gitlab::text(&self.record, run)),
        }
    }

    fn rendered(&self, template: &str, run: &RunSummary) -> io::Result<String> {
        let causes = causes(&self.record.results, self.record.info.as_ref(), run);
        let mut report = serde_json::to_value(json::document(&self.record, run, &causes))?;
        report["sentence"] = json!(format!("{} (exit code {})", run.exit, run.exit.code()));
        report["lanes"] = serde_json::to_value(&self.uses.lanes)?;
        for cause in report["causes"].as_array_mut().into_iter().flatten() {
            let of_cause = |result: &&CheckResult| Some(result.id.as_str()) == cause["check"].as_str();
            let check = self.record.results.iter().find(of_cause);
            cause["file"] = json!(check.map(|check| &check.file));
            if template == "summary.md" {
                cause["in_full"] = json!(check.map(in_full));
            }
            let promise = cause["clause"].as_str().and_then(clause).map(|clause| clause.promise);
            cause["promise"] = json!(promise);
        }
        let templates = [
            ("report.html", include_str!("templates/report.html")),
            ("summary.md", include_str!("templates/summary.md")),
        ];
        rendered(&templates, template, &report)
    }
}

/// A check that failed, with everything that was wrong.
pub(super) fn in_full(check: &CheckResult) -> String {
    let mut page = Page::default();
    page::check_in_full(&mut page, check);
    page.text()
}

/// A page made of one of these templates, each with its name; where that ends in `.html`, what is shown is escaped.
pub(crate) fn rendered(
    templates: &[(&'static str, &'static str)],
    name: &str,
    of: &Value,
) -> io::Result<String> {
    let render = || {
        let mut all = environment()?;
        templates.iter().try_for_each(|(name, text)| all.add_template(name, text))?;
        all.get_template(name)?.render(Serde(of))
    };
    render().map_err(|error| io::Error::other(format!("{error:#}")))
}

/// What every page is rendered with: the filters, and the head of HTML pages with their style.
fn environment() -> Result<Environment<'static>, Error> {
    let mut all = Environment::new();
    all.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    all.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    all.add_filter("count", |number: u64, thing: &str| count(number, thing));
    all.add_filter("time", |ms: u64| time(Duration::from_millis(ms)));
    all.add_filter("seconds", |seconds: f64| time(Duration::from_secs_f64(seconds.max(0.0))));
    all.add_filter("short_key", |name: &str| name.trim_start_matches("TRENCHCHECK_KEY_").to_lowercase());
    all.add_filter("told", |counts: Serde<Value>| told(&counts));
    all.add_filter("tone", tone);
    all.add_filter("diff", |failure: Serde<Compared>| minijinja::Value::from(Serde(failure.lines())));
    all.add_filter("code", code);
    all.add_filter("line", line);
    all.add_filter("fenced", fenced);
    all.add_template("head.html", include_str!("templates/head.html"))?;
    all.add_template("style.css", include_str!("templates/style.css"))?;
    Ok(all)
}

/// `105 pass, 2 fail, 1 skipped`.
fn told(counts: &Value) -> String {
    let words = ["pass", "fail", "explained", "advisory", "skipped", "blocked", "inconclusive"];
    let words = words.into_iter().chain(["known_deviation", "unexpected_pass"]);
    let told = words.filter_map(|word| {
        let number = counts[word].as_u64().filter(|number| *number > 0)?;
        Some(format!("{number} {}", word.replace('_', " ")))
    });
    told.collect::<Vec<_>>().join(", ")
}

/// The class by which a page shows a verdict.
fn tone(verdict: &str) -> &'static str {
    match verdict {
        "pass" => "good",
        "fail" | "unexpected-pass" => "bad",
        "advisory" | "explained" | "known-deviation" => "warn",
        _ => "dim",
    }
}

#[derive(Deserialize)]
struct Compared {
    expected: String,
    actual: String,
}

impl Compared {
    /// The lines of both, with what each is and its sign.
    fn lines(&self) -> Value {
        let diff = TextDiff::from_lines(&self.expected, &self.actual);
        let lines = diff.iter_all_changes().map(|change| {
            let (kind, sign) = match change.tag() {
                ChangeTag::Delete => ("delete", "-"),
                ChangeTag::Insert => ("insert", "+"),
                ChangeTag::Equal => ("equal", " "),
            };
            json!({ "kind": kind, "sign": sign, "text": change.value().trim_end() })
        });
        lines.collect()
    }
}

/// A run of backticks that does not occur in the text.
fn backticks(text: &str, least: usize) -> String {
    let longest = text.split(|mark| mark != '`').map(str::len).max().unwrap_or(0);
    "`".repeat(least.max(longest + 1))
}

/// A text as code within a line of Markdown.
pub(crate) fn code(text: &str) -> String {
    let marks = backticks(text, 1);
    let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{marks}{pad}{}{pad}{marks}", text.replace(['\n', '\r'], " "))
}

/// A text within a line of Markdown: nothing in it is markup.
pub(crate) fn line(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for mark in text.chars() {
        match mark {
            '\n' | '\r' => escaped.push(' '),
            '<' => escaped.push_str("&lt;"),
            '&' => escaped.push_str("&amp;"),
            '@' => escaped.push_str("&#64;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' => escaped.extend(['\\', mark]),
            mark => escaped.push(mark),
        }
    }
    escaped
}

/// A text as a block of code in Markdown, indented by so many columns.
fn fenced(text: &str, indent: usize) -> String {
    let marks = backticks(text, 3);
    let lines = [marks.as_str(), "text\n"].concat() + text.trim_end() + "\n" + &marks;
    let pad = " ".repeat(indent);
    lines.lines().map(|line| format!("{pad}{line}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::{KEY, bad, interrupted, report, run};

    fn written(events: &[Event], format: Format) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report");
        report(events, ReportFile::new(format, &path));
        let text = std::fs::read_to_string(path).unwrap();
        assert!(!text.contains(&KEY[8..20]), "{text}");
        text
    }

    #[test]
    fn a_page_tells_of_every_cause_and_check_and_needs_nothing_else() {
        let page = written(&run(), Format::Html);
        for part in ["auth.no-query", "limit.message-agrees", "Could not be checked", "class=\"insert\""] {
            assert!(page.contains(part), "{part}: {page}");
        }
        for foreign in ["<script", "src=", "@import", "url("] {
            assert!(!page.contains(foreign), "{foreign}: {page}");
        }
        assert!(written(&bad::deployment(), Format::Html).contains("causes</h2>"));
        assert!(written(&interrupted(), Format::Html).contains("not finished"));
    }

    #[test]
    fn markdown_has_a_paragraph_for_each_cause_and_a_row_for_each_clause() {
        insta::assert_snapshot!(written(&run(), Format::Markdown));
    }

    #[test]
    fn nothing_that_a_target_says_is_markup() {
        assert_eq!(code("a`b``c"), "```a`b``c```");
        assert_eq!(code("`"), "`` ` ``");
        assert_eq!(line("<b>*x*_y_ @me\n#1"), "&lt;b>\\*x\\*\\_y\\_ &#64;me \\#1");
        assert_eq!(fenced("a\n```\nb\n", 2), "  ````text\n  a\n  ```\n  b\n  ````");
    }
}
