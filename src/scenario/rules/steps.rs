//! The rules for the steps of a file, and for the requests that checks share.

use std::collections::BTreeMap;
use std::iter;

use super::context::{OWN, RUN, Rules, exactly_one, header_names, in_range, is_slug};
use crate::contract::Endpoint;
use crate::scenario::file::ACTIONS;
use crate::scenario::words::{Amount, Span, Word};
use crate::yaml::{At, Node, Text, word};

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
pub(super) struct Earlier<'n> {
    sessions: Vec<&'n str>,
    /// The names of evidence, with their places.
    evidence: BTreeMap<&'n str, At>,
}

impl<'c> Rules<'c> {
    /// The rules for a step, after those `earlier`.
    pub(super) fn step(&self, step: &'c Node, earlier: &mut Earlier<'c>) {
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
pub(in super::super) fn requests(text: &Text, tree: &Node) {
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
