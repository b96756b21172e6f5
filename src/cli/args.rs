//! Arguments that several commands have: which checks, which deployment, which reports.

use std::convert::Infallible;
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::list::parse_level;
use super::{colour, complain};
use crate::deployment::{Embedded, Key, Keys, KeysFrom, Target, TargetError, TargetFile, TargetInfo};
use crate::load::{Outputs, RunRecord, report};
use crate::report::{Event, ExitCode, Json, Junit, Redactor, Reports, Terminal, TerminalOptions, Verbosity};
use crate::scenario::model::Level;
use crate::scenario::{Check, Suite};
use crate::yaml::{At, Spanned};

/// Which deployment, with which keys.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct DeploymentArgs {
    /// The base URL of the deployment, or a target file.
    #[arg(long, value_name = "URL|FILE")]
    pub target: Option<String>,

    /// Where keys come from: `environment`, or the control API of a `mock` at the target.
    #[arg(long, value_enum, value_name = "WHERE", hide_possible_values = true)]
    pub keys: Option<KeySource>,

    /// Lets bursts and load go to this host; this machine needs no leave.
    #[arg(long, value_name = "HOST")]
    pub allow_host: Vec<String>,
}

/// Where keys come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum KeySource {
    /// Environment variables; waits take real time.
    Environment,
    /// The control API of a mock at the target; waits advance its clock.
    Mock,
}

impl DeploymentArgs {
    /// The deployment that is asked for, or the mock in this process, which lives as long as the second value.
    ///
    /// # Errors
    /// [`TargetError`].
    pub async fn find(&self) -> Result<(Target, Option<Embedded>), TargetError> {
        let Some(given) = &self.target else {
            let mock = Embedded::start().await?;
            return Ok((mock.target(&[], None), Some(mock)));
        };
        let (file, text) = self.file(given)?;
        let target = file.resolve(given, &text, &|name| std::env::var_os(name)).await?;
        if let Keys::Environment(keys) = &target.keys {
            warn_of(keys);
        }
        Ok((target, None))
    }

    /// The deployment that is asked for as it looks from here; nothing is sent to it.
    ///
    /// # Errors
    /// [`TargetError`].
    pub fn info(&self) -> Result<TargetInfo, TargetError> {
        let Some(given) = &self.target else { return Ok(TargetInfo::embedded()) };
        let (file, text) = self.file(given)?;
        let info = file.info(given, &text, &|name| std::env::var_os(name))?;
        warn_of(info.keys.as_deref().unwrap_or_default());
        Ok(info)
    }

    /// The target file, or one that says no more than the URL that was given; and its text.
    fn file(&self, given: &str) -> Result<(TargetFile, String), TargetError> {
        let (mut file, text) = if given.contains("://") {
            let base_url = Some(Spanned { value: given.to_owned(), at: At::default() });
            (TargetFile { base_url, ..TargetFile::default() }, String::new())
        } else {
            TargetFile::read(given.as_ref())?
        };
        match self.keys {
            Some(KeySource::Environment) => file.keys_from = KeysFrom::Environment,
            Some(KeySource::Mock) => file.keys_from = KeysFrom::Mock,
            None => {}
        }
        Ok((file, text))
    }
}

/// Names the variables whose keys do not look like those of the page: a slip, or a deployment with other keys.
fn warn_of(keys: &[Key]) {
    for key in keys.iter().filter(|key| !key.secret.is_documented_form()) {
        complain(&format!(
            "trenchcheck: warning: the variable {} holds no key of the documented form: `ct_live_`, then letters and digits",
            key.variable
        ));
    }
}

/// Which checks.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct SelectionArgs {
    /// Ids of checks, or patterns such as 'auth.*'; all without one.
    #[arg(value_name = "ID")]
    pub ids: Vec<IdPattern>,

    /// Only checks of this level: must, should, rfc, observe.
    #[arg(long, value_name = "LEVEL", value_parser = parse_level)]
    pub level: Vec<Level>,

    /// Only checks with this tag.
    #[arg(long, value_name = "TAG")]
    pub tag: Vec<String>,

    /// Leaves out these ids or patterns.
    #[arg(long, value_name = "ID")]
    pub skip: Vec<IdPattern>,
}

