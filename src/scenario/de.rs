//! Reads typed values from the tree, and reports everything that is wrong with them at once.
//!
//! serde gives up at the first error. So a place that is wrong is reported and remembered as *bad*,
//! and the whole value is read again without it, as if it were not there, until a reading finds nothing
//! new. What is missing only because it was bad is not reported again.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;
use std::iter;
use std::marker::PhantomData;

use serde::de::value::{BorrowedStrDeserializer, MapDeserializer};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error, Expected, IntoDeserializer,
};
use serde::de::{MapAccess, SeqAccess, Unexpected, VariantAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::problem::{word, words};
use super::scalar::Typed;
use super::span::SPANNED;
use super::text::Text;
use super::tree::{Kind, Node};

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

/// An error on its way to the value it belongs to, which knows the place.
#[derive(Debug, thiserror::Error)]
enum Stop {
    #[error("it has been reported")]
    Reported,
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// Something else is there.
    #[error("expected {0}")]
    Expected(String),
    #[error("{0}")]
    Message(String),
}

/// What reading a value gives.
type Read<T> = Result<T, Stop>;
/// The fields of a struct, or the variants of an enum.
type Names = &'static [&'static str];

impl Error for Stop {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::Message(message.to_string())
    }

    fn missing_field(field: &'static str) -> Self {
        Self::Missing(field)
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let expected = expected.to_string();
        let wanted = match expected.as_str() {
            "a boolean" => "`true` or `false`",
            "a sequence" => "a list",
            "a map" => "a mapping",
            "u16" => "a whole number from 0 to 65535",
            "u32" => "a whole number from 0 to 4294967295",
            "u64" | "usize" => "a whole number",
            "f64" => "a number",
            other => other,
        };
        Self::Expected(wanted.to_owned())
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(unexpected, expected)
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

    /// Reads this value. A type that reads a text and then refuses it (`try_from`, say) fails outside of the reader;
    /// the place is the value's all the same.
    fn seed<S: DeserializeSeed<'n>>(self, seed: S) -> Read<S::Value> {
        self.settle(seed.deserialize(self))
    }

    /// Reports an error at this value and marks it bad, unless that has been done further inside.
    fn settle<T>(self, result: Read<T>) -> Read<T> {
        let what = match result {
            Ok(value) => return Ok(value),
            Err(Stop::Reported) => return Err(Stop::Reported),
            // It is there, and bad, and has been reported.
            Err(Stop::Missing(field)) if self.node.has(field) => None,
            Err(Stop::Expected(wanted)) => Some(format!("found {}, expected {wanted}", self.node.found())),
            Err(other) => Some(other.to_string()),
        };
        if let Some(what) = what {
            self.state.text.report(self.state.text.problem(self.node.at, what));
        }
        Err(self.give_up())
    }

    fn is_bad(self) -> bool {
        self.state.bad.borrow().contains(&std::ptr::from_ref(self.node))
    }

    fn give_up(self) -> Stop {
        self.state.bad.borrow_mut().insert(std::ptr::from_ref(self.node));
        Stop::Reported
    }
}

impl<'n> IntoDeserializer<'n, Stop> for Reader<'n, '_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'n> Deserializer<'n> for Reader<'n, '_> {
    type Error = Stop;

    fn deserialize_any<V: Visitor<'n>>(self, visitor: V) -> Read<V::Value> {
        match &self.node.kind {
            Kind::Scalar { text, plain } => match Typed::of(text, *plain) {
                Typed::Nothing => visitor.visit_unit(),
                Typed::Boolean(value) => visitor.visit_bool(value),
                Typed::Integer(number) => match (u64::try_from(number), i64::try_from(number)) {
                    (Ok(number), _) => visitor.visit_u64(number),
                    (_, Ok(number)) => visitor.visit_i64(number),
                    _ => Err(Stop::Expected("a smaller number".to_owned())),
                },
                Typed::Float(number) => visitor.visit_f64(number),
                Typed::Text(text) => visitor.visit_borrowed_str(text),
            },
            Kind::Sequence(elements) => visitor.visit_seq(Elements { reader: self, rest: elements.iter() }),
            Kind::Mapping(pairs) => {
                visitor.visit_map(Pairs { reader: self, rest: pairs.iter(), fields: None, value: None })
            }
        }
    }

    fn deserialize_str<V: Visitor<'n>>(self, visitor: V) -> Read<V::Value> {
        let (Some(text), Some(typed)) = (self.node.text(), self.node.typed()) else {
            return Err(Stop::Expected("a text".to_owned()));
        };
        match typed.unambiguous_text(text) {
            Some(text) => visitor.visit_borrowed_str(text),
            None if text.is_empty() || text == "~" => Err(Stop::Expected("a text".to_owned())),
            None => Err(Stop::Expected(format!("a text: put {} in quotes", word(text)))),
        }
    }

    fn deserialize_string<V: Visitor<'n>>(self, visitor: V) -> Read<V::Value> {
        self.deserialize_str(visitor)
    }

    /// A field that is there with nothing in it is a slip, and what it would mean is anybody's guess.
    fn deserialize_option<V: Visitor<'n>>(self, visitor: V) -> Read<V::Value> {
        match self.node.typed() {
            Some(Typed::Nothing) => {
                Err(Stop::custom("nothing stands here: give the field a value, or leave it out"))
            }
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'n>>(self, _: &'static str, visitor: V) -> Read<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'n>>(
        self,
        name: &'static str,
        fields: Names,
        visitor: V,
    ) -> Read<V::Value> {
        match &self.node.kind {
            _ if name == SPANNED => {
                let place = vec![self.node.at.line, self.node.at.column];
                visitor.visit_map(MapDeserializer::new(iter::once((place, self))))
            }
            Kind::Mapping(pairs) => visitor.visit_map(Pairs {
                reader: self,
                rest: pairs.iter(),
                fields: Some(fields),
                value: None,
            }),
            // Enough of the fields to see what is meant.
            _ => {
                let some = words(fields.iter().copied().take(3), "or");
                Err(Stop::Expected(format!("a mapping with fields such as {some}")))
            }
        }
    }

    fn deserialize_enum<V: Visitor<'n>>(
        self,
        _: &'static str,
        variants: Names,
        visitor: V,
    ) -> Read<V::Value> {
        let (name, value) = match &self.node.kind {
            Kind::Scalar { .. } => (self, None),
            Kind::Mapping(pairs) if pairs.len() == 1 => {
                (self.with(&pairs[0].0), Some(self.with(&pairs[0].1)))
            }
            Kind::Mapping(pairs) if pairs.len() > 1 => {
                let (first, second) = (pairs[0].0.text().unwrap_or_default(), self.with(&pairs[1].0));
                let what =
                    format!("{} stands beside {}", word(second.node.text().unwrap_or_default()), word(first));
                let help = format!("keep one of {}", words(variants.iter().copied(), "or"));
                self.state.text.wrong(second.node.at, what, help);
                return Err(self.give_up());
            }
            _ => return Err(Stop::Expected(format!("one of {}", words(variants.iter().copied(), "or")))),
        };
        let text = name.node.text().unwrap_or_default();
        if !variants.contains(&text) {
            let what = match name.node.typed() {
                Some(Typed::Text(_)) => format!("{} is not known here", word(text)),
                _ => format!("{} is not expected here", name.node.found()),
            };
            self.state.text.unknown(name.node.at, text, &what, variants);
            return Err(self.give_up());
        }
        // What is wrong with its value has been reported.
        if value.is_some_and(Self::is_bad) {
            return Err(self.give_up());
        }
        visitor.visit_enum(Variant { name: text, value })
    }

    fn deserialize_identifier<V: Visitor<'n>>(self, visitor: V) -> Read<V::Value> {
        visitor.visit_borrowed_str(self.node.text().unwrap_or_default())
    }

    forward_to_deserialize_any! {
        <W: Visitor<'n>>
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct seq tuple
        tuple_struct map ignored_any
    }
}

