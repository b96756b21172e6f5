//! The rules for one step.

use std::collections::{BTreeMap, BTreeSet};

use super::super::experiment::RUN;
use super::super::file::StepFile;
use super::super::model::{Body, Burst, Credentials, Expect, Pace, Send};
use super::super::problem::{word, words};
use super::super::span::{At, Spanned};
use super::super::text::Text;
use super::super::tree::Node;
use super::super::words::Amount;
use super::expect::{self, About};
use super::header_name;
use super::{ACTIONS, Form, Known, OWN, is_slug, one_of, report};

/// Ten times the greatest documented limit; more is a slip that would run for hours.
const MOST_SENT: u32 = 1_000_000;
/// A body that is refused for its size need not fill the memory.
const MOST_IN_BODY: u32 = 100_000;
/// A batch of 1,000 events stays below a megabyte, which many servers refuse to read.
const MOST_PADDING: u32 = 800;
/// What an observation may show.
const SEEN: [&str; 7] = ["status", "admitted", "limited", "other", "limit", "seconds", "message"];

/// The steps of a case, one after the other.
pub(super) struct Steps<'c> {
    pub(super) text: &'c Text,
    pub(super) known: &'c Known<'c>,
    pub(super) keys: &'c BTreeMap<String, Spanned<String>>,
    /// The sessions that have been named so far.
    pub(super) sessions: BTreeSet<String>,
    /// The names of evidence so far, with their places.
    pub(super) names: BTreeMap<String, At>,
    pub(super) form: Form,
    pub(super) whole: bool,
}

