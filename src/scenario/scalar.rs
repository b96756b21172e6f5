//! What a plain scalar is: YAML 1.2's core schema, but for `007`.

use super::problem::word;

/// A plain scalar, typed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Typed<'n> {
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
    pub(super) fn of(text: &'n str, plain: bool) -> Self {
        match text {
            _ if !plain => Self::Text(text),
            "" | "~" | "null" | "Null" | "NULL" => Self::Nothing,
            "true" | "True" | "TRUE" => Self::Boolean(true),
            "false" | "False" | "FALSE" => Self::Boolean(false),
            _ => number(text).unwrap_or(Self::Text(text)),
        }
    }

    /// The text a `String` takes from a scalar: what is text, and of the rest only what reads the same in
    /// every notation: a decimal number as it is usually written, `true`, `false`.
    /// `1.0`, `0x10` or `~` must be put in quotes by whoever means the letters.
    pub(super) fn unambiguous_text(self, text: &'n str) -> Option<&'n str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Boolean(value) => (text == if value { "true" } else { "false" }).then_some(text),
            Self::Integer(number) => (number.to_string() == text).then_some(text),
            Self::Nothing | Self::Float(_) => None,
        }
    }

    /// What it is, in a message.
    pub(super) fn describe(self) -> String {
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
        if let Some(digits) =
            text.strip_prefix(prefix).filter(|rest| rest.chars().all(|mark| mark.is_digit(radix)))
        {
            return i128::from_str_radix(digits, radix).ok().map(Typed::Integer);
        }
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        let infinity = if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY };
        return Some(Typed::Float(infinity));
    }
    if matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Some(Typed::Float(f64::NAN));
    }
    // Digits behind a zero, such as `007`, are a name rather than a number, as serde_yaml has it too.
    let digits = unsigned.bytes().all(|byte| byte.is_ascii_digit());
    if digits && unsigned.len() > 1 && unsigned.starts_with('0') {
        return None;
    }
    // Rust reads nothing but digits, a point and an exponent behind such a beginning.
    let begins =
        unsigned.strip_prefix('.').unwrap_or(unsigned).starts_with(|mark: char| mark.is_ascii_digit());
    let integer = text.parse().ok().filter(|_| digits).map(Typed::Integer);
    integer.or_else(|| begins.then(|| text.parse().ok()).flatten().map(Typed::Float))
}
