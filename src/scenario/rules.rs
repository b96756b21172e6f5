//! What types cannot say: that names name something, and that parts belong together.

mod checks;
mod expect;
mod steps;
mod suite;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use serde_json::Value;

use super::file::{ExperimentFile, RequestsFile};
use super::form::Form;
use super::load::CaseFile;
use super::model::{Body, RequestDef};
use super::problem::{Problem, word, words};
use super::rows::{Row, placeholders};
use super::span::{At, Spanned};
use super::text::Text;
use super::tree::Node;
use crate::contract::Endpoint;

pub(super) use suite::suite;

/// What a step can do.
pub(super) const ACTIONS: [&str; 9] =
    ["send", "burst", "pace", "poll", "exhaust", "fingerprint", "wait", "revoke", "find_session"];
/// What a key may be asked to be.
pub(super) const ROLES: [&str; 7] = ["standard", "premium", "ingestion", "read", "write", "both", "any"];
/// The name of the file's own key in its steps.
const OWN: &str = "own";
/// The name of the evidence of the whole run.
const RUN: &str = "run";
/// A body that is refused for its size need not fill the memory.
const MOST_IN_BODY: u32 = 100_000;

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
    file: &'c ExperimentFile,
    tree: &'c Node,
}

/// The rules for a file: for its table, and for each of its rows.
pub(super) fn file(
    text: &Text,
    root: &Node,
    rows: &[Row<'_>],
    cases: &[CaseFile],
    (form, known): (Form, &Known<'_>),
) {
    checks::table(text, root, rows);
    if form == Form::Experiment && root.get("checks").is_some_and(|checks| checks.elements().is_empty()) {
        let help = "a check of `checks` reads the evidence of a step by its name, which is given with `as`";
        text.wrong(root.key_place("checks"), "no check reads what this brings to light", help);
    }
    for CaseFile { tree, file, .. } in cases {
        Rules { text, known, form, file, tree }.check();
    }
    checks::evidence_is_read(text, cases);
}

impl Rules<'_> {
    fn check(&self) {
        let Self { text, file, tree, .. } = self;
        let name = &file.experiment;
        if self.form == Form::Experiment && !is_slug(name, &['-']) {
            let what = format!("{} is no name for an experiment", word(name));
            text.wrong(name.at, what, "write it in small letters, digits and `-`");
        }
        if file.about.trim().is_empty() {
            text.wrong(file.about.at, "`about` says nothing", "say in a sentence what it is for");
        }
        for role in file.key.iter().chain(file.keys.values()) {
            text.one_of(role.at, "role", role, ROLES);
        }
        if file.keys.contains_key(OWN) {
            let at = tree.part("keys").key_place(OWN);
            text.wrong(at, "`own` is the key of `key`", "give the other key another name");
        }
        let steps = tree.part("steps");
        if steps.elements().is_empty() {
            text.wrong(steps.at, "there are no steps", "a step is an action, such as `send`");
        }
        let mut earlier = steps::Earlier::default();
        for step in &file.steps {
            // Steps that could not be read are not there, so the places tell which is which.
            if let Some(node) = tree.element_at("steps", step.at) {
                self.step(step, node, &mut earlier);
            }
        }
        for check in &file.checks {
            if let Some(node) = tree.element_at("checks", check.at) {
                self.head(check, node);
                self.reading(check, node);
            }
        }
    }
}

/// The rules for the requests that checks share.
pub(super) fn requests(text: &Text, tree: &Node, file: &RequestsFile) {
    for (name, request) in &file.requests {
        let Some(node) = tree.part("requests").get(name) else { continue };
        if let Some(endpoint) = &request.endpoint {
            text.one_of(endpoint.at, "endpoint", endpoint, Endpoint::ALL.map(Endpoint::name));
        }
        let nowhere = format!("the request {} goes nowhere", word(name));
        let help = "an endpoint has its path; leave one of them out";
        exactly_one(text, node, &["endpoint", "path"], &nowhere, help);
        if let Some(path) = request.path.as_deref().filter(|path| !path.starts_with('/')) {
            text.wrong(node.part("path").at, format!("{} is no path", word(path)), "a path begins with `/`");
        }
        body(text, request.body.as_ref(), node);
    }
}

fn body(text: &Text, body: Option<&Body>, parent: &Node) {
    let at = parent.part("body").pairs().first().map_or(parent.at, |(_, value)| value.at);
    if let Some(Body::Events(number) | Body::Scores(number)) = body {
        in_range(text, at, *number, 0..=MOST_IN_BODY);
    }
}

/// Of some fields exactly one is given; `none` says what is wrong without, `help` what to do where there are several.
fn exactly_one(text: &Text, node: &Node, fields: &[&str], none: &str, help: &str) {
    let keys = node.pairs().iter().map(|(key, _)| (key.text().unwrap_or_default(), key.at));
    let given: Vec<(&str, At)> = keys.filter(|(key, _)| fields.contains(key)).collect();
    match *given {
        // Perhaps it is one that is misspelt, which has been reported.
        [] if node.pairs().iter().all(|(key, _)| !text.is_wrong_at(key.at)) => {
            text.wrong(node.at, none, format!("give it one of {}", words(fields.iter().copied(), "or")));
        }
        [(first, _), (second, at), ..] => {
            text.wrong(at, format!("{} stands beside {}", word(second), word(first)), help);
        }
        _ => {}
    }
}

fn in_range(text: &Text, at: At, number: u32, allowed: RangeInclusive<u32>) {
    if !allowed.contains(&number) {
        let help = format!("expected {} to {}", allowed.start(), allowed.end());
        text.wrong(at, format!("{number} is out of range"), help);
    }
}

/// Small letters, digits, and marks of which none stands at an end.
fn is_slug(name: &str, marks: &[char]) -> bool {
    let allowed = |mark: char| mark.is_ascii_lowercase() || mark.is_ascii_digit() || marks.contains(&mark);
    !name.is_empty() && !name.starts_with(marks) && !name.ends_with(marks) && name.chars().all(allowed)
}

/// Names of headers, at a field of a node and under `headers`. One that no request and no answer can carry would be
/// looked for in vain.
fn header_names(text: &Text, node: &Node, (parent, field): (&str, &str)) {
    let listed = node.get("headers").map(Node::pairs).unwrap_or_default().iter().map(|(name, _)| name);
    for name in listed.chain(node.get(parent).and_then(|parent| parent.get(field))) {
        let written = name.text().unwrap_or_default();
        if http::HeaderName::from_bytes(written.as_bytes()).is_err() {
            text.wrong(name.at, format!("{} is no name of a header", word(written)), "such as `Retry-After`");
        }
    }
}

/// The holes in an expected body: every `{name}` in one of its texts.
fn holes(body: &Value) -> BTreeSet<String> {
    match body {
        Value::String(text) => placeholders(text),
        Value::Array(elements) => elements.iter().flat_map(holes).collect(),
        Value::Object(members) => members.values().flat_map(holes).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => BTreeSet::new(),
    }
}
