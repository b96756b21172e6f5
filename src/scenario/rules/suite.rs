//! The rules for all files together.

use std::collections::{BTreeMap, BTreeSet};

use super::super::experiment::Loaded;
use super::super::model::{Action, Case, Item, Level, Presence};
use super::super::problem::word;
use super::super::span::Spanned;
use super::super::text::Text;
use super::{one_of, report};

type Files = [(Text, Loaded)];

/// Checks the files against each other. Where they are not `complete`, what is not there may be in the others.
pub(in super::super) fn suite(files: &Files, complete: bool) {
    let sound: Vec<bool> = files.iter().map(|(text, _)| text.is_sound()).collect();
    let named =
        || files.iter().flat_map(|(text, file)| file.named.iter().map(move |(id, home)| (text, id, *home)));
    twins(named().filter(|(_, _, home)| *home).map(|(text, id, _)| (text, id.clone())), "check");
    // Of files of one check this has been said.
    let experiments = files.iter().map(|(text, file)| (text, &file.experiment.name, file.at));
    twins(experiments.map(|(text, name, at)| (text, Spanned { value: name.clone(), at })), "experiment");
    let homes: BTreeSet<&str> = named().filter(|(_, _, home)| *home).map(|(_, id, _)| id.as_str()).collect();
    if complete {
        for (text, id, _) in named().filter(|(_, id, _)| !homes.contains(id.as_str())) {
            let nearest = super::nearest(id, homes.iter().copied());
            let what = format!("nothing is said about the check {}", word(id));
            let help =
                "give it `clause`, `level` and `about` here, or the id of a check that has them elsewhere";
            text.report(text.problem(id.at, what).help(help).nearest(nearest));
        }
        let named = needs(files).map(|(text, _, need)| (text, need));
        let alike = files.iter().flat_map(|(text, file)| {
            file.links.iter().flat_map(move |link| link.like.iter().map(move |like| (text, like)))
        });
        for (text, need) in named.chain(alike) {
            one_of(text, need.at, "check", need, homes.iter().copied());
        }
        never_fails(files, &sound);
    }
    circles(files);
}

/// Everything any reading needs: the file, the check, what it needs.
fn needs(files: &Files) -> impl Iterator<Item = (&Text, &str, &Spanned<String>)> {
    files.iter().flat_map(|(text, file)| {
        let links = file.links.iter();
        links.flat_map(move |link| link.needs.iter().map(move |need| (text, link.check.as_str(), need)))
    })
}

/// Names that are given twice; the files come sorted.
fn twins<'t>(named: impl Iterator<Item = (&'t Text, Spanned<String>)>, kind: &str) {
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    for (text, name) in named {
        match seen.get(&name.value) {
            Some(first) if kind == "check" => {
                let what = format!("the check {} is described in {first} already", word(&name));
                report(text, name.at, what, "here its id alone is enough; or give one of the two another id");
            }
            Some(first) => {
                let what = format!("the name {} is taken by {first}", word(&name));
                report(text, name.at, what, "give one of the two another name");
            }
            None => {
                seen.insert(name.value, format!("{}:{}", text.file, name.at.line));
            }
        }
    }
}

/// Checks of which nothing is expected anywhere, as far as the files that read them could be read.
fn never_fails(files: &Files, sound: &[bool]) {
    let mut fails: BTreeSet<&str> = BTreeSet::new();
    for ((_, file), sound) in files.iter().zip(sound) {
        for link in &file.links {
            let case = &file.experiment.cases[link.case];
            if !sound || case.readings[link.reading].items.iter().any(|item| judges(item, case)) {
                fails.insert(&link.check);
            }
        }
    }
    for (text, check) in
        files.iter().flat_map(|(text, file)| file.homes.iter().map(move |check| (text, check)))
    {
        if check.level != Level::Observe && !fails.contains(check.id.as_str()) {
            let what = "this check can never fail: it expects nothing";
            report(text, check.at, what, "add `expect`, or make the level `observe`");
        }
    }
}

fn judges(item: &Item, case: &Case) -> bool {
    let absent = |step: &usize| match case.steps.get(*step).map(|step| &step.action) {
        Some(Action::FindSession(find)) => find.is == Presence::Absent,
        _ => false,
    };
    item.expect.is_some() || item.steps.iter().any(absent)
}

/// Checks that need each other, or themselves: then nothing tells which one is the cause.
fn circles(files: &Files) {
    let mut open: BTreeMap<&str, Vec<(&Text, &Spanned<String>)>> = BTreeMap::new();
    for (text, check, need) in needs(files) {
        if need.as_str() == check {
            report(text, need.at, format!("{} needs itself", word(check)), "leave it out");
        } else {
            open.entry(check).or_default().push((text, need));
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
            return report(text, need.at, what, help);
        }
        path.push(need);
    }
}
