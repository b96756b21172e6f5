//! A YAML document with the place of everything in it.
//!
//! Plain `serde_yaml` values forget where they stood; every diagnostic needs that, so the tree is
//! built from the parser's events. Depth and the expansion of aliases are bounded, so no file can
//! exhaust the stack or the memory.

use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};

use super::problem::word;
use super::span::At;
use super::text::{Text, narrow};

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
    /// The text, if it is a scalar.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The pairs; none if it is no mapping.
    pub(super) fn pairs(&self) -> &[(Node, Node)] {
        match &self.kind {
            Kind::Mapping(pairs) => pairs,
            _ => &[],
        }
    }

    /// The pairs, to be changed.
    pub(super) fn pairs_mut(&mut self) -> &mut [(Node, Node)] {
        match &mut self.kind {
            Kind::Mapping(pairs) => pairs,
            _ => &mut [],
        }
    }

    /// The elements; none if it is no list.
    pub(super) fn elements(&self) -> &[Node] {
        match &self.kind {
            Kind::Sequence(elements) => elements,
            _ => &[],
        }
    }

    /// The element that begins at a place.
    pub(super) fn element_at(&self, at: At) -> Option<&Node> {
        self.elements().iter().find(|element| element.at == at)
    }

    /// The value under a key.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.pairs().iter().find(|(name, _)| name.text() == Some(key)).map(|(_, value)| value)
    }

    /// Where the value at the end of a path of keys stands, or as far along the path as there is one.
    pub(super) fn place(&self, path: &[&str]) -> At {
        let mut node = self;
        for key in path {
            match node.get(key) {
                Some(deeper) => node = deeper,
                None => break,
            }
        }
        node.at
    }

    /// Where the last key of a path stands, or as far along the path as there is one.
    pub(super) fn key_place(&self, path: &[&str]) -> At {
        let Some((last, before)) = path.split_last() else { return self.at };
        let mut node = self;
        for key in before {
            match node.get(key) {
                Some(deeper) => node = deeper,
                None => return node.at,
            }
        }
        let key = node.pairs().iter().find(|(name, _)| name.text() == Some(last));
        key.map_or(node.at, |(name, _)| name.at)
    }

    /// Shows every scalar in it, keys included.
    pub(super) fn scalars(&self, visit: &mut impl FnMut(&Node)) {
        match &self.kind {
            Kind::Scalar { .. } => visit(self),
            Kind::Sequence(elements) => elements.iter().for_each(|element| element.scalars(visit)),
            Kind::Mapping(pairs) => pairs.iter().for_each(|(key, value)| {
                key.scalars(visit);
                value.scalars(visit);
            }),
        }
    }

    /// Refuses every key that is written out in a value or in the name of a field.
    pub(super) fn refuse_key_literals(&self, text: &Text) {
        self.scalars(&mut |scalar| {
            if scalar.text().is_some_and(super::secret::holds_key_literal) {
                let problem = text
                    .problem(scalar.at, "a key is written out here; a file is no place for a secret")
                    .help("name an environment variable instead, or a form of the key under `credentials`");
                text.report(problem.without_the_rest());
            }
        });
    }
}

/// Builds the tree of the text's one document, or reports why there is none.
pub(super) fn parse(text: &Text) -> Option<Node> {
    let mut builder =
        Builder { text, open: Vec::new(), anchors: Vec::new(), nodes: 0, root: None, sound: true };
    for event in Parser::new_from_str(text.as_str()) {
        match event {
            Ok((event, span)) => builder.take(event, span)?,
            Err(error) => {
                let at = at(*error.marker());
                text.report(syntax_problem(text, at, error.info()));
                return None;
            }
        }
    }
    if builder.root.is_none() {
        text.report(text.problem(At { line: 1, column: 1 }, "the file is empty"));
    }
    builder.root.filter(|_| builder.sound)
}

fn syntax_problem(text: &Text, at: At, info: &str) -> super::problem::Problem {
    let problem = text.problem(at, format!("this is no YAML: {info}"));
    let before = problem.line.chars().take(at.column as usize).collect::<String>();
    if before.trim_start_matches(' ').starts_with('\t') {
        return problem.help("indent with blanks; YAML takes no tabs there");
    }
    problem
}

fn at(marker: saphyr_parser::Marker) -> At {
    At { line: narrow(marker.line().max(1)), column: narrow(marker.col() + 1) }
}

/// A list or mapping whose end has not come yet.
struct Open {
    node: Node,
    anchor: usize,
    key: Option<Node>,
}

struct Anchor {
    id: usize,
    node: Node,
    nodes: usize,
    depth: usize,
}

struct Builder<'t> {
    text: &'t Text,
    open: Vec<Open>,
    anchors: Vec<Anchor>,
    nodes: usize,
    root: Option<Node>,
    sound: bool,
}

