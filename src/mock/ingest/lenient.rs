//! JSON read only as far as it is needed, so that one wrong member does not hide the others.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The most entries one request may carry.
pub(super) const MAX_BATCH: usize = 1_000;

/// The most problems one answer lists.
pub(super) const MAX_DETAILS: usize = 100;

/// A member's value: text is kept, of the rest only what it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) enum Lenient<'a> {
    /// The member is not there.
    #[default]
    Absent,
    Null,
    Bool(bool),
    /// A whole number of 0 or more.
    Natural,
    /// A string, borrowed from the body unless it holds escapes.
    Text(Cow<'a, str>),
    /// Any other number, an array, or an object.
    Other,
}

impl<'a> Lenient<'a> {
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn into_text(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

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

/// Methods of a visitor that give the same whatever the value is.
macro_rules! gives {
    ($gives:expr => $($method:ident: $type:ty),*) => {
        $(fn $method<E: Error>(self, _: $type) -> Result<Self::Value, E> {
            Ok($gives)
        })*
    };
}

pub(super) use gives;

impl<'de: 'a, 'a> Deserialize<'de> for Lenient<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct LenientVisitor;

        impl<'de> Visitor<'de> for LenientVisitor {
            type Value = Lenient<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("any value")
            }

            gives!(Lenient::Natural => visit_u64: u64);
            gives!(Lenient::Other => visit_i64: i64, visit_f64: f64);

            fn visit_unit<E: Error>(self) -> Result<Lenient<'de>, E> {
                Ok(Lenient::Null)
            }

            fn visit_bool<E: Error>(self, value: bool) -> Result<Lenient<'de>, E> {
                Ok(Lenient::Bool(value))
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Lenient<'de>, E> {
                Ok(Lenient::Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Lenient<'de>, E> {
                Ok(Lenient::Text(Cow::Owned(text.to_owned())))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Lenient<'de>, A::Error> {
                skip_seq(seq).map(|_| Lenient::Other)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Lenient<'de>, A::Error> {
                skip_map(map).map(|()| Lenient::Other)
            }
        }
        deserializer.deserialize_any(LenientVisitor)
    }
}

/// Reads the rest of an array; gives how many elements that were.
pub(super) fn skip_seq<'de, A: SeqAccess<'de>>(mut seq: A) -> Result<usize, A::Error> {
    let mut count = 0;
    while seq.next_element::<IgnoredAny>()?.is_some() {
        count += 1;
    }
    Ok(count)
}

pub(super) fn skip_map<'de, A: MapAccess<'de>>(mut map: A) -> Result<(), A::Error> {
    while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
    Ok(())
}

/// What is read member by member.
pub(super) trait Members<'de>: Default {
    /// Reads the value of one member, or leaves it to the caller to skip it.
    fn member<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<bool, A::Error>;
}

/// Where an object is read to, so that it need not be moved; gives whether it was an object.
pub(super) struct Place<'p, T>(pub(super) &'p mut T);

impl<'de, T: Members<'de>> DeserializeSeed<'de> for Place<'_, T> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// A member's name, borrowed where it can be.
#[derive(Deserialize)]
#[serde(transparent)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de, T: Members<'de>> Visitor<'de> for Place<'_, T> {
    type Value = bool;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    gives!(false => visit_bool: bool, visit_u64: u64, visit_i64: i64, visit_f64: f64, visit_str: &str);

    fn visit_unit<E: Error>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<bool, A::Error> {
        skip_seq(seq).map(|_| false)
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

/// A value that should be an object of type `T`.
#[derive(Debug)]
pub(super) enum Lax<T> {
    Object(T),
    Other,
}

impl<'de, T: Members<'de>> Deserialize<'de> for Lax<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut entry = T::default();
        let is_object = Place(&mut entry).deserialize(deserializer)?;
        Ok(if is_object { Self::Object(entry) } else { Self::Other })
    }
}
