//! Key literals in files: found, refused, and never repeated.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

/// The documented prefix with enough behind it to be a key and not prose. What hangs on to those
/// letters and digits is taken for a part of the key too: better too much hidden than too little.
static KEY_LITERAL: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new("ct_live_([A-Za-z0-9]{8}[A-Za-z0-9_-]*)").ok());

/// Whether a key is written out in the text.
pub(super) fn holds_key_literal(text: &str) -> bool {
    KEY_LITERAL.as_ref().is_some_and(|pattern| pattern.is_match(text))
}

/// Puts a `*` for every character of a written-out key behind its prefix; so columns stay what they were.
///
/// ```
/// use trenchcheck::scenario::mask_key_literals;
/// assert_eq!(mask_key_literals("key: ct_live_0123456789 # mine"), "key: ct_live_********** # mine");
/// assert_eq!(mask_key_literals("about: keys begin with ct_live_"), "about: keys begin with ct_live_");
/// ```
pub fn mask_key_literals(text: &str) -> Cow<'_, str> {
    let Some(pattern) = KEY_LITERAL.as_ref() else { return Cow::Borrowed(text) };
    pattern.replace_all(text, |found: &regex::Captures<'_>| format!("ct_live_{}", "*".repeat(found[1].len())))
}
