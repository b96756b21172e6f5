//! A YAML document with the place of everything in it.
//!
//! Plain `serde_yaml` values forget where they stood; every diagnostic needs that, so the tree is
//! built from the parser's events. Depth and the expansion of aliases are bounded, so no file can
//! exhaust the stack or the memory.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, StrInput, Tag};

use super::problem::word;
use super::scalar::Typed;
use super::span::At;
use super::text::Text;

/// How deep lists and mappings may lie in each other.
const DEEPEST: usize = 64;
/// How many values a document may hold once its aliases are written out.
const MOST_NODES: usize = 20_000;

/// One value of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    /// Where it begins.
    pub(super) at: At,
    /// What it is.
    pub(super) kind: Kind,
}

/// The kinds of values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// A text; `plain` if it was written without quotes, and so may be a number, a boolean or nothing.
    Scalar { text: String, plain: bool },
    /// A list.
    Sequence(Vec<Node>),
    /// Pairs in the order of the file; the keys are scalars, each there once.
    Mapping(Vec<(Node, Node)>),
}

impl Node {
    /// A text that is not written in the file, at a place of it.
    pub(super) fn word(at: At, text: impl Into<String>) -> Self {
        Self { at, kind: Kind::Scalar { text: text.into(), plain: false } }
    }

    /// What stands here, in a message.
    pub(super) fn found(&self) -> String {
        match (self.typed(), &self.kind) {
            (Some(typed), _) => typed.describe(),
            (None, Kind::Mapping(_)) => "a mapping".to_owned(),
            (None, _) => "a list".to_owned(),
        }
    }

    /// What a scalar is.
    pub(super) fn typed(&self) -> Option<Typed<'_>> {
        match &self.kind {
            Kind::Scalar { text, plain } => Some(Typed::of(text, *plain)),
            _ => None,
        }
    }

    /// The text, if it is a scalar.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// Whether it is one of some words.
    pub(super) fn is_one_of(&self, words: &[&str]) -> bool {
        self.text().is_some_and(|text| words.contains(&text))
    }

    /// The pairs; none if it is no mapping.
    pub(super) fn pairs(&self) -> &[(Node, Node)] {
        match &self.kind {
            Kind::Mapping(pairs) => pairs,
            _ => &[],
        }
    }

    /// The elements; none if it is no list.
    pub(super) fn elements(&self) -> &[Node] {
        match &self.kind {
            Kind::Sequence(elements) => elements,
            _ => &[],
        }
    }

    /// A key with its value.
    pub(super) fn pair(&self, key: &str) -> Option<&(Node, Node)> {
        self.pairs().iter().find(|(name, _)| name.text() == Some(key))
    }

    /// The value under a key.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.pair(key).map(|(_, value)| value)
    }

    /// Whether it has a key.
    pub(super) fn has(&self, key: &str) -> bool {
        self.pair(key).is_some()
    }

    /// The value under a key, or else this value.
    pub(super) fn part(&self, key: &str) -> &Node {
        self.get(key).unwrap_or(self)
    }

    /// Where a key stands, or else this value.
    pub(super) fn key_place(&self, key: &str) -> At {
        self.pair(key).map_or(self.at, |(name, _)| name.at)
    }

    /// The element of the list under a key that begins at a place.
    pub(super) fn element_at(&self, list: &str, at: At) -> Option<&Node> {
        self.list(list).iter().find(|element| element.at == at)
    }

    /// The text under a key; empty if there is none.
    pub(super) fn text_at(&self, key: &str) -> &str {
        self.get(key).and_then(Self::text).unwrap_or_default()
    }

    /// The pairs of the mapping under a key.
    pub(super) fn pairs_at(&self, key: &str) -> &[(Node, Node)] {
        self.get(key).map(Self::pairs).unwrap_or_default()
    }

    /// The elements of the list under a key.
    pub(super) fn list(&self, key: &str) -> &[Self] {
        self.get(key).map(Self::elements).unwrap_or_default()
    }

    /// Every scalar in it, keys included.
    pub(super) fn scalars(&self) -> Vec<&Node> {
        match &self.kind {
            Kind::Scalar { .. } => vec![self],
            Kind::Sequence(elements) => elements.iter().flat_map(Self::scalars).collect(),
            Kind::Mapping(pairs) => {
                pairs.iter().flat_map(|(k, v)| [k.scalars(), v.scalars()].concat()).collect()
            }
        }
    }

    /// How many values it holds, itself included, and how many levels.
    fn size(&self) -> (usize, usize) {
        let parts: Vec<&Node> = match &self.kind {
            Kind::Scalar { .. } => return (1, 0),
            Kind::Sequence(elements) => elements.iter().collect(),
            Kind::Mapping(pairs) => pairs.iter().flat_map(|(key, value)| [key, value]).collect(),
        };
        let add = |(nodes, depth): (usize, usize), (more, deeper): (usize, usize)| {
            (nodes + more, depth.max(deeper))
        };
        let (nodes, depth) = parts.into_iter().map(Self::size).fold((1, 0), add);
        (nodes, depth + 1)
    }
}

/// Builds the tree of the text's one document, or reports why there is none.
pub(super) fn parse(text: &Text, source: &str) -> Option<Node> {
    let events = Parser::new_from_str(source);
    let mut builder = Builder { text, events, anchors: HashMap::new(), nodes: 0, sound: true };
    let root = builder.document()?;
    builder.sound.then_some(root)
}

struct Builder<'t> {
    text: &'t Text,
    events: Parser<'t, StrInput<'t>>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    sound: bool,
}

/// Each of its functions gives `None` when there is no point in going on.
impl<'t> Builder<'t> {
    fn document(&mut self) -> Option<Node> {
        let mut root = None;
        while let Some((event, at)) = self.next() {
            match event {
                Event::DocumentStart(_) if root.is_some() => {
                    return self.stop(
                        at,
                        "a second document begins here",
                        "put each document into a file of its own",
                    );
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
