//! Reading one file: what is done, and which checks read what of it.

use std::collections::BTreeSet;

use super::Check;
use super::de;
use super::digest::digest;
use super::document::parse;
use super::file::{CheckFile, ExperimentFile, ReadingFile, StepFile};
use super::model::{Action, Case, Experiment, Item, Reading, Step};
use super::rows::{self, Row, fill, label};
use super::rules::{self, Form, Known};
use super::source::Found;
use super::span::{At, Spanned};
use super::text::Text;
use super::tree::{Kind, Node};

/// The name of the evidence of the whole run.
pub(super) const RUN: &str = "run";

/// A file as it was read.
pub(super) struct Loaded {
    /// Every check it names, with whether it is at home here.
    pub(super) named: Vec<(Spanned<String>, bool)>,
    /// The checks that are at home here.
    pub(super) homes: Vec<Check>,
    /// Where the experiment's name stands.
    pub(super) at: At,
    /// What is done. The readings do not know yet which checks are theirs.
    pub(super) experiment: Experiment,
    /// Which checks they are.
    pub(super) links: Vec<Link>,
}

/// Whose a reading is.
pub(super) struct Link {
    /// The place of its case, and its own in there.
    pub(super) case: usize,
    pub(super) reading: usize,
    /// The check's id.
    pub(super) check: String,
    /// What it needs.
    pub(super) needs: Vec<Spanned<String>>,
    /// What it is like.
    pub(super) like: Vec<Spanned<String>>,
}

/// Reads a file; `None` if there is too little of it.
pub(super) fn read(text: &Text, found: &Found, known: &Known<'_>) -> Option<Loaded> {
    let root = parse(text)?;
    let form = Form::of(&root);
    rules::old_words(text, &root, form);
    let rows = rows::rows(text, &root);
    if rows.is_empty() {
        // With no rows nothing can be said about the steps, but about the rest.
        file(text, &without_steps(root), form);
        return None;
    }
    let mut files: Vec<(Node, ExperimentFile)> = Vec::new();
    for row in &rows {
        let filled = fill(text, &root, row);
        let file = file(text, &filled, form)?;
        files.push((filled, file));
    }
    rules::table(text, &root, &rows);
    // Where something could not be read, its absence is no further fault.
    let whole = text.is_sound();
    let each = files.iter().map(|(_, file)| file);
    let named = rules::heads(text, &root, each.clone(), form);
    for (tree, file) in &files {
        rules::case(text, tree, file, known, (form, whole));
    }
    if form == Form::Experiment && whole {
        rules::evidence_is_read(text, each);
    }
    let (_, first) = files.first()?;
    let (name, about) = (first.experiment.clone(), first.about.value.clone());
    let mut loaded = Loaded {
        named,
        homes: homes(&files, found, text),
        at: name.at,
        experiment: Experiment { name: name.value, about, file: text.file.clone(), cases: Vec::new() },
        links: Vec::new(),
    };
    for (row, (tree, file)) in rows.iter().zip(files) {
        loaded.add(row, &tree, file, form);
    }
    Some(loaded)
}

