//! The two forms of a file, and the words of the language as it was.
//!
//! A file of one check is short for an experiment that nobody else reads: it is brought into that form, every value with
//! its place, and from there on there is one form only.

use std::collections::BTreeMap;

use super::problem::word;
use super::text::Text;
use super::tree::{Kind, Node};

/// What a file of one check says of its check, as a check of an experiment does.
pub(super) const HEAD: [&str; 9] =
    ["check", "clause", "also", "level", "about", "tags", "source", "needs", "like"];
/// What it says of the experiment.
pub(super) const BODY: [&str; 5] = ["key", "keys", "for_each", "rows", "steps"];
/// What stands at a step there, and by the name of the evidence at a check of an experiment.
pub(super) const READ: [&str; 3] = ["expect", "given", "observe"];

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// One check, which has its steps to itself.
    Check,
    /// Steps, and checks that read what comes to light.
    Experiment,
}

impl Form {
    /// A file with `checks` and without `check` is an experiment that lacks its name.
    pub(super) fn of(root: &Node) -> Self {
        let is_experiment = root.has("experiment") || root.has("checks") && !root.has("check");
        if is_experiment { Self::Experiment } else { Self::Check }
    }

    /// The file as an experiment. Its steps are named by their places, where something is read of them.
    pub(super) fn experiment(self, text: &Text, root: Node) -> Node {
        if self == Self::Experiment {
            return root;
        }
        if !matches!(root.kind, Kind::Mapping(_)) {
            let some = "a mapping with fields such as `check`, `clause` or `about`";
            text.report(text.problem(root.at, format!("found {}, expected {some}", root.found())));
        }
        let fields = [&HEAD[..], &BODY].concat();
        for (key, _) in root.pairs().iter().filter(|(key, _)| !key.is_one_of(&fields)) {
            text.unknown_field(key, &fields);
        }
        let taken = |fields: &[&str]| -> Vec<(Node, Node)> {
            root.pairs().iter().filter(|(key, _)| key.is_one_of(fields)).cloned().collect()
        };
        let (mut check, mut all) = (taken(&HEAD), [taken(&BODY), taken(&["about"])].concat());
        for (_, steps) in all.iter_mut().filter(|(key, _)| key.text() == Some("steps")) {
            check.append(&mut by_name(steps));
        }
        all.extend(root.get("check").map(|id| (Node::word(id.at, "experiment"), id.clone())));
        let node = |kind| Node { at: root.at, kind };
        all.push((Node::word(root.at, "checks"), node(Kind::Sequence(vec![node(Kind::Mapping(check))]))));
        node(Kind::Mapping(all))
    }
}

/// Takes from each step what is read of it, and names the step; gives the fields of a check that reads the same.
fn by_name(steps: &mut Node) -> Vec<(Node, Node)> {
    let at = steps.at;
    let Kind::Sequence(steps) = &mut steps.kind else { return Vec::new() };
    let mut fields: BTreeMap<String, Vec<(Node, Node)>> = BTreeMap::new();
    let mut finding = Vec::new();
    for (place, step) in steps.iter_mut().enumerate() {
        let name = Node::word(step.at, place.to_string());
        let finds = step.has("find_session") || step.has("fingerprint");
        let Kind::Mapping(pairs) = &mut step.kind else { continue };
        let (read, mut rest): (Vec<_>, Vec<_>) =
            std::mem::take(pairs).into_iter().partition(|(key, _)| key.is_one_of(&READ));
        rest.retain(|(key, _)| key.text() != Some("as"));
        if finds || !read.is_empty() {
            rest.push((Node::word(step.at, "as"), name.clone()));
        }
        *pairs = rest;
        for (key, value) in read {
            let field = fields.entry(key.text().unwrap_or_default().to_owned()).or_default();
            field.push((Node { at: key.at, ..name.clone() }, value));
        }
        finding.extend(finds.then_some(name));
    }
    let read = fields.into_iter().map(|(field, named)| (field, Kind::Mapping(named)));
    let found = ("reads".to_owned(), Kind::Sequence(finding));
    read.chain([found]).map(|(field, kind)| (Node::word(at, field), Node { at, kind })).collect()
}

/// Reports what belongs to the other form, and words that are no longer there. What is said first of a place is what is
/// shown, so no other stage complains about them.
pub(super) fn misplaced_words(text: &Text, root: &Node, form: Form) {
    let begin = "begin with `experiment: NAME`, and put";
    if form == Form::Check {
        let help = format!("{begin} the check with what it expects below `checks`");
        refuse(text, root, "one_account", "is a word of experiments", &help);
        refuse(text, root, "checks", "stands beside `check`", &format!("{begin} this check below `checks`"));
    }
    for step in root.list("steps") {
        if form == Form::Check {
            let what = "names evidence for `checks`, and in a file of one check are none";
            refuse(text, step, "as", what, "leave it out; what must be true stands at the step itself");
        } else {
            for field in READ {
                let help =
                    format!("name the step with `as: NAME`, and write `{field}: {{NAME: …}}` at a check");
                refuse(text, step, field, "stands at a step, and this file has `checks` for it", &help);
            }
        }
        old_step(text, step);
        step.get("expect").into_iter().for_each(|expect| old_expect(text, expect));
    }
    let expected = root.list("checks").iter().filter_map(|check| check.get("expect"));
    expected.flat_map(Node::pairs).for_each(|(_, expect)| old_expect(text, expect));
}

fn refuse(text: &Text, node: &Node, field: &str, what: &str, help: &str) {
    if node.has(field) {
        text.wrong(node.key_place(field), format!("{} {what}", word(field)), help);
    }
}

fn old_step(text: &Text, step: &Node) {
    let expect = match step.part("review").text() {
        Some("every-429") => "each_429: …".to_owned(),
        rule => format!("holds: [{}]", rule.unwrap_or_default()),
    };
    let help = format!("in an experiment, a check says `expect: {{run: {{{expect}}}}}`");
    refuse(text, step, "review", "is no step any more", &help);
    refuse(text, step, "align", "is no step any more", "write `wait: fresh-window`");
    if let Some(exhaust) = step.get("exhaust") {
        let help = "to use events up, write `burst: {request: …, events: left, batch: 1000}`";
        refuse(text, exhaust, "batch", "is no word of `exhaust` any more", help);
    }
    let wait = step.part("wait");
    let written = wait.text().unwrap_or_default();
    if written.starts_with("promise - ") {
        let help = "write `wait: promise`; `poll` asks before that instant, too";
        text.wrong(wait.at, "nothing waits for the time before a promise any more", help);
    } else if written.starts_with(|mark: char| mark.is_ascii_digit()) {
        let help =
            "write `wait: silent-window` for a whole window, or `wait: promise` for as long as a 429 says";
        text.wrong(wait.at, "nothing waits for a number of seconds any more", help);
    }
}

fn old_expect(text: &Text, expect: &Node) {
    let gone = "is no word any more";
    refuse(text, expect, "accepted_at_most", gone, "write `accepted`: exactly so many");
    for (_, header) in expect.get("headers").map(Node::pairs).unwrap_or_default() {
        for field in ["equals", "matches"] {
            let help = "write `integer` for a number, or `lacks` for what must not be there";
            refuse(text, header, field, gone, help);
        }
    }
    expect.get("each_429").into_iter().for_each(|each| old_expect(text, each));
}
