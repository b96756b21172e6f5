//! What types cannot say: that names name something, and that parts belong together.

mod checks;
mod expect;
mod old;
mod step;
mod suite;

use std::collections::{BTreeMap, BTreeSet};

use super::file::{ExperimentFile, RequestsFile};
use super::fixtures::Fixtures;
use super::model::RequestDef;
use super::nearest::nearest;
use super::problem::{word, words};
use super::span::{At, Spanned};
use super::text::Text;
use super::tree::Node;
use crate::contract::Endpoint;

pub(super) use checks::{evidence_is_read, heads, table};
pub(super) use old::old_words;
pub(super) use suite::suite;

/// What a step can do.
pub(super) const ACTIONS: [&str; 9] =
    ["send", "burst", "pace", "poll", "exhaust", "fingerprint", "wait", "revoke", "find_session"];
/// What a key may be asked to be.
pub(super) const ROLES: [&str; 7] = ["standard", "premium", "ingestion", "read", "write", "both", "any"];
/// The name of the file's own key in its steps.
const OWN: &str = "own";

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// One check, which has its steps to itself.
    Check,
    /// Steps, and checks that read what comes to light.
    Experiment,
}

impl Form {
    /// A file with `checks` and without `check` is an experiment that lacks its name.
    pub(super) fn of(root: &Node) -> Self {
        let has = |name| root.get(name).is_some();
        if has("experiment") || has("checks") && !has("check") { Self::Experiment } else { Self::Check }
    }
}

/// What files may name.
pub(super) struct Known<'s> {
    /// The named requests; `None` if their file could not be read.
    pub(super) requests: Option<&'s BTreeMap<String, Spanned<RequestDef>>>,
    /// The expected bodies.
    pub(super) fixtures: &'s Fixtures,
}

/// A name that must be one of some.
fn one_of<'n>(text: &Text, at: At, kind: &str, name: &str, known: impl IntoIterator<Item = &'n str>) -> bool {
    let known: Vec<&str> = known.into_iter().collect();
    if known.contains(&name) {
        return true;
    }
    let mut problem = text.problem(at, format!("no {kind} is called {}", word(name)));
    problem = match known.len() {
        0 => problem.help(format!("there is no {kind} here to name")),
        1..=12 => problem.help(format!("expected {}", words(known.iter().copied(), "or"))),
        _ => problem,
    };
    text.report(problem.nearest(nearest(name, known)));
    false
}

fn report(text: &Text, at: At, what: impl AsRef<str>, help: impl AsRef<str>) {
    text.report(text.problem(at, what).help(help));
}

/// Small letters, digits, and marks of which none stands at an end.
fn is_slug(name: &str, marks: &[char]) -> bool {
    !name.is_empty()
        && !name.starts_with(marks)
        && !name.ends_with(marks)
        && name
            .chars()
            .all(|mark| mark.is_ascii_lowercase() || mark.is_ascii_digit() || marks.contains(&mark))
}

/// The rules for a file with one row filled in. `whole` says that everything in the file could be read, so that what is
/// not there is really missing.
pub(super) fn case(
    text: &Text,
    tree: &Node,
    file: &ExperimentFile,
    known: &Known<'_>,
    (form, whole): (Form, bool),
) {
    for role in file.key.iter().chain(file.keys.values()) {
        one_of(text, role.at, "role", role, ROLES);
    }
    if file.keys.contains_key(OWN) {
        let at = tree.key_place(&["keys", OWN]);
        report(text, at, "`own` is the key of `key`", "give the other key another name");
    }
    if whole && file.steps.is_empty() {
        report(text, tree.place(&["steps"]), "there are no steps", "a step is an action, such as `send`");
    }
    let mut steps = step::Steps {
        text,
        known,
        keys: &file.keys,
        sessions: BTreeSet::new(),
        names: BTreeMap::new(),
        form,
        whole,
    };
    for step in &file.steps {
        // Steps that could not be read are not there, so the places tell which is which.
        if let Some(node) = tree.get("steps").and_then(|steps| steps.element_at(step.at)) {
            steps.check(step, node);
        }
    }
    if form == Form::Experiment {
        for check in &file.checks {
            if let Some(node) = tree.get("checks").and_then(|checks| checks.element_at(check.at)) {
                checks::Reader { steps: &steps, file }.check(check, node);
            }
        }
    }
}

/// The rules for the requests that checks share.
pub(super) fn requests(text: &Text, tree: &Node, file: &RequestsFile) {
    let whole = text.is_sound();
    for (name, request) in &file.requests {
        let Some(node) = tree.get("requests").and_then(|requests| requests.get(name)) else { continue };
        if let Some(endpoint) = &request.endpoint {
            one_of(text, endpoint.at, "endpoint", endpoint, Endpoint::ALL.map(Endpoint::name));
        }
        match (&request.endpoint, &request.path) {
            (Some(_), Some(_)) => {
                let help = "an endpoint has its path; leave one of them out";
                report(text, node.key_place(&["path"]), "`path` stands beside `endpoint`", help);
            }
            (None, None) if whole => {
                let at = tree.key_place(&["requests", name]);
                let what = format!("the request {} goes nowhere", word(name));
                report(text, at, what, "give it an `endpoint`, or a `path` of its own");
            }
            _ => {}
        }
        if let Some(path) = request.path.as_deref().filter(|path| !path.starts_with('/')) {
            let what = format!("{} is no path", word(path));
            report(text, node.place(&["path"]), what, "a path begins with `/`");
        }
        step::body(text, request.body.as_ref(), node, whole);
    }
}

/// A name that no request and no answer can carry would be looked for in vain.
fn header_name(text: &Text, name: &str, at: At) {
    if http::HeaderName::from_bytes(name.as_bytes()).is_err() {
        report(text, at, format!("{} is no name of a header", word(name)), "such as `Retry-After`");
    }
}
