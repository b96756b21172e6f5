//! The rules for all files together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::scenario::file::{ExperimentFile, ReadingFile, StepFile};
use crate::scenario::load::Loaded;
use crate::scenario::model::{Level, Presence};
use crate::scenario::problem::{nearest, word};
use crate::scenario::span::Spanned;
use crate::scenario::text::Text;

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
        files.iter().filter_map(|file| Some((&file.text, &file.cases.first()?.file.experiment)));
    twins(experiments, |name, first| {
        (format!("the name {name} is taken by {first}"), "give one of the two another name")
    });
    let homes: BTreeSet<&str> = named().filter(|(_, _, home)| *home).map(|(_, id, _)| id.as_str()).collect();
    if complete {
        for (text, id, _) in named().filter(|(_, id, _)| !homes.contains(id.as_str())) {
            let what = format!("nothing is said about the check {}", word(id));
            let help =
                "give it `clause`, `level` and `about` here, or the id of a check that has them elsewhere";
            let problem = text.problem(id.at, what).help(help);
            text.report(problem.nearest(nearest(id, homes.iter().copied())));
        }
        for (text, _, check) in readings(files) {
            for need in check.needs.iter().chain(&check.like) {
                text.one_of(need.at, "check", need, homes.iter().copied());
            }
        }
        never_fails(files, &unsound);
    }
    circles(files);
}

/// Every check of every case.
fn readings(files: &[Loaded]) -> impl Iterator<Item = (&Text, &ExperimentFile, &ReadingFile)> {
    let cases = files.iter().flat_map(|file| file.cases.iter().map(move |case| (&file.text, &case.file)));
    cases.flat_map(|(text, file)| file.checks.iter().map(move |check| (text, file, &check.value)))
}

/// Names that are given twice, and what is said about the second; the files come sorted.
fn twins<'t>(
    named: impl Iterator<Item = (&'t Text, &'t Spanned<String>)>,
    fault: fn(&str, &str) -> (String, &'static str),
) {
    let mut seen: BTreeMap<&str, String> = BTreeMap::new();
    for (text, name) in named {
        if let Some(first) = seen.get(name.as_str()) {
            let (what, help) = fault(&word(name), first);
            text.wrong(name.at, what, help);
        } else {
            seen.insert(name, format!("{}:{}", text.file, name.at.line));
        }
    }
}

/// Checks of which nothing is expected anywhere, as far as the files that read them could be read.
fn never_fails(files: &[Loaded], unsound: &BTreeSet<Arc<str>>) {
    let judged = readings(files)
        .filter(|(text, file, check)| unsound.contains(&text.file) || judges(check, file))
        .map(|(_, _, check)| check.check.as_str());
    let fails: BTreeSet<&str> = judged.collect();
    for (text, _, check) in readings(files) {
        let gates = check.level.as_ref().is_some_and(|level| level.value != Level::Observe);
        if gates && !fails.contains(check.check.as_str()) {
            let what = "this check can never fail: it expects nothing";
            text.wrong(check.check.at, what, "add `expect`, or make the level `observe`");
        }
    }
}

fn judges(check: &ReadingFile, file: &ExperimentFile) -> bool {
    let is_absent =
        |step: &StepFile| step.find_session.as_ref().is_some_and(|find| find.is == Presence::Absent);
    let is_read = |name: &Spanned<String>| check.reads.contains(name);
    let found = file.steps.iter().filter(|step| step.name.as_ref().is_some_and(is_read));
    !check.expect.is_empty() || found.into_iter().any(|step| is_absent(step))
}

/// Checks that need each other, or themselves: then nothing tells which one is the cause.
fn circles(files: &[Loaded]) {
    let mut open: BTreeMap<&str, Vec<(&Text, &Spanned<String>)>> = BTreeMap::new();
    for (text, _, check) in readings(files) {
        for need in &check.needs {
            if need.value == check.check.value {
                text.wrong(need.at, format!("{} needs itself", word(need)), "leave it out");
            } else {
                open.entry(&check.check).or_default().push((text, need));
            }
        }
    }
    // Who needs nothing that is open is in no circle, and no longer open itself.
    loop {
        let before = open.len();
        let names: BTreeSet<&str> = open.keys().copied().collect();
        open.retain(|_, needs| needs.iter().any(|(_, need)| names.contains(need.as_str())));
        if open.len() == before {
            break;
        }
    }
    let mut path: Vec<&str> = open.keys().copied().take(1).collect();
    while let Some(last) = path.last() {
        let needs = open.get(last).into_iter().flatten();
        let Some((text, need)) = needs.copied().find(|(_, need)| open.contains_key(need.as_str())) else {
            break;
        };
        if let Some(at) = path.iter().position(|earlier| *earlier == need.value) {
            let others: Vec<String> =
                path[at + 1..].iter().copied().chain([need.as_str()]).map(word).collect();
            let what = format!("{} needs {}", word(path[at]), others.join(", which needs "));
            let help = "one of them tells the cause where both fail; leave one need out";
            return text.wrong(need.at, what, help);
        }
        path.push(need);
    }
}