fn file(text: &Text, root: &Node, form: Form) -> Option<ExperimentFile> {
    match form {
        Form::Check => de::read::<CheckFile>(text, root).map(ExperimentFile::from),
        Form::Experiment => de::read(text, root),
    }
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

/// The checks that are at home in a file, each once.
fn homes(files: &[(Node, ExperimentFile)], found: &Found, text: &Text) -> Vec<Check> {
    let mut homes: Vec<Check> = Vec::new();
    for reading in files.iter().flat_map(|(_, file)| &file.checks) {
        let ReadingFile { check, clause: Some(clause), level: Some(level), about: Some(about), .. } =
            &**reading
        else {
            continue;
        };
        if homes.iter().any(|home| home.at == check.at) {
            continue;
        }
        let mut tags = reading.tags.clone();
        tags.extend(found.folders.first().filter(|folder| !tags.contains(folder)).cloned());
        homes.push(Check {
            id: check.value.clone(),
            clause: clause.value.clone(),
            also: reading.also.iter().map(|clause| clause.value.clone()).collect(),
            level: level.value,
            about: about.value.clone(),
            tags,
            source: reading.source.clone(),
            file: text.file.clone(),
            at: check.at,
        });
    }
    homes
}

impl Loaded {
    /// Adds what is done with one row filled in.
    fn add(&mut self, row: &Row<'_>, tree: &Node, file: ExperimentFile, form: Form) {
        let ExperimentFile { key, keys, one_account, mut steps, checks, .. } = file;
        let mut readings = Vec::new();
        for Spanned { value, at } in checks {
            let node = tree.get("checks").and_then(|checks| checks.element_at(at)).unwrap_or(tree);
            let (case, reading) = (self.experiment.cases.len(), readings.len());
            let items = match form {
                Form::Check => inline(&mut steps),
                Form::Experiment => named(&value, node, &steps),
            };
            let needs = value.needs.iter().map(|need| need.value.clone()).collect();
            let like = value.like.iter().map(|like| like.value.clone()).collect();
            readings.push(Reading { check: 0, needs, like, learns: value.learns, items });
            self.links.push(Link {
                case,
                reading,
                check: value.check.value,
                needs: value.needs,
                like: value.like,
            });
        }
        let nodes = tree.get("steps").unwrap_or(tree);
        let label =
            |at| nodes.element_at(at).and_then(|node| node.get("rows")?.elements().first().map(label));
        let steps = steps.into_iter().filter_map(|Spanned { value, at }| {
            let name = value.name.as_ref().map(|name| name.value.clone());
            let step = Step { name, row: label(at).unwrap_or_default(), action: value.action()? };
            Some(Spanned { value: step, at })
        });
        let text = |value: &Node| value.text().unwrap_or_default().to_owned();
        self.experiment.cases.push(Case {
            row: row.iter().map(|(name, value)| ((*name).to_owned(), text(value))).collect(),
            key,
            keys,
            one_account,
            steps: steps.collect(),
            readings,
            digest: digest(tree),
        });
    }
}

/// What stands at the steps of a check that has them to itself.
fn inline(steps: &mut [Spanned<StepFile>]) -> Vec<Item> {
    let mut items = Vec::new();
    for (place, step) in steps.iter_mut().enumerate() {
        let (given, expect, observe) =
            (step.value.given.take(), step.value.expect.take(), step.value.observe.take());
        if given.is_some() || expect.is_some() || observe.is_some() || step.finds_by_itself() {
            items.push(Item { line: step.at.line, steps: vec![place], given, expect, observe });
        }
    }
    items
}

/// What a check reads by the names of the evidence.
fn named(check: &ReadingFile, node: &Node, steps: &[Spanned<StepFile>]) -> Vec<Item> {
    let places = |name: &str| -> Vec<usize> {
        let has = |step: &StepFile| step.name.as_ref().is_some_and(|given| given.value == name);
        steps.iter().enumerate().filter(|(_, step)| has(step)).map(|(place, _)| place).collect()
    };
    let items = check.names().into_iter().map(|name| Item {
        line: place_of(check, node, name).line,
        steps: places(name),
        given: check.given.get(name).cloned(),
        expect: check.expect.get(name).map(|expect| expect.value.clone()),
        observe: check.observe.get(name).cloned(),
    });
    let mut items: Vec<Item> = items.collect();
    items.sort_by_key(|item| item.steps.first().copied().unwrap_or(usize::MAX));
    items
}

/// Where a check names a piece of evidence: first of all where it expects something of it.
fn place_of(check: &ReadingFile, node: &Node, name: &str) -> At {
    let read = check.reads.iter().find(|read| read.value == name).map(|read| read.at);
    let field = ["expect", "given", "observe"]
        .into_iter()
        .find(|field| node.get(field).is_some_and(|names| names.get(name).is_some()));
    field.map(|field| node.key_place(&[field, name])).or(read).unwrap_or(node.at)
}

impl ReadingFile {
    /// The names of all evidence it reads.
    pub(super) fn names(&self) -> BTreeSet<&str> {
        let by_name =
            self.expect.keys().chain(self.given.keys()).chain(self.observe.keys()).map(String::as_str);
        by_name.chain(self.reads.iter().map(|name| name.as_str())).collect()
    }
}

impl StepFile {
    /// Whether the step says itself what is to be found.
    pub(super) fn finds_by_itself(&self) -> bool {
        self.find_session.is_some() || self.fingerprint.is_some()
    }

    /// The one thing it does.
    fn action(self) -> Option<Action> {
        let Self { send, burst, pace, poll, exhaust, fingerprint, wait, revoke, find_session, .. } = self;
        let sends = send.map(Action::Send).or(burst.map(Action::Burst)).or(pace.map(Action::Pace));
        let asks =
            poll.map(Action::Poll).or(exhaust.map(Action::Exhaust)).or(fingerprint.map(Action::Fingerprint));
        let other =
            wait.map(Action::Wait).or(revoke.map(Action::Revoke)).or(find_session.map(Action::FindSession));
        sends.or(asks).or(other)
    }
}
