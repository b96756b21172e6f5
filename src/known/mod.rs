//! Known deviations: the list of checks a deployment is known to fail, why that is accepted, and until when.
//!
//! A listed check is played like any other. That it fails is then no news; that it passes is, and so is an entry whose
//! day has gone by: both say that the list no longer tells the truth. Nothing here reads a clock; the day is passed in.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::nearest::nearest;
use crate::report::{CheckResult, KnownDeviation, Verdict, save};
use crate::scenario::model::Level;
use crate::yaml::{At, Spanned};
use crate::yaml::{Problem, Problems, read_document};

/// The checks a deployment is known to fail.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviationsFile {
    /// One entry a check.
    pub deviations: Vec<Spanned<KnownFailure>>,
}

/// One check that is known to fail.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KnownFailure {
    /// The check's id.
    pub check: Spanned<String>,
    /// The base URL of the deployment it is known of; of every deployment, without it.
    pub target: Option<Spanned<String>>,
    /// Why it is accepted.
    pub reason: Spanned<String>,
    /// Where the mend is tracked.
    pub link: Option<Spanned<String>>,
    /// The last day on which it is accepted, as `2026-12-31`, in UTC.
    pub expires: Spanned<String>,
}

impl KnownFailure {
    /// Whether it says something about the deployment with this base URL.
    pub(super) fn applies_to(&self, base_url: &str) -> bool {
        self.target.as_ref().is_none_or(|target| bare(target) == bare(base_url))
    }
}

/// A check that can be listed.
#[derive(Debug, Clone, Copy)]
pub struct ListedCheck<'a> {
    /// Its id.
    pub id: &'a str,
    /// How much it weighs.
    pub level: Level,
}

/// Why a list cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KnownError {
    /// The file cannot be read.
    #[error("cannot read the known deviations {path}: {1}", path = .0.display())]
    Unreadable(PathBuf, io::Error),
    /// Something is wrong in it.
    #[error("{0}")]
    Bad(Problems),
}

/// The deviations of the file that are known of the deployment at `base_url`, by check. `today` decides which of them
/// have expired: an entry holds through its last day.
///
/// # Errors
/// [`KnownError`], with every problem in the file: unknown checks, reasons that are not filled in, entries said twice.
pub fn known(
    path: &Path,
    checks: &[ListedCheck<'_>],
    base_url: &str,
    today: NaiveDate,
) -> Result<BTreeMap<String, KnownDeviation>, KnownError> {
    let text = std::fs::read_to_string(path).map_err(|why| KnownError::Unreadable(path.to_owned(), why))?;
    read(&path.display().to_string(), &text, checks, base_url, today).map_err(KnownError::Bad)
}

fn read(
    name: &str,
    text: &str,
    checks: &[ListedCheck<'_>],
    base_url: &str,
    today: NaiveDate,
) -> Result<BTreeMap<String, KnownDeviation>, Problems> {
    let file: DeviationsFile = read_document(name, text)?;
    let mut problems = Vec::new();
    let mut complain = |at: At, what: String, help: &str, nearest: Option<&str>| {
        let problem = Problem::at(name, text, at, what).nearest(nearest);
        problems.push(if help.is_empty() { problem } else { problem.help(help) });
    };
    let mut found: BTreeMap<String, (bool, KnownDeviation)> = BTreeMap::new();
    for (index, entry) in file.deviations.iter().enumerate() {
        let id = entry.check.as_str();
        match checks.iter().find(|check| check.id == id) {
            None => {
                let near = nearest(id, checks.iter().map(|check| check.id));
                let help = "`trenchcheck list` shows the ids of all checks";
                complain(entry.check.at, format!("no check is called `{id}`"), help, near);
            }
            Some(check) if check.level == Level::Observe => complain(
                entry.check.at,
                format!("`{id}` only observes and never fails a run"),
                "take it off the list",
                None,
            ),
            Some(_) => {}
        }
        if entry.reason.trim().is_empty() {
            complain(
                entry.reason.at,
                format!("the reason why `{id}` may fail is not filled in"),
                "say in a sentence why it is accepted, for those who meet it later",
                None,
            );
        }
        for url in entry.link.iter().chain(&entry.target) {
            if !url.starts_with("https://") && !url.starts_with("http://") {
                let what = "an address begins with https:// or http://".to_owned();
                complain(url.at, what, "", None);
            }
        }
        let twice = file.deviations[..index].iter().find(|other| {
            let target = |entry: &KnownFailure| entry.target.as_ref().map(|target| bare(target).to_owned());
            *other.check == *entry.check && target(other) == target(entry)
        });
        if let Some(first) = twice {
            let what = format!("`{id}` is listed twice, first in line {}", first.at.line);
            complain(entry.check.at, what, "keep one of them, or give each a `target`", None);
        }
        let Ok(last_day) = NaiveDate::parse_from_str(&entry.expires, "%Y-%m-%d") else {
            let help = "write year, month and day, such as 2026-12-31";
            complain(entry.expires.at, format!("`{}` is no date", entry.expires.value), help, None);
            continue;
        };
        if !entry.applies_to(base_url) {
            continue;
        }
        let deviation = KnownDeviation {
            reason: entry.reason.trim().to_owned(),
            link: entry.link.as_ref().map(|link| link.value.clone()),
            expires: last_day.to_string(),
            expired: today > last_day,
        };
        // What is said of this deployment counts more than what is said of all.
        let here = entry.target.is_some();
        if here || !found.contains_key(id) {
            found.insert(id.to_owned(), (here, deviation));
        }
    }
    match Problems::new(problems) {
        Some(problems) => Err(problems),
        None => Ok(found.into_iter().map(|(id, (_, deviation))| (id, deviation)).collect()),
    }
}

/// A base URL without what makes no difference.
fn bare(url: &str) -> &str {
    url.trim().trim_end_matches('/')
}

const HEADER: &str = "\
# Checks that are known to fail, why that is accepted, and until when.
# Say why in each `reason`: a list with an empty one is refused. `expires` is the last day an entry holds.
deviations:
";

/// What a draft came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drafted {
    /// Entries that were added, each with a reason to fill in.
    pub added: usize,
    /// Entries that were there and were left as they are.
    pub kept: usize,
}

/// Why nothing was drafted. The file is as it was.
#[derive(Debug, thiserror::Error)]
pub enum DraftError {
    /// The file is there and cannot be read.
    #[error("cannot read {path}: {1}", path = .0.display())]
    Unreadable(PathBuf, io::Error),
    /// The file is there and is no list of deviations.
    #[error("{0}")]
    Bad(Problems),
    /// The file's list is written so that nothing can be put at its end.
    #[error(
        "nothing can be added to {}: its list must be the last thing in it, with an entry on lines of its own that \
         begin with a dash; write to another file",
        .0.display()
    )]
    Closed(PathBuf),
    /// It could not be written.
    #[error(transparent)]
    Unwritten(io::Error),
}

