//! Reading a whole suite, and everything that is wrong with it.

use std::collections::BTreeMap;

use super::Suite;
use super::de;
use super::document::parse;
use super::experiment::{self, Loaded};
use super::file::RequestsFile;
use super::fixtures::Fixtures;
use super::model::RequestDef;
use super::problem::{Problem, Problems};
use super::rules::{self, Known};
use super::source::Source;
use super::span::{At, Spanned};
use super::text::Text;

impl Suite {
    /// Reads every experiment and every check of a source, the requests they share and the fixtures they name.
    ///
    /// # Errors
    /// [`Problems`]: everything that is wrong in all the files, not only the first of it.
    pub fn load(source: &Source) -> Result<Self, Problems> {
        let (found, mut problems) = source.scenarios();
        // Without them the checks are read all the same, but nobody can tell which requests they may name.
        let requests = requests(source, &mut problems);
        let fixtures = Fixtures::of(source);
        let known = Known { requests: requests.as_ref(), fixtures: &fixtures };
        let mut files: Vec<(Text, Loaded)> = Vec::new();
        let mut complete = true;
        for file in found {
            let text = Text::new(&file.name, &file.bytes).map_err(|problem| problems.push(problem)).ok();
            let loaded = text.as_ref().and_then(|text| experiment::read(text, &file, &known));
            complete &= loaded.is_some();
            match (text, loaded) {
                (Some(text), Some(loaded)) => files.push((text, loaded)),
                (Some(text), None) => {
                    if text.is_sound() {
                        // A check must never vanish without a word.
                        text.report(text.problem(At { line: 1, column: 1 }, "this file cannot be read"));
                    }
                    problems.extend(text.take_problems());
                }
                (None, _) => {}
            }
        }
        rules::suite(&files, complete);
        problems.extend(files.iter().flat_map(|(text, _)| text.take_problems()));
        let (fixtures, broken) = fixtures.finish();
        problems.extend(broken);
        match Problems::new(problems) {
            Some(problems) => Err(problems),
            None => Ok(joined(files, requests.unwrap_or_default(), fixtures)),
        }
    }
}

/// The suite out of its files; each reading is given the place of its check.
fn joined(
    files: Vec<(Text, Loaded)>,
    requests: BTreeMap<String, Spanned<RequestDef>>,
    fixtures: BTreeMap<String, serde_json::Value>,
) -> Suite {
    let mut suite = Suite { requests, fixtures, ..Suite::default() };
    let mut links = Vec::new();
    for (_, mut file) in files {
        suite.checks.append(&mut file.homes);
        suite.experiments.push(file.experiment);
        links.push(file.links);
    }
    suite.checks.sort_by(|a, b| a.id.cmp(&b.id));
    for (experiment, links) in suite.experiments.iter_mut().zip(links) {
        for link in links {
            let check = suite.checks.binary_search_by(|check| check.id.as_str().cmp(&link.check));
            experiment.cases[link.case].readings[link.reading].check = check.unwrap_or_default();
        }
    }
    suite.experiments.sort_by(|a, b| a.name.cmp(&b.name));
    suite
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
