//! The rules for the checks of a file: their heads, and what they read.

use std::collections::BTreeSet;

use super::super::experiment::RUN;
use super::super::file::{ExperimentFile, ReadingFile, StepFile};
use super::super::model::{Fact, Level};
use super::super::problem::word;
use super::super::rows::{Row, reads};
use super::super::span::{At, Spanned};
use super::super::text::Text;
use super::super::tree::Node;
use super::step::Steps;
use super::{Form, is_slug, one_of, report};
use crate::contract::{CLAUSES, clause};

/// The rules for what is said once of each check, and of the experiment. Gives the checks that are named, each with
/// whether it is at home here; also those that could not be read.
pub(in super::super) fn heads<'f>(
    text: &Text,
    root: &Node,
    files: impl Iterator<Item = &'f ExperimentFile> + Clone,
    form: Form,
) -> Vec<(Spanned<String>, bool)> {
    let whole = text.is_sound();
    for check in files.clone().flat_map(|file| &file.checks) {
        let node = root.get("checks").and_then(|checks| checks.element_at(check.at)).unwrap_or(root);
        head(text, check, node, whole);
    }
    if let (Form::Experiment, Some(file)) = (form, files.clone().next()) {
        let name = &file.experiment;
        if !is_slug(name, &['-']) {
            let what = format!("{} is no name for an experiment", word(name));
            report(text, name.at, what, "write it in small letters, digits and `-`");
        }
        says_something(text, &file.about);
        if whole && root.get("checks").is_some_and(|checks| checks.elements().is_empty()) {
            let help =
                "a check of `checks` reads the evidence of a step by its name, which is given with `as`";
            report(text, root.key_place(&["checks"]), "no check reads what this brings to light", help);
        }
    }
    let single = (form == Form::Check).then_some(root);
    let nodes = single.into_iter().chain(root.get("checks").map(Node::elements).unwrap_or_default());
    let named = nodes.filter_map(|node| {
        let id = node.get("check")?;
        let is_home = ["clause", "level", "about"].iter().any(|field| node.get(field).is_some());
        Some((Spanned { value: id.text()?.to_owned(), at: id.at }, is_home))
    });
    named.collect()
}

fn head(text: &Text, check: &ReadingFile, node: &Node, whole: bool) {
    let id = &check.check;
    if id.split('.').count() < 2 || !id.split('.').all(|part| is_slug(part, &['-'])) {
        let what = format!("{} is no id for a check", word(id));
        report(text, id.at, what, "write `group.name` in small letters, digits and `-`");
    }
    for named in check.clause.iter().chain(&check.also) {
        if clause(named).is_none() {
            one_of(text, named.at, "clause", named, CLAUSES.iter().map(|clause| clause.id));
        }
    }
    if let Some(about) = &check.about {
        says_something(text, about);
    }
    if let (Some(source), Some(level)) = (&check.source, &check.level)
        && level.value == Level::Must
    {
        let what = format!("a check that comes from {} must not be at level `must`", word(source));
        report(text, level.at, what, "only the Authentication page decides; use `should` or `observe`");
    }
    if !whole {
        return;
    }
    let has = |field: &&str| node.get(field).is_some();
    let (mut all, mut more) =
        (["clause", "level", "about"].into_iter(), ["also", "tags", "source"].into_iter());
    if !check.is_home() {
        if let Some(field) = more.find(has) {
            let what = format!("{} belongs where the check is at home", word(field));
            let help = "that is where its `clause`, `level` and `about` are";
            report(text, node.key_place(&[field]), what, help);
        }
    } else if let Some(field) = all.find(|field| !has(field)) {
        let help = "a check has `clause`, `level` and `about` in one place; in others, its id alone";
        report(text, id.at, format!("{} is missing", word(field)), help);
    }
}

fn says_something(text: &Text, about: &Spanned<String>) {
    if about.trim().is_empty() {
        report(text, about.at, "`about` says nothing", "say in a sentence what it is for");
    }
}

