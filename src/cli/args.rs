//! The arguments that say which checks: ids, patterns, levels, tags.

use std::collections::BTreeSet;

use super::tell::fail;
use crate::nearest::no_such;
use crate::report::ExitCode;
use crate::scenario::model::Level;
use crate::scenario::{Source, Suite};
use crate::system::shell_word;

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
    /// The places in the suite of the checks that are asked for; none where these words leave none.
    ///
    /// # Errors
    /// Where a word is none of the suite's: more likely a slip than a wish.
    pub fn matching(&self, suite: &Suite) -> Result<Vec<usize>, String> {
        for pattern in self.ids.iter().chain(&self.skip) {
            pattern.is_known(suite)?;
        }
        let tags: BTreeSet<&str> =
            suite.checks.iter().flat_map(|check| &check.tags).map(String::as_str).collect();
        if let Some(tag) = self.tag.iter().find(|tag| !tags.contains(tag.as_str())) {
            let all = tags.iter().copied().collect::<Vec<_>>().join(", ");
            return Err(no_such("tag", tag, tags.iter().copied(), &format!("the tags are {all}")));
        }
        let places = suite.checks.iter().enumerate();
        let chosen = places
            .filter(|(_, check)| self.ids.is_empty() || self.ids.iter().any(|id| id.matches(&check.id)))
            .filter(|(_, check)| !self.skip.iter().any(|pattern| pattern.matches(&check.id)))
            .filter(|(_, check)| self.level.is_empty() || self.level.contains(&check.level))
            .filter(|(_, check)| self.tag.is_empty() || check.tags.iter().any(|tag| self.tag.contains(tag)));
        Ok(chosen.map(|(place, _)| place).collect())
    }

    /// The same, where something is to be played.
    ///
    /// # Errors
    /// Where a word is none of the suite's or nothing is left, which has been told.
    pub fn choose(&self, suite: &Suite) -> Result<Vec<usize>, ExitCode> {
        let chosen = self.matching(suite).map_err(fail(ExitCode::Usage))?;
        if chosen.is_empty() {
            return Err(fail(ExitCode::Usage)("no check is left to play after --level, --tag and --skip"));
        }
        Ok(chosen)
    }
}

fn parse_level(word: &str) -> Result<Level, String> {
    let level = Level::ALL.into_iter().find(|level| level.word() == word);
    let words = Level::ALL.map(Level::word);
    level.ok_or_else(|| no_such("level", word, words, &format!("the levels are {}", words.join(", "))))
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

    /// Refuses a pattern that no check's id matches.
    fn is_known(&self, suite: &Suite) -> Result<(), String> {
        let ids = || suite.checks.iter().map(|check| check.id.as_str());
        if ids().any(|id| self.matches(id)) {
            return Ok(());
        }
        let groups: BTreeSet<String> =
            ids().filter_map(|id| id.split_once('.')).map(|(group, _)| format!("{group}.*")).collect();
        let candidates = groups.iter().map(String::as_str).chain(ids());
        Err(no_such("check", &self.0, candidates, "`trenchcheck list` shows all"))
    }
}

impl From<&str> for IdPattern {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// The option with which the scenarios of this source are played, with a space before it; nothing for those that are built in.
pub(super) fn scenarios_option(source: &Source) -> String {
    match source {
        Source::Builtin => String::new(),
        Source::Directory(folder) => format!(" --scenarios {}", shell_word(&folder.to_string_lossy())),
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

    fn chosen(selection: SelectionArgs) -> Result<Vec<String>, String> {
        let suite = suite();
        let places = selection.matching(&suite)?;
        Ok(places.into_iter().map(|place| suite.checks[place].id.clone()).collect())
    }

    fn ids(patterns: &[&str]) -> Result<Vec<String>, String> {
        let ids = patterns.iter().map(|&pattern| pattern.into()).collect();
        chosen(SelectionArgs { ids, ..SelectionArgs::default() })
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
    fn filters_narrow_and_need_not_leave_anything() {
        let of = |level: &[Level], tag: &[&str], ids: &[&str]| {
            let tag = tag.iter().map(|&tag| tag.to_owned()).collect();
            let ids = ids.iter().map(|&id| id.into()).collect();
            chosen(SelectionArgs { level: level.to_vec(), tag, ids, ..SelectionArgs::default() }).unwrap()
        };
        assert_eq!(of(&[Level::Should, Level::Rfc], &[], &["*.*"]), ["rate.standard"]);
        assert_eq!(of(&[], &["auth", "rate"], &[]).len(), 3);
        assert_eq!(of(&[], &["auth"], &["rate.*"]), [""; 0]);
    }

    #[test]
    fn a_slip_is_told_with_what_was_perhaps_meant() {
        let all = "`trenchcheck list` shows all";
        for (slip, meant) in [
            ("auth.no-qeury", "did you mean `auth.no-query`? "),
            ("auth", "did you mean `auth.*`? "),
            ("zzz*", ""),
        ] {
            assert_eq!(ids(&[slip]).unwrap_err(), format!("no check is called `{slip}`; {meant}{all}"));
            let skip = vec![slip.into()];
            assert!(chosen(SelectionArgs { skip, ..SelectionArgs::default() }).is_err());
        }
        let tag = vec!["auht".to_owned()];
        assert_eq!(
            chosen(SelectionArgs { tag, ..SelectionArgs::default() }).unwrap_err(),
            "no tag is called `auht`; did you mean `auth`? the tags are auth, rate"
        );
        assert!(parse_level("mus").unwrap_err().contains("did you mean `must`?"));
    }
}