/// Adds the checks that failed to the file, those apart that another one explains, each with an empty reason and
/// `expires` as its last day, and leaves everything that is there as it is, comments included. `base_url` limits the new entries to a deployment.
///
/// # Errors
/// [`DraftError`].
pub fn draft(
    path: &Path,
    results: &[CheckResult],
    base_url: Option<&str>,
    expires: NaiveDate,
) -> Result<Drafted, DraftError> {
    let before = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(why) => return Err(DraftError::Unreadable(path.to_owned(), why)),
    };
    let (text, drafted) = drafted(path, &before, results, base_url, expires)?;
    if drafted.added > 0 {
        save(path, text.as_bytes()).map_err(DraftError::Unwritten)?;
    }
    Ok(drafted)
}

fn drafted(
    path: &Path,
    before: &str,
    results: &[CheckResult],
    base_url: Option<&str>,
    expires: NaiveDate,
) -> Result<(String, Drafted), DraftError> {
    let name = path.display().to_string();
    let parse = |text: &str| read_document::<DeviationsFile>(&name, text).map(|file| file.deviations);
    let kept: Vec<Spanned<KnownFailure>> =
        if before.trim().is_empty() { Vec::new() } else { parse(before).map_err(DraftError::Bad)? };
    let listed = |id: &str| {
        kept.iter().any(|entry| *entry.check == id && entry.applies_to(base_url.unwrap_or_default()))
    };
    let failed = results.iter().filter(|result| result.verdict == Verdict::Fail);
    let new: Vec<&CheckResult> = failed.filter(|result| !listed(&result.id)).collect();
    let drafted = Drafted { added: new.len(), kept: kept.len() };
    if new.is_empty() {
        return Ok((before.to_owned(), drafted));
    }

    let mut text = if before.trim().is_empty() { HEADER.to_owned() } else { before.to_owned() };
    if !text.ends_with('\n') {
        text.push('\n');
    }
    let indent = kept.last().map_or("  ", |entry| indent(before, entry.at.line));
    for result in new {
        let about = result.about.split_whitespace().collect::<Vec<_>>().join(" ");
        text.push_str(&format!("{indent}# {about}\n{indent}- check: {}\n", result.id));
        if let Some(url) = base_url {
            text.push_str(&format!("{indent}  target: {url}\n"));
        }
        text.push_str(&format!("{indent}  reason: \"\"\n{indent}  expires: {expires}\n"));
    }
    // What was there must read as before, and what was added must be read.
    let whole = parse(&text).unwrap_or_default();
    if whole.len() == drafted.kept + drafted.added && whole.starts_with(&kept) {
        Ok((text, drafted))
    } else {
        Err(DraftError::Closed(path.to_owned()))
    }
}

