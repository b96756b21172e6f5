//! Reading JSON reports, of which somebody may have taken any file for one.

use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

/// The forms of report that are read. The first one knew no causes.
const FORMS: std::ops::RangeInclusive<u64> = 1..=2;

/// A JSON report of `trenchcheck test`, as far as the matrix needs it.
#[derive(Debug, Clone, Deserialize)]
pub struct Report {
    /// The file it was read from.
    #[serde(skip)]
    pub file: String,
    /// What was run against what.
    pub(super) run: Run,
    /// What it came to.
    pub(super) outcome: RunOutcome,
    /// Every finished check.
    pub(super) checks: Vec<Check>,
}

impl Report {
    /// The verdict of a check.
    pub(super) fn verdict(&self, id: &str) -> Option<&str> {
        self.checks.iter().find(|check| check.id == id).map(|check| check.verdict.as_str())
    }
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Run {
    pub(super) target: String,
    pub(super) started_at: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct RunOutcome {
    pub(super) word: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Check {
    pub(super) id: String,
    pub(super) clause: String,
    pub(super) level: String,
    pub(super) verdict: String,
    /// The check that names the cause, where this one is explained by it.
    pub(super) cause: Option<String>,
}

/// Why a file cannot be a column.
#[derive(Debug, thiserror::Error)]
pub enum MatrixError {
    /// It cannot be read.
    #[error("cannot read {path}: {1}", path = .0.display())]
    Unreadable(PathBuf, io::Error),
    /// It is something else, for this reason.
    #[error(
        "{path} is no JSON report of `trenchcheck test`: {1}; `trenchcheck test --json FILE` writes one",
        path = .0.display()
    )]
    NoReport(PathBuf, String),
    /// It is a report of another form, by this version, where it says so.
    #[error(
        "{} is a report of form {}, and this trenchcheck ({}) reads forms {} to {}; write it anew with this \
         version, or read it with the one that wrote it{}",
        .0.display(), .1, env!("CARGO_PKG_VERSION"), FORMS.start(), FORMS.end(), writer(.2)
    )]
    OtherForm(PathBuf, u64, Option<String>),
}

fn writer(version: &Option<String>) -> String {
    version.as_ref().map(|version| format!(" ({version})")).unwrap_or_default()
}

/// Reads a report.
///
/// # Errors
/// [`MatrixError`].
pub fn read(path: &Path) -> Result<Report, MatrixError> {
    let text = std::fs::read(path).map_err(|why| MatrixError::Unreadable(path.to_owned(), why))?;
    parse(path, &text)
}

fn parse(path: &Path, text: &[u8]) -> Result<Report, MatrixError> {
    let no_report = |why: String| MatrixError::NoReport(path.to_owned(), why);
    let value: Value = serde_json::from_slice(text).map_err(|error| no_report(format!("{error}")))?;
    if value["tool"]["name"] != env!("CARGO_PKG_NAME") {
        return Err(no_report("it does not name the tool that wrote it as trenchcheck".to_owned()));
    }
    match value["schema"].as_u64() {
        Some(form) if FORMS.contains(&form) => {}
        Some(found) => {
            let version = value["tool"]["version"].as_str().map(str::to_owned);
            return Err(MatrixError::OtherForm(path.to_owned(), found, version));
        }
        None => return Err(no_report("it does not say of which form it is".to_owned())),
    }
    let report: Report = serde_json::from_value(value).map_err(|error| no_report(error.to_string()))?;
    Ok(Report { file: path.display().to_string(), ..report })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> String {
        parse(Path::new("a.json"), text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn what_is_no_report_is_refused_with_what_to_do() {
        let say = "a.json is no JSON report of `trenchcheck test`: ";
        for text in ["", "[1]", "{}", r#"{"schema": 1, "version": "0.1.0", "mutants": []}"#] {
            let told = told(text);
            assert!(
                told.starts_with(say) && told.ends_with("`trenchcheck test --json FILE` writes one"),
                "{told}"
            );
        }
        let told = told(r#"{"tool": {"name": "trenchcheck"}, "schema": 1, "run": {}}"#);
        assert!(told.contains("missing field `target`"), "{told}");
    }

    #[test]
    fn both_forms_are_read_alike() {
        let of = |form: u64, cause: &str| {
            let text = format!(
                r#"{{"tool": {{"name": "trenchcheck"}}, "schema": {form}, "run": {{"target": "t", "started_at": "s"}},
                "outcome": {{"word": "failed"}}, "checks": [
                {{"id": "a.b", "clause": "error.401", "level": "must", "verdict": "fail"{cause}}}]}}"#
            );
            parse(Path::new("a.json"), text.as_bytes()).unwrap()
        };
        assert_eq!(format!("{:?}", of(1, "")), format!("{:?}", of(2, r#", "cause": null"#)));
    }

    #[test]
    fn another_form_is_refused_with_the_version_that_wrote_it() {
        let told = told(r#"{"tool": {"name": "trenchcheck", "version": "9.9.9"}, "schema": 7}"#);
        assert!(
            told.contains("form 7") && told.contains("reads forms 1 to 2") && told.contains("(9.9.9)"),
            "{told}"
        );
    }
}
