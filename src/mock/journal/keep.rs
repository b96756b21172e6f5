//! What is kept of a request and its answer: the beginning of each text, all in one piece of memory.
//!
//! Keys are masked before anything is kept: in headers, queries, cookies, paths and bodies, written plainly, percent-encoded,
//! escaped as in JSON, or in base64.

use std::borrow::Cow;
use std::iter::successors;

use memchr::{memchr, memchr_iter, memchr2_iter, memchr3_iter, memmem};
use percent_encoding::percent_decode;

use crate::contract::ApiKey;
use crate::mock::request::{Presented, Request};

/// The most bytes that are kept of a path, of a query, of all header lines, of a body and of an answer.
const PATH: usize = 512;
const QUERY: usize = 1_024;
const HEADERS: usize = 4_096;
const BODY: usize = 2_048;
const ANSWER: usize = 1_024;

/// The most bytes of a method; longer ones are no methods.
const METHOD: usize = 16;

/// A request and its answer as they are kept.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// Method, path, query, header lines, body and answer, one after the other.
    text: Vec<u8>,
    /// Where the first five of them end.
    ends: [u16; 5],
    /// The length of the body as it came.
    pub(crate) body_bytes: usize,
    /// The length of the answer's body.
    pub(crate) answer_bytes: usize,
}

impl Kept {
    /// Keeps what is kept of a request, and of the body of its answer if it has one already. The key presented is
    /// masked wherever it stands, whatever it looks like.
    pub(crate) fn of(request: &Request<'_>, presented: Presented<'_>, answer: Option<&[u8]>) -> Self {
        let mask = Mask::of(presented);
        let lines: usize = request.headers.iter().map(|(name, value)| name.len() + value.len() + 3).sum();
        let texts = request.method.len() + request.path.len() + request.query.len();
        let bodies = request.body.len().min(BODY) + answer.map_or(0, <[u8]>::len).min(ANSWER);
        let mut text = Vec::with_capacity(texts.min(PATH + QUERY) + lines.min(HEADERS) + bodies);
        let mut ends = [0; 5];
        cut(mask, request.method.as_bytes(), METHOD, &mut text);
        ends[0] = text.len() as u16;
        cut(mask, request.path.as_bytes(), PATH, &mut text);
        ends[1] = text.len() as u16;
        if !request.query.is_empty() {
            text.extend_from_slice(head(query(mask, request.query).as_bytes(), QUERY));
        }
        ends[2] = text.len() as u16;
        keep_headers(mask, request.headers, &mut text);
        ends[3] = text.len() as u16;
        cut(mask, request.body, BODY, &mut text);
        ends[4] = text.len() as u16;
        let mut kept = Self { text, ends, body_bytes: request.body.len(), answer_bytes: 0 };
        if let Some(answer) = answer {
            cut(mask, answer, ANSWER, &mut kept.text);
            kept.answer_bytes = answer.len();
        }
        kept
    }

    /// There was no answer after all, or another one, in which nobody's key can be.
    pub(crate) fn answered_otherwise(&mut self, answer: &[u8]) {
        self.text.truncate(usize::from(self.ends[4]));
        cut(Mask::new(None), answer, ANSWER, &mut self.text);
        self.answer_bytes = answer.len();
    }

    /// Method, path, query, header lines, the beginning of the body and that of the answer. Header lines are
    /// `name: value`, each with a line feed, which no header holds.
    pub(crate) fn parts(&self) -> [&[u8]; 6] {
        let mut start = 0;
        let ends = self.ends.map(usize::from);
        [ends[0], ends[1], ends[2], ends[3], ends[4], self.text.len()].map(|end| {
            let part = self.text.get(start..end).unwrap_or_default();
            start = end;
            part
        })
    }

    pub(super) fn size(&self) -> usize {
        self.text.capacity()
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.body_bytes > BODY
    }

    pub(super) fn answer_is_cut(&self) -> bool {
        self.answer_bytes > ANSWER
    }
}

fn keep_headers(mask: Mask<'_>, headers: &[(&str, &[u8])], text: &mut Vec<u8>) {
    let begin = text.len();
    for (name, value) in headers {
        let left = HEADERS.saturating_sub(text.len() - begin);
        if left < name.len() {
            break;
        }
        text.extend_from_slice(name.as_bytes());
        text.extend_from_slice(b": ");
        text.extend_from_slice(head(&header(mask, name, value), left));
        text.push(b'\n');
    }
}