impl Builder<'_> {
    /// `None` when there is no point in going on.
    fn take(&mut self, event: Event<'_>, span: Span) -> Option<()> {
        let at = at(span.start);
        match event {
            Event::DocumentStart(_) if self.root.is_some() => {
                self.stop(at, "a second document begins here", "put each document into a file of its own")
            }
            Event::Scalar(scalar, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain && !self.is_tagged_text(at, tag.as_deref());
                self.grow(at, 1)?;
                let node = Node { at, kind: Kind::Scalar { text: scalar.into_owned(), plain } };
                self.close(node, anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                self.is_tagged_text(at, tag.as_deref());
                self.begin(at, Kind::Sequence(Vec::new()), anchor)
            }
            Event::MappingStart(anchor, tag) => {
                self.is_tagged_text(at, tag.as_deref());
                self.begin(at, Kind::Mapping(Vec::new()), anchor)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Open { node, anchor, .. } = self.open.pop()?;
                self.close(node, anchor)
            }
            Event::Alias(id) => self.alias(at, id),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Some(()),
        }
    }

    /// Whether `!!str` says that it is text. Any other tag is reported: the language has none.
    fn is_tagged_text(&mut self, at: At, tag: Option<&Tag>) -> bool {
        let Some(tag) = tag else { return false };
        if tag.is_yaml_core_schema() && tag.suffix == "str" {
            return true;
        }
        let name = if tag.is_yaml_core_schema() { format!("!!{}", tag.suffix) } else { tag.to_string() };
        self.report(
            at,
            &format!("{} is a tag; there are none in this language", word(&name)),
            "leave it out",
        );
        false
    }

    fn begin(&mut self, at: At, kind: Kind, anchor: usize) -> Option<()> {
        self.grow(at, 1)?;
        if self.open.len() >= DEEPEST {
            return self.too_deep(at);
        }
        self.open.push(Open { node: Node { at, kind }, anchor, key: None });
        Some(())
    }

    fn too_deep(&mut self, at: At) -> Option<()> {
        self.stop(
            at,
            &format!("this lies deeper than {DEEPEST} levels"),
            "nothing in this language lies that deep",
        )
    }

    fn alias(&mut self, at: At, id: usize) -> Option<()> {
        let found = self.anchors.iter().rfind(|anchor| anchor.id == id);
        let Some((node, nodes, depth)) =
            found.map(|anchor| (anchor.node.clone(), anchor.nodes, anchor.depth))
        else {
            return self.stop(at, "this alias stands inside what it stands for", "write the value out");
        };
        self.grow(at, nodes)?;
        if self.open.len() + depth > DEEPEST {
            return self.too_deep(at);
        }
        self.close(node, 0)
    }

    /// Puts a finished value where it belongs.
    fn close(&mut self, node: Node, anchor: usize) -> Option<()> {
        if anchor != 0 {
            let (nodes, depth) = measure(&node);
            // The copy kept for the anchor counts too, or nested anchors would grow without bound.
            self.grow(node.at, nodes)?;
            self.anchors.push(Anchor { id: anchor, node: node.clone(), nodes, depth });
        }
        let Some(parent) = self.open.last_mut() else {
            self.root = Some(node);
            return Some(());
        };
        match &mut parent.node.kind {
            Kind::Sequence(elements) => elements.push(node),
            Kind::Mapping(_) => match parent.key.take() {
                None => parent.key = Some(node),
                Some(key) => return self.pair(key, node),
            },
            Kind::Scalar { .. } => {}
        }
        Some(())
    }

    fn pair(&mut self, key: Node, value: Node) -> Option<()> {
        let Some(name) = key.text().map(str::to_owned) else {
            self.report(
                key.at,
                "a key must be a single word or text, not a list or a mapping",
                "put it in quotes",
            );
            return Some(());
        };
        let Some(Kind::Mapping(pairs)) = self.open.last_mut().map(|open| &mut open.node.kind) else {
            return Some(());
        };
        match pairs.iter().find(|(earlier, _)| earlier.text() == Some(&name)).map(|(earlier, _)| earlier.at) {
            None => pairs.push((key, value)),
            Some(first) => {
                let what = format!("{} is given twice", word(&name));
                self.report(key.at, &what, &format!("it is given in line {} already", first.line));
            }
        }
        Some(())
    }

    /// Counts values, and stops where there are too many.
    fn grow(&mut self, at: At, nodes: usize) -> Option<()> {
        self.nodes += nodes;
        if self.nodes > MOST_NODES {
            return self.stop(at, "the file holds too many values, aliases written out", "split it");
        }
        Some(())
    }

    fn report(&mut self, at: At, what: &str, help: &str) {
        self.text.report(self.text.problem(at, what).help(help));
    }

    fn stop(&mut self, at: At, what: &str, help: &str) -> Option<()> {
        self.report(at, what, help);
        self.sound = false;
        None
    }
}

/// How many values a value holds, itself included, and how many levels.
fn measure(node: &Node) -> (usize, usize) {
    let parts: Vec<(usize, usize)> = match &node.kind {
        Kind::Scalar { .. } => return (1, 0),
        Kind::Sequence(elements) => elements.iter().map(measure).collect(),
        Kind::Mapping(pairs) => {
            pairs.iter().flat_map(|(key, value)| [measure(key), measure(value)]).collect()
        }
    };
    let nodes = parts.iter().map(|(nodes, _)| nodes).sum::<usize>();
    (nodes + 1, 1 + parts.iter().map(|(_, depth)| *depth).max().unwrap_or(0))
}
