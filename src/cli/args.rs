//! The arguments that say which checks: ids, patterns, levels, tags.

use std::convert::Infallible;
use std::str::FromStr;

use super::complain;
use super::list::parse_level;
use crate::report::ExitCode;
use crate::scenario::model::Level;
use crate::scenario::{Check, Suite};

/// Which checks.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct SelectionArgs {
    /// Ids of checks, or patterns such as 'auth.*'; all without one.
    #[arg(value_name = "ID")]
    pub ids: Vec<IdPattern>,

    /// Only these levels: must, should, rfc, observe.
    #[arg(long, value_name = "LEVEL", value_parser = parse_level, value_delimiter = ',')]
    pub level: Vec<Level>,

    /// Only checks with this tag.
    #[arg(long, value_name = "TAG", value_delimiter = ',')]
    pub tag: Vec<String>,

    /// Leaves out these ids or patterns.
    #[arg(long, value_name = "ID", value_delimiter = ',')]
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
