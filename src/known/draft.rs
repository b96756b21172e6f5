//! Drafting a list of known deviations from a run.

use std::io;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;

use super::file::{DeviationsFile, Entry};
use crate::report::{CheckResult, Verdict, save};
use crate::yaml::{Problems, Spanned, read_document};

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
    #[error("cannot read {}: {why}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: io::Error,
    },
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

/// Adds the checks that failed to the file, those apart that another one explains, each with an empty reason and `expires` as its last day, and leaves
/// everything that is there as it is, comments included. `base_url` limits the new entries to a deployment.
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
        Err(why) => return Err(DraftError::Unreadable { path: path.to_owned(), why }),
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
    let kept: Vec<Spanned<Entry>> =
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
    use crate::scenario::model::Level;

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
