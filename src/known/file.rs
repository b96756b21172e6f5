//! The file of known deviations, and what of it applies to a run.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::report::KnownDeviation;
use crate::scenario::model::Level;
use crate::yaml::{At, Problem, Problems, Spanned, nearest, read_document};

/// The checks a deployment is known to fail.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviationsFile {
    /// One entry a check.
    pub deviations: Vec<Spanned<Entry>>,
}

/// One check that is known to fail.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Entry {
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

impl Entry {
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
    #[error("cannot read the known deviations {}: {why}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: io::Error,
    },
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
    let text =
        std::fs::read_to_string(path).map_err(|why| KnownError::Unreadable { path: path.to_owned(), why })?;
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
    let mut complain = |at: At, what: String, help: &str, nearest: Option<String>| {
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
            let target = |entry: &Entry| entry.target.as_ref().map(|target| bare(target).to_owned());
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
