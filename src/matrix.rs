//! The conformance matrix: what several deployments, or one at several times, make of every clause of the page.
//!
//! Its rows are the clauses in the page's order, each with its checks; its columns are JSON reports of
//! `trenchcheck test`. A clause that nothing sent over the API can show has its row too, and says so.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io;
use std::path::{Path, PathBuf};

use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use crate::contract::{CLAUSES, Coverage};
use crate::report::{json_text, save, schema_of};
use crate::words::words;

/// The matrix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Matrix {
    /// The reports; every list of cells follows their order.
    #[serde(rename = "reports")]
    pub columns: Vec<Column>,
    /// Every clause of the page, in the page's order, then those of scenarios of somebody's own.
    pub clauses: Vec<ClauseRow>,
}

/// A report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Column {
    /// What its column is called: the target, with the file where several reports are of one target.
    pub name: String,
    /// The file.
    pub file: String,
    /// The target's base URL.
    pub target: String,
    /// When the run began, RFC 3339 in UTC.
    pub started_at: String,
    /// What the run came to, in a word.
    pub outcome: String,
}

/// A clause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ClauseRow {
    /// Its id.
    pub id: String,
    /// What the page promises; null for a clause the page does not have.
    pub promise: Option<&'static str>,
    /// Why nothing sent over the API can show it, where that is so.
    pub not_observable: Option<&'static str>,
    /// How it stands in each report.
    #[schemars(with = "Vec<String>", extend("items" = {"enum": [
        "kept", "kept in part", "kept, with advice", "known deviation", "broken", "open", "not checked",
        "not observable over the API"
    ]}))]
    pub cells: Vec<Standing>,
    /// The checks that enforce it, by id.
    pub checks: Vec<CheckRow>,
}

/// A check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CheckRow {
    /// Its id.
    pub id: String,
    /// How much it weighs.
    pub level: String,
    /// Its verdict in each report; null where the report does not have it.
    pub cells: Vec<Option<String>>,
}

words! {
    /// How a clause stands in one report. Checks that only observe do not count.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Standing: words {
        /// Every check of it passed.
        Kept => "kept",
        /// Those that were judged passed, and some were not judged.
        KeptInPart => "kept in part",
        /// Nothing that gates failed, and something that does not gate in that run did.
        KeptWithAdvice => "kept, with advice",
        /// Checks fail, and every one of them is a known deviation.
        KnownDeviation => "known deviation",
        /// A check fails.
        Broken => "broken",
        /// There are checks of it, and none was judged.
        Open => "open",
        /// The report has no check of it.
        NotChecked => "not checked",
        /// Nothing sent over the API can show it.
        NotObservable => "not observable over the API",
    }
}

impl Serialize for Standing {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.words())
    }
}

impl Standing {
    /// `cause` gives the verdict of the check that names a cause.
    fn of<'a>(checks: impl Iterator<Item = &'a Check>, cause: impl Fn(&str) -> Option<&'a str>) -> Self {
        let weighed = |check: &'a Check| match check.verdict.as_str() {
            // It is broken, too, and weighs what its cause weighs; below `must` no more than advice.
            "explained" => match check.cause.as_deref().and_then(&cause) {
                Some("known-deviation") => "known-deviation",
                Some("advisory") => "advisory",
                _ if check.level != "must" => "advisory",
                _ => "fail",
            },
            verdict => verdict,
        };
        let verdicts: Vec<&str> = checks.filter(|check| check.level != "observe").map(weighed).collect();
        let has = |wanted: &str| verdicts.contains(&wanted);
        let kept = has("pass") || has("unexpected-pass");
        let open = has("skipped") || has("blocked") || has("inconclusive");
        match () {
            () if verdicts.is_empty() => Self::NotChecked,
            () if has("fail") => Self::Broken,
            () if has("known-deviation") => Self::KnownDeviation,
            () if has("advisory") => Self::KeptWithAdvice,
            () if kept && open => Self::KeptInPart,
            () if kept => Self::Kept,
            () => Self::Open,
        }
    }
}

