//! What types cannot say: that names name something, and that parts belong together.
//!
//! The rules look at the tree, so that nothing that could not be read hides what else is wrong.

mod checks;
mod context;
mod steps;
mod suite;

use super::file::Form;
use super::loaded::CaseFile;
use super::rows::Row;
use crate::yaml::{Node, Text, word};
use context::{OWN, Rules, is_slug};
use steps::Earlier;

pub(super) use context::{Known, ROLES};
pub(super) use steps::requests;
pub(super) use suite::suite;

/// The rules for a file: for its table, and for each of its rows.
pub(super) fn file(
    text: &Text,
    (root, form): (&Node, Form),
    rows: &[Row<'_>],
    cases: &[CaseFile],
    known: &Known<'_>,
) {
    checks::table(text, root, rows);
    if root.has("checks") && root.list("checks").is_empty() {
        let help = "a check of `checks` reads the evidence of a step by its name, which is given with `as`";
        text.wrong(root.key_place("checks"), "no check reads what this brings to light", help);
    }
    for CaseFile { tree, .. } in cases {
        Rules { text, known, form, tree }.check();
    }
    checks::evidence_is_read(text, cases);
}

impl Rules<'_> {
    fn check(&self) {
        let Self { text, tree, .. } = self;
        if self.form == Form::Experiment && !is_slug(tree.text_at("experiment"), &['-']) {
            let (at, name) = (tree.part("experiment").at, word(tree.text_at("experiment")));
            let help = "write it in small letters, digits and `-`";
            text.wrong(at, format!("{name} is no name for an experiment"), help);
        }
        self.says_something(tree);
        let keys = tree.pairs_at("keys");
        for role in tree.get("key").into_iter().chain(keys.iter().map(|(_, role)| role)) {
            text.one_of("role", role, ROLES);
        }
        if let Some((own, _)) = keys.iter().find(|(name, _)| name.text() == Some(OWN)) {
            text.odd(own, "is the key of `key`", "give the other key another name");
        }
        if tree.list("steps").is_empty() {
            text.wrong(tree.part("steps").at, "there are no steps", "a step is an action, such as `send`");
        }
        let mut earlier = Earlier::default();
        tree.list("steps").iter().for_each(|step| self.step(step, &mut earlier));
        for check in tree.list("checks") {
            self.head(check);
            self.reading(check);
        }
    }
}