/// The spaces a line begins with.
fn indent(text: &str, line: u32) -> &str {
    let line = text.lines().nth((line as usize).saturating_sub(1)).unwrap_or_default();
    &line[..line.len() - line.trim_start_matches(' ').len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::result;

    const CHECKS: [ListedCheck<'static>; 3] = [
        ListedCheck { id: "auth.no-bearer", level: Level::Must },
        ListedCheck { id: "limit.body", level: Level::Must },
        ListedCheck { id: "auth.options", level: Level::Observe },
    ];

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn at_here(text: &str, today: &str) -> Result<BTreeMap<String, KnownDeviation>, Problems> {
        read("known.yaml", text, &CHECKS, "https://here.example", day(today))
    }

    fn entry(check: &str, rest: &str) -> String {
        format!("  - check: {check}\n    reason: The gateway is older.\n    expires: 2026-12-31\n{rest}")
    }

    #[test]
    fn an_entry_holds_through_its_last_day() {
        let text =
            format!("deviations:\n{}", entry("auth.no-bearer", "    link: https://tracker.example/7\n"));
        let on = |today: &str| at_here(&text, today).unwrap().remove("auth.no-bearer").unwrap();
        assert!(!on("2026-12-31").expired && on("2027-01-01").expired);
        assert_eq!(on("2026-01-01").link.as_deref(), Some("https://tracker.example/7"));
    }

    #[test]
    fn an_entry_of_another_deployment_says_nothing_and_one_of_this_says_most() {
        let elsewhere = entry("auth.no-bearer", "    target: https://there.example\n");
        assert!(at_here(&format!("deviations:\n{elsewhere}"), "2026-01-01").unwrap().is_empty());
        let here = "  - {check: auth.no-bearer, reason: Here., target: https://here.example/, expires: 2026-05-05}\n";
        for both in [[here, &entry("auth.no-bearer", "")], [&entry("auth.no-bearer", ""), here]] {
            let found = at_here(&format!("deviations:\n{}", both.concat()), "2026-01-01").unwrap();
            assert_eq!(found["auth.no-bearer"].reason, "Here.");
        }
    }

    #[test]
    fn everything_wrong_is_said_at_once() {
        let text = "\
deviations:
  - {check: auth.no-baerer, reason: It is so., expires: 2026-12-31}
  - {check: limit.body, reason: '  ', expires: 31.12.2026, link: tracker/7}
  - {check: auth.options, reason: It is so., expires: 2026-12-31}
  - {check: limit.body, reason: It is so., expires: 2026-12-31}
  - {check: limit.body, reason: It is so., expires: 2026-12-31, untill: 2027-01-01}
";
        insta::assert_snapshot!(at_here(text, "2026-01-01").unwrap_err());
        let text = text.replace(", untill: 2027-01-01", "");
        insta::assert_snapshot!(at_here(&text, "2026-01-01").unwrap_err());
    }

    fn results() -> [CheckResult; 4] {
        [
            result("auth.no-bearer", Level::Must, Verdict::Fail),
            result("limit.body", Level::Must, Verdict::Fail),
            result("auth.missing", Level::Must, Verdict::Pass),
            result(
                "limit.every-429",
                Level::Must,
                Verdict::Explained("the body is wrong here, too".to_owned()),
            ),
        ]
    }

    fn add(before: &str, base_url: Option<&str>) -> Result<(String, Drafted), DraftError> {
        drafted(Path::new("known.yaml"), before, &results(), base_url, "2027-02-20".parse().unwrap())
    }

    #[test]
    fn a_new_list_has_every_failure_and_no_reason() {
        let (text, drafted) = add("", Some("https://here.example")).unwrap();
        assert_eq!(drafted, Drafted { added: 2, kept: 0 });
        insta::assert_snapshot!(text);
        assert_eq!(add(&text, Some("https://here.example")).unwrap(), (text, Drafted { added: 0, kept: 2 }));
    }

    #[test]
    fn what_was_written_stays_with_its_comments() {
        let before = "deviations:\n# The old gateway.\n- check: limit.body   # since May\n  reason: It is so.\n  \
                      expires: 2026-12-31";
        let (text, drafted) = add(before, None).unwrap();
        assert_eq!(drafted, Drafted { added: 1, kept: 1 });
        assert!(text.starts_with(&format!("{before}\n# ")), "{text}");
        assert!(text.contains("\n- check: auth.no-bearer\n  reason: \"\"\n"), "{text}");
    }

    #[test]
    fn a_list_that_cannot_be_added_to_is_left_alone() {
        let flow = "deviations: [{check: limit.body, reason: So., expires: 2026-12-31}]\n";
        assert!(matches!(add(flow, None), Err(DraftError::Closed(_))));
        assert!(matches!(add("checks: []\n", None), Err(DraftError::Bad(_))));
    }

    #[test]
    fn an_entry_of_another_deployment_does_not_cover_this_one() {
        let before = "deviations:\n  - check: limit.body\n    target: https://there.example\n    reason: So.\n    \
                      expires: 2026-12-31\n";
        assert_eq!(add(before, Some("https://here.example")).unwrap().1, Drafted { added: 2, kept: 1 });
        assert_eq!(add(before, Some("https://there.example")).unwrap().1, Drafted { added: 1, kept: 1 });
    }
}
