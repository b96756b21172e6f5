//! The tree of a document: every value with its place.

use super::problem::{At, word};

/// One value of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    /// Where it begins.
    pub(crate) at: At,
    /// What it is.
    pub(crate) kind: Kind,
}

/// The kinds of values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A text; `plain` if it was written without quotes, and so may be a number, a boolean or nothing.
    Scalar { text: String, plain: bool },
    /// A list.
    Sequence(Vec<Node>),
    /// Pairs in the order of the file; the keys are scalars, each there once.
    Mapping(Vec<(Node, Node)>),
}

impl Node {
    /// A text that is not written in the file, at a place of it.
    pub(crate) fn word(at: At, text: impl Into<String>) -> Self {
        Self { at, kind: Kind::Scalar { text: text.into(), plain: false } }
    }

    /// What stands here, in a message.
    pub(crate) fn found(&self) -> String {
        match (self.typed(), &self.kind) {
            (Some(typed), _) => typed.describe(),
            (None, Kind::Mapping(_)) => "a mapping".to_owned(),
            (None, _) => "a list".to_owned(),
        }
    }

    /// What a scalar is.
    pub(crate) fn typed(&self) -> Option<Typed<'_>> {
        let Kind::Scalar { text, plain } = &self.kind else { return None };
        Some(Typed::of(text, *plain))
    }

    /// The text of a scalar.
    pub(crate) fn text(&self) -> Option<&str> {
        let Kind::Scalar { text, .. } = &self.kind else { return None };
        Some(text)
    }

    /// The text of a scalar; empty for what is none.
    pub(crate) fn written(&self) -> &str {
        self.text().unwrap_or_default()
    }

    /// Whether it is one of some words.
    pub(crate) fn is_one_of(&self, words: &[&str]) -> bool {
        self.text().is_some_and(|text| words.contains(&text))
    }

    /// The pairs; none if it is no mapping.
    pub(crate) fn pairs(&self) -> &[(Node, Node)] {
        let Kind::Mapping(pairs) = &self.kind else { return &[] };
        pairs
    }

    /// The elements; none if it is no list.
    pub(crate) fn elements(&self) -> &[Node] {
        let Kind::Sequence(elements) = &self.kind else { return &[] };
        elements
    }

    /// A key with its value.
    pub(crate) fn pair(&self, key: &str) -> Option<&(Node, Node)> {
        self.pairs().iter().find(|(name, _)| name.text() == Some(key))
    }

    /// The value under a key.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.pair(key).map(|(_, value)| value)
    }

    /// Whether it has a key.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.pair(key).is_some()
    }

    /// The value under a key, or else this value.
    pub(crate) fn part(&self, key: &str) -> &Node {
        self.get(key).unwrap_or(self)
    }

    /// Where a key stands, or else this value.
    pub(crate) fn key_place(&self, key: &str) -> At {
        self.pair(key).map_or(self.at, |(name, _)| name.at)
    }

    /// The text under a key; empty if there is none.
    pub(crate) fn text_at(&self, key: &str) -> &str {
        self.get(key).map(Self::written).unwrap_or_default()
    }

    /// The pairs of the mapping under a key.
    pub(crate) fn pairs_at(&self, key: &str) -> &[(Node, Node)] {
        self.get(key).map(Self::pairs).unwrap_or_default()
    }

    /// The elements of the list under a key.
    pub(crate) fn list(&self, key: &str) -> &[Self] {
        self.get(key).map(Self::elements).unwrap_or_default()
    }

    /// The values right inside it, keys included.
    fn parts(&self) -> impl Iterator<Item = &Node> {
        self.elements().iter().chain(self.pairs().iter().flat_map(|(key, value)| [key, value]))
    }

    /// Every scalar in it, keys included.
    pub(crate) fn scalars(&self) -> Vec<&Node> {
        if self.text().is_some() { vec![self] } else { self.parts().flat_map(Self::scalars).collect() }
    }

    /// How many values it holds, itself included, and how many levels.
    pub(super) fn size(&self) -> (usize, usize) {
        if self.text().is_some() {
            return (1, 0);
        }
        let sizes = self.parts().map(Self::size);
        let (nodes, depth) =
            sizes.fold((1, 0), |(nodes, depth), (more, deeper)| (nodes + more, depth.max(deeper)));
        (nodes, depth + 1)
    }
}

/// A plain scalar by YAML 1.2's core schema, but for `007`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Typed<'n> {
    /// `null`, `~`, or nothing at all.
    Nothing,
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number.
    Integer(i128),
    /// Any other number.
    Float(f64),
    /// Everything else.
    Text(&'n str),
}

impl<'n> Typed<'n> {
    /// Types a scalar; in quotes it is text, whatever it says.
    fn of(text: &'n str, plain: bool) -> Self {
        match text {
            _ if !plain => Self::Text(text),
            "" | "~" | "null" | "Null" | "NULL" => Self::Nothing,
            "true" | "True" | "TRUE" => Self::Boolean(true),
            "false" | "False" | "FALSE" => Self::Boolean(false),
            _ => number(text).unwrap_or(Self::Text(text)),
        }
    }

    /// The text a `String` takes from a scalar: what is text, and of the rest only what reads the same in every notation,
    /// a decimal number as it is usually written, `true`, `false`. `1.0`, `0x10` or `~` must be put in quotes.
    pub(super) fn unambiguous_text(self, text: &'n str) -> Option<&'n str> {
        let is_unambiguous = match self {
            Self::Text(_) => true,
            Self::Boolean(value) => text == if value { "true" } else { "false" },
            Self::Integer(number) => number.to_string() == text,
            Self::Nothing | Self::Float(_) => false,
        };
        is_unambiguous.then_some(text)
    }

    /// What it is, in a message.
    fn describe(self) -> String {
        match self {
            Self::Nothing => "nothing".to_owned(),
            Self::Boolean(value) => format!("`{value}`"),
            Self::Integer(number) => format!("the number {number}"),
            Self::Float(number) => format!("the number {number}"),
            Self::Text(text) => format!("the text {}", word(text)),
        }
    }
}

fn number<'n>(text: &str) -> Option<Typed<'n>> {
    for (prefix, radix) in [("0o", 8), ("0x", 16)] {
        if let Some(digits) = text.strip_prefix(prefix)
            && digits.chars().all(|mark| mark.is_digit(radix))
        {
            return i128::from_str_radix(digits, radix).ok().map(Typed::Integer);
        }
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    match unsigned {
        ".inf" | ".Inf" | ".INF" if text.starts_with('-') => return Some(Typed::Float(f64::NEG_INFINITY)),
        ".inf" | ".Inf" | ".INF" => return Some(Typed::Float(f64::INFINITY)),
        ".nan" | ".NaN" | ".NAN" if unsigned == text => return Some(Typed::Float(f64::NAN)),
        _ => {}
    }
    if unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        // Digits behind a zero, such as `007`, are a name rather than a number, as serde_yaml has it too.
        let is_name = unsigned.len() > 1 && unsigned.starts_with('0');
        let integer = || text.parse().ok().map(Typed::Integer);
        return if is_name { None } else { integer().or_else(|| text.parse().ok().map(Typed::Float)) };
    }
    // Rust reads nothing but digits, a point and an exponent behind such a beginning.
    let first = unsigned.strip_prefix('.').unwrap_or(unsigned).bytes().next();
    first.filter(u8::is_ascii_digit).and_then(|_| text.parse().ok()).map(Typed::Float)
}
