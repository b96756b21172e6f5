//! What is kept of a request: the beginning of each text, masked.

use std::borrow::Cow;

use crate::mock::message::Request;
use crate::mock::visit::Presented;

use super::mask::{Mask, header, query};

/// The most bytes that are kept of a path, of a query, of all header lines, of a body and of an answer.
const PATH: usize = 512;
const QUERY: usize = 1_024;
const HEADERS: usize = 4_096;
const BODY: usize = 2_048;
const ANSWER: usize = 1_024;

/// The most bytes of a method; longer ones are no methods.
const METHOD: usize = 16;

/// A request as it is kept.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) method: Box<[u8]>,
    pub(crate) path: Box<[u8]>,
    pub(crate) query: Box<[u8]>,
    /// Lines of `name: value`, each with a line feed, which no header holds.
    pub(crate) headers: Box<[u8]>,
    pub(crate) body: Box<[u8]>,
    /// The length of the body as it came.
    pub(crate) body_bytes: usize,
}

/// A request that has arrived and will be answered. It knows the key presented, so it shows nothing of itself.
pub(crate) struct Arrived {
    pub(crate) request: Kept,
    secret: Option<Box<[u8]>>,
}

impl Arrived {
    /// Keeps what is kept of a request.
    pub(crate) fn new(request: &Request<'_>) -> Self {
        let secret = match Presented::of(request) {
            Presented::Missing => None,
            Presented::Key(key) | Presented::Conflicting(key) => Some(key),
        };
        Self { request: Kept::of(request, secret), secret: secret.map(Into::into) }
    }

    /// The beginning of an answer's body, in which the key presented is masked, too.
    pub(crate) fn answer(&self, body: &[u8]) -> Box<[u8]> {
        cut(Mask::new(self.secret.as_deref()), body, ANSWER)
    }
}

impl Kept {
    fn of(request: &Request<'_>, secret: Option<&[u8]>) -> Self {
        let mask = Mask::new(secret);
        let mut headers = Vec::with_capacity(256);
        for (name, value) in request.headers {
            let left = HEADERS.saturating_sub(headers.len());
            if left < name.len() {
                break;
            }
            headers.extend_from_slice(name.as_bytes());
            headers.extend_from_slice(b": ");
            let value = header(mask, name, value);
            headers.extend_from_slice(&value[..value.len().min(left)]);
            headers.push(b'\n');
        }
        let asked = query(mask, request.query);
        Self {
            method: cut(mask, request.method.as_bytes(), METHOD),
            path: cut(mask, request.path.as_bytes(), PATH),
            query: head(asked.as_bytes(), QUERY).into(),
            headers: headers.into(),
            body: cut(mask, request.body, BODY),
            body_bytes: request.body.len(),
        }
    }

    pub(super) fn size(&self) -> usize {
        self.path.len() + self.query.len() + self.headers.len() + self.body.len()
    }

    /// Whether the body is longer than what is kept of it.
    pub(super) fn is_cut(&self) -> bool {
        self.body_bytes > BODY
    }
}

/// Whether an answer of so many bytes is longer than what is kept of it.
pub(super) fn answer_is_cut(bytes: usize) -> bool {
    bytes > ANSWER
}

/// The beginning of a text, masked before it is cut: half a key is no longer recognised.
fn cut(mask: Mask<'_>, text: &[u8], most: usize) -> Box<[u8]> {
    let beyond = most + mask.longest();
    let masked: Cow<'_, [u8]> = mask.apply(head(text, beyond));
    head(&masked, most).into()
}

fn head(text: &[u8], most: usize) -> &[u8] {
    &text[..text.len().min(most)]
}
