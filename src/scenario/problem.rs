//! What is wrong with a file, where, and how to mend it.

use std::fmt;
use std::sync::Arc;

use super::secret::mask_key_literals;
use super::span::At;

/// One thing that is wrong in one file.
///
/// Nothing in it ever holds a key literal: every text passes through [`mask_key_literals`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file, as the user would name it.
    pub file: Arc<str>,
    /// The place in it.
    pub at: At,
    /// The line at that place, or as much of it as can be shown.
    pub line: String,
    /// What is wrong.
    pub what: String,
    /// How to mend it, or what was expected.
    pub help: Option<String>,
    /// The word that was probably meant.
    pub nearest: Option<String>,
}

impl Problem {
    /// A problem at a place of a text; it quotes the line.
    pub fn at(file: &str, text: &str, at: At, what: impl AsRef<str>) -> Self {
        let line = text.lines().nth((at.line as usize).saturating_sub(1)).unwrap_or_default();
        Self { line: mask_key_literals(line).into_owned(), ..Self::in_file(file, at, what) }
    }

    /// A problem of a whole file that has no line to show.
    pub fn in_file(file: &str, at: At, what: impl AsRef<str>) -> Self {
        Self {
            file: Arc::from(mask_key_literals(file)),
            at: At { line: at.line.max(1), column: at.column.max(1) },
            line: String::new(),
            what: shown(what.as_ref()),
            help: None,
            nearest: None,
        }
    }

    /// The same problem, with how to mend it.
    #[must_use]
    pub fn help(mut self, help: impl AsRef<str>) -> Self {
        self.help = Some(shown(help.as_ref()));
        self
    }

    /// The same problem, with the word that was probably meant, if there is one.
    #[must_use]
    pub fn nearest(mut self, nearest: Option<String>) -> Self {
        self.nearest = nearest.map(|word| shown(&word));
        self
    }

    /// The same problem with the quoted line cut at its place: for what must not be repeated.
    #[must_use]
    pub(super) fn without_the_rest(mut self) -> Self {
        self.line = self.line.chars().take(self.at.column as usize - 1).chain(['…']).collect();
        self
    }
}

/// A text from a file as a terminal may see it: no key, no control character.
fn shown(text: &str) -> String {
    let masked = mask_key_literals(text);
    masked.chars().map(|mark| if mark.is_control() { char::REPLACEMENT_CHARACTER } else { mark }).collect()
}

/// A word from a file in a message: in backticks, and not longer than one reads.
pub(super) fn word(text: &str) -> String {
    const MOST: usize = 60;
    // Masked before it is cut: half a key would no longer be found.
    let masked = mask_key_literals(text);
    match masked.char_indices().nth(MOST) {
        Some((cut, _)) => format!("`{}…`", &masked[..cut]),
        None => format!("`{masked}`"),
    }
}

/// Words as a list for a message: "`a`, `b` or `c`".
pub(super) fn words<'w>(all: impl IntoIterator<Item = &'w str>, last: &str) -> String {
    let all: Vec<String> = all.into_iter().map(word).collect();
    match all.split_last() {
        None => "nothing".to_owned(),
        Some((only, [])) => only.clone(),
        Some((end, before)) => format!("{} {last} {end}", before.join(", ")),
    }
}

/// Everything that is wrong with some files, sorted by file and place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Sorts the problems and drops those said twice; `None` if there are none.
    pub fn new(mut problems: Vec<Problem>) -> Option<Self> {
        problems.sort_by(|a, b| (&a.file, a.at, &a.what).cmp(&(&b.file, b.at, &b.what)));
        problems.dedup();
        (!problems.is_empty()).then_some(Self(problems))
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }

    /// The problems as a list, to be added to others.
    pub fn into_vec(self) -> Vec<Problem> {
        self.0
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.render(false))
    }
}

impl std::error::Error for Problems {}
