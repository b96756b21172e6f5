//! What types cannot say: that names name something, and that parts belong together.
//!
//! The rules look at the tree, so that nothing that could not be read hides what else is wrong.

mod checks;
mod steps;
mod suite;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde_json::Value;

use super::file::{ACTIONS, Form};
use super::load::CaseFile;
use super::model::RequestDef;
use super::rows::Row;
use crate::contract::Endpoint;
use crate::yaml::{Node, Problem, Spanned, Text, Typed, word, words};

pub(super) use suite::suite;

/// What a key may be asked to be.
pub(super) const ROLES: [&str; 7] = ["standard", "premium", "ingestion", "read", "write", "both", "any"];
/// The name of the file's own key in its steps.
const OWN: &str = "own";
/// The name of the evidence of the whole run.
const RUN: &str = "run";
/// A body that is refused for its size need not fill the memory.
const MOST_IN_BODY: i128 = 100_000;

/// What files may name.
pub(super) struct Known<'s> {
    /// The named requests; `None` if their file could not be read.
    pub(super) requests: Option<&'s BTreeMap<String, Spanned<RequestDef>>>,
    /// The bodies that may be expected, and why some are none.
    pub(super) bodies: &'s BTreeMap<String, Result<Value, Problem>>,
}

/// The rules for one file with one row filled in.
struct Rules<'c> {
    text: &'c Text,
    known: &'c Known<'c>,
    form: Form,
    tree: &'c Node,
}

/// The rules for a file: for its table, and for each of its rows.
pub(super) fn file(
    text: &Text,
    (root, form): (&Node, Form),
    rows: &[Row<'_>],
    cases: &[CaseFile],
    known: &Known<'_>,
) {
    checks::table(text, root, rows);
    if root.has("checks") && root.list("checks").is_empty() {
        let help = "a check of `checks` reads the evidence of a step by its name, which is given with `as`";
        text.wrong(root.key_place("checks"), "no check reads what this brings to light", help);
    }
    for CaseFile { tree, .. } in cases {
        Rules { text, known, form, tree }.check();
    }
    checks::evidence_is_read(text, cases);
}

impl Rules<'_> {
    fn check(&self) {
        let Self { text, tree, .. } = self;
        if self.form == Form::Experiment && !is_slug(tree.text_at("experiment"), &['-']) {
            let (at, name) = (tree.part("experiment").at, word(tree.text_at("experiment")));
            let help = "write it in small letters, digits and `-`";
            text.wrong(at, format!("{name} is no name for an experiment"), help);
        }
        self.says_something(tree);
        let keys = tree.pairs_at("keys");
        for role in tree.get("key").into_iter().chain(keys.iter().map(|(_, role)| role)) {
            text.one_of("role", role, ROLES);
        }
        if let Some((own, _)) = keys.iter().find(|(name, _)| name.text() == Some(OWN)) {
            text.odd(own, "is the key of `key`", "give the other key another name");
        }
        if tree.list("steps").is_empty() {
            text.wrong(tree.part("steps").at, "there are no steps", "a step is an action, such as `send`");
        }
        let mut earlier = steps::Earlier::default();
        tree.list("steps").iter().for_each(|step| self.step(step, &mut earlier));
        for check in tree.list("checks") {
            self.head(check);
            self.reading(check);
        }
    }

    fn says_something(&self, node: &Node) {
        let about = node.get("about").filter(|about| about.text().is_some_and(|text| text.trim().is_empty()));
        if let Some(about) = about {
            self.text.wrong(about.at, "`about` says nothing", "say in a sentence what it is for");
        }
    }
}

/// The rules for the requests that checks share.
pub(super) fn requests(text: &Text, tree: &Node) {
    for (name, request) in tree.pairs_at("requests") {
        if let Some(endpoint) = request.get("endpoint") {
            text.one_of("endpoint", endpoint, Endpoint::ALL.map(Endpoint::name));
        }
        let nowhere = format!("the request {} goes nowhere", word(name.written()));
        let help = "an endpoint has its path; leave one of them out";
        exactly_one(text, request, &["endpoint", "path"], &nowhere, help);
        let path = request.get("path").filter(|path| path.text().is_some_and(|path| !path.starts_with('/')));
        if let Some(path) = path {
            text.odd(path, "is no path", "a path begins with `/`");
        }
        body(text, request);
    }
}

fn body(text: &Text, request: &Node) {
    for field in ["events", "scores"] {
        in_range(text, request.part("body"), field, 0..=MOST_IN_BODY);
    }
}

/// Of some fields exactly one is given; `none` says what is wrong without, `help` what to do where there are several.
fn exactly_one(text: &Text, node: &Node, fields: &[&str], none: &str, help: &str) {
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
fn in_range(text: &Text, node: &Node, field: &str, allowed: RangeInclusive<i128>) {
    if let Some(Typed::Integer(number)) = node.get(field).and_then(Node::typed)
        && !allowed.contains(&number)
    {
        let help = format!("expected {} to {}", allowed.start(), allowed.end());
        text.wrong(node.part(field).at, format!("{number} is out of range"), help);
    }
}

/// Small letters, digits, and marks of which none stands at an end.
fn is_slug(name: &str, marks: &[char]) -> bool {
    let allowed = |mark: char| mark.is_ascii_lowercase() || mark.is_ascii_digit() || marks.contains(&mark);
    !name.is_empty() && !name.starts_with(marks) && !name.ends_with(marks) && name.chars().all(allowed)
}

/// Names of headers, at a field of a part and under `headers`. One that no request and no answer can carry would be
/// looked for in vain.
fn header_names(text: &Text, node: &Node, (part, field): (&str, &str)) {
    let listed = node.pairs_at("headers").iter().map(|(name, _)| name);
    for name in listed.chain(node.get(part).and_then(|part| part.get(field))) {
        if http::HeaderName::from_bytes(name.written().as_bytes()).is_err() {
            text.odd(name, "is no name of a header", "such as `Retry-After`");
        }
    }
}