/// The elements of a list that are not bad.
struct Elements<'n, 's> {
    reader: Reader<'n, 's>,
    rest: std::slice::Iter<'n, Node>,
}

impl<'n> SeqAccess<'n> for Elements<'n, '_> {
    type Error = Stop;

    fn next_element_seed<T: DeserializeSeed<'n>>(&mut self, seed: T) -> Read<Option<T::Value>> {
        let reader = self.reader;
        let next = self.rest.by_ref().map(|element| reader.with(element)).find(|element| !element.is_bad());
        next.map(|element| element.seed(seed)).transpose()
    }
}

/// The pairs of a mapping whose values are not bad; of a struct, those it knows.
struct Pairs<'n, 's> {
    reader: Reader<'n, 's>,
    rest: std::slice::Iter<'n, (Node, Node)>,
    fields: Option<Names>,
    value: Option<Reader<'n, 's>>,
}

impl Pairs<'_, '_> {
    /// Whether the struct has the field; it is reported if not, and then passed over.
    fn knows(&self, key: &Node) -> bool {
        let Some(fields) = self.fields.filter(|fields| !key.is_one_of(fields)) else { return true };
        self.reader.state.text.unknown_field(key, fields);
        false
    }
}

impl<'n> MapAccess<'n> for Pairs<'n, '_> {
    type Error = Stop;

    fn next_key_seed<K: DeserializeSeed<'n>>(&mut self, seed: K) -> Read<Option<K::Value>> {
        while let Some((key, value)) = self.rest.next() {
            let known = self.knows(key);
            let (key, value) = (self.reader.with(key), self.reader.with(value));
            if known && !value.is_bad() && !key.is_bad() {
                self.value = Some(value);
                return key.seed(seed).map(Some);
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'n>>(&mut self, seed: V) -> Read<V::Value> {
        match self.value.take() {
            Some(value) => value.seed(seed),
            None => Err(Stop::custom("a value was asked for before its key")),
        }
    }
}

/// An enum's variant by its name, with its content if it has one.
struct Variant<'n, 's> {
    name: &'n str,
    value: Option<Reader<'n, 's>>,
}

impl<'n, 's> Variant<'n, 's> {
    fn content(self) -> Read<Reader<'n, 's>> {
        let name = self.name;
        self.value.ok_or_else(|| Stop::Message(format!("{} needs a value: `{name}: …`", word(name))))
    }
}

impl<'n> EnumAccess<'n> for Variant<'n, '_> {
    type Error = Stop;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'n>>(self, seed: V) -> Read<(V::Value, Self)> {
        Ok((seed.deserialize(BorrowedStrDeserializer::<Stop>::new(self.name))?, self))
    }
}

impl<'n> VariantAccess<'n> for Variant<'n, '_> {
    type Error = Stop;

    fn unit_variant(self) -> Read<()> {
        match self.value {
            None => Ok(()),
            Some(_) => Err(Stop::custom(format!("{} takes no value; write the word alone", word(self.name)))),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'n>>(self, seed: T) -> Read<T::Value> {
        self.content()?.seed(seed)
    }

    fn tuple_variant<V: Visitor<'n>>(self, _: usize, visitor: V) -> Read<V::Value> {
        let content = self.content()?;
        content.settle(content.deserialize_any(visitor))
    }

    fn struct_variant<V: Visitor<'n>>(self, fields: Names, visitor: V) -> Read<V::Value> {
        let content = self.content()?;
        content.settle(content.deserialize_struct("", fields, visitor))
    }
}
