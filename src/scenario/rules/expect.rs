//! The rules for what is expected of a step.

use std::collections::BTreeSet;

use super::{ACTIONS, Rules, header_names, holes};
use crate::scenario::problem::{nearest, word};
use crate::scenario::scalar::Typed;
use crate::scenario::tree::Node;

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
    /// Checks what is expected, with its name, of a step; of the whole run without one.
    pub(super) fn expected(&self, (name, node): (&Node, &Node), step: Option<&Node>) {
        let Some(step) = step else { return self.expectation((name, node), About::Run) };
        if step.has("send") {
            self.expectation((name, node), About::Answer);
        } else if ["burst", "pace", "poll", "exhaust"].iter().any(|action| step.has(action)) {
            self.expectation((name, node), About::Counts);
        } else if ACTIONS.iter().any(|action| step.has(action)) {
            let help = "expectations belong to `send`, `burst`, `pace`, `poll` and `exhaust`";
            return self.text.wrong(name.at, "this step gives no answer to judge", help);
        }
        let complain =
            |field: &str, what: &str, help: &str| self.text.wrong(node.key_place(field), what, help);
        if node.has("accepted") && !step.get("burst").is_some_and(|burst| burst.has("batch")) {
            let what = "`accepted` counts events, and here no batches are sent";
            complain("accepted", what, "use it after a `burst` with `batch`");
        }
        // Only a poll asks at the instants that were promised.
        if node.has("promises_kept") && !step.has("poll") {
            let what = "`promises_kept` is about a `poll`, and here is none";
            complain("promises_kept", what, "use it after `poll`");
        } else if node.text_at("promises_kept") == "false" {
            let what = "`promises_kept: false` expects nothing";
            complain("promises_kept", what, "write `true`, or leave it out");
        }
        let admits = node.has("admitted") && node.text_at("admitted") != "0";
        if step.has("poll") && (admits || node.has("limited") || node.has("other")) {
            let what = "of counts, a `poll` can expect one thing only: that nothing is admitted";
            self.text.wrong(name.at, what, "write `expect: {admitted: 0}`");
        }
    }

    fn expectation(&self, (name, node): (&Node, &Node), about: About) {
        self.belongs((name, node), about);
        header_names(self.text, node, ("agree", "header"));
        for (_, header) in node.pairs_at("headers") {
            if let Some(Err(error)) = header.get("lacks").and_then(Node::text).map(regex::Regex::new) {
                let reason = error.to_string();
                let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ");
                let what = format!("this is no regular expression: {reason}");
                self.text.report(self.text.problem(header.part("lacks").at, what));
            }
            self.range_in(header);
            if header.pairs().is_empty() {
                self.text.wrong(header.at, "this expects nothing of the header", "such as `present: true`");
            }
        }
        let holes = node.get("json").and_then(|json| self.json(json));
        if let Some(hole) = node.get("agree").and_then(|agree| agree.get("hole")) {
            if let Some(holes) = holes {
                self.text.one_of("hole", hole, holes.iter().map(String::as_str));
            } else if !node.has("json") {
                let help = "add `json` with the body the hole is in";
                self.text.wrong(node.key_place("agree"), "`agree` needs an expected body", help);
            }
        }
        for field in
            ["admitted", "accepted", "other"].into_iter().filter(|field| node.text_at(field) == "rest")
        {
            let help = "only `limited` can be the rest: of those that were not to be admitted";
            self.text.wrong(node.part(field).at, "`rest` says nothing here", help);
        }
        if let Some((name, each)) = node.pair("each_429") {
            self.expectation((name, each), About::Answer);
        }
    }

    fn belongs(&self, (name, node): (&Node, &Node), about: About) {
        for (name, _) in node.pairs() {
            let field = name.text().unwrap_or_default();
            let of_counts = OF_COUNTS.contains(&field);
            let (what, help) = match about {
                About::Counts | About::Run if OF_ANSWERS.contains(&field) => {
                    ("is about one answer, and here are many", "put it into `each_429`")
                }
                About::Answer if of_counts || field == "each_429" => {
                    let help = "use it after `burst`, `pace`, `poll` or `exhaust`";
                    ("is about many answers, and here is one", help)
                }
                About::Run if of_counts => {
                    let what = "is about the answers of one step, and here are those of all";
                    (what, "of the run expect `each_429` or `holds`")
                }
                About::Answer | About::Counts if field == "holds" => {
                    ("is about the whole run", "in an experiment, a check expects it of `run`")
                }
                _ => continue,
            };
            self.text.wrong(name.at, format!("{} {what}", word(field)), help);
        }
        if node.pairs().is_empty() {
            self.text.wrong(name.at, "this expects nothing", "say what must be true, or leave it out");
        }
    }

    /// Compares an expected body with its fixture; gives the holes of a sound one.
    fn json(&self, json: &Node) -> Option<BTreeSet<String>> {
        let (text, bodies) = (self.text, self.known.bodies);
        let (at, file) = (json.get("file")?.at, json.text_at("file"));
        let Some(body) = bodies.get(file) else {
            let problem = text.problem(at, format!("no fixture is called {}", word(file)));
            let meant = nearest(file, bodies.keys().map(String::as_str));
            text.report(problem.help("expected the path of a JSON file below `fixtures/`").nearest(meant));
            return None;
        };
        let body = body.as_ref().map_err(|problem| text.report(problem.clone())).ok()?;
        let only = json.text_at("only");
        if json.has("only") && body.pointer(&format!("/{}", only.replace('.', "/"))).is_none() {
            let what = format!("{} has no member {}", word(file), word(only));
            text.wrong(json.part("only").at, what, "such as `error.message`");
        }
        let (holes, given) = (holes(body), json.pairs_at("holes"));
        for (name, hole) in given {
            text.one_of(&format!("hole of {}", word(file)), name, holes.iter().map(String::as_str));
            self.range_in(hole);
        }
        let names = || given.iter().filter_map(|(name, _)| name.text());
        for hole in holes.iter().filter(|hole| !names().any(|name| name == *hole)) {
            // A misspelt name has been reported, at its own place.
            if nearest(hole, names()).is_none() {
                let what = format!("nothing is said about the hole {} of {}", word(hole), word(file));
                text.wrong(at, what, format!("add it to `holes`: `{hole}: {{text: …}}`"));
            }
        }
        Some(holes)
    }

    fn range_in(&self, node: &Node) {
        let range = node.part("integer");
        let end = |end: &str| range.get(end).and_then(Node::typed);
        if let (Some(Typed::Integer(min)), Some(Typed::Integer(max))) = (end("min"), end("max"))
            && min > max
        {
            self.text.wrong(range.at, format!("no number is at least {min} and at most {max}"), "swap them");
        }
    }
}