/// The rules for `where`, and for rows that nobody reads.
pub(in super::super) fn table(text: &Text, root: &Node, rows: &[Row<'_>]) {
    let checks = root.get("checks").map(Node::elements).unwrap_or_default();
    for check in checks {
        let Some(chosen) = check.get("where") else { continue };
        let mut known = true;
        for (name, wanted) in chosen.pairs() {
            let variable = name.text().unwrap_or_default();
            let column = rows.iter().flatten().filter(|(named, _)| *named == variable);
            let values: BTreeSet<&str> = column.filter_map(|(_, value)| value.text()).collect();
            if values.is_empty() {
                let all: BTreeSet<&str> = rows.iter().flatten().map(|(named, _)| *named).collect();
                known &= one_of(text, name.at, "variable", variable, all);
                continue;
            }
            let kind = format!("value of {}", word(variable));
            for value in std::iter::once(wanted).chain(wanted.elements()) {
                let is_there = |word| one_of(text, value.at, &kind, word, values.iter().copied());
                known &= value.text().is_none_or(is_there);
            }
        }
        if known && !rows.iter().any(|row| reads(check, row)) {
            report(text, chosen.at, "no row has all of these values", "choose those of one row, or of some");
        }
    }
    let unread = |row: &&Row<'_>| !checks.is_empty() && !checks.iter().any(|check| reads(check, row));
    for (_, value) in rows.iter().filter(unread).filter_map(|row| row.first()) {
        report(text, value.at, "no check reads this row", "add one with `where`, or leave the row out");
    }
}

/// Reports evidence with a name that no check uses, in no row.
pub(in super::super) fn evidence_is_read<'f>(
    text: &Text,
    files: impl Iterator<Item = &'f ExperimentFile> + Clone,
) {
    let read: BTreeSet<&str> =
        files.clone().flat_map(|file| &file.checks).flat_map(|check| check.names()).collect();
    for name in files.flat_map(|file| &file.steps).filter_map(|step| step.name.as_ref()) {
        if !read.contains(name.as_str()) {
            let what = format!("no check reads the evidence {}", word(name));
            report(text, name.at, what, "name it in `expect` or `observe` of a check, or leave `as` out");
        }
    }
}

/// Checks what is read against the steps of the same case.
pub(super) struct Reader<'c> {
    pub(super) steps: &'c Steps<'c>,
    pub(super) file: &'c ExperimentFile,
}

impl Reader<'_> {
    pub(super) fn check(&self, check: &ReadingFile, node: &Node) {
        let text = self.steps.text;
        let place = |field: &str, name: &str| node.get(field).unwrap_or(node).key_place(&[name]);
        for (name, expect) in &check.expect {
            let at = place("expect", name);
            let part = node.get("expect").and_then(|expect| expect.get(name)).unwrap_or(node);
            if name == RUN {
                self.steps.expected(expect, part, at, None);
            } else if let Some(step) = self.evidence(name, at) {
                self.steps.expected(expect, part, at, Some(step));
            }
        }
        for name in check.given.keys() {
            let at = place("given", name);
            if let Some(step) = self.evidence(name, at) {
                self.steps.given(step, at);
            }
        }
        for (name, sentence) in &check.observe {
            if self.evidence(name, place("observe", name)).is_some() {
                self.steps.observed(sentence, node.place(&["observe", name]));
            }
        }
        for name in &check.reads {
            if self.evidence(name, name.at).is_some_and(|step| !step.finds_by_itself()) {
                let what = format!("{} says nothing of what is to be found", word(name));
                report(text, name.at, what, "`reads` is for `find_session` and `fingerprint`; use `expect`");
            }
        }
        if self.steps.whole && check.names().is_empty() {
            report(text, node.at, "this check reads nothing", "add `expect` with the name of some evidence");
        }
        // That there is an end of events, one answer shows.
        let by_one_answer = check.learns == Some(Fact::Events);
        let counts = |name: &String| {
            let shows = |step: &StepFile| step.burst.is_some() || by_one_answer && step.send.is_some();
            self.file.steps.iter().any(|step| is_called(step, name) && shows(step))
        };
        if check.learns.is_some() && self.steps.whole && !check.expect.keys().any(counts) {
            let what = "`learns` takes a count from what is expected of a `burst`, and here is none";
            report(text, node.key_place(&["learns"]), what, "add `expect` with the name of a `burst`");
        }
    }

    /// The first step whose evidence has a name.
    fn evidence(&self, name: &str, at: At) -> Option<&StepFile> {
        let text = self.steps.text;
        if name == RUN {
            let help = "use `expect`, with `holds` or `each_429`";
            report(text, at, "of the whole `run` something can only be expected", help);
            return None;
        }
        let found = self.file.steps.iter().find(|step| is_called(step, name));
        if found.is_none() && self.steps.whole {
            let names =
                self.file.steps.iter().filter_map(|step| step.name.as_ref()).map(|name| name.as_str());
            one_of(text, at, "evidence", name, names.collect::<BTreeSet<_>>());
        }
        found.map(|step| &step.value)
    }
}

fn is_called(step: &StepFile, name: &str) -> bool {
    step.name.as_ref().is_some_and(|given| given.value == name)
}
