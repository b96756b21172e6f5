//! The arguments that choose reports, and the feeding of these.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::ArgAction;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::tell::{complain, is_coloured};
use crate::load::{Outputs, RunRecord, report};
use crate::nearest::no_such;
use crate::report::{
    Event, ExitCode, Format, Github, Redactor, ReportFile, Reports, Terminal, TerminalOptions, Verbosity,
    is_standard_output, try_out,
};

/// Which reports, and how much is told.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ReportArgs {
    /// Writes a JUnit report; `-` is standard output.
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,

    /// Writes a JSON report.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Writes a report to look at, in one HTML file.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,

    /// Writes a summary in Markdown.
    #[arg(long, value_name = "FILE", hide = true)]
    pub markdown: Option<PathBuf>,

    /// Writes a code quality report, as GitLab shows it beside a merge request.
    #[arg(long, value_name = "FILE", hide = true)]
    pub gitlab: Option<PathBuf>,

    /// Annotates causes and writes a job summary, as GitHub's runners show them; by itself where GITHUB_ACTIONS is true.
    #[arg(long, hide = true)]
    pub github: bool,

    /// github, markdown=FILE, gitlab=FILE and others.
    #[arg(long = "reporter", value_name = "REPORT")]
    pub reporters: Vec<String>,

    /// Shows every check and failure; -vv every exchange.
    #[arg(long, short, action = ArgAction::Count, conflicts_with = "quiet")]
    pub verbose: u8,

    /// Shows gating causes and the last line only.
    #[arg(long, short)]
    pub quiet: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Terminal,
    Plain,
    Github,
    File(Format, PathBuf),
}

impl Kind {
    fn parse(text: &str) -> Result<Self, String> {
        let (name, file) = match text.split_once('=') {
            Some((name, file)) => (name, Some(PathBuf::from(file))),
            None => (text, None),
        };
        let format = Format::ALL.into_iter().find(|format| format.word() == name);
        match (name, format, file) {
            (_, Some(format), Some(file)) => Ok(Self::File(format, file)),
            (_, Some(_), None) => Err(format!("the reporter `{name}` needs a file: --reporter {name}=FILE")),
            ("terminal", _, None) => Ok(Self::Terminal),
            ("plain", _, None) => Ok(Self::Plain),
            ("github", _, None) => Ok(Self::Github),
            ("terminal" | "plain" | "github", _, Some(_)) => {
                Err(format!("the reporter `{name}` writes to standard output and takes no file"))
            }
            _ => {
                let names = [&["terminal", "plain", "github"], &Format::ALL.map(Format::word)[..]].concat();
                let all = format!("there are {}", names.join(", "));
                Err(no_such("reporter", name, names, &all))
            }
        }
    }

    fn file(&self) -> Option<&Path> {
        match self {
            Self::Terminal | Self::Plain | Self::Github => None,
            Self::File(_, file) => Some(file),
        }
    }
}

impl ReportArgs {
    /// The reports, with none of them begun. `others` are further files that the run writes, and `target_file` says what is
    /// under test.
    ///
    /// # Errors
    /// Where two of them are to be the same file, or one cannot be written, which is said before anything is sent.
    pub(super) fn reports(&self, others: &[&Path], target_file: Option<&Path>) -> Result<Reports, String> {
        let kinds = self.kinds(others)?;
        let files: Vec<&Path> = kinds.iter().filter_map(Kind::file).chain(others.iter().copied()).collect();
        try_all(&files)?;
        let mut reports = Reports::new(Arc::new(Redactor::default()));
        for kind in kinds {
            match kind {
                Kind::Terminal => reports.add(Terminal::new(Box::new(io::stdout()), self.terminal())),
                Kind::Plain => {
                    let plain = TerminalOptions { verbosity: self.verbosity(), ..TerminalOptions::default() };
                    reports.add(Terminal::new(Box::new(io::stdout()), plain));
                }
                Kind::Github => {
                    let summary = std::env::var_os("GITHUB_STEP_SUMMARY").map(PathBuf::from);
                    let target_file = target_file.map(Path::to_owned);
                    reports.add(Github::new(Box::new(io::stdout()), summary, target_file));
                }
                Kind::File(format, path) => reports.add(ReportFile::new(format, path)),
            }
        }
        Ok(reports)
    }

    /// The reports that are wanted. People read standard output, unless another report goes there, which is alone then:
    /// programs read it.
    fn kinds(&self, others: &[&Path]) -> Result<Vec<Kind>, String> {
        let mut kinds = self.reporters.iter().map(|text| Kind::parse(text)).collect::<Result<Vec<_>, _>>()?;
        let files = [&self.junit, &self.json, &self.html, &self.markdown, &self.gitlab].into_iter();
        let files = files.zip(Format::ALL);
        kinds.extend(files.filter_map(|(file, format)| Some(Kind::File(format, file.clone()?))));
        let on_github =
            self.github || std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true");
        let mut files = kinds.iter().filter_map(Kind::file).chain(others.iter().copied());
        let to_output = files.any(is_standard_output);
        if to_output && (self.github || kinds.iter().any(|kind| kind.file().is_none())) {
            return Err("a report that is written to `-`, standard output, stands there alone: name a file for it, or \
                        leave the reporters for people out"
                .to_owned());
        }
        if on_github && !to_output && !kinds.contains(&Kind::Github) {
            kinds.push(Kind::Github);
        }
        let for_people = kinds.iter().any(|kind| matches!(kind, Kind::Terminal | Kind::Plain));
        if !for_people && !to_output {
            kinds.insert(0, Kind::Terminal);
        }
        Ok(kinds)
    }

