//! A JSON value read only as far as it is needed, so that one wrong member does not hide the others.

use std::borrow::Cow;
use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

/// A member's value: text is kept, of the rest only what it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) enum Lenient<'a> {
    /// The member is not there.
    #[default]
    Absent,
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number of 0 or more.
    Natural,
    /// Any other number.
    Number(f64),
    /// A string, borrowed from the body unless it holds escapes.
    Text(Cow<'a, str>),
    /// An array.
    Array,
    /// An object.
    Object,
}

impl<'a> Lenient<'a> {
    /// The string, if it is one.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The string, taken out.
    pub(super) fn into_text(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Whether the member is missing or `null`.
    pub(super) fn is_nothing(&self) -> bool {
        matches!(self, Self::Absent | Self::Null)
    }

    /// Whether the value says that something went wrong: anything but nothing, `false` and an empty string.
    pub(super) fn is_truthy(&self) -> bool {
        match self {
            Self::Absent | Self::Null | Self::Bool(false) => false,
            Self::Text(text) => !text.is_empty(),
            _ => true,
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Lenient<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LenientVisitor)
    }
}

struct LenientVisitor;

impl<'de> Visitor<'de> for LenientVisitor {
    type Value = Lenient<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_unit<E: Error>(self) -> Result<Lenient<'de>, E> {
        Ok(Lenient::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Lenient<'de>, E> {
        Ok(Lenient::Bool(value))
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Lenient<'de>, E> {
        Ok(Lenient::Natural)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Lenient<'de>, E> {
        Ok(Lenient::Number(value as f64))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Lenient<'de>, E> {
        Ok(Lenient::Number(value))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Lenient<'de>, E> {
        Ok(Lenient::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Lenient<'de>, E> {
        Ok(Lenient::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Lenient<'de>, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Lenient::Array)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Lenient<'de>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Lenient::Object)
    }
}

/// An entry of a list that should be an object of type `T`.
#[derive(Debug)]
pub(super) enum Entry<T> {
    /// It is one.
    Object(T),
    /// It is something else.
    Other,
}

/// What is read member by member.
pub(super) trait Members<'de>: Default {
    /// Reads the value of one member, or leaves it to the caller to skip it.
    fn member<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<bool, A::Error>;
}

impl<'de, T: Members<'de>> Deserialize<'de> for Entry<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut entry = T::default();
        let is_object = Place(&mut entry).deserialize(deserializer)?;
        Ok(if is_object { Self::Object(entry) } else { Self::Other })
    }
}

/// Where an entry is read to, so that it need not be moved; gives whether it was an object.
struct Place<'p, T>(&'p mut T);

impl<'de, T: Members<'de>> DeserializeSeed<'de> for Place<'_, T> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

macro_rules! other {
    ($($method:ident: $type:ty),*) => {
        $(fn $method<E: Error>(self, _: $type) -> Result<bool, E> {
            Ok(false)
        })*
    };
}

impl<'de, T: Members<'de>> Visitor<'de> for Place<'_, T> {
    type Value = bool;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    other!(visit_bool: bool, visit_u64: u64, visit_i64: i64, visit_f64: f64, visit_str: &str);

    fn visit_unit<E: Error>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<bool, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(false)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        *self.0 = T::default();
        while let Some(Name(name)) = map.next_key()? {
            if !self.0.member(&name, &mut map)? {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(true)
    }
}

/// A member's name, borrowed where it can be.
struct Name<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a member's name")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(NameVisitor)
    }
}

/// What becomes of the entries of a list.
pub(super) trait Gather<'de>: Default {
    /// What an entry should be.
    type Entry: Members<'de>;

    /// Takes the next entry; nothing where it is no object.
    fn take(&mut self, index: usize, entry: Option<&mut Self::Entry>);
}

/// A list of entries under one member of the body.
#[derive(Debug)]
pub(super) struct List<G> {
    /// What became of the first [`super::MAX_BATCH`].
    pub(super) gathered: G,
    /// How many there are in all.
    pub(super) total: usize,
}

/// The value of the member that should be a list.
#[derive(Debug)]
pub(super) enum MaybeList<G> {
    /// It is one.
    List(List<G>),
    /// It is something else.
    Other,
}

impl<'de, G: Gather<'de>> Deserialize<'de> for MaybeList<G> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ListVisitor(std::marker::PhantomData))
    }
}

struct ListVisitor<G>(std::marker::PhantomData<G>);

macro_rules! no_list {
    ($($method:ident: $type:ty),*) => {
        $(fn $method<E: Error>(self, _: $type) -> Result<Self::Value, E> {
            Ok(MaybeList::Other)
        })*
    };
}

impl<'de, G: Gather<'de>> Visitor<'de> for ListVisitor<G> {
    type Value = MaybeList<G>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array")
    }

    no_list!(visit_bool: bool, visit_u64: u64, visit_i64: i64, visit_f64: f64, visit_str: &str);

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(MaybeList::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(MaybeList::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let (mut gathered, mut entry, mut total) = (G::default(), G::Entry::default(), 0);
        // What is beyond the limit is counted and not kept: four megabytes of `{}` would be a gigabyte of entries.
        while total < super::MAX_BATCH {
            let Some(is_object) = seq.next_element_seed(Place(&mut entry))? else { break };
            gathered.take(total, is_object.then_some(&mut entry));
            total += 1;
        }
        while total >= super::MAX_BATCH && seq.next_element::<IgnoredAny>()?.is_some() {
            total += 1;
        }
        Ok(MaybeList::List(List { gathered, total }))
    }
}