/// The beginning of a text, masked before it is cut: half a key is no longer recognised.
fn cut(mask: Mask<'_>, text: &[u8], most: usize, kept: &mut Vec<u8>) {
    let masked: Cow<'_, [u8]> = mask.apply(head(text, most + mask.longest()));
    kept.extend_from_slice(head(&masked, most));
}

fn head(text: &[u8], most: usize) -> &[u8] {
    &text[..text.len().min(most)]
}

/// What a key begins with, in any case: a key in the wrong case is nearly a key.
const PREFIX: &[u8] = ApiKey::PREFIX.as_bytes();

/// Where the rarest letter stands in the prefix.
const RAREST: usize = 5;

/// What stands where the rest of a key stood.
const MASKED: &[u8] = "…".as_bytes();

/// What stands where a text stood that holds a key in disguise.
const HIDDEN: &[u8] = b"(masked: it holds a key)";

/// The prefix in base64, at its three places within three bytes, as far as it alone decides the letters; each with the
/// place of a letter that is rare and looked for, `V` or `Z`.
const BASE64: [(&[u8], usize); 3] = [(b"Y3RfbGl2ZV", 9), (b"N0X2xpdmVf", 8), (b"jdF9saXZlX", 7)];

/// What an escape of ASCII begins with in JSON.
const ESCAPE: &[u8] = b"\\u00";

/// A shorter text is no secret, and masking it would riddle everything.
const SHORTEST: usize = 8;

/// Words in the name of a header or a parameter whose value nobody should see.
const TELLING: [&str; 5] = ["key", "token", "secret", "auth", "password"];

/// The usual headers, in whose names nobody has to look for words.
const PLAIN: [&str; 7] =
    ["host", "user-agent", "accept", "accept-encoding", "content-type", "content-length", "connection"];

/// Masks what looks like a key, and the key that was presented whatever it looks like.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mask<'a> {
    secret: Option<&'a [u8]>,
}

impl<'a> Mask<'a> {
    /// What masks a key that was presented, too.
    pub(super) fn of(presented: Presented<'a>) -> Self {
        Self::new(match presented {
            Presented::Missing => None,
            Presented::Key(key) | Presented::Conflicting(key) => Some(key),
        })
    }

    pub(super) fn new(secret: Option<&'a [u8]>) -> Self {
        let random = |secret: &'a [u8]| if begins(secret) { &secret[PREFIX.len()..] } else { secret };
        Self { secret: secret.map(random).filter(|secret| secret.len() >= SHORTEST) }
    }

    /// How long the longest text is that has to be seen whole to be recognised.
    fn longest(self) -> usize {
        PREFIX.len().max(self.secret.map_or(0, <[u8]>::len))
    }

    /// Whether there is certainly no key in it in any form. Nearly every text is such a one, and this is cheap.
    fn is_harmless(self, text: &[u8]) -> bool {
        if text.len() < SHORTEST {
            // No form of a key is so short, and most of what a request holds is.
            return true;
        }
        let stands = |what: &[u8], letter: usize, place: usize| {
            place.checked_sub(letter).is_some_and(|start| text[start..].starts_with(what))
        };
        !memchr3_iter(b'v', b'V', b'Z', text).any(|place| {
            place.checked_sub(RAREST).is_some_and(|start| begins(&text[start..]))
                || BASE64.iter().any(|&(form, letter)| stands(form, letter, place))
        }) && !memchr2_iter(b'%', ESCAPE[0], text)
            .any(|place| text[place] == b'%' || text[place..].starts_with(ESCAPE))
            && !self.shows(text)
    }

    /// Whether the secret stands in it plainly.
    fn shows(self, text: &[u8]) -> bool {
        /// A searcher is worth the making for a longer text than this.
        const SHORT: usize = 512;
        self.secret.is_some_and(|secret| match text.len() {
            size if size < secret.len() => false,
            size if size < SHORT => {
                memchr_iter(secret[0], text).any(|place| text[place..].starts_with(secret))
            }
            _ => memmem::find(text, secret).is_some(),
        })
    }