impl SelectionArgs {
    /// The places in the suite of the checks that are asked for.
    ///
    /// # Errors
    /// Where an id is unknown or nothing is left, which has been told.
    pub fn choose(&self, suite: &Suite) -> Result<Vec<usize>, ExitCode> {
        let refused = |error: NoSuchCheck| {
            complain(&error.to_string());
            ExitCode::Usage
        };
        select(suite, &self.skip).map_err(refused)?;
        let wanted = select(suite, &self.ids).map_err(refused)?;
        let chosen: Vec<usize> = suite
            .checks
            .iter()
            .enumerate()
            .filter(|(_, check)| wanted.iter().any(|wanted| wanted.id == check.id))
            .filter(|(_, check)| !self.skip.iter().any(|pattern| pattern.matches(&check.id)))
            .filter(|(_, check)| self.level.is_empty() || self.level.contains(&check.level))
            .filter(|(_, check)| self.tag.is_empty() || check.tags.iter().any(|tag| self.tag.contains(tag)))
            .map(|(index, _)| index)
            .collect();
        if chosen.is_empty() {
            complain("no check is left to play after --level, --tag and --skip");
            return Err(ExitCode::Usage);
        }
        Ok(chosen)
    }
}

/// A check's id, or a glob: `*` stands for any characters, dots included.
///
/// ```
/// use trenchcheck::cli::args::IdPattern;
///
/// let pattern: IdPattern = "auth.no-*".into();
/// assert!(pattern.matches("auth.no-query"));
/// assert!(!pattern.matches("auth.missing"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdPattern(String);

impl IdPattern {
    /// The pattern as it was typed.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the whole of `id` is what the pattern says.
    pub fn matches(&self, id: &str) -> bool {
        let Some((first, rest)) = self.0.split_once('*') else { return self.0 == id };
        let Some(mut left) = id.strip_prefix(first) else { return false };
        let mut parts: Vec<&str> = rest.split('*').collect();
        let last = parts.pop().unwrap_or_default();
        for part in parts {
            match left.find(part) {
                Some(at) => left = &left[at + part.len()..],
                None => return false,
            }
        }
        left.ends_with(last)
    }
}

impl From<&str> for IdPattern {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl FromStr for IdPattern {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(text.into())
    }
}

/// A pattern that no check's id matches: more likely a slip than a wish.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no check is called `{pattern}`{}", did_you_mean(.nearest))]
pub struct NoSuchCheck {
    pattern: String,
    nearest: Vec<String>,
}

/// The checks that match any of the patterns, in the suite's order; without patterns all of them.
///
/// # Errors
/// [`NoSuchCheck`] for the first pattern that matches none.
pub fn select<'a>(suite: &'a Suite, patterns: &[IdPattern]) -> Result<Vec<&'a Check>, NoSuchCheck> {
    for pattern in patterns {
        if !suite.checks.iter().any(|check| pattern.matches(&check.id)) {
            return Err(no_such_check(suite, &pattern.0));
        }
    }
    let chosen =
        |check: &&Check| patterns.is_empty() || patterns.iter().any(|pattern| pattern.matches(&check.id));
    Ok(suite.checks.iter().filter(chosen).collect())
}

fn no_such_check(suite: &Suite, pattern: &str) -> NoSuchCheck {
    let ids = || suite.checks.iter().map(|check| check.id.as_str());
    let group = format!("{pattern}.");
    let nearest = if ids().any(|id| id.starts_with(&group)) {
        vec![format!("{pattern}.*")]
    } else {
        nearest(pattern, ids())
    };
    NoSuchCheck { pattern: pattern.to_owned(), nearest }
}

/// So alike must a word be to be offered instead.
const ALIKE: f64 = 0.75;
/// So many words are offered.
const OFFERED: usize = 3;

/// The words most like `word`, the likest first.
pub(super) fn nearest<'a>(word: &str, words: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut scored: Vec<(f64, &str)> = words
        .map(|other| (strsim::jaro_winkler(word, other), other))
        .filter(|(alike, _)| *alike >= ALIKE)
        .collect();
    scored.sort_by(|one, other| other.0.total_cmp(&one.0).then(one.1.cmp(other.1)));
    scored.dedup();
    scored.into_iter().take(OFFERED).map(|(_, other)| other.to_owned()).collect()
}

