//! Reading a whole suite, and everything that is wrong with it.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use super::file::{ExperimentFile, Form, READ, ReadingFile, RequestsFile, misplaced_words};
use super::loaded::{CaseFile, Loaded, is_called, named, names_read, place_of};
use super::model::suite::{Case, Check, Experiment, Item, Reading, Step, Suite};
use super::rows::{fill, label, rows};
use super::rules::{self, Known};
use super::steps::RequestDef;
use super::{Found, Source};
use crate::system::hex;
use crate::yaml::{At, Kind, Node, Problem, Problems, Spanned, Text, read};

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
                Ok(text) => files.push(Loaded::read(text, &file, &known)),
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
        if let Some(problems) = Problems::new(problems) {
            return Err(problems);
        }
        let fixtures = bodies.into_iter().filter_map(|(name, body)| Some((name, body.ok()?))).collect();
        let checks = checks(&files);
        let mut experiments: Vec<_> = files.into_iter().filter_map(|file| file.built(&checks)).collect();
        experiments.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { checks, experiments, requests: requests.unwrap_or_default(), fixtures })
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
        let file: RequestsFile = read(&text, &root)?;
        rules::requests(&text, &root);
        Some(file)
    });
    problems.extend(text.take_problems());
    file.map(|file| file.requests)
}

/// Every check with its head, from files in which nothing is wrong, by id.
fn checks(files: &[Loaded]) -> Vec<Check> {
    let mut checks: BTreeMap<String, Check> = BTreeMap::new();
    for file in files {
        for reading in file.cases.iter().flat_map(|case| &case.file.checks) {
            if let (false, Some(check)) = (checks.contains_key(&reading.check.value), file.home(reading)) {
                checks.insert(check.id.clone(), check);
            }
        }
    }
    checks.into_values().collect()
}

impl Loaded {
    fn read(text: Text, found: &Found, known: &Known<'_>) -> Self {
        let root = text.parse();
        let form = root.as_ref().map_or(Form::Check, Form::of);
        let named = root.as_ref().map(|root| named(root, form)).unwrap_or_default();
        let cases = root.and_then(|root| cases(&text, root, form, known)).unwrap_or_default();
        let folder = found.path.split_once('/').map(|(folder, _)| folder.to_owned());
        Self { text, folder, form, named, cases }
    }

    fn built(self, checks: &[Check]) -> Option<Experiment> {
        let first = &self.cases.first()?.file;
        let (name, about) = (first.experiment.clone(), first.about.clone());
        let cases = self.cases.into_iter().map(|case| case.built(self.form, checks)).collect();
        Some(Experiment { name, about, file: self.text.file, cases })
    }
}

/// Reads a file with each of its rows filled in.
fn cases(text: &Text, root: Node, form: Form, known: &Known<'_>) -> Option<Vec<CaseFile>> {
    misplaced_words(text, &root, form);
    let rows = rows(text, &root);
    if rows.is_empty() {
        // With no rows nothing can be said about the steps, but about the rest.
        read::<ExperimentFile>(text, &form.experiment(text, without_steps(root)));
        return None;
    }
    let mut cases = Vec::new();
    for row in &rows {
        let tree = form.experiment(text, fill(text, &root, row));
        let file = read(text, &tree)?;
        let row = row.iter().map(|(name, value)| ((*name).to_owned(), value.written().to_owned())).collect();
        cases.push(CaseFile { row, tree, file });
    }
    rules::file(text, (&root, form), &rows, &cases, known);
    Some(cases)
}

fn without_steps(mut root: Node) -> Node {
    if let Kind::Mapping(pairs) = &mut root.kind {
        pairs.retain(|(key, _)| !key.is_one_of(&["key", "keys"]));
        for (_, value) in pairs.iter_mut().filter(|(key, _)| key.is_one_of(&["steps", "checks"])) {
            value.kind = Kind::Sequence(Vec::new());
        }
    }
    root
}

impl CaseFile {
    /// The case, where nothing is wrong: then the tree has as many steps and checks as were read.
    fn built(self, form: Form, checks: &[Check]) -> Case {
        let Self { row, tree, file } = self;
        let readings = file.checks.into_iter().zip(tree.list("checks")).map(|(reading, node)| Reading {
            check: checks.binary_search_by(|check| check.id.cmp(&reading.check.value)).unwrap_or_default(),
            items: items(&reading, node, tree.list("steps"), form),
            needs: reading.needs,
            like: reading.like,
            learns: reading.learns,
        });
        let steps = file.steps.into_iter().zip(tree.list("steps")).filter_map(|(mut step, node)| {
            // The steps of a file of one check are named for its own sake.
            let name = step.name.take().filter(|_| form == Form::Experiment);
            let row = node.list("rows").first().map(label).unwrap_or_default();
            Some(Spanned { value: Step { name, row, action: step.action()? }, at: node.at })
        });
        let (readings, steps) = (readings.collect(), steps.collect());
        let digest = digest(&tree);
        Case { row, key: file.key, keys: file.keys, one_account: file.one_account, steps, readings, digest }
    }
}

