//! The YAML language in which the contract is written: its types, loading, diagnostics.
//!
//! A file goes through it in this order; each stage reports what is wrong and goes on where it can:
//!
//! 1. [`Source`] finds the files, and [`crate::yaml`] makes trees of them in which every value has its place;
//! 2. `rows` fills the rows of tables into the steps and into what checks read;
//! 3. `file` brings a file of one check into the form of an experiment, and has the types that are read;
//! 4. `rules` checks what types cannot say: that names name something and parts belong together, at last over all files;
//! 5. `load` has all of this done to every file, which is `loaded` then, and builds the suite of [`model`] where nothing is
//!    wrong.
//!
//! ```
//! use trenchcheck::scenario::{Source, Suite};
//!
//! match Suite::load(&Source::Builtin) {
//!     Ok(suite) => println!("{} checks", suite.checks.len()),
//!     Err(problems) => eprintln!("{problems}"),
//! }
//! ```

mod file;
mod load;
mod loaded;
pub mod model;
mod rows;
mod rules;
mod schema;
mod steps;
pub mod words;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use include_dir::{Dir, include_dir};
use serde_json::Value;

use crate::yaml::{At, Problem, Problems};

pub use model::suite::{Check, Suite};
pub use schema::{requests_schema, schema};

/// The contract, as this project writes it.
static SCENARIOS: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/scenarios");
/// The literal bodies it expects.
static FIXTURES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/fixtures");

/// The name of the file that names requests; it is no scenario.
const REQUESTS: &str = "requests.yaml";
/// The folder of load profiles, which are another language.
const PROFILES: &str = "load/";
/// The folder of data that checks name.
const BODIES: &str = "fixtures/";
/// No tree of scenarios is deeper; a link into itself is.
const DEEPEST: usize = 8;

/// Where a suite is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The scenarios that are part of the binary.
    Builtin,
    /// A directory laid out like `scenarios/`.
    Directory(PathBuf),
}

/// A file of a source.
#[derive(Debug)]
struct Found {
    /// The file, as the user would name it.
    name: String,
    /// Its path below the source's root, with slashes.
    path: String,
    /// What is in it.
    bytes: Vec<u8>,
}

/// Some files of a source, sorted by name, and what could not be read.
type Files = (Vec<Found>, Vec<Problem>);

impl Source {
    /// Every scenario file, with what could not be read.
    fn scenarios(&self) -> Files {
        let (found, mut problems) = self.files(|path| {
            path.ends_with(".yaml")
                && path != REQUESTS
                && !path.starts_with(PROFILES)
                && !path.starts_with(BODIES)
        });
        if let (Self::Directory(root), true, true) = (self, found.is_empty(), problems.is_empty()) {
            let problem =
                Problem::in_file(&root.to_string_lossy(), At::default(), "there are no checks in here");
            problems.push(problem.help("a check is a file that ends in `.yaml`"));
        }
        (found, problems)
    }

    /// The files of named requests: its own first, since its names win over those of the binary.
    fn requests(&self) -> Files {
        let mut files = self.files(|path| path == REQUESTS);
        if matches!(self, Self::Directory(_)) {
            files.0.extend(Self::Builtin.requests().0);
        }
        files
    }

    /// The JSON bodies that checks may name, by their paths, and why some are none: of `DIR/fixtures`, or else
    /// `DIR/../fixtures`, and for all other names those of the binary.
    fn bodies(&self) -> BTreeMap<String, Result<Value, Problem>> {
        let folders = match self {
            Self::Builtin => Vec::new(),
            Self::Directory(root) => vec![root.join("fixtures"), root.join("../fixtures")],
        };
        let own = folders.into_iter().find(|folder| folder.is_dir());
        let own = own.map(|folder| Self::Directory(folder).files(|path| path.ends_with(".json")).0);
        // The later of two with the same path stays.
        let found = embedded(&FIXTURES, BODIES).into_iter().chain(own.unwrap_or_default());
        let json = found.filter(|found| found.path.ends_with(".json"));
        json.map(|Found { name, path, bytes }| (path, json_in(&name, &bytes))).collect()
    }

