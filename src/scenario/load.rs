//! Reading a whole suite, and everything that is wrong with it.

use std::collections::BTreeMap;

use super::de;
use super::document::parse;
use super::file::{CheckFile, RequestsFile};
use super::fixtures::Fixtures;
use super::model::{Case, RequestDef};
use super::problem::{Problem, Problems, word};
use super::rows::{Filling, Row, rows};
use super::rules::{self, Known};
use super::source::{Found, Source};
use super::span::{At, Spanned};
use super::text::Text;
use super::tree::{Kind, Node};
use super::{Check, Suite};

impl Suite {
    /// Reads every check of a source, the requests they share and the fixtures they name.
    ///
    /// # Errors
    /// [`Problems`]: everything that is wrong in all the files, not only the first of it.
    pub fn load(source: &Source) -> Result<Self, Problems> {
        let (files, mut problems) = source.checks();
        // Without them the checks are read all the same, but nobody can tell which requests they may name.
        let requests = requests(source, &mut problems);
        let fixtures = Fixtures::of(source);
        let known = Known { requests: requests.as_ref(), fixtures: &fixtures };
        let mut checks: Vec<(Check, Text)> = Vec::new();
        for file in files {
            match Text::new(&file.name, &file.bytes) {
                Err(problem) => problems.push(problem),
                Ok(text) => {
                    let check = check(&text, &file, &known);
                    if check.is_none() && text.is_sound() {
                        // A check must never vanish without a word.
                        text.report(text.problem(At { line: 1, column: 1 }, "this check cannot be read"));
                    }
                    problems.extend(text.take_problems());
                    checks.extend(check.map(|check| (check, text)));
                }
            }
        }
        checks.sort_by(|(a, _), (b, _)| (&a.id, &a.file).cmp(&(&b.id, &b.file)));
        problems.extend(twins(&checks));
        let (fixtures, broken) = fixtures.finish();
        problems.extend(broken);
        match Problems::new(problems) {
            Some(problems) => Err(problems),
            None => Ok(Self {
                checks: checks.into_iter().map(|(check, _)| check).collect(),
                requests: requests.unwrap_or_default(),
                fixtures,
            }),
        }
    }
}

/// The named requests; `None` if their file is so bad that they are not known.
fn requests(source: &Source, problems: &mut Vec<Problem>) -> Option<BTreeMap<String, Spanned<RequestDef>>> {
    let text = match source.requests() {
        Ok(None) => return Some(BTreeMap::new()),
        Ok(Some(found)) => Text::new(&found.name, &found.bytes),
        Err(problem) => Err(problem),
    };
    let text = text.map_err(|problem| problems.push(problem)).ok()?;
    let file = parse(&text).and_then(|root| {
        let file: RequestsFile = de::read(&text, &root)?;
        rules::requests(&text, &root, &file);
        Some(file)
    });
    problems.extend(text.take_problems());
    file.map(|file| file.requests)
}

/// Reads one check; `None` if there is too little of it.
fn check(text: &Text, found: &Found, known: &Known<'_>) -> Option<Check> {
    let root = parse(text)?;
    let rows = rows(text, &root);
    if rows.is_empty() {
        // With no rows nothing can be said about the steps, but about the rest.
        de::read::<CheckFile>(text, &without_steps(root));
        return None;
    }
    let filling = Filling::new(text);
    let mut readings: Vec<(Node, CheckFile)> = Vec::new();
    for row in &rows {
        let filled = filling.fill(&root, row);
        let file = de::read::<CheckFile>(text, &filled)?;
        readings.push((filled, file));
    }
    let (_, head) = readings.first()?;
    let listed = head.rows.first().into_iter().flat_map(|row| row.keys());
    filling.report_unused(&root, head.for_each.keys().chain(listed));
    let head = head.clone();
    // Where something could not be read, its absence is no further fault.
    let whole = text.is_sound();
    rules::head(text, &head);
    let mut cases = Vec::new();
    for (row, (tree, file)) in rows.iter().zip(readings) {
        rules::case(text, &tree, &file, known, whole);
        let CheckFile { key, keys, one_account, steps, .. } = file;
        cases.push(Case { row: labels(row), key, keys, one_account, steps });
    }
    let mut tags = head.tags;
    let folder = found.folders.first().filter(|folder| !tags.contains(folder)).cloned();
    tags.extend(folder);
    Some(Check {
        id: head.check.value,
        clause: head.clause.value,
        also: head.also.into_iter().map(|clause| clause.value).collect(),
        level: head.level.value,
        about: head.about.value,
        tags,
        source: head.source,
        file: text.file.clone(),
        at: head.check.at,
        cases,
    })
}

fn labels(row: &Row<'_>) -> Vec<(String, String)> {
    let text = |value: &Node| value.text().unwrap_or_default().to_owned();
    row.iter().map(|(name, value)| ((*name).to_owned(), text(value))).collect()
}

fn without_steps(mut root: Node) -> Node {
    if let Kind::Mapping(pairs) = &mut root.kind {
        pairs.retain(|(key, _)| !matches!(key.text(), Some("key" | "keys")));
        for (_, value) in pairs.iter_mut().filter(|(key, _)| key.text() == Some("steps")) {
            value.kind = Kind::Sequence(Vec::new());
        }
    }
    root
}

/// Checks with an id that another file has already; the checks are sorted by id.
fn twins(checks: &[(Check, Text)]) -> impl Iterator<Item = Problem> {
    checks.windows(2).filter_map(|pair| match pair {
        [(first, _), (second, text)] if first.id == second.id => {
            let what = format!("the id {} is taken by {}", word(&first.id), first.file);
            Some(text.problem(second.at, what).help("give one of the two another id"))
        }
        _ => None,
    })
}