    pub(super) fn apply<'t>(self, text: &'t [u8]) -> Cow<'t, [u8]> {
        if self.is_harmless(text) {
            return Cow::Borrowed(text);
        }
        let plain = self.plain(text);
        if self.in_disguise(&plain) {
            return Cow::Borrowed(HIDDEN);
        }
        plain
    }

    /// Without keys written plainly.
    fn plain<'t>(self, text: &'t [u8]) -> Cow<'t, [u8]> {
        let mut masked = Cow::Borrowed(text);
        if let Some(secret) = self.secret.filter(|_| self.shows(text)) {
            let found = memmem::find_iter(text, secret).map(|start| (start, start + secret.len()));
            masked = Cow::Owned(without(text, found));
        }
        if let Some(first) = random_part(&masked, 0) {
            let found = successors(Some(first), |&(_, end)| random_part(&masked, end));
            masked = Cow::Owned(without(&masked, found));
        }
        masked
    }

    /// Whether a key is in it that shows only when it is decoded.
    fn in_disguise(self, text: &[u8]) -> bool {
        let decoded_has = |decoded: &[u8]| random_part(decoded, 0).is_some() || self.shows(decoded);
        BASE64.iter().any(|(form, _)| memmem::find(text, form).is_some())
            || memchr(b'%', text).is_some() && decoded_has(&Cow::from(percent_decode(text)))
            || memmem::find(text, ESCAPE).is_some() && decoded_has(&unescaped(text))
    }
}

pub(super) fn header<'v>(mask: Mask<'_>, name: &str, value: &'v [u8]) -> Cow<'v, [u8]> {
    if PLAIN.iter().any(|plain| name.eq_ignore_ascii_case(plain)) {
        return mask.apply(value);
    }
    let is = |wanted: &str| name.eq_ignore_ascii_case(wanted);
    if is("x-api-key") {
        // The length tells a key with a line break or a space from a good one.
        let prefix = if begins(value) { ApiKey::PREFIX } else { "" };
        return Cow::Owned(format!("{prefix}… ({} bytes)", value.len()).into_bytes());
    }
    if is("cookie") {
        let pairs = value.split(|&byte| byte == b';');
        return Cow::Owned(pairs.map(named).collect::<Vec<_>>().join(&b';'));
    }
    if is("authorization") || is("proxy-authorization") {
        let scheme = memchr(b' ', value).map_or(&[][..], |space| &value[..=space]);
        return Cow::Owned([scheme, MASKED].concat());
    }
    if tells(name) { Cow::Borrowed(MASKED) } else { mask.apply(value) }
}

/// A query, parameter by parameter.
pub(super) fn query(mask: Mask<'_>, query: &str) -> String {
    let masked = query.split('&').map(|pair| {
        let name = pair.split('=').next().unwrap_or_default();
        let name = Cow::from(percent_decode(name.as_bytes()));
        let kept = if tells(&String::from_utf8_lossy(&name)) {
            Cow::Owned(named(pair.as_bytes()))
        } else {
            mask.apply(pair.as_bytes())
        };
        String::from_utf8_lossy(&kept).into_owned()
    });
    masked.collect::<Vec<_>>().join("&")
}

fn tells(name: &str) -> bool {
    let name = if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    };
    TELLING.iter().any(|word| name.contains(word))
}

/// A pair with its value masked; what has no name is all value.
fn named(pair: &[u8]) -> Vec<u8> {
    let name = memchr(b'=', pair).map_or(&[][..], |equals| &pair[..=equals]);
    [name, MASKED].concat()
}

fn begins(text: &[u8]) -> bool {
    text.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
}

/// Where the first part after a prefix begins and ends, from some place on.
fn random_part(text: &[u8], from: usize) -> Option<(usize, usize)> {
    memchr2_iter(b'v', b'V', text.get(from..)?).find_map(|place| {
        let prefix = (from + place).checked_sub(RAREST).filter(|&start| start >= from)?;
        let start = prefix + PREFIX.len();
        let random = text.get(start..).filter(|_| begins(&text[prefix..]))?;
        let is_key = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let length = random.iter().take_while(|byte| is_key(byte)).count();
        (length > 0).then_some((start, start + length))
    })
}

