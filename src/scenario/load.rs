//! Reading a whole suite, and everything that is wrong with it.

use std::collections::{BTreeMap, BTreeSet};

use super::digest::digest;
use super::file::{ExperimentFile, ReadingFile, RequestsFile};
use super::form::{self, Form, READ};
use super::model::{Case, Experiment, Item, Reading, RequestDef, Step};
use super::problem::{Problem, Problems};
use super::rows::{self, fill, label};
use super::rules::{self, Known};
use super::source::{Found, Source};
use super::span::{At, Spanned};
use super::text::Text;
use super::tree::{Kind, Node};
use super::{Check, Suite, de};

/// A file as it was read.
pub(super) struct Loaded {
    pub(super) text: Text,
    /// The first of its folders.
    folder: Option<String>,
    form: Form,
    /// Every check it names, with whether it is at home here; also those that could not be read.
    pub(super) named: Vec<(Node, bool)>,
    /// One for each row, or just one; none if there is too little to be read.
    pub(super) cases: Vec<CaseFile>,
}

/// A file with one row filled in.
pub(super) struct CaseFile {
    row: Vec<(String, String)>,
    /// Where everything stands.
    pub(super) tree: Node,
    file: ExperimentFile,
}

impl Suite {
    /// Reads every experiment and every check of a source, the requests they share and the fixtures they name.
    ///
    /// # Errors
    /// [`Problems`]: everything that is wrong in all the files, not only the first of it.
    pub fn load(source: &Source) -> Result<Self, Problems> {
        let (found, mut problems) = source.scenarios();
        // Without them the checks are read all the same, but nobody can tell which requests they may name.
        let requests = requests(source, &mut problems);
        let bodies = source.bodies();
        let known = Known { requests: requests.as_ref(), bodies: &bodies };
        let (all, mut files) = (found.len(), Vec::new());
        for file in found {
            match Text::new(&file.name, &file.bytes) {
                Ok(text) => files.push(read(text, &file, &known)),
                Err(problem) => problems.push(problem),
            }
        }
        let complete = files.iter().filter(|file| !file.cases.is_empty()).count() == all;
        // A check must never vanish without a word.
        for Loaded { text, .. } in files.iter().filter(|file| file.cases.is_empty() && file.text.is_sound()) {
            text.report(text.problem(At::default(), "this file cannot be read"));
        }
        rules::suite(&files, complete);
        problems.extend(files.iter().flat_map(|file| file.text.take_problems()));
        match Problems::new(problems) {
            Some(problems) => Err(problems),
            None => {
                let mut suite = Self::of(files);
                suite.requests = requests.unwrap_or_default();
                suite.fixtures =
                    bodies.into_iter().filter_map(|(name, body)| Some((name, body.ok()?))).collect();
                Ok(suite)
            }
        }
    }

    /// The suite out of its files, in which nothing is wrong.
    fn of(files: Vec<Loaded>) -> Self {
        let mut suite = Self::default();
        for file in &files {
            for reading in file.cases.iter().flat_map(|case| &case.file.checks) {
                if suite.checks.iter().all(|known| known.id != reading.check.value) {
                    suite.checks.extend(home(file, reading));
                }
            }
        }
        suite.checks.sort_by(|a, b| a.id.cmp(&b.id));
        for file in files {
            let Some(CaseFile { file: first, .. }) = file.cases.first() else { continue };
            let (name, about) = (first.experiment.clone(), first.about.clone());
            let cases = file.cases.into_iter().map(|case| case.built(file.form, &suite.checks)).collect();
            suite.experiments.push(Experiment { name, about, file: file.text.file, cases });
        }
        suite.experiments.sort_by(|a, b| a.name.cmp(&b.name));
        suite
    }
}

/// The named requests; `None` if their file is so bad that they are not known.
fn requests(source: &Source, problems: &mut Vec<Problem>) -> Option<BTreeMap<String, Spanned<RequestDef>>> {
    let (found, unreadable) = source.requests();
    let mut are_known = unreadable.is_empty();
    problems.extend(unreadable);
    let mut requests = BTreeMap::new();
    for found in &found {
        match requests_in(found, problems) {
            Some(more) => more.into_iter().for_each(|(name, request)| {
                requests.entry(name).or_insert(request);
            }),
            None => are_known = false,
        }
    }
    are_known.then_some(requests)
}

/// The requests that a file names; `None` if it is too bad for that.
fn requests_in(found: &Found, problems: &mut Vec<Problem>) -> Option<BTreeMap<String, Spanned<RequestDef>>> {
    let text = Text::new(&found.name, &found.bytes).map_err(|problem| problems.push(problem)).ok()?;
    let file = text.parse().and_then(|root| {
        let file: RequestsFile = de::read(&text, &root)?;
        rules::requests(&text, &root);
        Some(file)
    });
    problems.extend(text.take_problems());
    file.map(|file| file.requests)
}

fn read(text: Text, found: &Found, known: &Known<'_>) -> Loaded {
    let root = text.parse();
    let form = root.as_ref().map_or(Form::Check, Form::of);
    let named = root.as_ref().map(|root| named(root, form)).unwrap_or_default();
    let cases = root.and_then(|root| cases(&text, root, form, known)).unwrap_or_default();
    let folder = found.path.split_once('/').map(|(folder, _)| folder.to_owned());
    Loaded { text, folder, form, named, cases }
}

