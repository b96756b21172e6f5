//! Keeps keys out of every report.
//!
//! A target may echo a key in any dress: percent-encoded, JSON-escaped, as Basic credentials. Instead
//! of listing the dresses of every key, the text is undressed: each reading of it (as it stands,
//! unescaped, base64-decoded) is searched for a few characters in a row of a known secret, and what
//! is found is masked in the text as it stood.

mod event;
mod reading;
mod secrets;

use std::fmt;
use std::sync::{PoisonError, RwLock};

use crate::contract::ApiKey;
use reading::Reading;
use secrets::Secrets;

/// What stands in a report in a secret's place.
const MASK: &str = "…";

/// Masks the keys it has learned, and everything that looks like a key.
///
/// Masked are, in any case of letters:
/// - any 12 characters in a row of a key's random part, so that a key with a character changed,
///   dropped or added is masked too. A random part of 6 to 13 characters is masked from two characters
///   less than it has (6 at the least);
/// - the same in percent-encoding or JSON escapes, wholly or in part, up to three layers deep, and in
///   base64 of either alphabet at any alignment (`Authorization: Basic` in all its orders);
/// - any text of the form `ct_live_` and eight or more letters and digits, learned or not;
/// - letters and digits that adjoin any of these.
///
/// A secret under six characters is masked only where it stands as a word of its own: masking it inside
/// words would make reports unreadable. Base64 that is wrapped over several lines is not looked into.
///
/// ```
/// use trenchcheck::contract::ApiKey;
/// use trenchcheck::report::Redactor;
///
/// let redactor = Redactor::default();
/// redactor.learn(&ApiKey::new("ct_live_a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6")?);
/// assert_eq!(redactor.scrub("no such key: a1b2c3d4e5f6g7h8i9"), "no such key: …");
/// assert_eq!(redactor.scrub("?key=ct%5Flive%5Fa1b2c3d4e5f6g7h8i9j0"), "?key=ct%5Flive%5F…");
/// # Ok::<(), trenchcheck::contract::InvalidApiKey>(())
/// ```
#[derive(Default)]
pub struct Redactor {
    secrets: RwLock<Secrets>,
}

/// Shows nothing of what it knows.
impl fmt::Debug for Redactor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Redactor").finish_non_exhaustive()
    }
}

impl Redactor {
    /// Learns a key. Keys may be learned while a run is under way, from any thread.
    pub fn learn(&self, key: &ApiKey) {
        self.secrets.write().unwrap_or_else(PoisonError::into_inner).learn(key);
    }

    /// The text with every secret masked.
    pub fn scrub(&self, text: &str) -> String {
        let secrets = self.secrets.read().unwrap_or_else(PoisonError::into_inner);
        let plain = Reading::plain(text);
        let layers = plain.layers();
        let mut found = Vec::new();
        for layer in std::iter::once(&plain).chain(&layers) {
            secrets.find(layer, true, &mut found);
            for decoded in layer.base64(secrets.shortest()) {
                secrets.find(&decoded, false, &mut found);
            }
        }
        if found.is_empty() {
            return text.to_owned();
        }
        layers.first().unwrap_or(&plain).mask(text, &found, MASK)
    }
}

#[cfg(test)]
mod tests;
