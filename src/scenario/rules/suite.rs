//! The rules for all files together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::nearest::nearest;
use crate::scenario::loaded::{Loaded, is_called};
use crate::yaml::{At, Node, Text, word};

/// Checks the files against each other. Where they are not `complete`, what is not there may be in the others.
pub(in super::super) fn suite(files: &[Loaded], complete: bool) {
    let unsound = files.iter().filter(|file| !file.text.is_sound()).map(|file| file.text.file.clone());
    let unsound: BTreeSet<Arc<str>> = unsound.collect();
    let named =
        || files.iter().flat_map(|file| file.named.iter().map(move |(id, home)| (&file.text, id, *home)));
    twins(named().filter(|(_, _, home)| *home).map(|(text, id, _)| (text, id)), |id, first| {
        let what = format!("the check {id} is described in {first} already");
        (what, "here its id alone is enough; or give one of the two another id")
    });
    // Of files of one check this has been said.
    let experiments =
        files.iter().filter_map(|file| Some((&file.text, file.cases.first()?.tree.get("experiment")?)));
    twins(experiments, |name, first| {
        (format!("the name {name} is taken by {first}"), "give one of the two another name")
    });
    let homes: BTreeSet<&str> =
        named().filter(|(_, _, home)| *home).filter_map(|(_, id, _)| id.text()).collect();
    if complete {
        for (text, id, _) in named() {
            let written = id.text().unwrap_or_default();
            if !homes.contains(written) {
                let what = format!("nothing is said about the check {}", word(written));
                let help = "give it `clause`, `level` and `about` here, or the id of a check that has them";
                let problem = text.problem(id.at, what).help(help);
                text.report(problem.nearest(nearest(written, homes.iter().copied())));
            }
        }
        for (text, _, check) in checks(files) {
            for need in check.list("needs").iter().chain(check.list("like")) {
                text.one_of("check", need, homes.iter().copied());
            }
        }
        never_fails(files, &unsound);
    }
    circles(files);
}

/// Every check of every case.
fn checks(files: &[Loaded]) -> impl Iterator<Item = (&Text, &Node, &Node)> {
    let cases = files.iter().flat_map(|file| file.cases.iter().map(move |case| (&file.text, &case.tree)));
    cases.flat_map(|(text, tree)| tree.list("checks").iter().map(move |check| (text, tree, check)))
}

/// Names that are given twice, and what is said about the second; the files come sorted.
fn twins<'t>(
    named: impl Iterator<Item = (&'t Text, &'t Node)>,
    fault: fn(&str, &str) -> (String, &'static str),
) {
    let mut seen: BTreeMap<&str, String> = BTreeMap::new();
    for (text, name) in named {
        let written = name.written();
        if let Some(first) = seen.get(written) {
            let (what, help) = fault(&word(written), first);
            text.wrong(name.at, what, help);
        } else {
            seen.insert(written, format!("{}:{}", text.file, name.at.line));
        }
    }
}

/// Checks of which nothing is expected anywhere, as far as the files that read them could be read.
fn never_fails(files: &[Loaded], unsound: &BTreeSet<Arc<str>>) {
    let judged =
        checks(files).filter(|(text, tree, check)| unsound.contains(&text.file) || judges(check, tree));
    let fails: BTreeSet<&str> = judged.map(|(_, _, check)| check.text_at("check")).collect();
    for (text, _, check) in checks(files) {
        let gates = check.has("level") && check.text_at("level") != "observe";
        if gates && !fails.contains(check.text_at("check")) {
            let what = "this check can never fail: it expects nothing";
            text.wrong(check.part("check").at, what, "add `expect`, or make the level `observe`");
        }
    }
}

/// Whether a check expects something, or that a session is not there.
fn judges(check: &Node, tree: &Node) -> bool {
    let is_absent =
        |step: &&Node| step.get("find_session").is_some_and(|find| find.text_at("is") == "absent");
    let is_read =
        |step: &Node| check.list("reads").iter().filter_map(Node::text).any(|name| is_called(step, name));
    check.has("expect") || tree.list("steps").iter().filter(is_absent).any(is_read)
}

/// Checks that need each other, or themselves: then nothing tells which one is the cause.
fn circles(files: &[Loaded]) {
    let mut open: BTreeMap<&str, Vec<(&Text, At, &str)>> = BTreeMap::new();
    for (text, _, check) in checks(files) {
        let id = check.text_at("check");
        for (need, at) in check.list("needs").iter().filter_map(|need| Some((need.text()?, need.at))) {
            if need == id {
                text.wrong(at, format!("{} needs itself", word(id)), "leave it out");
            } else {
                open.entry(id).or_default().push((text, at, need));
            }
        }
    }
    // Who needs nothing that is open is in no circle, and no longer open itself.
    while let Some(free) = open
        .iter()
        .find(|(_, needs)| !needs.iter().any(|need| open.contains_key(need.2)))
        .map(|(check, _)| *check)
    {
        open.remove(free);
    }
    let mut path: Vec<&str> = open.keys().copied().take(1).collect();
    while let Some(last) = path.last() {
        let needs = open.get(last).into_iter().flatten();
        let Some((text, at, need)) = needs.copied().find(|(_, _, need)| open.contains_key(need)) else {
            break;
        };
        if let Some(first) = path.iter().position(|earlier| *earlier == need) {
            let others: Vec<String> = path[first + 1..].iter().copied().chain([need]).map(word).collect();
            let what = format!("{} needs {}", word(need), others.join(", which needs "));
            return text.wrong(at, what, "one of them tells the cause where both fail; leave one need out");
        }
        path.push(need);
    }
}