/// Reads a file with each of its rows filled in.
fn cases(text: &Text, root: Node, form: Form, known: &Known<'_>) -> Option<Vec<CaseFile>> {
    form::misplaced_words(text, &root, form);
    let rows = rows::rows(text, &root);
    if rows.is_empty() {
        // With no rows nothing can be said about the steps, but about the rest.
        de::read::<ExperimentFile>(text, &form.experiment(text, without_steps(root)));
        return None;
    }
    let mut cases = Vec::new();
    for row in &rows {
        let tree = form.experiment(text, fill(text, &root, row));
        let file = de::read(text, &tree)?;
        let row =
            row.iter().map(|(name, value)| ((*name).to_owned(), value.text().unwrap_or_default().to_owned()));
        cases.push(CaseFile { row: row.collect(), tree, file });
    }
    rules::file(text, (&root, form), &rows, &cases, known);
    Some(cases)
}

fn without_steps(mut root: Node) -> Node {
    if let Kind::Mapping(pairs) = &mut root.kind {
        pairs.retain(|(key, _)| !matches!(key.text(), Some("key" | "keys")));
        for (_, value) in pairs.iter_mut().filter(|(key, _)| matches!(key.text(), Some("steps" | "checks"))) {
            value.kind = Kind::Sequence(Vec::new());
        }
    }
    root
}

/// The checks that a file names, also those that no row is read by, and those that could not be read.
fn named(root: &Node, form: Form) -> Vec<(Node, bool)> {
    let checks = if form == Form::Check { std::slice::from_ref(root) } else { root.list("checks") };
    let is_home = |check: &Node| ["clause", "level", "about"].iter().any(|field| check.has(field));
    let ids = checks.iter().filter_map(|check| Some((check.get("check")?.clone(), is_home(check))));
    ids.filter(|(id, _)| id.text().is_some()).collect()
}

/// The check, if it is at home here.
fn home(file: &Loaded, reading: &ReadingFile) -> Option<Check> {
    let mut tags = reading.tags.clone();
    tags.extend(file.folder.clone().filter(|folder| !reading.tags.contains(folder)));
    Some(Check {
        id: reading.check.value.clone(),
        clause: reading.clause.clone()?,
        also: reading.also.clone(),
        level: reading.level?,
        about: reading.about.clone()?,
        tags,
        source: reading.source.clone(),
        file: file.text.file.clone(),
        at: reading.check.at,
    })
}

impl CaseFile {
    fn built(self, form: Form, checks: &[Check]) -> Case {
        let readings = self.file.checks.iter().map(|reading| Reading {
            check: checks.binary_search_by(|check| check.id.cmp(&reading.check.value)).unwrap_or_default(),
            needs: reading.needs.clone(),
            like: reading.like.clone(),
            learns: reading.learns,
            items: self.items(reading, form),
        });
        let readings = readings.collect();
        let digest = digest(&self.tree);
        let Self { row, tree, file } = self;
        let steps = file.steps.into_iter().filter_map(|Spanned { value, at }| {
            let own_row = tree.element_at("steps", at).and_then(|step| step.get("rows")?.elements().first());
            let action = value.action()?;
            // The steps of a file of one check are named for its own sake.
            let name = value.name.filter(|_| form == Form::Experiment);
            Some(Spanned { value: Step { name, row: own_row.map(label).unwrap_or_default(), action }, at })
        });
        let steps = steps.collect();
        Case { row, key: file.key, keys: file.keys, one_account: file.one_account, steps, readings, digest }
    }

    /// What a check reads by the names of the evidence, in the order of the steps.
    fn items(&self, reading: &Spanned<ReadingFile>, form: Form) -> Vec<Item> {
        let Some(node) = self.tree.element_at("checks", reading.at) else { return Vec::new() };
        let item = |name: &str| {
            let steps = self.tree.list("steps");
            let named = steps.iter().enumerate().filter(|(_, step)| is_called(step, name));
            let places: Vec<usize> = named.map(|(place, _)| place).collect();
            let at = match (form, places.first()) {
                (Form::Check, Some(first)) => steps[*first].at,
                _ => place_of(node, name),
            };
            Item {
                line: at.line,
                steps: places,
                given: reading.given.get(name).cloned(),
                expect: reading.expect.get(name).cloned(),
                observe: reading.observe.get(name).cloned(),
            }
        };
        let mut items: Vec<Item> = names_read(node).into_iter().map(item).collect();
        items.sort_by_key(|item| item.steps.first().copied().unwrap_or(usize::MAX));
        items
    }
}

/// Whether the evidence of a step has a name.
pub(super) fn is_called(step: &Node, name: &str) -> bool {
    step.get("as").and_then(Node::text) == Some(name)
}

/// The names of all evidence that a check reads.
pub(super) fn names_read(check: &Node) -> BTreeSet<&str> {
    let named = READ.iter().filter_map(|field| check.get(field)).flat_map(Node::pairs).map(|(name, _)| name);
    named.chain(check.list("reads")).filter_map(Node::text).collect()
}

/// Where a check names a piece of evidence: first of all where it expects something of it.
fn place_of(check: &Node, name: &str) -> At {
    let named = READ.iter().filter_map(|field| check.get(field)).find(|names| names.has(name));
    let read = check.list("reads").iter().find(|read| read.text() == Some(name));
    named.map(|names| names.key_place(name)).or(read.map(|read| read.at)).unwrap_or(check.at)
}