impl Matrix {
    /// The matrix of these reports.
    pub fn of(reports: &[Report]) -> Self {
        let page = CLAUSES.iter().map(|clause| {
            let not_observable = match clause.coverage {
                Coverage::Checked => None,
                Coverage::NotObservable(why) => Some(why),
            };
            row(reports, clause.id, Some(clause.promise), not_observable)
        });
        let mut clauses: Vec<ClauseRow> = page.collect();
        for check in reports.iter().flat_map(|report| &report.checks) {
            if !clauses.iter().any(|clause| clause.id == check.clause) {
                clauses.push(row(reports, &check.clause, None, None));
            }
        }
        Self { columns: reports.iter().map(|report| column(report, reports)).collect(), clauses }
    }
}

fn column(report: &Report, all: &[Report]) -> Column {
    let target = &report.run.target;
    let alone = all.iter().filter(|other| other.run.target == *target).count() == 1;
    Column {
        name: if alone { target.clone() } else { format!("{target} ({})", report.file) },
        file: report.file.clone(),
        target: target.clone(),
        started_at: report.run.started_at.clone(),
        outcome: report.outcome.word.clone(),
    }
}

fn row(
    reports: &[Report],
    id: &str,
    promise: Option<&'static str>,
    not_observable: Option<&'static str>,
) -> ClauseRow {
    let of_clause = |report: &'_ Report| -> Vec<Check> {
        report.checks.iter().filter(|check| check.clause == id).cloned().collect()
    };
    let by_report: Vec<Vec<Check>> = reports.iter().map(of_clause).collect();
    let mut levels: BTreeMap<&str, &str> = BTreeMap::new();
    for check in by_report.iter().flatten() {
        levels.insert(&check.id, &check.level);
    }
    let cell = |(report, checks): (&Report, &Vec<Check>)| match (not_observable, checks.is_empty()) {
        (Some(_), true) => Standing::NotObservable,
        _ => Standing::of(checks.iter(), |id| report.verdict(id)),
    };
    let verdict = |id: &str, checks: &[Check]| {
        checks.iter().find(|check| check.id == id).map(|check| check.verdict.clone())
    };
    ClauseRow {
        id: id.to_owned(),
        promise,
        not_observable,
        cells: reports.iter().zip(&by_report).map(cell).collect(),
        checks: levels
            .into_iter()
            .map(|(id, level)| CheckRow {
                id: id.to_owned(),
                level: level.to_owned(),
                cells: by_report.iter().map(|checks| verdict(id, checks)).collect(),
            })
            .collect(),
    }
}

/// The matrix as one Markdown document.
pub fn markdown(matrix: &Matrix) -> String {
    let mut out = String::from("# Conformance matrix\n\n");
    for column in &matrix.columns {
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "- {}: {}, from {} ({})",
            cell(&column.name),
            cell(&column.outcome),
            cell(&column.started_at),
            cell(&column.file)
        );
    }
    let names: Vec<String> = matrix.columns.iter().map(|column| cell(&column.name)).collect();
    let _ = writeln!(out, "\n| clause, and its checks | {} |", names.join(" | "));
    let _ = writeln!(out, "|---|{}", "---|".repeat(names.len()));
    for clause in &matrix.clauses {
        let promise = clause.promise.map(|promise| format!(" {}", cell(promise))).unwrap_or_default();
        let why = clause.not_observable.map(|why| format!(" *({})*", cell(why))).unwrap_or_default();
        let cells: Vec<&str> = clause.cells.iter().map(|standing| standing.words()).collect();
        let _ = writeln!(out, "| **{}**{promise}{why} | {} |", cell(&clause.id), cells.join(" | "));
        for check in &clause.checks {
            let cells: Vec<String> =
                check.cells.iter().map(|verdict| verdict.as_deref().map_or("·".to_owned(), cell)).collect();
            let _ = writeln!(out, "| {} ({}) | {} |", cell(&check.id), cell(&check.level), cells.join(" | "));
        }
    }
    out
}

/// A text that stays within its cell.
fn cell(text: &str) -> String {
    text.replace(['\n', '\r'], " ").replace('\\', "\\\\").replace('|', "\\|").replace('<', "&lt;")
}

/// The matrix of some reports of `trenchcheck test`.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "trenchcheck conformance matrix", extend("$id" = "urn:trenchcheck:schema:matrix"))]
struct MatrixReport<'a> {
    /// The version of this form. It rises when something is renamed or removed, not when something is added.
    #[schemars(extend("const" = 1))]
    schema: u8,
    #[serde(flatten)]
    matrix: &'a Matrix,
}