impl Steps<'_> {
    pub(super) fn check(&mut self, step: &StepFile, node: &Node) {
        self.one_action(node);
        let part = |name: &str| node.get(name).unwrap_or(node);
        if let Some(send) = &step.send {
            self.send(send, part("send"));
        }
        if let Some(burst) = &step.burst {
            self.burst(burst, part("burst"));
        }
        if let Some(pace) = &step.pace {
            self.pace(pace, part("pace"));
        }
        if let Some(poll) = &step.poll {
            self.asks(poll.request.as_ref(), poll.key.as_ref());
            let every = poll.every.is_none_or(|every| every.0.is_zero());
            self.needed("poll", part("poll"), every, "every", "every: 2s");
            self.needed("poll", part("poll"), poll.over.is_none(), "over", "over: 59s");
        }
        if let Some(fingerprint) = &step.fingerprint {
            self.asks(fingerprint.request.as_ref(), fingerprint.key.as_ref());
        }
        if let Some(exhaust) = &step.exhaust {
            self.asks(exhaust.request.as_ref(), exhaust.key.as_ref());
            self.range(exhaust.collect, part("exhaust").place(&["collect"]));
        }
        self.key(step.revoke.as_ref());
        if let Some(find) = &step.find_session {
            self.key(find.key.as_ref());
            let known = self.sessions.iter().map(String::as_str);
            one_of(self.text, find.session.at, "session of an earlier `send`", &find.session, known);
        }
        match self.form {
            Form::Check => self.judged_here(step, node),
            Form::Experiment => self.judged_by_name(step, node),
        }
    }

    /// In a file of one check.
    fn judged_here(&self, step: &StepFile, node: &Node) {
        if let Some(name) = &step.name {
            let help = "leave it out; what must be true stands at the step itself";
            report(
                self.text,
                name.at,
                "`as` names evidence for `checks`, and in a file of one check are none",
                help,
            );
        }
        if let Some(expect) = &step.expect {
            self.expected(
                expect,
                node.get("expect").unwrap_or(node),
                node.key_place(&["expect"]),
                Some(step),
            );
        }
        if step.given.is_some() {
            self.given(step, node.key_place(&["given"]));
        }
        if let Some(observed) = &step.observe {
            self.observed(observed, node.place(&["observe"]));
        }
    }

    /// In an experiment.
    fn judged_by_name(&mut self, step: &StepFile, node: &Node) {
        for field in ["expect", "given", "observe"].into_iter().filter(|field| node.get(field).is_some()) {
            let what = format!("{} stands at a step, and this file has `checks` for it", word(field));
            let help = format!("name the step with `as: NAME`, and write `{field}: {{NAME: …}}` at a check");
            report(self.text, node.key_place(&[field]), what, help);
        }
        let Some(name) = &step.name else { return };
        if name.as_str() == RUN {
            let what = "`run` is the evidence of the whole run";
            report(self.text, name.at, what, "give this evidence another name");
        } else if !is_slug(name, &['-', '_']) {
            let what = format!("{} is no name for evidence", word(name));
            report(self.text, name.at, what, "write it in small letters, digits, `-` and `_`");
        }
        // The steps of one table share their name, and its place.
        let first = *self.names.entry(name.value.clone()).or_insert(name.at);
        if first != name.at {
            let what = format!("{} is the name of evidence in line {} already", word(name), first.line);
            report(self.text, name.at, what, "give one of the two another name");
        }
    }

    /// Checks what is expected of a step; of the whole run without one. `at` is the place of the expectation's name.
    pub(super) fn expected(&self, expect: &Expect, node: &Node, at: At, step: Option<&StepFile>) {
        let about = match step {
            None => About::Run,
            Some(StepFile { send: Some(_), .. }) => About::Answer,
            Some(step) if step.burst.is_some() || step.pace.is_some() => About::Counts,
            Some(step) if step.poll.is_some() || step.exhaust.is_some() => About::Counts,
            Some(_) => About::Nothing,
        };
        let rules = expect::Expectation { text: self.text, fixtures: self.known.fixtures, whole: self.whole };
        rules.check(expect, node, at, about);
        let Some(step) = step.filter(|_| self.whole) else { return };
        let complain =
            |name: &str, what: &str, help: &str| report(self.text, node.key_place(&[name]), what, help);
        let sends_batches = step.burst.as_ref().is_some_and(|burst| burst.batch.is_some());
        if expect.accepted.is_some() && !sends_batches {
            let what = "`accepted` counts events, and here no batches are sent";
            complain("accepted", what, "use it after a `burst` with `batch`");
        }
        // Only a poll asks at the instants that were promised.
        match (expect.promises_kept, &step.poll) {
            (Some(_), None) => {
                complain(
                    "promises_kept",
                    "`promises_kept` is about a `poll`, and here is none",
                    "use it after `poll`",
                );
            }
            (Some(false), _) => {
                let what = "`promises_kept: false` expects nothing";
                complain("promises_kept", what, "write `true`, or leave it out");
            }
            _ => {}
        }
        let otherwise = expect.admitted.is_some_and(|admitted| admitted != Amount::Number(0))
            || expect.limited.is_some()
            || expect.other.is_some();
        if step.poll.is_some() && otherwise {
            let what = "of counts, a `poll` can expect one thing only: that nothing is admitted";
            report(self.text, at, what, "write `expect: {admitted: 0}`");
        }
    }

    /// Only one answer has a status that can be taken for granted.
    pub(super) fn given(&self, step: &StepFile, at: At) {
        if step.send.is_none() {
            report(self.text, at, "this step gives no status to take for granted", "it belongs to `send`");
        }
    }

    fn one_action(&self, node: &Node) {
        let given: Vec<(&str, At)> = node
            .pairs()
            .iter()
            .filter_map(|(key, _)| Some((key.text()?, key.at)))
            .filter(|(name, _)| ACTIONS.contains(name))
            .collect();
        match given.as_slice() {
            [] if self.whole => {
                let help = format!("give it one of {}", words(ACTIONS, "or"));
                report(self.text, node.at, "this step does nothing", help);
            }
            [(first, _), (second, at), ..] => {
                let what = format!("{} stands beside {} in one step", word(second), word(first));
                report(self.text, *at, what, "a step does one thing; begin another one with `-`");
            }
            _ => {}
        }
    }

    fn send(&mut self, send: &Send, node: &Node) {
        self.asks(send.request.as_ref(), send.key.as_ref());
        if let Some(method) = &send.method
            && (method.is_empty() || !method.bytes().all(|byte| byte.is_ascii_uppercase()))
        {
            let what = format!("{} is no method", word(method));
            report(self.text, method.at, what, "write it in capitals: `HEAD`");
        }
        for (name, value) in &send.headers {
            header_name(self.text, name, node.get("headers").unwrap_or(node).key_place(&[name]));
            if http::HeaderValue::from_bytes(value.as_bytes()).is_err() {
                let help = "a header holds one line of text";
                report(self.text, node.place(&["headers", name]), "no header can hold this", help);
            }
        }
        self.credentials(send.credentials.as_ref(), node);
        body(self.text, send.body.as_ref(), node, self.whole);
        if let Some(session) = &send.session {
            self.sessions.insert(session.value.clone());
        }
    }

    fn burst(&self, burst: &Burst, node: &Node) {
        self.asks(burst.request.as_ref(), burst.key.as_ref());
        burst.in_turn_with.iter().for_each(|name| self.request(name));
        self.credentials(burst.credentials.as_ref(), node);
        self.amount(burst.count, node.place(&["count"]));
        self.amount(burst.events, node.place(&["events"]));
        self.range(burst.batch, node.place(&["batch"]));
        padding(self.text, burst.padding, burst.batch.is_some() || !self.whole, node);
        self.range(burst.in_flight, node.place(&["in_flight"]));
        let events = node.key_place(&["events"]);
        match (burst.count, burst.events) {
            (None, None) if self.whole => {
                let help = "add `count`, or `events` with `batch`";
                report(self.text, node.at, "nobody says how many are sent", help);
            }
            (Some(_), Some(_)) => {
                report(
                    self.text,
                    events,
                    "`events` stands beside `count`",
                    "one of them follows from the other",
                );
            }
            (None, Some(_)) if burst.batch.is_none() && self.whole => {
                let help = "add `batch`: how many events a request holds";
                report(self.text, events, "`events` needs `batch`", help);
            }
            _ => {}
        }
    }

    fn pace(&self, pace: &Pace, node: &Node) {
        self.asks(pace.request.as_ref(), pace.key.as_ref());
        self.amount(pace.count, node.place(&["count"]));
        self.range(pace.batch, node.place(&["batch"]));
        self.needed("pace", node, pace.over.is_none(), "over", "count: limit, over: 60s");
        let neither = pace.count.is_none() && pace.share.is_none();
        self.needed("pace", node, neither, "count", "count: limit, over: 60s");
        if pace.count.is_some() && pace.share.is_some() {
            let help = "keep one of them: both say how many are sent";
            report(self.text, node.key_place(&["share"]), "`share` stands beside `count`", help);
        }
    }

    fn needed(&self, step: &str, node: &Node, missing: bool, field: &str, example: &str) {
        if missing && self.whole {
            let what = format!("{} needs {}", word(step), word(field));
            report(self.text, node.at, what, format!("such as `{example}`"));
        }
    }

    fn credentials(&self, credentials: Option<&Credentials>, node: &Node) {
        let Some(credentials) = credentials else { return };
        if let Some(name) = &credentials.header {
            header_name(self.text, name, node.place(&["credentials", "header"]));
        }
        let spelled = credentials.spelled.as_deref();
        if let Some(name) = spelled.filter(|name| !name.eq_ignore_ascii_case("x-api-key")) {
            let what = format!("{} is no spelling of X-API-Key", word(name));
            let at = node.place(&["credentials", "spelled"]);
            report(self.text, at, what, "for another header use `header`");
        }
    }

    fn asks(&self, request: Option<&Spanned<String>>, key: Option<&Spanned<String>>) {
        request.into_iter().for_each(|name| self.request(name));
        self.key(key);
    }

    fn request(&self, name: &Spanned<String>) {
        if let Some(requests) = self.known.requests {
            one_of(self.text, name.at, "request", name, requests.keys().map(String::as_str));
        }
    }

    fn key(&self, name: Option<&Spanned<String>>) {
        if let Some(name) = name {
            let known = std::iter::once(OWN).chain(self.keys.keys().map(String::as_str));
            one_of(self.text, name.at, "key", name, known);
        }
    }

    /// `all` and `rest` count answers; nothing can be sent by it.
    fn amount(&self, amount: Option<Amount>, at: At) {
        match amount {
            Some(word @ (Amount::All | Amount::Rest)) => {
                let help = "it belongs into `expect`; write a number, `left` or `limit`";
                report(self.text, at, format!("`{word}` says nothing here"), help);
            }
            Some(Amount::Number(number)) => in_range(self.text, Some(number), 1, MOST_SENT, at),
            Some(Amount::Limit(plus) | Amount::Left(plus)) => {
                in_range(self.text, Some(plus.unsigned_abs()), 0, MOST_SENT, at)
            }
            None => {}
        }
    }

    fn range(&self, number: Option<u32>, at: At) {
        in_range(self.text, number, 1, 1_000, at);
    }

    pub(super) fn observed(&self, sentence: &str, at: At) {
        for part in sentence.split('<').skip(1) {
            let Some((name, _)) = part.split_once('>') else { continue };
            let is_header = name.strip_prefix("header ").is_some_and(|header| !header.trim().is_empty());
            if !is_header {
                one_of(self.text, at, "observation", name, SEEN);
            }
        }
    }
}