    fn verbosity(&self) -> Verbosity {
        match (self.verbose, self.quiet) {
            (0, true) => Verbosity::Quiet,
            (0, false) => Verbosity::Normal,
            (1, _) => Verbosity::Verbose,
            _ => Verbosity::Exchanges,
        }
    }

    /// Whether every exchange is to be told.
    pub(super) fn wants_exchanges(&self) -> bool {
        self.verbosity() == Verbosity::Exchanges
    }

    fn terminal(&self) -> TerminalOptions {
        let (out, verbosity) = (io::stdout(), self.verbosity());
        let can_draw = out.is_terminal() && std::env::var_os("TERM").is_none_or(|name| name != "dumb");
        let interactive = can_draw && verbosity != Verbosity::Quiet;
        TerminalOptions { interactive, colour: is_coloured(&out), verbosity }
    }
}

/// Feeds the reports until the run is over.
pub(super) async fn tell(mut reports: Reports, mut events: mpsc::UnboundedReceiver<Event>) -> Vec<io::Error> {
    /// How often reports may say that the run is alive.
    const TICK: Duration = Duration::from_secs(1);
    loop {
        match timeout(TICK, events.recv()).await {
            Ok(Some(event)) => reports.event(&event),
            Ok(None) => return reports.finish(),
            Err(_) => reports.tick(),
        }
    }
}

/// Feeds the reports with all that was told.
pub(super) fn tell_all(mut reports: Reports, mut events: mpsc::UnboundedReceiver<Event>) -> Vec<io::Error> {
    while let Some(event) = events.blocking_recv() {
        reports.event(&event);
    }
    reports.finish()
}

/// Says what could not be written. Whether all was.
pub(super) fn written(mut unwritten: Vec<io::Error>) -> bool {
    // Who closed the pipe has read enough.
    unwritten.retain(|error| error.kind() != io::ErrorKind::BrokenPipe);
    for error in &unwritten {
        complain(&format!("a report could not be written: {error}"));
    }
    unwritten.is_empty()
}

/// Makes sure that each of these can be written, and that no two are one.
pub(super) fn try_all(files: &[&Path]) -> Result<(), String> {
    for (place, file) in files.iter().enumerate() {
        if files[..place].contains(file) {
            return Err(format!("two reports would be written to {}", file.display()));
        }
        try_out(file).map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// Makes sure, before a run is loaded or merged, that all of its reports can be written.
pub(super) fn try_outputs(outputs: &Outputs) -> Result<(), String> {
    let run = outputs.save.as_ref().map(|directory| directory.join("run.json"));
    try_all(&outputs.files().chain(run.as_deref()).collect::<Vec<_>>())
}

/// Judges and reports a run, without the keys the redactor knows.
pub fn deliver(run: RunRecord, redactor: &Redactor, outputs: &Outputs) -> ExitCode {
    // People read standard output, unless a report goes there.
    let is_taken = outputs.files().any(is_standard_output);
    let mut out: Box<dyn Write> = if is_taken { Box::new(io::sink()) } else { Box::new(io::stdout()) };
    let (exit, unwritten) = report(run, redactor, outputs, &mut out, is_coloured(&io::stdout()));
    for error in &unwritten {
        complain(&format!("a report could not be written: {error}"));
    }
    exit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(args: &ReportArgs) -> String {
        args.reports(&[], None).err().unwrap()
    }

    #[test]
    fn reporters_have_names_and_files_of_their_own() {
        let named = |names: &[&str]| ReportArgs {
            reporters: names.iter().map(|name| (*name).to_owned()).collect(),
            ..ReportArgs::default()
        };
        assert_eq!(
            refused(&named(&["junitt=a"])),
            format!(
                "no reporter is called `junitt`; did you mean `junit`? there are {}",
                "terminal, plain, github, junit, json, html, markdown, gitlab"
            )
        );
        assert!(refused(&named(&["json"])).contains("needs a file"));
        assert!(refused(&named(&["plain=a"])).contains("takes no file"));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("report").display().to_string();
        assert!(refused(&named(&[&format!("json={file}"), &format!("html={file}")])).contains("two reports"));
        let kinds = |names: &[&str]| named(names).kinds(&[]).unwrap();
        assert_eq!(kinds(&["json=-"]), [Kind::File(Format::Json, "-".into())]);
        assert_eq!(kinds(&["plain", "json=a"]), [Kind::Plain, Kind::File(Format::Json, "a".into())]);
        assert_eq!(ReportArgs::default().kinds(&["-".as_ref()]).unwrap(), []);
        for name in ["plain", "terminal", "github"] {
            assert!(refused(&named(&[name, "json=-"])).contains("stands there alone"), "{name}");
        }
    }

    #[test]
    fn what_cannot_be_written_is_said_before_anything_is_sent() {
        let folder = tempfile::tempdir().unwrap();
        let json = Some(folder.path().to_owned());
        assert!(refused(&ReportArgs { json, ..ReportArgs::default() }).contains("cannot write the report"));
        let both = folder.path().join("both");
        let args = ReportArgs { html: Some(both.clone()), ..ReportArgs::default() };
        assert!(args.reports(&[&both], None).err().unwrap().contains("two reports"));
    }
}
