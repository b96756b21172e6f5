//! A file's text, and everything that is found wrong with it.

use std::cell::RefCell;
use std::sync::Arc;

use super::node::Node;
use super::problem::{Problem, word, words};
use super::span::At;
use crate::nearest::nearest;

/// No file of the language comes near it; more is a mistake or an attack.
const MOST_BYTES: usize = 1 << 20;
const MOST_PROBLEMS: usize = 100;

/// The text of one file, and what is found wrong with it.
#[derive(Debug)]
pub(crate) struct Text {
    /// The file, as the user would name it.
    pub(crate) file: Arc<str>,
    pub(super) text: String,
    problems: RefCell<Vec<Problem>>,
}

impl Text {
    /// Takes a file's bytes if they are text that YAML may hold.
    pub(crate) fn new(file: &str, bytes: &[u8]) -> Result<Self, Problem> {
        if bytes.len() > MOST_BYTES {
            return Err(Problem::in_file(file, At::default(), "the file is larger than 1 MiB"));
        }
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
            Err(error) => {
                let valid = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
                let what = "the file is not UTF-8 from here on";
                return Err(Problem::at(file, &valid, At::end_of(&valid), what).help("save it as UTF-8"));
            }
        };
        if let Some((index, mark)) = forbidden(text) {
            let at = At::end_of(&text[..index]);
            let what = format!("a control character, U+{:04X}, stands here", u32::from(mark));
            return Err(Problem::at(file, text, at, what).help("take it out, or write it as `\"\\x..\"`"));
        }
        Ok(Self { file: Arc::from(file), text: text.to_owned(), problems: RefCell::default() })
    }

    /// A problem at a place of this text, yet to be reported.
    pub(crate) fn problem(&self, at: At, what: impl AsRef<str>) -> Problem {
        Problem::at(&self.file, &self.text, at, what)
    }

    /// Remembers a problem, unless there is one at its place already: the first one found is the cause, and what
    /// every row of a table runs into is said once. Nobody reads more than a hundred.
    pub(crate) fn report(&self, problem: Problem) {
        let mut problems = self.problems.borrow_mut();
        let is_known = problems.iter().any(|known| known.at == problem.at && known.file == problem.file);
        if problems.len() < MOST_PROBLEMS && !is_known {
            problems.push(problem);
        }
    }

    /// Reports what is wrong at a place, and how to mend it.
    pub(crate) fn wrong(&self, at: At, what: impl AsRef<str>, help: impl AsRef<str>) {
        self.report(self.problem(at, what).help(help));
    }

    /// Reports a word that is not what it must be, as in "`get` is no method".
    pub(crate) fn odd(&self, name: &Node, what: &str, help: impl AsRef<str>) {
        self.wrong(name.at, format!("{} {what}", word(name.written())), help);
    }

    /// Reports a word that is none of those known at its place.
    pub(crate) fn unknown(&self, at: At, name: &str, what: &str, known: &[&str]) {
        let problem = self.problem(at, what).nearest(nearest(name, known.iter().copied()));
        self.report(match known.len() {
            0 => problem.help("there is none here to name"),
            // More of them nobody reads.
            1..=18 => problem.help(format!("expected {}", words(known.iter().copied(), "or"))),
            _ => problem,
        });
    }

    /// Reports the name of a field that is none of those there are.
    pub(crate) fn unknown_field(&self, key: &Node, fields: &[&str]) {
        self.unknown(
            key.at,
            key.written(),
            &format!("no field is called {} here", word(key.written())),
            fields,
        );
    }

    /// A name that must be one of some; tells whether it is. What is no text has been reported.
    pub(crate) fn one_of<'n>(
        &self,
        kind: &str,
        name: &Node,
        known: impl IntoIterator<Item = &'n str>,
    ) -> bool {
        let (written, known) = (name.written(), known.into_iter().collect::<Vec<_>>());
        let is_known = known.contains(&written);
        if !is_known {
            self.unknown(name.at, written, &format!("no {kind} is called {}", word(written)), &known);
        }
        is_known
    }

    /// Whether something is wrong at a place.
    pub(crate) fn is_wrong_at(&self, at: At) -> bool {
        self.problems.borrow().iter().any(|problem| problem.at == at)
    }

    /// Whether nothing is wrong so far.
    pub(crate) fn is_sound(&self) -> bool {
        self.problems.borrow().is_empty()
    }

    /// Everything reported since the last call.
    pub(crate) fn take_problems(&self) -> Vec<Problem> {
        self.problems.take()
    }
}

/// The first character no YAML file may hold as it is; a carriage return only before a line feed.
fn forbidden(text: &str) -> Option<(usize, char)> {
    text.char_indices().find(|(index, mark)| match mark {
        '\n' | '\t' => false,
        '\r' => text.as_bytes().get(index + 1) != Some(&b'\n'),
        _ => mark.is_control(),
    })
}