fn in_range(text: &Text, number: Option<u32>, least: u32, most: u32, at: At) {
    if let Some(number) = number.filter(|number| !(least..=most).contains(number)) {
        report(text, at, format!("{number} is out of range"), format!("expected {least} to {most}"));
    }
}

/// Padding goes into events.
fn padding(text: &Text, padding: Option<u32>, has_events: bool, node: &Node) {
    in_range(text, padding, 0, MOST_PADDING, node.place(&["padding"]));
    if padding.is_some() && !has_events {
        let help = "add `events` to a body, or `batch` to a burst";
        report(text, node.key_place(&["padding"]), "there are no events to pad", help);
    }
}

/// A body is one thing.
pub(super) fn body(text: &Text, body: Option<&Body>, parent: &Node, whole: bool) {
    let Some(body) = body else { return };
    let given = usize::from(body.events.is_some())
        + usize::from(body.scores.is_some())
        + usize::from(body.text.is_some());
    in_range(text, body.events, 0, MOST_IN_BODY, parent.place(&["body", "events"]));
    in_range(text, body.scores, 0, MOST_IN_BODY, parent.place(&["body", "scores"]));
    padding(text, body.padding, body.events.is_some() || !whole, parent.get("body").unwrap_or(parent));
    let at = parent.place(&["body"]);
    match given {
        0 if whole => report(text, at, "this body is empty", "give it `events`, `scores` or `text`"),
        0 | 1 => {}
        _ => report(text, at, "a body is one thing", "keep one of `events`, `scores` and `text`"),
    }
}
