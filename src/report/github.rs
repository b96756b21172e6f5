//! What GitHub's runners show: annotations on lines of files, groups in the log, and a summary of the job.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::event::{Cause, Event, RunSummary};
use super::rendered::{Format, Heard, in_full};
use super::results::causes;
use super::sink::Reporter;

/// Writes workflow commands when the run ends: an annotation for each cause, and below it a folded group with the failure in
/// full. Appends a summary to the file that the runner shows.
pub struct Github {
    out: Box<dyn Write + Send>,
    /// The file of the job's summary, `GITHUB_STEP_SUMMARY`.
    summary: Option<PathBuf>,
    /// The file that says what is under test: annotations of built-in scenarios, which the repository does not have, go there.
    target_file: Option<PathBuf>,
    heard: Heard,
}

impl Github {
    /// Writes commands to `out`, and the summary to the end of this file.
    pub fn new(out: Box<dyn Write + Send>, summary: Option<PathBuf>, target_file: Option<PathBuf>) -> Self {
        Self { out, summary, target_file, heard: Heard::default() }
    }

    fn finished(&mut self, run: &RunSummary) -> io::Result<()> {
        let record = &self.heard.record;
        let mut text = String::new();
        for cause in causes(&record.results, record.info.as_ref(), run) {
            let check = record.results.iter().find(|result| result.id == cause.check);
            let file = check.map_or("", |check| check.file.as_str());
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{}", self.annotation(&cause, file));
            if let Some(check) = check {
                // A line of a target's own must not be taken for a command.
                let full = in_full(check).replace("\n::", "\n ::").replace("##[", "## [");
                let _ = writeln!(text, "::group::{}: every failure\n{full}\n::endgroup::", cause.check);
            }
        }
        self.out.write_all(text.as_bytes())?;
        self.out.flush()?;
        let Some(path) = &self.summary else { return Ok(()) };
        let summary = self.heard.text(Format::Markdown, run)?;
        let append =
            || OpenOptions::new().append(true).create(true).open(path)?.write_all(summary.as_bytes());
        append().map_err(|error| {
            let what = format!("cannot write the job's summary {}: {error}", path.display());
            io::Error::new(error.kind(), what)
        })
    }

    fn annotation(&self, cause: &Cause, file: &str) -> String {
        let kind = if cause.gates { "error" } else { "warning" };
        let place = match &self.target_file {
            _ if Path::new(file).is_file() => {
                format!("file={},line={},", property(file), cause.failure.line)
            }
            Some(target) => format!("file={},line=1,", property(&target.to_string_lossy())),
            None => String::new(),
        };
        let explains = match cause.explains.len() {
            0 => String::new(),
            _ => format!("\nexplains {}", cause.explains.join(", ")),
        };
        let message =
            format!("{} ({}): {}{explains}\nagain: {}", cause.check, cause.clause, cause.says, cause.again);
        format!("::{kind} {place}title={}::{}", property(&cause.check), data(&message))
    }
}

impl Reporter for Github {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        self.heard.keep(event);
        match event {
            Event::Finished(run) => self.finished(run),
            _ => Ok(()),
        }
    }
}

/// The text of a command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property of a command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::{KEY, Paper, report, run};

    #[test]
    fn every_cause_is_annotated_once_and_the_summary_is_appended() {
        let folder = tempfile::tempdir().unwrap();
        let summary = folder.path().join("summary.md");
        std::fs::write(&summary, "before\n").unwrap();
        let out = Paper::default();
        report(&run(), Github::new(Box::new(out.clone()), Some(summary.clone()), Some("target.yaml".into())));
        let said = out.text();
        // Built-in scenarios are no files of a user's repository; of this one they are.
        assert!(
            said.contains("::error file=scenarios/auth/no-query.yaml,line=12,title=auth.no-query::"),
            "{said}"
        );
        assert!(said.contains("::warning file=target.yaml,line=1,title=limit.message-agrees::"), "{said}");
        let groups = said.matches("::group::").count();
        assert_eq!((groups, said.matches("::endgroup::").count()), (2, 2), "{said}");
        assert!(!said.contains(&KEY[8..20]), "{said}");
        let written = std::fs::read_to_string(summary).unwrap();
        assert!(written.starts_with("before\n# "), "{written}");
    }

    #[test]
    fn what_commands_are_made_of_is_escaped() {
        assert_eq!(property("a:b,c%\n"), "a%3Ab%2Cc%25%0A");
    }
}
