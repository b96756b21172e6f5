//! What types cannot say: that names name something, and that parts belong together.
//!
//! The rules look at the tree, so that nothing that could not be read hides what else is wrong. `checks` are those of one
//! check; here are those for the steps of a file, for the requests that checks share, and for all files together.

mod checks;
mod context;

use std::collections::{BTreeMap, BTreeSet};
use std::iter;
use std::sync::Arc;

use super::file::{ACTIONS, Form};
use super::loaded::{CaseFile, Loaded, is_called};
use super::rows::Row;
use super::words::{Amount, Span, Word};
use crate::contract::Endpoint;
use crate::nearest::nearest;
use crate::yaml::{At, Node, Text, word};
use context::{OWN, RUN, Rules, exactly_one, header_names, in_range, is_slug};

pub(super) use context::{Known, ROLES};

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
        let mut earlier = Earlier::default();
        tree.list("steps").iter().for_each(|step| self.step(step, &mut earlier));
        for check in tree.list("checks") {
            self.head(check);
            self.reading(check);
        }
    }
}

/// A body that is refused for its size need not fill the memory.
const MOST_IN_BODY: i128 = 100_000;
/// Ten times the greatest documented limit; more is a slip that would run for hours.
const MOST_SENT: i128 = 1_000_000;
/// More than these at once, or in a batch, no deployment takes.
const MOST_AT_ONCE: i128 = 1_000;
/// A batch of 1,000 events stays below a megabyte, which many servers refuse to read.
const MOST_PADDING: i128 = 800;

/// What the steps before a step have named.
#[derive(Default)]
struct Earlier<'n> {
    sessions: Vec<&'n str>,
    /// The names of evidence, with their places.
    evidence: BTreeMap<&'n str, At>,
}

impl<'c> Rules<'c> {
    /// The rules for a step, after those `earlier`.
    fn step(&self, step: &'c Node, earlier: &mut Earlier<'c>) {
        let text = self.text;
        let help = "a step does one thing; begin another one with `-`";
        exactly_one(text, step, ACTIONS, "this step does nothing", help);
        self.evidence_name(step, earlier);
        let Some((action, node)) = ACTIONS.iter().find_map(|action| Some((*action, step.get(action)?)))
        else {
            return;
        };
        self.names(action, node);
        for field in ["batch", "in_flight", "collect"] {
            in_range(text, node, field, 1..=MOST_AT_ONCE);
        }
        match action {
            "send" => {
                self.send(node);
                earlier.sessions.extend(node.get("session").and_then(Node::text));
            }
            "burst" => self.burst(node),
            "pace" => {
                self.amount(node, "count");
                let help = "keep one of them: both say how many are sent";
                exactly_one(text, node, &["count", "share"], "nobody says how many are sent", help);
            }
            "poll" if Span::parse(node.text_at("every")).is_some_and(|every| every.0.is_zero()) => {
                text.wrong(node.part("every").at, "nothing can be asked that often", "such as `every: 2s`");
            }
            "find_session" => {
                if let Some(name) = node.get("session") {
                    text.one_of("session of an earlier `send`", name, earlier.sessions.iter().copied());
                }
            }
            _ => {}
        }
    }

    fn evidence_name(&self, step: &'c Node, earlier: &mut Earlier<'c>) {
        let Some(name) = step.get("as") else { return };
        if name.written() == RUN {
            self.text.odd(name, "is the evidence of the whole run", "give this evidence another name");
        } else if !is_slug(name.written(), &['-', '_']) {
            let help = "write it in small letters, digits, `-` and `_`";
            self.text.odd(name, "is no name for evidence", help);
        }
        // The steps of one table share their name, and its place.
        let first = *earlier.evidence.entry(name.written()).or_insert(name.at);
        if first != name.at {
            let what = format!("is the name of evidence in line {} already", first.line);
            self.text.odd(name, &what, "give one of the two another name");
        }
    }

