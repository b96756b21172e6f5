//! The rules for what a step expects.

use super::super::fixtures::{Fixtures, Lookup, holes};
use super::super::model::{Expect, HeaderExpect, IntegerRange, JsonExpect};
use super::super::nearest::nearest;
use super::super::problem::word;
use super::super::span::At;
use super::super::text::Text;
use super::super::tree::Node;
use super::super::words::Amount;
use super::header_name;
use super::{one_of, report};

/// What an expectation can be about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    /// One answer.
    Answer,
    /// How many answers were of which kind, and each 429 among them.
    Counts,
    /// Every answer of the run.
    Run,
    /// The step gives no answer.
    Nothing,
}

const OF_ANSWERS: [&str; 5] = ["status", "json", "headers", "agree", "same_body_as"];
const OF_COUNTS: [&str; 7] =
    ["admitted", "accepted", "accepted_about", "limited", "other", "promise_moves_at_most", "promises_kept"];
const OF_MANY: &str = "each_429";
const OF_THE_RUN: &str = "holds";

/// The rules, and what they need to know.
pub(super) struct Expectation<'c> {
    pub(super) text: &'c Text,
    pub(super) fixtures: &'c Fixtures,
    pub(super) whole: bool,
}

impl Expectation<'_> {
    /// Checks an expectation; `at` is the place of its name.
    pub(super) fn check(&self, expect: &Expect, node: &Node, at: At, about: About) {
        self.belongs(node, at, about);
        let sound = expect.json.as_ref().and_then(|json| self.json(json, node));
        for (name, header) in &expect.headers {
            header_name(self.text, name, node.get("headers").unwrap_or(node).key_place(&[name]));
            if let Some(node) = node.get("headers").and_then(|headers| headers.get(name)) {
                self.header(header, node);
            }
        }
        if let Some(agree) = &expect.agree {
            header_name(self.text, &agree.header, node.place(&["agree", "header"]));
            match (&expect.json, sound) {
                (None, _) if self.whole => {
                    let help = "add `json` with the body the hole is in";
                    report(self.text, node.key_place(&["agree"]), "`agree` needs an expected body", help);
                }
                (Some(_), Some(holes)) => {
                    one_of(self.text, agree.hole.at, "hole", &agree.hole, holes.iter().map(String::as_str));
                }
                _ => {}
            }
        }
        for (name, amount) in
            [("admitted", expect.admitted), ("accepted", expect.accepted), ("other", expect.other)]
        {
            if amount == Some(Amount::Rest) {
                let help = "only `limited` can be the rest: of those that were not to be admitted";
                report(self.text, node.place(&[name]), "`rest` says nothing here", help);
            }
        }
        if let Some(each) = &expect.each_429 {
            let inner = node.get(OF_MANY).unwrap_or(node);
            self.check(each, inner, node.key_place(&[OF_MANY]), About::Answer);
        }
    }

    fn belongs(&self, node: &Node, at: At, about: About) {
        let of_answers =
            (&OF_ANSWERS[..], "is about one answer, and here are many", "put it into `each_429`");
        let of_the_run =
            (&[OF_THE_RUN][..], "is about the whole run", "in an experiment, a check expects it of `run`");
        let of_counts = "is about the answers of one step, and here are those of all";
        let of_many =
            ("is about many answers, and here is one", "use it after `burst`, `pace`, `poll` or `exhaust`");
        let wrong: Vec<(&[&str], &str, &str)> = match about {
            About::Answer => {
                vec![(&OF_COUNTS, of_many.0, of_many.1), (&[OF_MANY], of_many.0, of_many.1), of_the_run]
            }
            About::Counts => vec![of_answers, of_the_run],
            About::Run => {
                vec![of_answers, (&OF_COUNTS, of_counts, "of the run expect `each_429` or `holds`")]
            }
            About::Nothing => {
                let what = "this step gives no answer to judge";
                let help = "expectations belong to `send`, `burst`, `pace`, `poll` and `exhaust`";
                return if self.whole {
                    report(self.text, at, what, help)
                };
            }
        };
        for (names, what, help) in wrong {
            for name in names.iter().filter(|name| node.get(name).is_some()) {
                report(self.text, node.key_place(&[name]), format!("{} {what}", word(name)), help);
            }
        }
        if node.pairs().is_empty() {
            report(self.text, at, "this expects nothing", "say what must be true, or leave it out");
        }
    }

    /// Compares an expected body with its fixture; gives the holes of a sound one.
    fn json(&self, json: &JsonExpect, node: &Node) -> Option<std::collections::BTreeSet<String>> {
        let file = &json.file;
        let body = match self.fixtures.get(file) {
            Lookup::Found(body) => body,
            Lookup::Broken => return None,
            Lookup::Missing(nearest) => {
                let problem = self.text.problem(file.at, format!("no fixture is called {}", word(file)));
                let help = "expected the path of a JSON file below `fixtures/`";
                self.text.report(problem.help(help).nearest(nearest));
                return None;
            }
        };
        if let Some(only) = &json.only
            && body.pointer(&format!("/{}", only.replace('.', "/"))).is_none()
        {
            let what = format!("{} has no member {}", word(file), word(only));
            report(self.text, node.place(&["json", "only"]), what, "such as `error.message`");
        }
        let holes = holes(&body);
        for (name, hole) in &json.holes {
            let at = node.get("json").unwrap_or(node).key_place(&["holes", name]);
            one_of(self.text, at, &format!("hole of {}", word(file)), name, holes.iter().map(String::as_str));
            let value = node.place(&["json", "holes", name]);
            match (&hole.text, &hole.integer) {
                (Some(_), None) => {}
                (None, Some(range)) => self.range(*range, value),
                (Some(_), Some(_)) => {
                    report(self.text, value, "a hole holds one thing", "keep `text` or `integer`")
                }
                (None, None) if self.whole => {
                    let help = "give it `text` or `integer`";
                    report(self.text, value, "nobody says what may stand in this hole", help);
                }
                (None, None) => {}
            }
        }
        for hole in holes.iter().filter(|hole| self.whole && !json.holes.contains_key(*hole)) {
            let given = nearest(hole, json.holes.keys().map(String::as_str));
            // A misspelt name has been reported, at its own place.
            if given.is_none() {
                let what = format!("nothing is said about the hole {} of {}", word(hole), word(file));
                report(self.text, file.at, what, format!("add it to `holes`: `{hole}: {{text: …}}`"));
            }
        }
        Some(holes)
    }

    fn header(&self, header: &HeaderExpect, node: &Node) {
        if let Some(Err(error)) = header.lacks.as_deref().map(regex::Regex::new) {
            let reason = error.to_string();
            let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ");
            let what = format!("this is no regular expression: {reason}");
            self.text.report(self.text.problem(node.place(&["lacks"]), what));
        }
        if let Some(range) = header.integer {
            self.range(range, node.place(&["integer"]));
        }
        if node.pairs().is_empty() {
            report(self.text, node.at, "this expects nothing of the header", "such as `present: true`");
        }
    }

    fn range(&self, range: IntegerRange, at: At) {
        if let IntegerRange { min: Some(min), max: Some(max) } = range
            && min > max
        {
            report(self.text, at, format!("no number is at least {min} and at most {max}"), "swap them");
        }
    }
}
