//! The rules for one step.

use std::collections::{BTreeMap, BTreeSet};
use std::iter;

use super::{ACTIONS, OWN, RUN, Rules, body, exactly_one, header_names, in_range, is_slug};
use crate::scenario::file::StepFile;
use crate::scenario::model::{Action, Burst, Pace, Send};
use crate::scenario::problem::word;
use crate::scenario::span::{At, Spanned};
use crate::scenario::tree::Node;
use crate::scenario::words::Amount;

/// Ten times the greatest documented limit; more is a slip that would run for hours.
const MOST_SENT: u32 = 1_000_000;
/// More than these at once, or in a batch, no deployment takes.
const MOST_AT_ONCE: u32 = 1_000;
/// A batch of 1,000 events stays below a megabyte, which many servers refuse to read.
const MOST_PADDING: u32 = 800;

/// What the steps before a step have named.
#[derive(Default)]
pub(super) struct Earlier {
    sessions: BTreeSet<String>,
    /// The names of evidence, with their places.
    evidence: BTreeMap<String, At>,
}

impl Rules<'_> {
    pub(super) fn step(&self, step: &StepFile, node: &Node, earlier: &mut Earlier) {
        let help = "a step does one thing; begin another one with `-`";
        exactly_one(self.text, node, &ACTIONS, "this step does nothing", help);
        if let Some(name) = &step.name {
            self.evidence_name(name, earlier);
        }
        let Some(action) = step.action() else { return };
        let node = ACTIONS.iter().find_map(|action| node.get(action)).unwrap_or(node);
        self.names(&action, node);
        match &action {
            Action::Send(send) => {
                self.send(send, node);
                earlier.sessions.extend(send.session.iter().map(|session| session.value.clone()));
            }
            Action::Burst(burst) => self.burst(burst, node),
            Action::Pace(pace) => self.pace(pace, node),
            Action::Poll(poll) if poll.every.0.is_zero() => {
                self.text.wrong(
                    node.part("every").at,
                    "nothing can be asked that often",
                    "such as `every: 2s`",
                );
            }
            Action::Exhaust(exhaust) => self.range(exhaust.collect, node, "collect", 1..=MOST_AT_ONCE),
            Action::FindSession(find) => {
                let known = earlier.sessions.iter().map(String::as_str);
                self.text.one_of(find.session.at, "session of an earlier `send`", &find.session, known);
            }
            _ => {}
        }
    }

    fn evidence_name(&self, name: &Spanned<String>, earlier: &mut Earlier) {
        if name.as_str() == RUN {
            let what = "`run` is the evidence of the whole run";
            self.text.wrong(name.at, what, "give this evidence another name");
        } else if !is_slug(name, &['-', '_']) {
            let what = format!("{} is no name for evidence", word(name));
            self.text.wrong(name.at, what, "write it in small letters, digits, `-` and `_`");
        }
        // The steps of one table share their name, and its place.
        let first = *earlier.evidence.entry(name.value.clone()).or_insert(name.at);
        if first != name.at {
            let what = format!("{} is the name of evidence in line {} already", word(name), first.line);
            self.text.wrong(name.at, what, "give one of the two another name");
        }
    }

    /// The names in an action: of requests, of its key, of headers.
    fn names(&self, action: &Action, node: &Node) {
        let named = |name: &Node, kind: &str, known: &mut dyn Iterator<Item = &str>| {
            self.text.one_of(name.at, kind, name.text().unwrap_or_default(), known);
        };
        for name in node.get("request").into_iter().chain(node.list("in_turn_with")) {
            if let Some(requests) = self.known.requests {
                named(name, "request", &mut requests.keys().map(String::as_str));
            }
        }
        let key = if let Action::Revoke(_) = action { Some(node) } else { node.get("key") };
        if let Some(key) = key {
            named(key, "key", &mut iter::once(OWN).chain(self.file.keys.keys().map(String::as_str)));
        }
        header_names(self.text, node, ("credentials", "header"));
        let spelled = node.get("credentials").and_then(|credentials| credentials.get("spelled"));
        if let Some(name) = spelled
            && let written = name.text().unwrap_or_default()
            && !written.eq_ignore_ascii_case("x-api-key")
        {
            let what = format!("{} is no spelling of X-API-Key", word(written));
            self.text.wrong(name.at, what, "for another header use `header`");
        }
    }

    fn send(&self, send: &Send, node: &Node) {
        if let Some(method) = &send.method
            && (method.is_empty() || !method.bytes().all(|byte| byte.is_ascii_uppercase()))
        {
            let what = format!("{} is no method", word(method));
            self.text.wrong(method.at, what, "write it in capitals: `HEAD`");
        }
        for (name, value) in &send.headers {
            if http::HeaderValue::from_bytes(value.as_bytes()).is_err() {
                let at = node.part("headers").part(name).at;
                self.text.wrong(at, "no header can hold this", "a header holds one line of text");
            }
        }
        body(self.text, send.body.as_ref(), node);
    }

    fn burst(&self, burst: &Burst, node: &Node) {
        self.amount(burst.count, node, "count");
        self.amount(burst.events, node, "events");
        self.range(burst.batch, node, "batch", 1..=MOST_AT_ONCE);
        self.range(burst.padding, node, "padding", 0..=MOST_PADDING);
        self.range(burst.in_flight, node, "in_flight", 1..=MOST_AT_ONCE);
        let help = "one of them follows from the other";
        exactly_one(self.text, node, &["count", "events"], "nobody says how many are sent", help);
        for (field, what, help) in [
            ("events", "`events` needs `batch`", "add `batch`: how many events a request holds"),
            ("padding", "there are no events to pad", "add `batch`: how many events a request holds"),
        ] {
            if node.has(field) && !node.has("batch") {
                self.text.wrong(node.key_place(field), what, help);
            }
        }
    }

    fn pace(&self, pace: &Pace, node: &Node) {
        self.amount(pace.count, node, "count");
        self.range(pace.batch, node, "batch", 1..=MOST_AT_ONCE);
        let help = "keep one of them: both say how many are sent";
        exactly_one(self.text, node, &["count", "share"], "nobody says how many are sent", help);
    }

    /// `all` and `rest` count answers; nothing can be sent by it.
    fn amount(&self, amount: Option<Amount>, node: &Node, field: &str) {
        match amount {
            Some(word @ (Amount::All | Amount::Rest)) => {
                let help = "it belongs into `expect`; write a number, `left` or `limit`";
                self.text.wrong(node.part(field).at, format!("`{word}` says nothing here"), help);
            }
            Some(Amount::Number(number)) => self.range(Some(number), node, field, 1..=MOST_SENT),
            Some(Amount::Limit(plus) | Amount::Left(plus)) => {
                self.range(Some(plus.unsigned_abs()), node, field, 0..=MOST_SENT);
            }
            None => {}
        }
    }

    fn range(&self, number: Option<u32>, node: &Node, field: &str, allowed: std::ops::RangeInclusive<u32>) {
        if let Some(number) = number {
            in_range(self.text, node.part(field).at, number, allowed);
        }
    }
}
