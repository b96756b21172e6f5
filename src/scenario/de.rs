//! Reads typed values from the tree, and reports everything that is wrong with them at once.
//!
//! serde gives up at the first error. So a place that is wrong is reported and remembered as *bad*,
//! and the whole value is read again without it, as if it were not there, until a reading finds nothing
//! new. What is missing only because it was bad is not reported again.

mod access;
mod error;

use std::cell::RefCell;
use std::collections::HashSet;
use std::marker::PhantomData;

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::nearest::nearest;
use super::problem::{word, words};
use super::scalar::Typed;
use super::span::SPANNED;
use super::text::Text;
use super::tree::{Kind, Node};
use access::{Elements, Fields, Pairs, Place, Variant};
use error::Stop;

/// Each reading finds at least one more bad place; nobody mends more than these at once.
const MOST_READINGS: usize = 64;

/// Reads a value from a tree; what is wrong is reported to the text. The value lacks what was bad.
pub(super) fn read<T: DeserializeOwned>(text: &Text, root: &Node) -> Option<T> {
    let state = State { text, bad: RefCell::default() };
    for _ in 0..MOST_READINGS {
        let known = state.bad.borrow().len();
        if let Ok(value) = (Reader { node: root, state: &state }).seed(PhantomData) {
            return Some(value);
        }
        if state.bad.borrow().len() == known {
            break;
        }
    }
    None
}

/// What one reading knows of the readings before.
struct State<'t> {
    text: &'t Text,
    /// The nodes that are left out, by address: the tree stays where it is while it is read.
    bad: RefCell<HashSet<*const Node>>,
}

impl State<'_> {
    fn is_bad(&self, node: &Node) -> bool {
        self.bad.borrow().contains(&std::ptr::from_ref(node))
    }
}

/// A value of the tree, to be read.
#[derive(Clone, Copy)]
struct Reader<'n, 's> {
    node: &'n Node,
    state: &'s State<'s>,
}

impl<'n, 's> Reader<'n, 's> {
    fn with(self, node: &'n Node) -> Self {
        Self { node, ..self }
    }

    /// Reports an error at this value and marks it bad, unless that has been done further inside.
    fn settle<T>(self, result: Result<T, Stop>) -> Result<T, Stop> {
        result.map_err(|stop| {
            match stop {
                Stop::Reported => return Stop::Reported,
                // It is there, and bad, and has been reported.
                Stop::Missing(field) if self.node.get(field).is_some() => {}
                Stop::Missing(field) => {
                    self.report(&format!("{} is missing", word(field)), None, None);
                }
                Stop::Message(what) => self.report(&what, None, None),
            }
            self.mark_bad();
            Stop::Reported
        })
    }

