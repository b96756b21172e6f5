//! What types cannot say: that names name something, and that the parts of a check belong together.

mod expect;
mod step;

use std::collections::{BTreeMap, BTreeSet};

use super::file::{CheckFile, RequestsFile};
use super::fixtures::Fixtures;
use super::model::{Level, RequestDef};
use super::nearest::nearest;
use super::problem::{word, words};
use super::span::{At, Spanned};
use super::text::Text;
use super::tree::Node;
use crate::contract::{CLAUSES, Endpoint, clause};

/// What a step can do.
pub(super) const ACTIONS: [&str; 11] = [
    "send",
    "burst",
    "pace",
    "poll",
    "fingerprint",
    "align",
    "exhaust",
    "wait",
    "revoke",
    "find_session",
    "review",
];
/// What a key may be asked to be.
pub(super) const ROLES: [&str; 7] = ["standard", "premium", "ingestion", "read", "write", "both", "any"];
/// The name of the check's own key in its steps.
const OWN: &str = "own";

/// What checks may name.
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

/// The rules for what is said once in a check.
pub(super) fn head(text: &Text, file: &CheckFile) {
    let id = &file.check;
    if !is_id(id) {
        let what = format!("{} is no id for a check", word(id));
        report(text, id.at, what, "write `group.name` in small letters, digits and `-`");
    }
    for named in std::iter::once(&file.clause).chain(&file.also) {
        if clause(named).is_none() {
            one_of(text, named.at, "clause", named, CLAUSES.iter().map(|clause| clause.id));
        }
    }
    if file.about.trim().is_empty() {
        report(text, file.about.at, "`about` says nothing", "say in a sentence what the check is for");
    }
    if let Some(source) = &file.source
        && file.level.value == Level::Must
    {
        let what = format!("a check that comes from {} must not be at level `must`", word(source));
        report(text, file.level.at, what, "only the Authentication page decides; use `should` or `observe`");
    }
}

fn is_id(id: &str) -> bool {
    let is_slug = |part: &str| {
        !part.is_empty()
            && !part.starts_with('-')
            && !part.ends_with('-')
            && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    id.split('.').count() >= 2 && id.split('.').all(is_slug)
}

/// The rules for one case of a check. `whole` says that everything in the file could be read, so that what is not
/// there is really missing.
pub(super) fn case(text: &Text, tree: &Node, file: &CheckFile, known: &Known<'_>, whole: bool) {
    for role in file.key.iter().chain(file.keys.values()) {
        one_of(text, role.at, "role", role, ROLES);
    }
    if file.keys.contains_key(OWN) {
        let at = tree.key_place(&["keys", OWN]);
        report(text, at, "`own` is the check's own key", "give the other key another name");
    }
    if whole {
        something_to_judge(text, tree, file);
    }
    let mut steps = step::Steps { text, known, keys: &file.keys, sessions: BTreeSet::new(), whole };
    let nodes = tree.get("steps").map(Node::elements).unwrap_or_default();
    for step in &file.steps {
        // Steps that could not be read are not there, so the places tell which is which.
        if let Some(node) = nodes.iter().find(|node| node.at == step.at) {
            steps.check(step, node);
        }
    }
}

fn something_to_judge(text: &Text, tree: &Node, file: &CheckFile) {
    if file.steps.is_empty() {
        return report(
            text,
            tree.place(&["steps"]),
            "the check has no steps",
            "a step is an action, such as `send`",
        );
    }
    let judges = file.steps.iter().any(|step| {
        let absent = step.find_session.as_ref().is_some_and(|find| find.is == super::model::Presence::Absent);
        step.expect.is_some() || step.review.is_some() || absent
    });
    if !judges && file.level.value != Level::Observe {
        let what = "this check can never fail: it expects nothing";
        report(text, file.check.at, what, "add `expect` to a step, or make the level `observe`");
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
                let at = node.key_place(&["path"]);
                report(
                    text,
                    at,
                    "`path` stands beside `endpoint`",
                    "an endpoint has its path; leave one of them out",
                );
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
pub(super) fn header_name(text: &Text, name: &str, at: At) {
    if http::HeaderName::from_bytes(name.as_bytes()).is_err() {
        report(text, at, format!("{} is no name of a header", word(name)), "such as `Retry-After`");
    }
}
