//! What is wrong with a file, where, and how to mend it; as a person reads it, and never with a key in it.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, Range};
use std::sync::{Arc, LazyLock};

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use regex::{Captures, Regex};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};

use crate::amounts::count;

/// One thing that is wrong in one file. Nothing in it holds a key literal: every text passes [`mask_key_literals`].
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

    /// What is wrong with a text that ought to be JSON, after `what`.
    pub(crate) fn of_json(file: &str, text: &str, error: &serde_json::Error, what: &str) -> Self {
        let why = error.to_string();
        let why = why.split(" at line ").next().unwrap_or_default();
        Self::at(file, text, At::new(error.line(), error.column()), format!("{what}: {why}"))
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
    pub fn nearest(mut self, nearest: Option<&str>) -> Self {
        self.nearest = nearest.map(shown);
        self
    }

    /// The same problem with the quoted line cut at its place: for what must not be repeated.
    #[must_use]
    pub(crate) fn without_the_rest(mut self) -> Self {
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
pub(crate) fn word(text: &str) -> String {
    const MOST: usize = 60;
    // Masked before it is cut: half a key would no longer be found.
    let masked = mask_key_literals(text);
    match masked.char_indices().nth(MOST) {
        Some((cut, _)) => format!("`{}…`", &masked[..cut]),
        None => format!("`{masked}`"),
    }
}

/// Words as a list for a message: "`a`, `b` or `c`".
pub(crate) fn words<'w>(all: impl IntoIterator<Item = &'w str>, last: &str) -> String {
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

    /// The problems as text, each with its line and a caret, and their number at the end.
    pub fn render(&self, color: bool) -> String {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let problems: String =
            self.iter().map(|problem| renderer.render(&[group(problem)]) + "\n\n").collect();
        let files: BTreeSet<&str> = self.iter().map(|problem| &*problem.file).collect();
        let (problem, file) = (count(self.0.len() as u64, "problem"), count(files.len() as u64, "file"));
        format!("{problems}{problem} in {file}")
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

fn group(problem: &Problem) -> Group<'_> {
    let group = Level::ERROR.primary_title(&problem.what);
    let (line, column) = (problem.at.line as usize, problem.at.column as usize);
    let mut group = if problem.line.trim().is_empty() {
        group.element(Origin::path(&*problem.file).line(line).char_column(column))
    } else {
        let caret = AnnotationKind::Primary.span(caret(&problem.line, column - 1));
        group.element(Snippet::source(&problem.line).path(&*problem.file).line_start(line).annotation(caret))
    };
    if let Some(nearest) = &problem.nearest {
        group = group.element(Level::HELP.message(format!("did you mean `{nearest}`?")));
    }
    if let Some(help) = &problem.help {
        group = group.element(Level::HELP.message(help));
    }
    group
}

/// The bytes of the word that begins at a column: up to its closing quote, or to what ends a plain word.
fn caret(line: &str, column: usize) -> Range<usize> {
    let Some((start, first)) = line.char_indices().nth(column) else { return line.len()..line.len() };
    let rest = &line[start..];
    let length = match first {
        '"' | '\'' => rest[1..].find(first).map(|end| end + 2),
        '{' | '[' | '-' => Some(1),
        _ => rest.find([' ', ',', ':', '}', ']', '#']).filter(|end| *end > 0),
    };
    start..start + length.unwrap_or(rest.len())
}

/// The documented prefix with enough behind it to be a key and not prose. What hangs on to those
/// letters and digits is taken for a part of the key too: better too much hidden than too little.
static KEY_LITERAL: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new("ct_live_([A-Za-z0-9]{8}[A-Za-z0-9_-]*)").ok());

/// Whether a key is written out in the text.
pub(crate) fn holds_key_literal(text: &str) -> bool {
    KEY_LITERAL.as_ref().is_some_and(|pattern| pattern.is_match(text))
}

/// Puts a `*` for every character of a written-out key behind its prefix; so columns stay what they were.
///
/// ```
/// use trenchcheck::yaml::mask_key_literals;
/// assert_eq!(mask_key_literals("key: ct_live_0123456789 # mine"), "key: ct_live_********** # mine");
/// assert_eq!(mask_key_literals("about: keys begin with ct_live_"), "about: keys begin with ct_live_");
/// ```
pub fn mask_key_literals(text: &str) -> Cow<'_, str> {
    let Some(pattern) = KEY_LITERAL.as_ref() else { return Cow::Borrowed(text) };
    pattern.replace_all(text, |found: &Captures<'_>| format!("ct_live_{}", "*".repeat(found[1].len())))
}

/// A place in a file. Lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct At {
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
}

impl At {
    /// The place with these numbers; those of a file of 1 MiB fit.
    pub(crate) fn new(line: usize, column: usize) -> Self {
        let narrow = |number| u32::try_from(number).unwrap_or(u32::MAX);
        Self { line: narrow(line), column: narrow(column) }
    }

    /// The place right behind a text.
    pub(crate) fn end_of(text: &str) -> Self {
        let last = text.rsplit('\n').next().unwrap_or_default();
        Self::new(text.matches('\n').count() + 1, last.chars().count() + 1)
    }
}

/// A value with the place it was read from. Equal values are equal wherever they stand.
#[derive(Debug, Clone, Default)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it begins.
    pub at: At,
}

impl<T: PartialEq> PartialEq for Spanned<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: Eq> Eq for Spanned<T> {}

impl<T> Deref for Spanned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// The struct name that asks [`crate::yaml`] for a place: it gives a mapping with one pair, from line and column to the
/// value.
pub(super) const SPANNED: &str = "$trenchcheck::Spanned";

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Spanned<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_struct(SPANNED, &[], SpannedVisitor(PhantomData))
    }
}

struct SpannedVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for SpannedVisitor<T> {
    type Value = Spanned<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value with its place")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Spanned<T>, A::Error> {
        let place = map.next_key()?.ok_or_else(|| A::Error::custom("only a file tells places"))?;
        let (line, column) = place;
        Ok(Spanned { value: map.next_value()?, at: At { line, column } })
    }
}

impl<T: JsonSchema> JsonSchema for Spanned<T> {
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}
