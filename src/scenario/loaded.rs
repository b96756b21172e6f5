//! A file as it was read: with the checks it names, and with its cases, one for each row of its table.

use std::collections::BTreeSet;

use super::file::{ExperimentFile, Form, READ, ReadingFile};
use super::model::suite::Check;
use crate::yaml::{At, Node, Text};

/// A file as it was read.
pub(super) struct Loaded {
    pub(super) text: Text,
    /// The first of its folders.
    pub(super) folder: Option<String>,
    pub(super) form: Form,
    /// Every check it names, with whether it is at home here; also those that could not be read.
    pub(super) named: Vec<(Node, bool)>,
    /// One for each row, or just one; none if there is too little to be read.
    pub(super) cases: Vec<CaseFile>,
}

/// A file with one row filled in.
pub(super) struct CaseFile {
    pub(super) row: Vec<(String, String)>,
    /// Where everything stands.
    pub(super) tree: Node,
    pub(super) file: ExperimentFile,
}

impl Loaded {
    /// The check, if it is at home here.
    pub(super) fn home(&self, reading: &ReadingFile) -> Option<Check> {
        let mut tags = reading.tags.clone();
        tags.extend(self.folder.clone().filter(|folder| !reading.tags.contains(folder)));
        Some(Check {
            id: reading.check.value.clone(),
            clause: reading.clause.clone()?,
            also: reading.also.clone(),
            level: reading.level?,
            about: reading.about.clone()?,
            tags,
            source: reading.source.clone(),
            file: self.text.file.clone(),
            at: reading.check.at,
        })
    }
}

/// The checks that a file names, also those that no row is read by, and those that could not be read.
pub(super) fn named(root: &Node, form: Form) -> Vec<(Node, bool)> {
    let checks = if form == Form::Check { std::slice::from_ref(root) } else { root.list("checks") };
    let is_home = |check: &Node| ["clause", "level", "about"].iter().any(|field| check.has(field));
    let ids = checks.iter().filter_map(|check| Some((check.get("check")?.clone(), is_home(check))));
    ids.filter(|(id, _)| id.text().is_some()).collect()
}

/// Whether the evidence of a step has a name.
pub(super) fn is_called(step: &Node, name: &str) -> bool {
    step.get("as").and_then(Node::text) == Some(name)
}

/// The names of all evidence that a check reads, each where it stands.
fn evidence_read(check: &Node) -> impl Iterator<Item = &Node> {
    let by_name = READ.iter().flat_map(|field| check.pairs_at(field)).map(|(name, _)| name);
    by_name.chain(check.list("reads"))
}

/// The names of all evidence that a check reads.
pub(super) fn names_read(check: &Node) -> BTreeSet<&str> {
    evidence_read(check).filter_map(Node::text).collect()
}

/// Where a check names a piece of evidence: first of all where it expects something of it.
pub(super) fn place_of(check: &Node, name: &str) -> At {
    evidence_read(check).find(|read| read.text() == Some(name)).map_or(check.at, |read| read.at)
}