/// Writes the matrix as JSON.
///
/// # Errors
/// Where the file could not be written.
pub fn save_matrix(path: &Path, matrix: &Matrix) -> io::Result<()> {
    save(path, json_text(&MatrixReport { schema: 1, matrix })?.as_bytes())
}

/// The JSON Schema of the matrix, committed as `schemas/matrix.schema.json`.
pub fn matrix_schema() -> Schema {
    schema_of::<MatrixReport<'_>>()
}

/// The forms of report that are read. The first one knew no causes.
const FORMS: std::ops::RangeInclusive<u64> = 1..=2;

/// A JSON report of `trenchcheck test`, as far as the matrix needs it.
#[derive(Debug, Clone, Deserialize)]
pub struct Report {
    /// The file it was read from.
    #[serde(skip)]
    pub file: String,
    /// What was run against what.
    run: Run,
    /// What it came to.
    outcome: RunOutcome,
    /// Every finished check.
    checks: Vec<Check>,
}

impl Report {
    /// The verdict of a check.
    fn verdict(&self, id: &str) -> Option<&str> {
        self.checks.iter().find(|check| check.id == id).map(|check| check.verdict.as_str())
    }
}

#[derive(Debug, Clone, Deserialize)]
struct Run {
    target: String,
    started_at: String,
}

#[derive(Debug, Clone, Deserialize)]
struct RunOutcome {
    word: String,
}

#[derive(Debug, Clone, Deserialize)]
struct Check {
    id: String,
    clause: String,
    level: String,
    verdict: String,
    /// The check that names the cause, where this one is explained by it.
    cause: Option<String>,
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

    fn standing(verdicts: &[(&str, &str)]) -> Standing {
        because_of("fail", verdicts)
    }

    fn because_of(cause: &str, verdicts: &[(&str, &str)]) -> Standing {
        let checks: Vec<Check> = verdicts
            .iter()
            .map(|(level, verdict)| Check {
                id: "a.b".to_owned(),
                clause: "error.401".to_owned(),
                level: (*level).to_owned(),
                verdict: (*verdict).to_owned(),
                cause: Some("c.d".to_owned()),
            })
            .collect();
        Standing::of(checks.iter(), |id| (id == "c.d").then_some(cause))
    }

    #[test]
    fn a_clause_stands_as_badly_as_its_worst_check() {
        let must = |verdict: &'static str| ("must", verdict);
        assert_eq!(standing(&[must("pass"), must("unexpected-pass")]), Standing::Kept);
        assert_eq!(standing(&[must("pass"), must("skipped")]), Standing::KeptInPart);
        assert_eq!(standing(&[must("pass"), ("should", "advisory")]), Standing::KeptWithAdvice);
        assert_eq!(standing(&[must("pass"), must("known-deviation")]), Standing::KnownDeviation);
        assert_eq!(standing(&[must("known-deviation"), must("fail")]), Standing::Broken);
        assert_eq!(standing(&[must("blocked"), must("inconclusive")]), Standing::Open);
        assert_eq!(standing(&[("observe", "pass")]), Standing::NotChecked);
        assert_eq!(standing(&[]), Standing::NotChecked);
    }

    #[test]
    fn what_is_explained_stands_as_its_cause_does() {
        let explained = [("must", "explained"), ("must", "pass")];
        assert_eq!(because_of("fail", &explained), Standing::Broken);
        assert_eq!(because_of("known-deviation", &explained), Standing::KnownDeviation);
        assert_eq!(because_of("advisory", &explained), Standing::KeptWithAdvice);
        assert_eq!(because_of("fail", &[("should", "explained")]), Standing::KeptWithAdvice);
        assert_eq!(because_of("fail", &[("observe", "explained")]), Standing::NotChecked);
    }

    #[test]
    fn what_a_report_says_does_not_leave_its_cell() {
        let column = Column {
            name: "http://a|b\n# c".to_owned(),
            file: "a.json".to_owned(),
            target: String::new(),
            started_at: String::new(),
            outcome: "<b>".to_owned(),
        };
        let text = markdown(&Matrix { columns: vec![column], clauses: Vec::new() });
        assert!(text.contains("| clause, and its checks | http://a\\|b # c |"), "{text}");
        assert!(!text.contains('<'), "{text}");
    }

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