    /// The names in an action: of requests, of its key, of headers.
    fn names(&self, action: &str, node: &Node) {
        for name in node.get("request").into_iter().chain(node.list("in_turn_with")) {
            if let Some(requests) = self.known.requests {
                self.text.one_of("request", name, requests.keys().map(String::as_str));
            }
        }
        if let Some(key) = if action == "revoke" { Some(node) } else { node.get("key") } {
            let others = self.tree.pairs_at("keys").iter().filter_map(|(name, _)| name.text());
            self.text.one_of("key", key, iter::once(OWN).chain(others));
        }
        header_names(self.text, node, ("credentials", "header"));
        let spelled = node.get("credentials").and_then(|credentials| credentials.get("spelled"));
        if let Some(name) = spelled.filter(|name| !name.written().eq_ignore_ascii_case("x-api-key")) {
            self.text.odd(name, "is no spelling of X-API-Key", "for another header use `header`");
        }
    }

    fn send(&self, node: &Node) {
        let is_method = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase());
        if let Some(method) = node.get("method").filter(|method| !is_method(method.written())) {
            self.text.odd(method, "is no method", "write it in capitals: `HEAD`");
        }
        for (_, value) in node.pairs_at("headers") {
            if http::HeaderValue::from_bytes(value.written().as_bytes()).is_err() {
                self.text.wrong(value.at, "no header can hold this", "a header holds one line of text");
            }
        }
        body(self.text, node);
    }

    fn burst(&self, node: &Node) {
        self.amount(node, "count");
        self.amount(node, "events");
        in_range(self.text, node, "padding", 0..=MOST_PADDING);
        let help = "one of them follows from the other";
        exactly_one(self.text, node, &["count", "events"], "nobody says how many are sent", help);
        for (field, what) in [("events", "`events` needs `batch`"), ("padding", "there are no events to pad")]
        {
            if node.has(field) && !node.has("batch") {
                self.text.wrong(node.key_place(field), what, "add `batch`: how many events a request holds");
            }
        }
    }

    /// `all` and `rest` count answers; nothing can be sent by it.
    fn amount(&self, node: &Node, field: &str) {
        let at = node.part(field).at;
        match Amount::parse(node.text_at(field)) {
            Some(word @ (Amount::All | Amount::Rest)) => {
                let help = "it belongs into `expect`; write a number, `left` or `limit`";
                self.text.wrong(at, format!("`{word}` says nothing here"), help);
            }
            Some(Amount::Limit(plus) | Amount::Left(plus)) if i128::from(plus).abs() > MOST_SENT => {
                self.text.wrong(at, format!("{plus} is out of range"), format!("expected 0 to {MOST_SENT}"));
            }
            _ => in_range(self.text, node, field, 1..=MOST_SENT),
        }
    }
}

