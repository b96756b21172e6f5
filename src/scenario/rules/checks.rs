//! The rules for the checks of a file: their heads, and what they read.

use std::collections::BTreeSet;
use std::iter;

use super::{RUN, Rules, is_slug};
use crate::contract::CLAUSES;
use crate::scenario::form::Form;
use crate::scenario::load::{CaseFile, is_called, names_read};
use crate::scenario::problem::word;
use crate::scenario::rows::{Row, reads};
use crate::scenario::text::Text;
use crate::scenario::tree::Node;

/// What an observation may show.
const SEEN: [&str; 7] = ["status", "admitted", "limited", "other", "limit", "seconds", "message"];

/// The rules for `where`, and for rows that nobody reads.
pub(super) fn table(text: &Text, root: &Node, rows: &[Row<'_>]) {
    let checks = root.list("checks");
    for (check, chosen) in checks.iter().filter_map(|check| Some((check, check.get("where")?))) {
        let mut known = true;
        for (name, wanted) in chosen.pairs() {
            let variable = name.text().unwrap_or_default();
            let column = rows.iter().flatten().filter(|(named, _)| *named == variable);
            let values: BTreeSet<&str> = column.filter_map(|(_, value)| value.text()).collect();
            if values.is_empty() {
                let all: BTreeSet<&str> = rows.iter().flatten().map(|(named, _)| *named).collect();
                known &= text.one_of("variable", name, all);
                continue;
            }
            let kind = format!("value of {}", word(variable));
            for value in iter::once(wanted).chain(wanted.elements()) {
                let is_there = value.text().is_none() || text.one_of(&kind, value, values.iter().copied());
                known &= is_there;
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
    for name in cases.iter().flat_map(|case| case.tree.list("steps")).filter_map(|step| step.get("as")) {
        let written = name.text().unwrap_or_default();
        if !read.contains(written) {
            let what = format!("no check reads the evidence {}", word(written));
            text.wrong(name.at, what, "name it in `expect` or `observe` of a check, or leave `as` out");
        }
    }
}

impl Rules<'_> {
    /// What a check says of itself.
    pub(super) fn head(&self, check: &Node) {
        let (text, id) = (self.text, check.text_at("check"));
        if check.has("check") && (!id.contains('.') || !id.split('.').all(|part| is_slug(part, &['-']))) {
            let what = format!("{} is no id for a check", word(id));
            text.wrong(check.part("check").at, what, "write `group.name` in small letters, digits and `-`");
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
        } else if let Some(field) = more.iter().find(|field| !is_home && check.has(field)) {
            let what = format!("{} belongs where the check is at home", word(field));
            let help = "that is where its `clause`, `level` and `about` are";
            text.wrong(check.key_place(field), what, help);
        }
    }

    /// What a check reads, against the steps of the same case.
    pub(super) fn reading(&self, check: &Node) {
        let text = self.text;
        for (name, expect) in check.pairs_at("expect") {
            if name.text() == Some(RUN) {
                self.expected((name, expect), None);
            } else if let Some(step) = self.evidence(name) {
                self.expected((name, expect), Some(step));
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
                let what =
                    format!("{} says nothing of what is to be found", word(name.text().unwrap_or_default()));
                text.wrong(name.at, what, "`reads` is for `find_session` and `fingerprint`; use `expect`");
            }
        }
        if self.form == Form::Experiment && names_read(check).is_empty() {
            text.wrong(check.at, "this check reads nothing", "add `expect` with the name of some evidence");
        }
        // That there is an end of events, one answer shows.
        let by_one_answer = check.text_at("learns") == "events";
        let counts = |step: &&Node| step.has("burst") || by_one_answer && step.has("send");
        let learned =
            |name: &str| self.tree.list("steps").iter().filter(counts).any(|step| is_called(step, name));
        let mut expected = check.pairs_at("expect").iter().filter_map(|(name, _)| name.text());
        if check.has("learns") && !expected.any(learned) {
            let what = "`learns` takes a count from what is expected of a `burst`, and here is none";
            text.wrong(check.key_place("learns"), what, "add `expect` with the name of a `burst`");
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
        let parts = sentence.text().unwrap_or_default().split('<').skip(1);
        for (name, _) in parts.filter_map(|part| part.split_once('>')) {
            let is_header = name.strip_prefix("header ").is_some_and(|header| !header.trim().is_empty());
            if !is_header {
                self.text.one_of("observation", &Node::word(sentence.at, name), SEEN);
            }
        }
    }
}
