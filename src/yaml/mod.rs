//! YAML with the place of everything in it, for every kind of file this program reads. All that is wrong in a file is
//! reported at once, where it stands, with the word that was probably meant.
//!
//! `text` refuses what is no text, keeps what is found wrong with it, and builds the tree of `node`; types are read from that
//! here. A file with a written-out key goes no further than the tree.
//!
//! serde gives up at the first error. So a place that is wrong is reported and remembered as *bad*, and the whole value is read
//! again without it, as if it were not there, until a reading finds nothing new. What is missing only because it was bad is not
//! reported again.

mod node;
mod problem;
mod text;

use std::cell::RefCell;
use std::collections::HashSet;
use std::marker::PhantomData;
use std::{fmt, iter};

use serde::de::value::{BorrowedStrDeserializer, MapDeserializer};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error, Expected, IntoDeserializer,
    MapAccess, SeqAccess, Unexpected, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use problem::SPANNED;

pub(crate) use node::{Kind, Node, Typed};
pub use problem::{At, Problem, Problems, Spanned, mask_key_literals};
pub(crate) use problem::{holds_key_literal, word, words};
pub(crate) use text::Text;

/// Reads a document: unknown fields, wrong words and written-out keys are all reported, with their places. Fields a type
/// does not have are refused whether or not it says `deny_unknown_fields`. `file` is the name to show.
///
/// What only the caller can know to be wrong is added with [`Problem::at`], at the place of a [`Spanned`] value.
///
/// # Errors
/// [`Problems`]: everything that is wrong.
///
/// ```
/// use trenchcheck::yaml::read_document;
///
/// #[derive(Debug, serde::Deserialize)]
/// struct Target { base_url: String }
///
/// let problems = read_document::<Target>("target.yaml", "base_ulr: http://localhost\n").unwrap_err();
/// assert!(problems.to_string().contains("did you mean `base_url`?"));
/// ```
pub fn read_document<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, Problems> {
    let text = Text::new(file, text.as_bytes())?;
    let value = text.parse().and_then(|root| read(&text, &root));
    match (Problems::new(text.take_problems()), value) {
        (Some(problems), _) => Err(problems),
        (None, Some(value)) => Ok(value),
        (None, None) => Err(Problem::in_file(file, At::default(), "it cannot be read").into()),
    }
}

/// Each reading finds at least one more bad place; nobody mends more than these at once.
const MOST_READINGS: usize = 64;

/// Reads a value from a tree; what is wrong is reported to the text. The value lacks what was bad.
pub(crate) fn read<T: DeserializeOwned>(text: &Text, root: &Node) -> Option<T> {
    let bad = RefCell::new(HashSet::new());
    for _ in 0..MOST_READINGS {
        let known = bad.borrow().len();
        if let Ok(value) = (Reader { node: root, text, bad: &bad }).seed(PhantomData) {
            return Some(value);
        }
        if bad.borrow().len() == known {
            break;
        }
    }
    None
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
    text: &'s Text,
    /// The nodes that are left out, by address: the tree stays where it is while it is read.
    bad: &'s RefCell<HashSet<*const Node>>,
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
            Ok(_) | Err(Stop::Reported) => return result,
            // It is there, and bad, and has been reported.
            Err(Stop::Missing(field)) if self.node.has(field) => return Err(self.give_up()),
            Err(Stop::Expected(wanted)) => format!("found {}, expected {wanted}", self.node.found()),
            Err(other) => other.to_string(),
        };
        self.text.report(self.text.problem(self.node.at, what));
        Err(self.give_up())
    }

    fn is_bad(self) -> bool {
        self.bad.borrow().contains(&std::ptr::from_ref(self.node))
    }

    fn give_up(self) -> Stop {
        self.bad.borrow_mut().insert(std::ptr::from_ref(self.node));
        Stop::Reported
    }

    fn pairs(self, fields: Option<Names>) -> Pairs<'n, 's> {
        Pairs { reader: self, rest: self.node.pairs().iter(), fields, value: None }
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
        match (self.node.typed(), &self.node.kind) {
            (Some(Typed::Nothing), _) => visitor.visit_unit(),
            (Some(Typed::Boolean(value)), _) => visitor.visit_bool(value),
            (Some(Typed::Integer(number)), _) => match (u64::try_from(number), i64::try_from(number)) {
                (Ok(number), _) => visitor.visit_u64(number),
                (_, Ok(number)) => visitor.visit_i64(number),
                _ => Err(Stop::Expected("a smaller number".to_owned())),
            },
            (Some(Typed::Float(number)), _) => visitor.visit_f64(number),
            (Some(Typed::Text(text)), _) => visitor.visit_borrowed_str(text),
            (None, Kind::Mapping(_)) => visitor.visit_map(self.pairs(None)),
            (None, _) => visitor.visit_seq(Elements { reader: self, rest: self.node.elements().iter() }),
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
        if self.node.typed() == Some(Typed::Nothing) {
            return Err(Stop::custom("nothing stands here: give the field a value, or leave it out"));
        }
        visitor.visit_some(self)
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
            Kind::Mapping(_) => visitor.visit_map(self.pairs(Some(fields))),
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
        let one_of = || words(variants.iter().copied(), "or");
        let (name, value) = match self.node.pairs() {
            _ if self.node.text().is_some() => (self.node, None),
            [(name, value)] => (name, Some(self.with(value))),
            [(first, _), (second, _), ..] => {
                let what = format!("{} stands beside {}", word(second.written()), word(first.written()));
                self.text.wrong(second.at, what, format!("keep one of {}", one_of()));
                return Err(self.give_up());
            }
            [] => return Err(Stop::Expected(format!("one of {}", one_of()))),
        };
        let text = name.written();
        if !variants.contains(&text) {
            let what = match name.typed() {
                Some(Typed::Text(_)) => format!("{} is not known here", word(text)),
                _ => format!("{} is not expected here", name.found()),
            };
            self.text.unknown(name.at, text, &what, variants);
            return Err(self.give_up());
        }
        // What is wrong with its value has been reported.
        if value.is_some_and(Self::is_bad) {
            return Err(self.give_up());
        }
        visitor.visit_enum(Variant { name: text, value })
    }

    fn deserialize_identifier<V: Visitor<'n>>(self, visitor: V) -> Read<V::Value> {
        visitor.visit_borrowed_str(self.node.written())
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

impl<'n> MapAccess<'n> for Pairs<'n, '_> {
    type Error = Stop;

    fn next_key_seed<K: DeserializeSeed<'n>>(&mut self, seed: K) -> Read<Option<K::Value>> {
        for (key, value) in self.rest.by_ref() {
            if let Some(fields) = self.fields.filter(|fields| !key.is_one_of(fields)) {
                self.reader.text.unknown_field(key, fields);
                continue;
            }
            let (key, value) = (self.reader.with(key), self.reader.with(value));
            if !value.is_bad() && !key.is_bad() {
                self.value = Some(value);
                return key.seed(seed).map(Some);
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'n>>(&mut self, seed: V) -> Read<V::Value> {
        let value = self.value.take();
        value.ok_or_else(|| Stop::custom("a value was asked for before its key"))?.seed(seed)
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
