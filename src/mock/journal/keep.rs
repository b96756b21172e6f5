//! What is kept of a request and its answer: the beginning of each text, masked, all in one piece of memory.

use std::borrow::Cow;

use crate::mock::request::{Presented, Request};

use super::mask::{Mask, header, query};

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
