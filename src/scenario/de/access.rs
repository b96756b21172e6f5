//! Lists, mappings, enums and places, one part at a time.

use serde::de::value::{BorrowedStrDeserializer, U32Deserializer};
use serde::de::{
    DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor,
};

use super::super::nearest::nearest;
use super::super::problem::{word, words};
use super::super::tree::Node;
use super::{Reader, Stop};

/// The elements of a list that are not bad.
pub(super) struct Elements<'n, 's> {
    reader: Reader<'n, 's>,
    rest: std::slice::Iter<'n, Node>,
}

impl<'n, 's> Elements<'n, 's> {
    pub(super) fn new(reader: Reader<'n, 's>, elements: &'n [Node]) -> Self {
        Self { reader, rest: elements.iter() }
    }
}

impl<'n> SeqAccess<'n> for Elements<'n, '_> {
    type Error = Stop;

    fn next_element_seed<T: DeserializeSeed<'n>>(&mut self, seed: T) -> Result<Option<T::Value>, Stop> {
        let reader = self.reader;
        match self.rest.find(|element| !reader.state.is_bad(element)) {
            None => Ok(None),
            Some(element) => reader.with(element).seed(seed).map(Some),
        }
    }
}

/// The fields a struct has.
pub(super) struct Fields(pub(super) &'static [&'static str]);

/// The pairs of a mapping whose values are not bad; of a struct, those it knows.
pub(super) struct Pairs<'n, 's> {
    reader: Reader<'n, 's>,
    rest: std::slice::Iter<'n, (Node, Node)>,
    fields: Option<Fields>,
    value: Option<&'n Node>,
}

impl<'n, 's> Pairs<'n, 's> {
    pub(super) fn new(reader: Reader<'n, 's>, pairs: &'n [(Node, Node)]) -> Self {
        Self { reader, rest: pairs.iter(), fields: None, value: None }
    }

    pub(super) fn fields(reader: Reader<'n, 's>, pairs: &'n [(Node, Node)], fields: Fields) -> Self {
        Self { fields: Some(fields), ..Self::new(reader, pairs) }
    }

    /// Whether the struct has the field; it is reported if not, and then passed over.
    fn knows(&self, key: &'n Node) -> bool {
        let Some(Fields(fields)) = &self.fields else { return true };
        let name = key.text().unwrap_or_default();
        if fields.contains(&name) {
            return true;
        }
        let help = format!("expected {}", words(fields.iter().copied(), "or"));
        let what = format!("no field is called {} here", word(name));
        self.reader.with(key).report(&what, Some(&help), nearest(name, fields.iter().copied()));
        false
    }
}

impl<'n> MapAccess<'n> for Pairs<'n, '_> {
    type Error = Stop;

    fn next_key_seed<K: DeserializeSeed<'n>>(&mut self, seed: K) -> Result<Option<K::Value>, Stop> {
        while let Some((key, value)) = self.rest.next() {
            let state = self.reader.state;
            if !self.knows(key) || state.is_bad(value) || state.is_bad(key) {
                continue;
            }
            self.value = Some(value);
            return self.reader.with(key).seed(seed).map(Some);
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'n>>(&mut self, seed: V) -> Result<V::Value, Stop> {
        match self.value.take() {
            Some(value) => self.reader.with(value).seed(seed),
            None => Err(Stop::Message("a value was asked for before its key".to_owned())),
        }
    }
}

/// An enum's variant by its name, with its content if it has one.
pub(super) struct Variant<'n, 's> {
    pub(super) name: &'n str,
    pub(super) value: Option<&'n Node>,
    pub(super) reader: Reader<'n, 's>,
}

impl<'n, 's> Variant<'n, 's> {
    fn content(&self) -> Result<Reader<'n, 's>, Stop> {
        match self.value {
            Some(value) => Ok(self.reader.with(value)),
            None => Err(Stop::Message(format!("{} needs a value: `{}: …`", word(self.name), self.name))),
        }
    }
}

impl<'n, 's> EnumAccess<'n> for Variant<'n, 's> {
    type Error = Stop;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'n>>(self, seed: V) -> Result<(V::Value, Self), Stop> {
        let name = BorrowedStrDeserializer::<Stop>::new(self.name);
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'n> VariantAccess<'n> for Variant<'n, '_> {
    type Error = Stop;

    fn unit_variant(self) -> Result<(), Stop> {
        match self.value {
            None => Ok(()),
            Some(_) => {
                Err(Stop::Message(format!("{} takes no value; write the word alone", word(self.name))))
            }
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'n>>(self, seed: T) -> Result<T::Value, Stop> {
        self.content()?.seed(seed)
    }

    fn tuple_variant<V: Visitor<'n>>(self, _: usize, visitor: V) -> Result<V::Value, Stop> {
        serde::Deserializer::deserialize_seq(self.content()?, visitor)
    }

    fn struct_variant<V: Visitor<'n>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        serde::Deserializer::deserialize_struct(self.content()?, "", fields, visitor)
    }
}

/// What [`super::super::span::Spanned`] asks for: line, column, and the value itself.
pub(super) struct Place<'n, 's> {
    reader: Reader<'n, 's>,
    given: u8,
}

impl<'n, 's> Place<'n, 's> {
    pub(super) fn new(reader: Reader<'n, 's>) -> Self {
        Self { reader, given: 0 }
    }
}

impl<'n> SeqAccess<'n> for Place<'n, '_> {
    type Error = Stop;

    fn next_element_seed<T: DeserializeSeed<'n>>(&mut self, seed: T) -> Result<Option<T::Value>, Stop> {
        let number = |number: u32| -> U32Deserializer<Stop> { number.into_deserializer() };
        self.given += 1;
        match self.given {
            1 => seed.deserialize(number(self.reader.node.at.line)).map(Some),
            2 => seed.deserialize(number(self.reader.node.at.column)).map(Some),
            3 => self.reader.seed(seed).map(Some),
            _ => Ok(None),
        }
    }
}
