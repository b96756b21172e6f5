//! The literal JSON bodies that checks name.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use serde_json::Value;

use super::nearest::nearest;
use super::problem::Problem;
use super::source::{Source, shown};
use super::span::At;
use super::text::narrow;
use super::{builtin, rows};

/// The fixtures of a source; each is read when a check first names it.
pub(super) struct Fixtures {
    directory: Option<PathBuf>,
    seen: RefCell<BTreeMap<String, Option<Value>>>,
    problems: RefCell<Vec<Problem>>,
}

/// What naming a fixture gave.
pub(super) enum Lookup {
    /// It is there.
    Found(Value),
    /// It is there and no JSON, which has been reported in its own file.
    Broken,
    /// It is not there; perhaps another one was meant.
    Missing(Option<String>),
}

impl Fixtures {
    /// `DIR/fixtures`, or else `DIR/../fixtures`, or else those of the binary.
    pub(super) fn of(source: &Source) -> Self {
        let directory = match source {
            Source::Builtin => None,
            Source::Directory(root) => {
                [root.join("fixtures"), root.join("../fixtures")].into_iter().find(|path| path.is_dir())
            }
        };
        Self { directory, seen: RefCell::default(), problems: RefCell::default() }
    }

    pub(super) fn get(&self, name: &str) -> Lookup {
        if let Some(seen) = self.seen.borrow().get(name) {
            return seen.clone().map_or(Lookup::Broken, Lookup::Found);
        }
        let Some((file, bytes)) = self.read(name) else {
            let names = self.names();
            return Lookup::Missing(nearest(name, names.iter().map(String::as_str)));
        };
        let value = match serde_json::from_slice(&bytes) {
            Ok(value) => Some(value),
            Err(error) => {
                let at = At { line: narrow(error.line()), column: narrow(error.column()) };
                let text = String::from_utf8_lossy(&bytes);
                let reason = error.to_string();
                let reason = reason.split(" at line ").next().unwrap_or_default();
                let problem = Problem::at(&file, &text, at, format!("this is no JSON: {reason}"));
                self.problems.borrow_mut().push(problem);
                None
            }
        };
        self.seen.borrow_mut().insert(name.to_owned(), value.clone());
        value.map_or(Lookup::Broken, Lookup::Found)
    }

    /// The fixtures that were named and are sound, and what is wrong with the others.
    pub(super) fn finish(self) -> (BTreeMap<String, Value>, Vec<Problem>) {
        let sound = self.seen.into_inner().into_iter().filter_map(|(name, value)| Some((name, value?)));
        (sound.collect(), self.problems.into_inner())
    }

    fn read(&self, name: &str) -> Option<(String, Vec<u8>)> {
        // A fixture lies below the folder, and nowhere else.
        if !Path::new(name).components().all(|part| matches!(part, Component::Normal(_))) {
            return None;
        }
        match &self.directory {
            None => {
                let file = builtin::FIXTURES.get_file(name)?;
                Some((format!("fixtures/{name}"), file.contents().to_vec()))
            }
            Some(directory) => {
                let path = directory.join(name);
                Some((shown(&path), fs::read(&path).ok()?))
            }
        }
    }

    fn names(&self) -> Vec<String> {
        match &self.directory {
            None => builtin::files(&builtin::FIXTURES).into_iter().map(|(name, _)| name).collect(),
            Some(directory) => {
                let mut names = Vec::new();
                list(directory, "", 0, &mut names);
                names
            }
        }
    }
}

/// The JSON files below a folder, two levels deep.
fn list(directory: &Path, prefix: &str, depth: usize, names: &mut Vec<String>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if name.ends_with(".json") {
            names.push(name);
        } else if depth < 2 && entry.path().is_dir() {
            list(&entry.path(), &format!("{name}/"), depth + 1, names);
        }
    }
}

/// The holes in an expected body: every `{name}` in one of its texts.
pub(super) fn holes(body: &Value) -> BTreeSet<String> {
    match body {
        Value::String(text) => rows::placeholders(text),
        Value::Array(elements) => elements.iter().flat_map(holes).collect(),
        Value::Object(members) => members.values().flat_map(holes).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => BTreeSet::new(),
    }
}
