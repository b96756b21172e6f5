//! What every rule has at hand: the file, the names it may use, and rules for a field of any part.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde_json::Value;

use crate::scenario::file::Form;
use crate::scenario::steps::RequestDef;
use crate::yaml::{Node, Problem, Spanned, Text, Typed, word, words};

/// What a key may be asked to be.
pub(in super::super) const ROLES: [&str; 7] =
    ["standard", "premium", "ingestion", "read", "write", "both", "any"];
/// The name of the file's own key in its steps.
pub(super) const OWN: &str = "own";
/// The name of the evidence of the whole run.
pub(super) const RUN: &str = "run";

/// What files may name.
pub(in super::super) struct Known<'s> {
    /// The named requests; `None` if their file could not be read.
    pub(in super::super) requests: Option<&'s BTreeMap<String, Spanned<RequestDef>>>,
    /// The bodies that may be expected, and why some are none.
    pub(in super::super) bodies: &'s BTreeMap<String, Result<Value, Problem>>,
}

/// The rules for one file with one row filled in.
pub(super) struct Rules<'c> {
    pub(super) text: &'c Text,
    pub(super) known: &'c Known<'c>,
    pub(super) form: Form,
    pub(super) tree: &'c Node,
}

impl Rules<'_> {
    /// What a part says it is for must be a sentence.
    pub(super) fn says_something(&self, node: &Node) {
        let about = node.get("about").filter(|about| about.text().is_some_and(|text| text.trim().is_empty()));
        if let Some(about) = about {
            self.text.wrong(about.at, "`about` says nothing", "say in a sentence what it is for");
        }
    }
}

/// Of some fields exactly one is given; `none` says what is wrong without, `help` what to do where there are several.
pub(super) fn exactly_one(text: &Text, node: &Node, fields: &[&str], none: &str, help: &str) {
    let keys = || node.pairs().iter().map(|(key, _)| key);
    match *keys().filter(|key| key.is_one_of(fields)).collect::<Vec<_>>() {
        // Perhaps it is one that is misspelt, which has been reported.
        [] if keys().all(|key| !text.is_wrong_at(key.at)) => {
            text.wrong(node.at, none, format!("give it one of {}", words(fields.iter().copied(), "or")));
        }
        [first, second, ..] => text.odd(second, &format!("stands beside {}", word(first.written())), help),
        _ => {}
    }
}

/// The number under a key lies in a range.
pub(super) fn in_range(text: &Text, node: &Node, field: &str, allowed: RangeInclusive<i128>) {
    if let Some(Typed::Integer(number)) = node.get(field).and_then(Node::typed)
        && !allowed.contains(&number)
    {
        let help = format!("expected {} to {}", allowed.start(), allowed.end());
        text.wrong(node.part(field).at, format!("{number} is out of range"), help);
    }
}

/// Small letters, digits, and marks of which none stands at an end.
pub(super) fn is_slug(name: &str, marks: &[char]) -> bool {
    let allowed = |mark: char| mark.is_ascii_lowercase() || mark.is_ascii_digit() || marks.contains(&mark);
    !name.is_empty() && !name.starts_with(marks) && !name.ends_with(marks) && name.chars().all(allowed)
}

/// Names of headers, at a field of a part and under `headers`. One that no request and no answer can carry would be
/// looked for in vain.
pub(super) fn header_names(text: &Text, node: &Node, (part, field): (&str, &str)) {
    let listed = node.pairs_at("headers").iter().map(|(name, _)| name);
    for name in listed.chain(node.get(part).and_then(|part| part.get(field))) {
        if http::HeaderName::from_bytes(name.written().as_bytes()).is_err() {
            text.odd(name, "is no name of a header", "such as `Retry-After`");
        }
    }
}
