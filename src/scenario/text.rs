//! A file's text before anything is understood of it.

use std::cell::RefCell;
use std::sync::Arc;

use super::problem::Problem;
use super::span::At;

/// No file of the language comes near it; more is a mistake or an attack.
const MOST_BYTES: usize = 1 << 20;
const MOST_PROBLEMS: usize = 100;

/// The text of one file, and what is found wrong with it.
#[derive(Debug)]
pub(super) struct Text {
    /// The file, as the user would name it.
    pub(super) file: Arc<str>,
    text: String,
    problems: RefCell<Vec<Problem>>,
}

impl Text {
    /// Takes a file's bytes if they are text that YAML may hold.
    pub(super) fn new(file: &str, bytes: &[u8]) -> Result<Self, Problem> {
        let start = At { line: 1, column: 1 };
        if bytes.len() > MOST_BYTES {
            return Err(Problem::in_file(file, start, "the file is larger than 1 MiB"));
        }
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
            Err(error) => {
                let valid = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
                let what = "the file is not UTF-8 from here on";
                return Err(Problem::at(file, &valid, end_of(&valid), what).help("save it as UTF-8"));
            }
        };
        if let Some((index, mark)) = forbidden(text) {
            let at = end_of(&text[..index]);
            let what = format!("a control character, U+{:04X}, stands here", u32::from(mark));
            return Err(Problem::at(file, text, at, what).help("take it out, or write it as `\"\\x..\"`"));
        }
        Ok(Self { file: Arc::from(file), text: text.to_owned(), problems: RefCell::default() })
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// A problem at a place of this text, yet to be reported.
    pub(super) fn problem(&self, at: At, what: impl AsRef<str>) -> Problem {
        Problem::at(&self.file, &self.text, at, what)
    }

    /// Remembers a problem, unless there is one at its place already: the first one found is the cause, and what
    /// every row of a table runs into is said once. Nobody reads more than a hundred.
    pub(super) fn report(&self, problem: Problem) {
        let mut problems = self.problems.borrow_mut();
        if problems.len() < MOST_PROBLEMS && problems.iter().all(|earlier| earlier.at != problem.at) {
            problems.push(problem);
        }
    }

    /// Whether nothing is wrong so far.
    pub(super) fn is_sound(&self) -> bool {
        self.problems.borrow().is_empty()
    }

    /// Everything reported since the last call.
    pub(super) fn take_problems(&self) -> Vec<Problem> {
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

/// The place right behind a text.
fn end_of(text: &str) -> At {
    let line = text.matches('\n').count() + 1;
    let column = text.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    At { line: narrow(line), column: narrow(column) }
}

/// Lines and columns of a file of 1 MiB fit.
pub(super) fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
