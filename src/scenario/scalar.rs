//! What a plain scalar is: YAML 1.2's core schema, but for `007`.

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
        if !plain {
            return Self::Text(text);
        }
        match text {
            "" | "~" | "null" | "Null" | "NULL" => return Self::Nothing,
            "true" | "True" | "TRUE" => return Self::Boolean(true),
            "false" | "False" | "FALSE" => return Self::Boolean(false),
            ".nan" | ".NaN" | ".NAN" => return Self::Float(f64::NAN),
            _ if is_padded(text) => return Self::Text(text),
            _ => {}
        }
        if let Some(number) = integer(text) {
            return Self::Integer(number);
        }
        float(text).map_or(Self::Text(text), Self::Float)
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
            Self::Text(text) => format!("the text {}", super::problem::word(text)),
        }
    }
}

/// Digits behind a zero, such as `007`: a name rather than a number, as serde_yaml has it too.
fn is_padded(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    unsigned.len() > 1 && unsigned.starts_with('0') && unsigned.bytes().all(|byte| byte.is_ascii_digit())
}

fn integer(text: &str) -> Option<i128> {
    if let Some(octal) = text.strip_prefix("0o") {
        return digits(octal, 8);
    }
    if let Some(hexadecimal) = text.strip_prefix("0x") {
        return digits(hexadecimal, 16);
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let number = digits(unsigned, 10)?;
    Some(if text.starts_with('-') { -number } else { number })
}

fn digits(text: &str, radix: u32) -> Option<i128> {
    let all = !text.is_empty() && text.chars().all(|mark| mark.is_digit(radix));
    all.then(|| i128::from_str_radix(text, radix).ok()).flatten()
}

/// `[-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`, and the infinities.
fn float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return Some(if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY });
    }
    let begins =
        unsigned.strip_prefix('.').unwrap_or(unsigned).starts_with(|mark: char| mark.is_ascii_digit());
    // Rust reads nothing but digits, a point and an exponent behind such a beginning.
    begins.then(|| text.parse().ok()).flatten()
}
