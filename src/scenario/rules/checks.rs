//! The rules for the checks of a file: their heads, what they read, and what they expect.

use std::collections::BTreeSet;
use std::iter;

use serde_json::Value;

use super::context::{RUN, Rules, header_names, is_slug};
use crate::contract::CLAUSES;
use crate::nearest::nearest;
use crate::scenario::file::{ACTIONS, Form};
use crate::scenario::loaded::{CaseFile, is_called, names_read};
use crate::scenario::rows::{Row, placeholders, reads};
use crate::yaml::{Node, Text, Typed, word};

/// What an observation may show.
const SEEN: [&str; 7] = ["status", "admitted", "limited", "other", "limit", "seconds", "message"];
/// What can be expected of one answer.
const OF_ANSWERS: [&str; 5] = ["status", "json", "headers", "agree", "same_body_as"];
/// What can be expected of the number of answers of each kind.
const OF_COUNTS: [&str; 7] =
    ["admitted", "accepted", "accepted_about", "limited", "other", "promise_moves_at_most", "promises_kept"];

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

/// The rules for `where`, and for rows that nobody reads.
pub(super) fn table(text: &Text, root: &Node, rows: &[Row<'_>]) {
    let checks = root.list("checks");
    for (check, chosen) in checks.iter().filter_map(|check| Some((check, check.get("where")?))) {
        let mut known = true;
        for (name, wanted) in chosen.pairs() {
            let column = rows.iter().flatten().filter(|(named, _)| *named == name.written());
            let values: BTreeSet<&str> = column.filter_map(|(_, value)| value.text()).collect();
            if values.is_empty() {
                let all: BTreeSet<&str> = rows.iter().flatten().map(|(named, _)| *named).collect();
                known &= text.one_of("variable", name, all);
                continue;
            }
            let kind = format!("value of {}", word(name.written()));
            for value in iter::once(wanted).chain(wanted.elements()).filter(|value| value.text().is_some()) {
                known &= text.one_of(&kind, value, values.iter().copied());
            }
        }
        if known && !rows.iter().any(|row| reads(check, row)) {
            text.wrong(chosen.at, "no row has all of these values", "choose those of one row, or of some");
        }
    }
    let unread = |row: &&Row<'_>| !checks.is_empty() && !checks.iter().any(|check| reads(check, row));
    for (_, value) in rows.iter().filter(unread).filter_map(|row| row.first()) {
        text.wrong(value.at, "no check reads this row", "add one with `where`, or leave the row out");
    }
}

/// Reports evidence with a name that no check uses, in no row.
pub(super) fn evidence_is_read(text: &Text, cases: &[CaseFile]) {
    let read: BTreeSet<&str> =
        cases.iter().flat_map(|case| case.tree.list("checks")).flat_map(names_read).collect();
    let named = cases.iter().flat_map(|case| case.tree.list("steps")).filter_map(|step| step.get("as"));
    for name in named.filter(|name| !read.contains(name.written())) {
        let what = format!("no check reads the evidence {}", word(name.written()));
        text.wrong(name.at, what, "name it in `expect` or `observe` of a check, or leave `as` out");
    }
}

impl Rules<'_> {
    /// What a check says of itself.
    pub(super) fn head(&self, check: &Node) {
        let text = self.text;
        let is_id = |id: &str| id.contains('.') && id.split('.').all(|part| is_slug(part, &['-']));
        if let Some(id) = check.get("check").filter(|id| !is_id(id.written())) {
            text.odd(id, "is no id for a check", "write `group.name` in small letters, digits and `-`");
        }
        for named in check.get("clause").into_iter().chain(check.list("also")) {
            text.one_of("clause", named, CLAUSES.iter().map(|clause| clause.id));
        }
        self.says_something(check);
        if check.has("source") && check.text_at("level") == "must" {
            let source = word(check.text_at("source"));
            let what = format!("a check that comes from {source} must not be at level `must`");
            let help = "only the Authentication page decides; use `should` or `observe`";
            text.wrong(check.part("level").at, what, help);
        }
        let (all, more) = (["clause", "level", "about"], ["also", "tags", "source"]);
        let is_home = self.form == Form::Check || all.iter().any(|field| check.has(field));
        if let Some(field) = all.iter().find(|field| is_home && !check.has(field)) {
            let help = "a check has `clause`, `level` and `about` in one place; in others, its id alone";
            text.wrong(check.part("check").at, format!("{} is missing", word(field)), help);
        } else if let Some((field, _)) = more.iter().find_map(|field| check.pair(field)).filter(|_| !is_home)
        {
            let help = "that is where its `clause`, `level` and `about` are";
            text.odd(field, "belongs where the check is at home", help);
        }
    }

    /// What a check reads, against the steps of the same case.
    pub(super) fn reading(&self, check: &Node) {
        let text = self.text;
        for (name, expect) in check.pairs_at("expect") {
            if name.text() == Some(RUN) {
                self.expectation((name, expect), About::Run);
            } else if let Some(step) = self.evidence(name) {
                self.expected((name, expect), step);
            }
        }
        for (name, _) in check.pairs_at("given") {
            // Only one answer has a status that can be taken for granted.
            if self.evidence(name).is_some_and(|step| !step.has("send")) {
                text.wrong(name.at, "this step gives no status to take for granted", "it belongs to `send`");
            }
        }
        for (name, sentence) in check.pairs_at("observe") {
            if self.evidence(name).is_some() {
                self.sentence(sentence);
            }
        }
        for name in check.list("reads") {
            let finds = |step: &Node| step.has("find_session") || step.has("fingerprint");
            if self.evidence(name).is_some_and(|step| !finds(step)) {
                let help = "`reads` is for `find_session` and `fingerprint`; use `expect`";
                text.odd(name, "says nothing of what is to be found", help);
            }
        }
        if self.form == Form::Experiment && names_read(check).is_empty() {
            text.wrong(check.at, "this check reads nothing", "add `expect` with the name of some evidence");
        }
        // That there is an end of events, or a promise is kept, one answer shows; that a key stays used up, many in a row.
        let also = match check.text_at("learns") {
            "events" | "promise" => "send",
            "hold" => "poll",
            _ => "burst",
        };
        let counts = |step: &&Node| step.has("burst") || step.has(also);
        let learned =
            |name: &str| self.tree.list("steps").iter().filter(counts).any(|step| is_called(step, name));
        if let Some((learns, _)) = check.pair("learns")
            && !check.pairs_at("expect").iter().any(|(name, _)| learned(name.written()))
        {
            let what = "takes a count from what is expected of a `burst`, and here is none";
            text.odd(learns, what, "add `expect` with the name of a `burst`");
        }
    }

    /// The first step whose evidence has a name.
    fn evidence(&self, name: &Node) -> Option<&Node> {
        let written = name.text()?;
        if written == RUN {
            let help = "use `expect`, with `holds` or `each_429`";
            self.text.wrong(name.at, "of the whole `run` something can only be expected", help);
            return None;
        }
        let steps = self.tree.list("steps");
        let found = steps.iter().find(|step| is_called(step, written));
        if found.is_none() {
            let named: BTreeSet<&str> = steps.iter().filter_map(|step| step.get("as")?.text()).collect();
            self.text.one_of("evidence", name, named);
        }
        found
    }

    /// A fact to report, with what was seen in angle brackets.
    fn sentence(&self, sentence: &Node) {
        for (name, _) in sentence.written().split('<').skip(1).filter_map(|part| part.split_once('>')) {
            if name.strip_prefix("header ").is_none_or(|header| header.trim().is_empty()) {
                self.text.one_of("observation", &Node::word(sentence.at, name), SEEN);
            }
        }
    }

    /// What is expected of a step, under the name of its evidence.
    fn expected(&self, (name, node): (&Node, &Node), step: &Node) {
        if step.has("send") {
            self.expectation((name, node), About::Answer);
        } else if ["burst", "pace", "poll", "exhaust"].iter().any(|action| step.has(action)) {
            self.expectation((name, node), About::Counts);
        } else if ACTIONS.iter().any(|action| step.has(action)) {
            let help = "expectations belong to `send`, `burst`, `pace`, `poll` and `exhaust`";
            return self.text.wrong(name.at, "this step gives no answer to judge", help);
        }
        if let Some((accepted, _)) = node.pair("accepted")
            && !step.get("burst").is_some_and(|burst| burst.has("batch"))
        {
            let help = "use it after a `burst` with `batch`";
            self.text.odd(accepted, "counts events, and here no batches are sent", help);
        }
        // Only a poll asks at the instants that were promised.
        if let Some((kept, _)) = node.pair("promises_kept").filter(|_| !step.has("poll")) {
            self.text.odd(kept, "is about a `poll`, and here is none", "use it after `poll`");
        } else if node.text_at("promises_kept") == "false" {
            let what = "`promises_kept: false` expects nothing";
            self.text.wrong(node.key_place("promises_kept"), what, "write `true`, or leave it out");
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
        for field in ["admitted", "accepted", "other"] {
            if let Some(amount) = node.get(field).filter(|amount| amount.text() == Some("rest")) {
                let help = "only `limited` can be the rest: of those that were not to be admitted";
                self.text.odd(amount, "says nothing here", help);
            }
        }
        if let Some((name, each)) = node.pair("each_429") {
            self.expectation((name, each), About::Answer);
        }
    }

    fn belongs(&self, (name, node): (&Node, &Node), about: About) {
        for (field, _) in node.pairs() {
            let of_counts = field.is_one_of(&OF_COUNTS);
            let (what, help) = match about {
                About::Counts | About::Run if field.is_one_of(&OF_ANSWERS) => {
                    ("is about one answer, and here are many", "put it into `each_429`")
                }
                About::Answer if of_counts || field.text() == Some("each_429") => {
                    let help = "use it after `burst`, `pace`, `poll` or `exhaust`";
                    ("is about many answers, and here is one", help)
                }
                About::Run if of_counts => {
                    let what = "is about the answers of one step, and here are those of all";
                    (what, "of the run expect `each_429` or `holds`")
                }
                About::Answer | About::Counts if field.text() == Some("holds") => {
                    ("is about the whole run", "in an experiment, a check expects it of `run`")
                }
                _ => continue,
            };
            self.text.odd(field, what, help);
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
        let is_there = |only: &str| body.pointer(&format!("/{}", only.replace('.', "/"))).is_some();
        if let Some(only) = json.get("only").filter(|only| !is_there(only.written())) {
            let what = format!("{} has no member {}", word(file), word(only.written()));
            text.wrong(only.at, what, "such as `error.message`");
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

/// The holes in an expected body: every `{name}` in one of its texts.
fn holes(body: &Value) -> BTreeSet<String> {
    match body {
        Value::String(text) => placeholders(text),
        Value::Array(elements) => elements.iter().flat_map(holes).collect(),
        Value::Object(members) => members.values().flat_map(holes).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => BTreeSet::new(),
    }
}
