//! A file's text, everything that is found wrong with it, and the tree of its one document. Plain `serde_yaml` values forget where
//! they stood, so the tree is built from the parser's events. Depth and the expansion of aliases are bounded: no file exhausts the
//! stack or the memory.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle, StrInput, Tag};

use super::node::{Kind, Node};
use super::problem::{At, Problem, holds_key_literal, word, words};
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

/// How deep lists and mappings may lie in each other.
const DEEPEST: usize = 64;
/// How many values a document may hold once its aliases are written out.
const MOST_NODES: usize = 20_000;

impl Text {
    /// The tree of a text in which no key is written out. A file with one is refused without a further look, so that
    /// nothing else quotes it.
    pub(crate) fn parse(&self) -> Option<Node> {
        let root = tree(self)?;
        for scalar in root.scalars().into_iter().filter(|scalar| holds_key_literal(scalar.written())) {
            let what = "a key is written out here; a file is no place for a secret";
            let help = "name an environment variable instead, or a form of the key under `credentials`";
            self.report(self.problem(scalar.at, what).help(help).without_the_rest());
        }
        self.is_sound().then_some(root)
    }
}

/// Builds the tree of the text's one document, or reports why there is none.
fn tree(text: &Text) -> Option<Node> {
    let events = Parser::new_from_str(&text.text);
    let mut builder = Builder { text, events, anchors: HashMap::new(), nodes: 0, sound: true };
    let root = builder.document()?;
    builder.sound.then_some(root)
}

/// Each of its functions gives `None` when there is no point in going on.
struct Builder<'t> {
    text: &'t Text,
    events: Parser<'t, StrInput<'t>>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    sound: bool,
}

impl<'t> Builder<'t> {
    fn document(&mut self) -> Option<Node> {
        let mut root = None;
        while let Some((event, at)) = self.next() {
            match event {
                Event::DocumentStart(_) if root.is_some() => {
                    let help = "put each document into a file of its own";
                    return self.stop(at, "a second document begins here", help);
                }
                Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => {}
                event => root = Some(self.value(event, at, 0)?),
            }
        }
        if root.is_none() && self.sound {
            self.text.report(self.text.problem(At::default(), "the file is empty"));
        }
        root
    }

    /// The next event with its place; none at the end, and where it is no YAML.
    fn next(&mut self) -> Option<(Event<'t>, At)> {
        match self.events.next()? {
            Ok((event, span)) => Some((event, At::new(span.start.line().max(1), span.start.col() + 1))),
            Err(error) => {
                let at = At::new(error.marker().line().max(1), error.marker().col() + 1);
                let mut problem = self.text.problem(at, format!("this is no YAML: {}", error.info()));
                if problem.line.chars().take(at.column as usize).find(|mark| *mark != ' ') == Some('\t') {
                    problem = problem.help("indent with blanks; YAML takes no tabs there");
                }
                self.text.report(problem);
                self.sound = false;
                None
            }
        }
    }

    fn value(&mut self, event: Event<'t>, at: At, depth: usize) -> Option<Node> {
        self.grow(at, 1, depth)?;
        let (kind, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain && !self.is_tagged_text(at, tag.as_deref());
                (Kind::Scalar { text: text.into_owned(), plain }, anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                self.is_tagged_text(at, tag.as_deref());
                (Kind::Sequence(self.elements(depth + 1)?), anchor)
            }
            Event::MappingStart(anchor, tag) => {
                self.is_tagged_text(at, tag.as_deref());
                (Kind::Mapping(self.pairs(depth + 1)?), anchor)
            }
            Event::Alias(id) => {
                let Some(node) = self.anchors.get(&id).cloned() else {
                    return self.stop(
                        at,
                        "this alias stands inside what it stands for",
                        "write the value out",
                    );
                };
                let (nodes, deeper) = node.size();
                self.grow(at, nodes, depth + deeper)?;
                return Some(node);
            }
            _ => return None,
        };
        let node = Node { at, kind };
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Some(node)
    }

    fn elements(&mut self, depth: usize) -> Option<Vec<Node>> {
        let mut elements = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Some(elements),
                (event, at) => elements.push(self.value(event, at, depth)?),
            }
        }
    }

    fn pairs(&mut self, depth: usize) -> Option<Vec<(Node, Node)>> {
        let mut pairs: Vec<(Node, Node)> = Vec::new();
        loop {
            let key = match self.next()? {
                (Event::MappingEnd, _) => return Some(pairs),
                (event, at) => self.value(event, at, depth)?,
            };
            let (event, at) = self.next()?;
            let value = self.value(event, at, depth)?;
            match (key.text(), pairs.iter().find(|(earlier, _)| earlier.text() == key.text())) {
                (None, _) => {
                    let what = "a key must be a single word or text, not a list or a mapping";
                    self.text.wrong(key.at, what, "put it in quotes");
                }
                (Some(_), None) => pairs.push((key, value)),
                (Some(name), Some((first, _))) => {
                    let help = format!("it is given in line {} already", first.at.line);
                    self.text.wrong(key.at, format!("{} is given twice", word(name)), help);
                }
            }
        }
    }

    /// Whether `!!str` says that it is text. Any other tag is reported: the language has none.
    fn is_tagged_text(&mut self, at: At, tag: Option<&Tag>) -> bool {
        let Some(tag) = tag else { return false };
        let name = if tag.is_yaml_core_schema() { format!("!!{}", tag.suffix) } else { tag.to_string() };
        if name != "!!str" {
            let what = format!("{} is a tag; there are none in this language", word(&name));
            self.text.wrong(at, what, "leave it out");
        }
        name == "!!str"
    }

    /// Counts values, and stops where there are too many, or where they lie too deep.
    fn grow(&mut self, at: At, nodes: usize, depth: usize) -> Option<()> {
        self.nodes += nodes;
        if self.nodes > MOST_NODES {
            return self.stop(at, "the file holds too many values, aliases written out", "split it");
        }
        if depth > DEEPEST {
            let what = format!("this lies deeper than {DEEPEST} levels");
            return self.stop(at, &what, "nothing in this language lies that deep");
        }
        Some(())
    }

    fn stop<T>(&mut self, at: At, what: &str, help: &str) -> Option<T> {
        self.text.wrong(at, what, help);
        self.sound = false;
        None
    }
}