/// What a check reads by the names of the evidence, in the order of the steps.
fn items(reading: &ReadingFile, check: &Node, steps: &[Node], form: Form) -> Vec<Item> {
    let item = |name: &str| {
        let named = steps.iter().enumerate().filter(|(_, step)| is_called(step, name));
        let named: Vec<usize> = named.map(|(place, _)| place).collect();
        let at = match (form, named.first()) {
            (Form::Check, Some(first)) => steps[*first].at,
            _ => place_of(check, name),
        };
        Item {
            line: at.line,
            steps: named,
            given: reading.given.get(name).cloned(),
            expect: reading.expect.get(name).cloned(),
            observe: reading.observe.get(name).cloned(),
        }
    };
    let mut items: Vec<Item> = names_read(check).into_iter().map(item).collect();
    items.sort_by_key(|item| item.steps.first().copied().unwrap_or(usize::MAX));
    items
}

/// A number for what a case sends: another one when the keys or the steps are, and the same whatever is expected of them,
/// however they are called, and wherever they stand. What the shared requests are is not in it.
fn digest(filled: &Node) -> String {
    let mut sent = String::new();
    for (field, value) in
        ["key", "keys", "steps"].into_iter().filter_map(|field| Some((field, filled.get(field)?)))
    {
        sent += field;
        match field {
            "steps" => value
                .elements()
                .iter()
                .for_each(|step| tell(step, &[&READ[..], &["as", "rows"]].concat(), &mut sent)),
            _ => tell(value, &[], &mut sent),
        }
    }
    hex(&Sha256::digest(sent)[..8])
}

/// Adds a value, its mappings in the order of their names, without the pairs of these names.
fn tell(node: &Node, without: &[&str], sent: &mut String) {
    match &node.kind {
        Kind::Scalar { text, plain: true } => *sent += &format!("|{text}|"),
        Kind::Scalar { text, plain: false } => *sent += &format!("{text:?}"),
        Kind::Sequence(elements) => {
            sent.push('[');
            elements.iter().for_each(|element| tell(element, &[], sent));
            sent.push(']');
        }
        Kind::Mapping(pairs) => {
            let mut pairs: Vec<_> = pairs.iter().filter(|(name, _)| !name.is_one_of(without)).collect();
            pairs.sort_by_key(|(name, _)| name.written());
            sent.push('{');
            for (name, value) in pairs {
                *sent += &format!("{:?}:", name.written());
                tell(value, &[], sent);
            }
            sent.push('}');
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::scenario::{Source, Suite};

    /// The digests of the cases of a check with these steps.
    fn of(steps: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let head = "check: my.check\nclause: error.401\nlevel: must\nabout: It is so.\nkey: read\n";
        std::fs::write(folder.path().join("mine.yaml"), format!("{head}{steps}")).unwrap();
        let requests = "requests:\n  sessions: {endpoint: sessions}\n";
        std::fs::write(folder.path().join("requests.yaml"), requests).unwrap();
        let suite = Suite::load(&Source::Directory(folder.path().to_owned())).unwrap();
        suite.experiments[0].cases.iter().map(|case| case.digest.clone()).collect()
    }

    #[test]
    fn it_depends_on_what_is_sent_and_on_nothing_else() {
        let one = of("steps:\n  - {send: {request: sessions}, expect: {status: 200}}\n");
        let moved =
            of("# A word.\nsteps:\n\n  - expect: {status: 401}\n    send:\n      request: sessions\n");
        assert_eq!(one, moved);
        let twice = of(
            "steps:\n  - {send: {request: sessions}}\n  - {send: {request: sessions}, expect: {status: 200}}\n",
        );
        assert_ne!(one, twice);
        let headed = of(
            "for_each: {value: [a, b]}\nsteps:\n  - send: {request: sessions, headers: {x-own: '{value}'}}\n    expect: {status: 200}\n",
        );
        assert_eq!(headed.len(), 2);
        assert_ne!(headed[0], headed[1]);
    }
}