    /// Reads this value. A type that reads a text and then refuses it (`try_from`, say) fails outside of the reader;
    /// the place is the value's all the same.
    fn seed<S: DeserializeSeed<'n>>(self, seed: S) -> Result<S::Value, Stop> {
        self.settle(seed.deserialize(self))
    }

    fn mark_bad(self) {
        self.state.bad.borrow_mut().insert(std::ptr::from_ref(self.node));
    }

    fn report(self, what: &str, help: Option<&str>, nearest: Option<String>) {
        let mut problem = self.state.text.problem(self.node.at, what).nearest(nearest);
        if let Some(help) = help {
            problem = problem.help(help);
        }
        self.state.text.report(problem);
    }

    fn typed(self) -> Option<Typed<'n>> {
        match &self.node.kind {
            Kind::Scalar { text, plain } => Some(Typed::of(text, *plain)),
            _ => None,
        }
    }

    /// What stands here, in a message.
    fn found(self) -> String {
        match &self.node.kind {
            Kind::Scalar { text, plain } => Typed::of(text, *plain).describe(),
            Kind::Sequence(_) => "a list".to_owned(),
            Kind::Mapping(_) => "a mapping".to_owned(),
        }
    }

    fn expected(self, what: &str) -> Stop {
        Stop::Message(format!("found {}, expected {what}", self.found()))
    }

    fn any<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Stop> {
        match &self.node.kind {
            Kind::Scalar { text, plain } => match Typed::of(text, *plain) {
                Typed::Nothing => visitor.visit_unit(),
                Typed::Boolean(value) => visitor.visit_bool(value),
                Typed::Integer(number) => match (u64::try_from(number), i64::try_from(number)) {
                    (Ok(number), _) => visitor.visit_u64(number),
                    (_, Ok(number)) => visitor.visit_i64(number),
                    _ => Err(self.expected("a smaller number")),
                },
                Typed::Float(number) => visitor.visit_f64(number),
                Typed::Text(text) => visitor.visit_borrowed_str(text),
            },
            Kind::Sequence(elements) => visitor.visit_seq(Elements::new(self, elements)),
            Kind::Mapping(pairs) => visitor.visit_map(Pairs::new(self, pairs)),
        }
    }

    fn text<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Stop> {
        let (Some(text), Some(typed)) = (self.node.text(), self.typed()) else {
            return Err(self.expected("a text"));
        };
        match typed.unambiguous_text(text) {
            Some(text) => visitor.visit_borrowed_str(text),
            None if text.is_empty() || text == "~" => Err(self.expected("a text")),
            None => Err(self.expected(&format!("a text: put {} in quotes", word(text)))),
        }
    }

    fn structure<V: Visitor<'n>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        match &self.node.kind {
            Kind::Mapping(pairs) => visitor.visit_map(Pairs::fields(self, pairs, Fields(fields))),
            // Enough of the fields to see what is meant.
            _ => {
                let some = words(fields.iter().copied().take(3), "or");
                Err(self.expected(&format!("a mapping with fields such as {some}")))
            }
        }
    }

    fn variant<V: Visitor<'n>>(
        self,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        let known = words(variants.iter().copied(), "or");
        let (name, value) = match &self.node.kind {
            Kind::Scalar { .. } => (self.node, None),
            Kind::Mapping(pairs) if pairs.len() == 1 => (&pairs[0].0, Some(&pairs[0].1)),
            _ => return Err(self.expected(&format!("one of {known}"))),
        };
        let text = name.text().unwrap_or_default();
        if !variants.contains(&text) {
            let what = match self.with(name).typed() {
                Some(Typed::Text(_)) => format!("{} is not known here", word(text)),
                _ => format!("{} is not expected here", self.with(name).found()),
            };
            let help = format!("expected {known}");
            self.with(name).report(&what, Some(&help), nearest(text, variants.iter().copied()));
            self.mark_bad();
            return Err(Stop::Reported);
        }
        // What is wrong with its value has been reported.
        if value.is_some_and(|value| self.state.is_bad(value)) {
            self.mark_bad();
            return Err(Stop::Reported);
        }
        visitor.visit_enum(Variant { name: text, value, reader: self })
    }
}

impl<'n> Deserializer<'n> for Reader<'n, '_> {
    type Error = Stop;

    fn deserialize_any<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.settle(self.any(visitor))
    }

    fn deserialize_str<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.settle(self.text(visitor))
    }

    fn deserialize_string<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.settle(self.text(visitor))
    }

    /// A field that is there with nothing in it is a slip, and what it would mean is anybody's guess.
    fn deserialize_option<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Stop> {
        if self.typed() == Some(Typed::Nothing) {
            let nothing = "nothing stands here: give the field a value, or leave it out";
            return self.settle(Err(Stop::Message(nothing.to_owned())));
        }
        // What is wrong inside has been reported there.
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'n>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'n>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        if name == SPANNED {
            return visitor.visit_seq(Place::new(self));
        }
        self.settle(self.structure(fields, visitor))
    }

    fn deserialize_enum<V: Visitor<'n>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.settle(self.variant(variants, visitor))
    }

    fn deserialize_identifier<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Stop> {
        let name = self.node.text().unwrap_or_default();
        self.settle(serde::de::Deserializer::deserialize_any(BorrowedStrDeserializer::new(name), visitor))
    }

    forward_to_deserialize_any! {
        <W: Visitor<'n>>
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct seq tuple
        tuple_struct map ignored_any
    }
}