/// The rules for the requests that checks share.
pub(in crate::scenario) fn requests(text: &Text, tree: &Node) {
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

/// Checks the files against each other. Where they are not `complete`, what is not there may be in the others.
pub(in crate::scenario) fn suite(files: &[Loaded], complete: bool) {
    let unsound = files.iter().filter(|file| !file.text.is_sound()).map(|file| file.text.file.clone());
    let unsound: BTreeSet<Arc<str>> = unsound.collect();
    let named =
        || files.iter().flat_map(|file| file.named.iter().map(move |(id, home)| (&file.text, id, *home)));
    twins(named().filter(|(_, _, home)| *home).map(|(text, id, _)| (text, id)), |id, first| {
        let what = format!("the check {id} is described in {first} already");
        (what, "here its id alone is enough; or give one of the two another id")
    });
    // Of files of one check this has been said.
    let experiments =
        files.iter().filter_map(|file| Some((&file.text, file.cases.first()?.tree.get("experiment")?)));
    twins(experiments, |name, first| {
        (format!("the name {name} is taken by {first}"), "give one of the two another name")
    });
    let homes: BTreeSet<&str> =
        named().filter(|(_, _, home)| *home).filter_map(|(_, id, _)| id.text()).collect();
    if complete {
        for (text, id, _) in named() {
            let written = id.text().unwrap_or_default();
            if !homes.contains(written) {
                let what = format!("nothing is said about the check {}", word(written));
                let help = "give it `clause`, `level` and `about` here, or the id of a check that has them";
                let problem = text.problem(id.at, what).help(help);
                text.report(problem.nearest(nearest(written, homes.iter().copied())));
            }
        }
        for (text, _, check) in checks(files) {
            for need in check.list("needs").iter().chain(check.list("like")) {
                text.one_of("check", need, homes.iter().copied());
            }
        }
        never_fails(files, &unsound);
    }
    circles(files);
}

/// Every check of every case.
fn checks(files: &[Loaded]) -> impl Iterator<Item = (&Text, &Node, &Node)> {
    let cases = files.iter().flat_map(|file| file.cases.iter().map(move |case| (&file.text, &case.tree)));
    cases.flat_map(|(text, tree)| tree.list("checks").iter().map(move |check| (text, tree, check)))
}

/// Names that are given twice, and what is said about the second; the files come sorted.
fn twins<'t>(
    named: impl Iterator<Item = (&'t Text, &'t Node)>,
    fault: fn(&str, &str) -> (String, &'static str),
) {
    let mut seen: BTreeMap<&str, String> = BTreeMap::new();
    for (text, name) in named {
        let written = name.written();
        if let Some(first) = seen.get(written) {
            let (what, help) = fault(&word(written), first);
            text.wrong(name.at, what, help);
        } else {
            seen.insert(written, format!("{}:{}", text.file, name.at.line));
        }
    }
}

/// Checks of which nothing is expected anywhere, as far as the files that read them could be read.
fn never_fails(files: &[Loaded], unsound: &BTreeSet<Arc<str>>) {
    let judged =
        checks(files).filter(|(text, tree, check)| unsound.contains(&text.file) || judges(check, tree));
    let fails: BTreeSet<&str> = judged.map(|(_, _, check)| check.text_at("check")).collect();
    for (text, _, check) in checks(files) {
        let gates = check.has("level") && check.text_at("level") != "observe";
        if gates && !fails.contains(check.text_at("check")) {
            let what = "this check can never fail: it expects nothing";
            text.wrong(check.part("check").at, what, "add `expect`, or make the level `observe`");
        }
    }
}

/// Whether a check expects something, or that a session is not there.
fn judges(check: &Node, tree: &Node) -> bool {
    let is_absent =
        |step: &&Node| step.get("find_session").is_some_and(|find| find.text_at("is") == "absent");
    let is_read =
        |step: &Node| check.list("reads").iter().filter_map(Node::text).any(|name| is_called(step, name));
    check.has("expect") || tree.list("steps").iter().filter(is_absent).any(is_read)
}

/// Checks that need each other, or themselves: then nothing tells which one is the cause.
fn circles(files: &[Loaded]) {
    let mut open: BTreeMap<&str, Vec<(&Text, At, &str)>> = BTreeMap::new();
    for (text, _, check) in checks(files) {
        let id = check.text_at("check");
        for (need, at) in check.list("needs").iter().filter_map(|need| Some((need.text()?, need.at))) {
            if need == id {
                text.wrong(at, format!("{} needs itself", word(id)), "leave it out");
            } else {
                open.entry(id).or_default().push((text, at, need));
            }
        }
    }
    // Who needs nothing that is open is in no circle, and no longer open itself.
    while let Some(free) = open
        .iter()
        .find(|(_, needs)| !needs.iter().any(|need| open.contains_key(need.2)))
        .map(|(check, _)| *check)
    {
        open.remove(free);
    }
    let mut path: Vec<&str> = open.keys().copied().take(1).collect();
    while let Some(last) = path.last() {
        let needs = open.get(last).into_iter().flatten();
        let Some((text, at, need)) = needs.copied().find(|(_, _, need)| open.contains_key(need)) else {
            break;
        };
        if let Some(first) = path.iter().position(|earlier| *earlier == need) {
            let others: Vec<String> = path[first + 1..].iter().copied().chain([need]).map(word).collect();
            let what = format!("{} needs {}", word(need), others.join(", which needs "));
            return text.wrong(at, what, "one of them tells the cause where both fail; leave one need out");
        }
        path.push(need);
    }
}
