//! The rules for what is expected of a step.

use super::{ACTIONS, Rules, header_names, holes};
use crate::scenario::model::{Expect, Hole, IntegerRange, JsonExpect};
use crate::scenario::problem::{nearest, word};
use crate::scenario::span::At;
use crate::scenario::tree::Node;
use crate::scenario::words::Amount;

/// What an expectation can be about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum About {
    /// One answer.
    Answer,
    /// How many answers were of which kind, and each 429 among them.
    Counts,
    /// Every answer of the run.
    Run,
}

const OF_ANSWERS: [&str; 5] = ["status", "json", "headers", "agree", "same_body_as"];
const OF_COUNTS: [&str; 7] =
    ["admitted", "accepted", "accepted_about", "limited", "other", "promise_moves_at_most", "promises_kept"];

impl Rules<'_> {
    /// Checks what is expected of a step; of the whole run without one. `at` is the place of the expectation's name.
    pub(super) fn expected(&self, expect: &Expect, node: &Node, at: At, step: Option<&Node>) {
        let Some(step) = step else { return self.expectation(expect, node, at, About::Run) };
        if step.has("send") {
            self.expectation(expect, node, at, About::Answer);
        } else if ["burst", "pace", "poll", "exhaust"].iter().any(|action| step.has(action)) {
            self.expectation(expect, node, at, About::Counts);
        } else if !ACTIONS.iter().any(|action| step.has(action)) {
            return;
        } else {
            let help = "expectations belong to `send`, `burst`, `pace`, `poll` and `exhaust`";
            return self.text.wrong(at, "this step gives no answer to judge", help);
        }
        let complain = |name: &str, what: &str, help: &str| self.text.wrong(node.key_place(name), what, help);
        if node.has("accepted") && !step.get("burst").is_some_and(|burst| burst.has("batch")) {
            let what = "`accepted` counts events, and here no batches are sent";
            complain("accepted", what, "use it after a `burst` with `batch`");
        }
        // Only a poll asks at the instants that were promised.
        if node.has("promises_kept") && !step.has("poll") {
            let what = "`promises_kept` is about a `poll`, and here is none";
            complain("promises_kept", what, "use it after `poll`");
        } else if expect.promises_kept == Some(false) {
            let what = "`promises_kept: false` expects nothing";
            complain("promises_kept", what, "write `true`, or leave it out");
        }
        let admits = expect.admitted.is_some_and(|admitted| admitted != Amount::Number(0));
        if step.has("poll") && (admits || node.has("limited") || node.has("other")) {
            let what = "of counts, a `poll` can expect one thing only: that nothing is admitted";
            self.text.wrong(at, what, "write `expect: {admitted: 0}`");
        }
    }

    fn expectation(&self, expect: &Expect, node: &Node, at: At, about: About) {
        self.belongs(node, at, about);
        header_names(self.text, node, ("agree", "header"));
        for (name, header) in &expect.headers {
            let node = node.part("headers").part(name);
            if let Some(Err(error)) = header.lacks.as_deref().map(regex::Regex::new) {
                let reason = error.to_string();
                let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ");
                let what = format!("this is no regular expression: {reason}");
                self.text.report(self.text.problem(node.part("lacks").at, what));
            }
            self.range_of(header.integer, node.part("integer").at);
            if node.pairs().is_empty() {
                self.text.wrong(node.at, "this expects nothing of the header", "such as `present: true`");
            }
        }
        let holes = expect.json.as_ref().and_then(|json| self.json(json, node.part("json")));
        if let Some(agree) = &expect.agree {
            if let Some(holes) = holes {
                self.text.one_of(agree.hole.at, "hole", &agree.hole, holes.iter().map(String::as_str));
            } else if !node.has("json") {
                let help = "add `json` with the body the hole is in";
                self.text.wrong(node.key_place("agree"), "`agree` needs an expected body", help);
            }
        }
        for (name, amount) in
            [("admitted", expect.admitted), ("accepted", expect.accepted), ("other", expect.other)]
        {
            if amount == Some(Amount::Rest) {
                let help = "only `limited` can be the rest: of those that were not to be admitted";
                self.text.wrong(node.part(name).at, "`rest` says nothing here", help);
            }
        }
        if let Some(each) = &expect.each_429 {
            self.expectation(each, node.part("each_429"), node.key_place("each_429"), About::Answer);
        }
    }

    fn belongs(&self, node: &Node, at: At, about: About) {
        for (name, _) in node.pairs() {
            let field = name.text().unwrap_or_default();
            let of_many = OF_COUNTS.contains(&field) || field == "each_429";
            let (what, help) = match about {
                About::Counts | About::Run if OF_ANSWERS.contains(&field) => {
                    ("is about one answer, and here are many", "put it into `each_429`")
                }
                About::Answer if of_many => (
                    "is about many answers, and here is one",
                    "use it after `burst`, `pace`, `poll` or `exhaust`",
                ),
                About::Run if OF_COUNTS.contains(&field) => (
                    "is about the answers of one step, and here are those of all",
                    "of the run expect `each_429` or `holds`",
                ),
                About::Answer | About::Counts if field == "holds" => {
                    ("is about the whole run", "in an experiment, a check expects it of `run`")
                }
                _ => continue,
            };
            self.text.wrong(name.at, format!("{} {what}", word(field)), help);
        }
        if node.pairs().is_empty() {
            self.text.wrong(at, "this expects nothing", "say what must be true, or leave it out");
        }
    }

    /// Compares an expected body with its fixture; gives the holes of a sound one.
    fn json(&self, json: &JsonExpect, node: &Node) -> Option<std::collections::BTreeSet<String>> {
        let file = &json.file;
        let Some(body) = self.known.bodies.get(file.as_str()) else {
            let problem = self.text.problem(file.at, format!("no fixture is called {}", word(file)));
            let meant = nearest(file, self.known.bodies.keys().map(String::as_str));
            let help = "expected the path of a JSON file below `fixtures/`";
            self.text.report(problem.help(help).nearest(meant));
            return None;
        };
        let body = body.as_ref().map_err(|problem| self.text.report(problem.clone())).ok()?;
        if let Some(only) = &json.only
            && body.pointer(&format!("/{}", only.replace('.', "/"))).is_none()
        {
            let what = format!("{} has no member {}", word(file), word(only));
            self.text.wrong(node.part("only").at, what, "such as `error.message`");
        }
        let (holes, given) = (holes(body), node.part("holes"));
        let kind = format!("hole of {}", word(file));
        for (name, hole) in &json.holes {
            self.text.one_of(given.key_place(name), &kind, name, holes.iter().map(String::as_str));
            if let Hole::Integer(range) = hole {
                self.range_of(Some(*range), given.part(name).at);
            }
        }
        for hole in holes.iter().filter(|hole| !node.get("holes").is_some_and(|given| given.has(hole))) {
            // A misspelt name has been reported, at its own place.
            if nearest(hole, json.holes.keys().map(String::as_str)).is_none() {
                let what = format!("nothing is said about the hole {} of {}", word(hole), word(file));
                self.text.wrong(file.at, what, format!("add it to `holes`: `{hole}: {{text: …}}`"));
            }
        }
        Some(holes)
    }

    fn range_of(&self, range: Option<IntegerRange>, at: At) {
        if let Some(IntegerRange { min: Some(min), max: Some(max) }) = range
            && min > max
        {
            self.text.wrong(at, format!("no number is at least {min} and at most {max}"), "swap them");
        }
    }
}
