//! The rules for one step.

use std::collections::{BTreeMap, BTreeSet};

use super::super::model::{Body, Burst, Credentials, Exhaust, Expect, Pace, Poll, Review, Send, Step};
use super::super::problem::{word, words};
use super::super::span::{At, Spanned};
use super::super::text::Text;
use super::super::tree::Node;
use super::super::words::Amount;
use super::expect::{self, About};
use super::header_name;
use super::{ACTIONS, Known, OWN, one_of, report};

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
    pub(super) whole: bool,
}

impl Steps<'_> {
    pub(super) fn check(&mut self, step: &Step, node: &Node) {
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
            self.poll(poll, step, part("poll"));
        }
        if let Some(fingerprint) = &step.fingerprint {
            self.request(&fingerprint.request);
            self.key(fingerprint.key.as_ref());
        }
        if let Some(exhaust) = &step.exhaust {
            self.exhaust(exhaust, part("exhaust"));
        }
        if let Some(revoked) = &step.revoke {
            self.key(Some(revoked));
        }
        if let Some(find) = &step.find_session {
            self.key(find.key.as_ref());
            let known = self.sessions.iter().map(String::as_str);
            one_of(self.text, find.session.at, "session of an earlier `send`", &find.session, known);
        }
        if let Some(expected) = &step.expect {
            let about = match step {
                Step { send: Some(_), .. } => About::Answer,
                Step { burst: Some(_), .. }
                | Step { pace: Some(_), .. }
                | Step { poll: Some(_), .. }
                | Step { exhaust: Some(_), .. }
                | Step { review: Some(Review::Every429), .. } => About::Counts,
                _ => About::Nothing,
            };
            let rules =
                expect::Expectation { text: self.text, fixtures: self.known.fixtures, whole: self.whole };
            rules.check(expected, part("expect"), node.key_place(&["expect"]), about);
        }
        if step.given.is_some() && step.send.is_none() {
            let help = "it belongs to `send`";
            report(
                self.text,
                node.key_place(&["given"]),
                "this step gives no status to take for granted",
                help,
            );
        }
        if step.review == Some(Review::Every429) && step.expect.is_none() && self.whole {
            let help = "add `expect` with `each_429`";
            report(self.text, node.key_place(&["review"]), "nothing is expected of the 429s", help);
        }
        self.events_are_counted_where_some_are_sent(step, node);
        self.promises_are_kept_to_who_polls(step, node);
        if let Some(observed) = &step.observe {
            self.observed(observed, node.place(&["observe"]));
        }
    }

    /// Without a batch nobody knows how many events a request holds.
    fn events_are_counted_where_some_are_sent(&self, step: &Step, node: &Node) {
        let Some(expect) = &step.expect else { return };
        let sends_batches = step.burst.as_ref().is_some_and(|burst| burst.batch.is_some());
        for (name, given) in
            [("accepted", expect.accepted.is_some()), ("accepted_at_most", expect.accepted_at_most.is_some())]
        {
            if given && !sends_batches && self.whole {
                let at = node.get("expect").unwrap_or(node).key_place(&[name]);
                let what = format!("{} counts events, and here no batches are sent", word(name));
                report(self.text, at, what, "use it after a `burst` with `batch`");
            }
        }
    }

    /// Only a poll asks at the instants that were promised.
    fn promises_are_kept_to_who_polls(&self, step: &Step, node: &Node) {
        let Some(kept) = step.expect.as_ref().and_then(|expect| expect.promises_kept) else { return };
        let at = node.get("expect").unwrap_or(node).key_place(&["promises_kept"]);
        if step.poll.is_none() && self.whole {
            report(
                self.text,
                at,
                "`promises_kept` is about a `poll`, and here is none",
                "use it after `poll`",
            );
        } else if !kept {
            report(self.text, at, "`promises_kept: false` expects nothing", "write `true`, or leave it out");
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
            [] if self.whole => report(
                self.text,
                node.at,
                "this step does nothing",
                format!("give it one of {}", words(ACTIONS, "or")),
            ),
            [(first, _), (second, at), ..] => {
                let what = format!("{} stands beside {} in one step", word(second), word(first));
                report(self.text, *at, what, "a step does one thing; begin another one with `-`");
            }
            _ => {}
        }
    }

    fn send(&mut self, send: &Send, node: &Node) {
        self.request(&send.request);
        self.key(send.key.as_ref());
        if let Some(method) = &send.method
            && (method.is_empty() || !method.bytes().all(|byte| byte.is_ascii_uppercase()))
        {
            report(
                self.text,
                method.at,
                format!("{} is no method", word(method)),
                "write it in capitals: `HEAD`",
            );
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
        self.request(&burst.request);
        burst.in_turn_with.iter().for_each(|name| self.request(name));
        self.key(burst.key.as_ref());
        self.credentials(burst.credentials.as_ref(), node);
        self.amount(burst.count, node.place(&["count"]));
        self.amount(burst.events, node.place(&["events"]));
        self.range(burst.batch, node.place(&["batch"]));
        padding(self.text, burst.padding, burst.batch.is_some() || !self.whole, node);
        self.range(burst.in_flight, node.place(&["in_flight"]));
        match (burst.count, burst.events) {
            (None, None) if self.whole => {
                report(
                    self.text,
                    node.at,
                    "nobody says how many are sent",
                    "add `count`, or `events` with `batch`",
                );
            }
            (Some(_), Some(_)) => {
                let at = node.key_place(&["events"]);
                report(self.text, at, "`events` stands beside `count`", "one of them follows from the other");
            }
            (None, Some(_)) if burst.batch.is_none() && self.whole => {
                let at = node.key_place(&["events"]);
                report(
                    self.text,
                    at,
                    "`events` needs `batch`",
                    "add `batch`: how many events a request holds",
                );
            }
            _ => {}
        }
    }

    fn pace(&self, pace: &Pace, node: &Node) {
        self.request(&pace.request);
        self.key(pace.key.as_ref());
        self.amount(pace.count, node.place(&["count"]));
        self.range(pace.batch, node.place(&["batch"]));
        self.needed("pace", node, pace.over.is_none(), "over", "count: limit, over: 60s");
        self.needed(
            "pace",
            node,
            pace.count.is_none() && pace.share.is_none(),
            "count",
            "count: limit, over: 60s",
        );
        if pace.count.is_some() && pace.share.is_some() {
            let help = "keep one of them: both say how many are sent";
            report(self.text, node.key_place(&["share"]), "`share` stands beside `count`", help);
        }
    }

    fn poll(&self, poll: &Poll, step: &Step, node: &Node) {
        self.request(&poll.request);
        self.key(poll.key.as_ref());
        self.needed("poll", node, poll.every.is_none_or(|every| every.0.is_zero()), "every", "every: 2s");
        self.needed("poll", node, poll.over.is_none(), "over", "over: 59s");
        let fits = |expect: &Expect| match expect.admitted {
            Some(admitted) => admitted == Amount::Number(0),
            None => {
                expect.promise_moves_at_most.is_some()
                    || expect.promises_kept.is_some()
                    || expect.each_429.is_some()
            }
        };
        if !step.expect.as_ref().is_none_or(fits) && self.whole {
            let what = "of counts, a `poll` can expect one thing only: that nothing is admitted";
            report(self.text, node.at, what, "write `expect: {admitted: 0}`");
        }
    }

    fn needed(&self, step: &str, node: &Node, missing: bool, field: &str, example: &str) {
        if missing && self.whole {
            let what = format!("{} needs {}", word(step), word(field));
            report(self.text, node.at, what, format!("such as `{example}`"));
        }
    }

    fn exhaust(&self, exhaust: &Exhaust, node: &Node) {
        self.request(&exhaust.request);
        self.key(exhaust.key.as_ref());
        self.range(exhaust.batch, node.place(&["batch"]));
        self.range(exhaust.collect, node.place(&["collect"]));
    }

    fn credentials(&self, credentials: Option<&Credentials>, node: &Node) {
        let Some(credentials) = credentials else { return };
        if let Some(name) = &credentials.header {
            header_name(self.text, name, node.place(&["credentials", "header"]));
        }
        if let Some(name) =
            credentials.spelled.as_deref().filter(|name| !name.eq_ignore_ascii_case("x-api-key"))
        {
            let what = format!("{} is no spelling of X-API-Key", word(name));
            report(
                self.text,
                node.place(&["credentials", "spelled"]),
                what,
                "for another header use `header`",
            );
        }
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

    /// `all` counts answers; nothing can be sent by it.
    fn amount(&self, amount: Option<Amount>, at: At) {
        match amount {
            Some(Amount::All) => {
                let help = "it belongs into `expect`; write a number or `limit`";
                report(self.text, at, "`all` says nothing here", help);
            }
            Some(Amount::Number(number)) => in_range(self.text, Some(number), 1, MOST_SENT, at),
            Some(Amount::Limit(plus)) => in_range(self.text, Some(plus.unsigned_abs()), 0, MOST_SENT, at),
            None => {}
        }
    }

    fn range(&self, number: Option<u32>, at: At) {
        in_range(self.text, number, 1, 1_000, at);
    }

    fn observed(&self, sentence: &str, at: At) {
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
