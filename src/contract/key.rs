//! An API key, which is a secret: it can be sent, never shown.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::system::letters_and_digits;

/// A key of the Trenchcoat API (clause `key.format`): `ct_live_` and a random string.
///
/// It has no `Display` and no `Serialize`, and `Debug` shows a fingerprint, so that a key reaches
/// an output only through [`ApiKey::reveal`], which is easy to search for.
///
/// ```
/// let key = trenchcheck::contract::ApiKey::new("ct_live_a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6")?;
/// assert_eq!(format!("{key:?}"), "ct_live_…(047ed3)");
/// # Ok::<(), trenchcheck::contract::InvalidApiKey>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ApiKey(String);

/// Why a text cannot be sent as a key. It never quotes the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidApiKey {
    /// There is nothing in it.
    #[error("the key is blank")]
    Blank,
    /// HTTP would cut off what stands around it.
    #[error("there are spaces or line breaks around the key; was it copied with its line end?")]
    Padded,
    /// It stands in the quotes of the file it comes from.
    #[error("the key is wrapped in quotes, as if its file had been read without a shell")]
    Quoted,
    /// It is not UTF-8.
    #[error("the key is not UTF-8")]
    NotText,
    /// A header value cannot carry it.
    #[error("the key holds a control character or a line break")]
    NotAHeaderValue,
}

impl ApiKey {
    /// What every key starts with (clause `key.format`).
    pub const PREFIX: &'static str = "ct_live_";

    /// A key of the documented form that nobody had before.
    pub fn random() -> Self {
        Self(format!("{}{}", Self::PREFIX, letters_and_digits(32)))
    }

    /// Takes a key as the user or the mock gave it. The documented prefix is not demanded: a
    /// deployment that hands out other keys is judged, not refused.
    ///
    /// # Errors
    /// [`InvalidApiKey`] when an HTTP header could not carry the text.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidApiKey> {
        let text = text.into();
        if text.trim().is_empty() {
            return Err(InvalidApiKey::Blank);
        }
        if text.trim() != text {
            return Err(InvalidApiKey::Padded);
        }
        if text.chars().any(char::is_control) {
            return Err(InvalidApiKey::NotAHeaderValue);
        }
        Ok(Self(text))
    }

    /// The plaintext, for the wire only.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The part after the documented prefix, or all of a key that lacks it.
    pub fn random_part(&self) -> &str {
        self.0.strip_prefix(Self::PREFIX).unwrap_or(&self.0)
    }

    /// Whether the key has the documented form: the prefix, then letters and digits (clause `key.format`).
    pub fn is_documented_form(&self) -> bool {
        self.0.strip_prefix(Self::PREFIX).is_some_and(|random| {
            !random.is_empty() && random.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
    }

    /// Six hexadecimal digits that tell two keys apart and give neither away.
    pub fn fingerprint(&self) -> String {
        let digest = Sha256::digest(self.0.as_bytes());
        digest.iter().take(3).map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}…({})", Self::PREFIX, self.fingerprint())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_gives_nothing_away() {
        let key = ApiKey::new("ct_live_a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6").unwrap();
        let shown = format!("{key:?} {:?}", Some(&key));
        assert!(!shown.contains("a1b2"), "{shown}");
    }

    #[test]
    fn what_a_header_cannot_carry_is_refused() {
        for blank in ["", " ", "\n"] {
            assert_eq!(ApiKey::new(blank), Err(InvalidApiKey::Blank));
        }
        for padded in ["ct_live_x\n", " ct_live_x", "ct_live_x\t"] {
            assert_eq!(ApiKey::new(padded), Err(InvalidApiKey::Padded));
        }
        assert_eq!(ApiKey::new("ct_live\u{7f}_x"), Err(InvalidApiKey::NotAHeaderValue));
    }

    #[test]
    fn the_documented_form_is_prefix_letters_and_digits() {
        let form = |text: &str| ApiKey::new(text).unwrap().is_documented_form();
        assert!(form("ct_live_abc123"));
        assert!(!form("ct_live_"));
        assert!(!form("ct_test_abc"));
        assert!(!form("ct_live_a-b"));
    }
}