/// `; did you mean …?`, or nothing.
pub(super) fn did_you_mean(nearest: &[String]) -> String {
    let quoted: Vec<String> = nearest.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((only, [])) => format!("; did you mean {only}?"),
        Some((last, others)) => format!("; did you mean {} or {last}?", others.join(", ")),
    }
}

/// Which reports, and how much is told.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ReportArgs {
    /// Writes a JUnit report.
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,

    /// Writes a JSON report (see schemas/report.schema.json).
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Shows every check, every failure in full and every exchange as it comes.
    #[arg(long, short, conflicts_with = "quiet")]
    pub verbose: bool,

    /// Shows the causes that gate and the last line only.
    #[arg(long, short)]
    pub quiet: bool,
}

impl ReportArgs {
    /// The reports, with none of them begun.
    pub(super) fn reports(&self) -> Reports {
        let verbosity = match (self.verbose, self.quiet) {
            (true, _) => Verbosity::Verbose,
            (_, true) => Verbosity::Quiet,
            _ => Verbosity::Normal,
        };
        let no_color = std::env::var_os("NO_COLOR");
        let terminal = TerminalOptions::detect(io::stdout().is_terminal(), no_color.as_deref(), verbosity);
        let mut reports = Reports::new(Arc::new(Redactor::default()));
        reports.add(Terminal::new(Box::new(io::stdout()), terminal));
        if let Some(path) = &self.junit {
            reports.add(Junit::new(path.clone()));
        }
        if let Some(path) = &self.json {
            reports.add(Json::new(path.clone()));
        }
        reports
    }
}

/// Feeds the reports until the run is over.
pub(super) fn tell(mut reports: Reports, mut events: mpsc::UnboundedReceiver<Event>) -> Vec<io::Error> {
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

/// Where reports go besides the terminal.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct LoadReports {
    /// Writes a JUnit report.
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,

    /// Writes a JSON report (see schemas/load.schema.json).
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Leaves the run in this directory: run.json for `trenchcheck merge`, and HdrHistogram interval logs.
    #[arg(long, value_name = "DIR")]
    pub save: Option<PathBuf>,
}

/// Judges and reports a run, without the keys the redactor knows.
pub fn deliver(run: RunRecord, redactor: &Redactor, to: LoadReports) -> ExitCode {
    let LoadReports { junit, json, save } = to;
    let reported = report(run, redactor, &Outputs { json, junit, save }, &mut io::stdout(), colour());
    for error in &reported.unwritten {
        complain(&format!("a report could not be written: {error}"));
    }
    reported.exit()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::samples::suite;

    #[test]
    fn a_pattern_is_an_id_or_a_glob() {
        let rows = [
            ("auth.missing", "auth.missing", true),
            ("auth.missing", "auth.missing-too", false),
            ("auth.*", "auth.missing", true),
            ("auth.*", "xauth.missing", false),
            ("*.body", "limit.body", true),
            ("*.body", "limit.body-literal", false),
            ("*", "", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("ab*ba", "aba", false),
            ("**", "x", true),
            ("", "x", false),
        ];
        for (pattern, id, expected) in rows {
            assert_eq!(IdPattern::from(pattern).matches(id), expected, "{pattern} on {id}");
        }
    }

    fn ids(patterns: &[&str]) -> Result<Vec<String>, String> {
        let patterns: Vec<_> = patterns.iter().map(|&pattern| pattern.into()).collect();
        select(&suite(), &patterns)
            .map(|checks| checks.iter().map(|check| check.id.clone()).collect())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn checks_are_chosen_once_and_in_order() {
        assert_eq!(
            ids(&["rate.*", "auth.no-query", "*.no-query"]).unwrap(),
            ["auth.no-query", "rate.standard"]
        );
        assert_eq!(ids(&[]).unwrap().len(), 3);
    }

    #[test]
    fn a_slip_is_told_with_what_was_perhaps_meant() {
        assert_eq!(
            ids(&["auth.no-qeury"]).unwrap_err(),
            "no check is called `auth.no-qeury`; did you mean `auth.no-query`?"
        );
        assert_eq!(ids(&["auth"]).unwrap_err(), "no check is called `auth`; did you mean `auth.*`?");
        assert_eq!(ids(&["zzz*"]).unwrap_err(), "no check is called `zzz*`");
    }
}
