//! From text to the tree of its one document. Plain `serde_yaml` values forget where they stood, so the tree is built
//! from the parser's events. Depth and the expansion of aliases are bounded: no file exhausts the stack or the memory.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, StrInput, Tag};

use super::node::{Kind, Node};
use super::problem::{holds_key_literal, word};
use super::span::At;
use super::text::Text;

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