    /// The load profiles in its folder `load`, by name: each file with its text.
    ///
    /// # Errors
    /// [`Problems`] for what cannot be read.
    pub fn profiles(&self) -> Result<Vec<(String, String)>, Problems> {
        if matches!(self, Self::Directory(root) if !root.join(PROFILES).is_dir()) {
            return Ok(Vec::new());
        }
        let (found, mut problems) = self.files(|path| path.starts_with(PROFILES) && path.ends_with(".yaml"));
        let mut profiles = Vec::new();
        for Found { name, bytes, .. } in found {
            match String::from_utf8(bytes) {
                Ok(text) => profiles.push((name, text)),
                Err(_) => problems.push(Problem::in_file(&name, At::default(), "it is not UTF-8")),
            }
        }
        Problems::new(problems).map_or(Ok(profiles), Err)
    }

    /// The text of a check's file, by the name the check shows.
    pub fn text_of(&self, name: &str) -> Option<String> {
        match self {
            Self::Builtin => {
                let file = SCENARIOS.get_file(name.strip_prefix("scenarios/")?)?;
                file.contents_utf8().map(str::to_owned)
            }
            Self::Directory(_) => fs::read_to_string(name).ok(),
        }
    }

    /// Every file that is part of the binary, by its path in a directory of scenarios, with what is in it.
    pub fn shipped() -> Vec<(String, Vec<u8>)> {
        let found = embedded(&SCENARIOS, "").into_iter().chain(embedded(&FIXTURES, BODIES));
        found.map(|Found { name, bytes, .. }| (name, bytes)).collect()
    }

    fn files(&self, wanted: fn(&str) -> bool) -> Files {
        let mut files = (Vec::new(), Vec::new());
        match self {
            Self::Builtin => {
                files.0 = embedded(&SCENARIOS, "scenarios/");
                files.0.retain(|found| wanted(&found.path));
            }
            Self::Directory(root) => walk(root, "", wanted, &mut files),
        }
        files.0.sort_by(|a, b| a.name.cmp(&b.name));
        files
    }
}

/// The text of a shipped fixture, by its path below `fixtures/`.
pub(crate) fn shipped_fixture(name: &str) -> Option<&'static str> {
    FIXTURES.get_file(name)?.contents_utf8()
}

/// The paths of all shipped fixtures.
pub(crate) fn shipped_fixtures() -> Vec<String> {
    embedded(&FIXTURES, BODIES).into_iter().map(|found| found.path).collect()
}

fn json_in(file: &str, bytes: &[u8]) -> Result<Value, Problem> {
    serde_json::from_slice(bytes)
        .map_err(|error| Problem::of_json(file, &String::from_utf8_lossy(bytes), &error, "this is no JSON"))
}

/// Every file of a folder of the binary.
fn embedded(folder: &Dir<'static>, root: &str) -> Vec<Found> {
    let files = folder.find("**/*").into_iter().flatten().filter_map(|entry| entry.as_file());
    let found = files.map(|file| {
        let path = file.path().iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/");
        Found { name: format!("{root}{path}"), path, bytes: file.contents().to_vec() }
    });
    found.collect()
}

/// Adds the files of a folder that are wanted; `below` is its own path, with a slash behind it.
fn walk(folder: &Path, below: &str, wanted: fn(&str) -> bool, files: &mut Files) {
    let about = |path: &Path, what: &str| Problem::in_file(&path.to_string_lossy(), At::default(), what);
    let unreadable = |path: &Path, error: io::Error| about(path, &format!("it cannot be read: {error}"));
    let entries = match fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>) {
        Ok(entries) => entries,
        Err(error) => return files.1.push(unreadable(folder, error)),
    };
    for entry in entries {
        let (file, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        let path = format!("{below}{name}");
        // Kubernetes mounts a ConfigMap as links into hidden folders beside them: each file once is enough.
        if name.starts_with('.') {
            continue;
        }
        if file.is_dir() && below.matches('/').count() >= DEEPEST {
            files.1.push(about(&file, "this folder lies too deep"));
        } else if file.is_dir() {
            walk(&file, &format!("{path}/"), wanted, files);
        } else if wanted(&path) {
            match fs::read(&file) {
                Ok(bytes) => files.0.push(Found { name: file.to_string_lossy().into_owned(), path, bytes }),
                Err(error) => files.1.push(unreadable(&file, error)),
            }
        }
    }
}