/// A text with these ranges masked.
fn without(text: &[u8], ranges: impl Iterator<Item = (usize, usize)>) -> Vec<u8> {
    let mut masked = Vec::with_capacity(text.len());
    let mut from = 0;
    for (start, end) in ranges {
        masked.extend_from_slice(&text[from..start]);
        masked.extend_from_slice(MASKED);
        from = end;
    }
    masked.extend_from_slice(&text[from..]);
    masked
}

/// Escapes of ASCII as JSON writes them, undone.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        let digits = rest.strip_prefix(b"\\u00").and_then(|digits| digits.get(..2));
        let code = digits.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        match code {
            Some(code) => {
                plain.push(code);
                rest = &rest[6..];
            }
            None => {
                plain.push(byte);
                rest = after;
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;
    use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
    use proptest::prelude::*;

    use super::*;

    const KEY: &str = "ct_live_q1W2e3R4t5Y6u7I8o9P0a1S2d3F4g5H6";
    const RANDOM: &str = "q1W2e3R4t5Y6u7I8o9P0a1S2d3F4g5H6";

    fn masked(text: &str) -> String {
        String::from_utf8(Mask::new(None).apply(text.as_bytes()).into_owned()).unwrap()
    }

    #[test]
    fn what_is_around_a_key_stays() {
        assert_eq!(
            masked(&format!(r#"{{"a":"{KEY}","b":"{KEY}"}}"#)),
            r#"{"a":"ct_live_…","b":"ct_live_…"}"#
        );
        assert_eq!(masked("a key begins with ct_live_ and five"), "a key begins with ct_live_ and five");
        assert_eq!(masked("CT_LIVE_abc."), "CT_LIVE_….");
        assert_eq!(masked("vvvvct_live_v"), "vvvvct_live_…");
    }

    #[test]
    fn headers_show_what_helps_and_no_key() {
        let shown = |name: &str, value: &str| {
            String::from_utf8(header(Mask::new(None), name, value.as_bytes()).into_owned()).unwrap()
        };
        assert_eq!(shown("X-API-Key", KEY), "ct_live_… (40 bytes)");
        assert_eq!(shown("x-api-key", "hunter2"), "… (7 bytes)");
        assert_eq!(shown("Authorization", "Basic aHVudGVyMg=="), "Basic …");
        assert_eq!(shown("Cookie", "a=1; session=2"), "a=…; session=…");
        assert_eq!(shown("X-Auth-Token", "hunter2"), "…");
        assert_eq!(shown("Accept", "*/*"), "*/*");
        assert_eq!(query(Mask::new(None), "api%5Fkey=hunter2&limit=5"), "api%5Fkey=…&limit=5");
    }

    #[test]
    fn the_key_presented_is_known_whatever_it_looks_like() {
        let mask = Mask::new(Some(b"correct horse battery"));
        assert_eq!(&*mask.apply(b"x=correct horse battery;"), "x=…;".as_bytes());
        let mask = Mask::new(Some(KEY.as_bytes()));
        assert_eq!(&*mask.apply(RANDOM.as_bytes()), MASKED);
    }

    proptest! {
        #[test]
        fn no_form_of_a_key_gets_through(
            random in "[A-Za-z0-9]{12,40}", before in "[ -~]{0,20}", after in "[ -~]{0,20}", form in 0..5,
            presented in any::<bool>(),
        ) {
            let key = format!("ct_live_{random}");
            let written = match form {
                0 => key.clone(),
                1 => percent_encode(key.as_bytes(), NON_ALPHANUMERIC).to_string(),
                2 => key.bytes().map(|byte| format!("\\u00{byte:02x}")).collect(),
                3 => BASE64_STANDARD.encode(&key),
                _ => key.to_uppercase(),
            };
            let text = format!("{before} {written} {after}");
            let mask = Mask::new(presented.then_some(key.as_bytes()));
            let kept = String::from_utf8_lossy(&mask.apply(text.as_bytes())).into_owned();
            prop_assert!(!mask.is_harmless(text.as_bytes()));
            prop_assert!(!kept.contains(&random) && !kept.contains(&written), "{kept}");
        }
    }
}
