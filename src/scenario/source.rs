//! Where scenario files come from.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::builtin;
use super::problem::{Problem, Problems};
use super::span::At;

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
pub(super) struct Found {
    /// The file, as the user would name it.
    pub(super) name: String,
    /// The folders below the source's root.
    pub(super) folders: Vec<String>,
    /// What is in it.
    pub(super) bytes: Vec<u8>,
}

/// The name of the file that names requests; it is no scenario.
const REQUESTS: &str = "requests.yaml";
/// The folder of load profiles, which are another language.
const PROFILES: &str = "load";
/// The folder of data that checks name.
const FIXTURES: &str = "fixtures";
/// No tree of scenarios is deeper; a link into itself is.
const DEEPEST: usize = 8;
const START: At = At { line: 1, column: 1 };

/// Whether a file is wanted, by its name and its folders.
type Wanted = fn(&str, &[String]) -> bool;

impl Source {
    /// Every scenario file, sorted by name, with what could not be read.
    pub(super) fn scenarios(&self) -> (Vec<Found>, Vec<Problem>) {
        let (found, mut problems) = self.files(|file, folders| {
            let set_aside = folders.first().is_some_and(|folder| folder == PROFILES || folder == FIXTURES);
            !(set_aside || folders.is_empty() && file == REQUESTS)
        });
        if let (Self::Directory(root), true, true) = (self, found.is_empty(), problems.is_empty()) {
            let problem = Problem::in_file(&root.to_string_lossy(), START, "there are no checks in here");
            problems.push(problem.help("a check is a file that ends in `.yaml`"));
        }
        (found, problems)
    }

    /// The load profiles in its folder `load`, by name: each file with its text.
    ///
    /// # Errors
    /// [`Problems`] for what cannot be read.
    pub fn profiles(&self) -> Result<Vec<(String, String)>, Problems> {
        if matches!(self, Self::Directory(root) if !root.join(PROFILES).is_dir()) {
            return Ok(Vec::new());
        }
        let (found, mut problems) =
            self.files(|_, folders| folders.first().is_some_and(|folder| folder == PROFILES));
        let mut profiles = Vec::new();
        for Found { name, bytes, .. } in found {
            match String::from_utf8(bytes) {
                Ok(text) => profiles.push((name, text)),
                Err(_) => problems.push(Problem::in_file(&name, START, "it is not UTF-8")),
            }
        }
        Problems::new(problems).map_or(Ok(profiles), Err)
    }

    /// The text of a check's file, by the name the check shows.
    pub fn text_of(&self, name: &str) -> Option<String> {
        let bytes = match self {
            Self::Builtin => {
                builtin::SCENARIOS.get_file(name.strip_prefix("scenarios/")?)?.contents().to_vec()
            }
            Self::Directory(_) => fs::read(name).ok()?,
        };
        String::from_utf8(bytes).ok()
    }

    /// The file of named requests, if there is one.
    pub(super) fn requests(&self) -> Result<Option<Found>, Problem> {
        let (name, bytes) = match self {
            Self::Builtin => {
                let file = builtin::SCENARIOS.get_file(REQUESTS);
                (format!("scenarios/{REQUESTS}"), file.map(|file| file.contents().to_vec()))
            }
            Self::Directory(root) => {
                let path = root.join(REQUESTS);
                match fs::read(&path) {
                    Ok(bytes) => (shown(&path), Some(bytes)),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => (shown(&path), None),
                    Err(error) => return Err(unreadable(&path, &error)),
                }
            }
        };
        Ok(bytes.map(|bytes| Found { name, folders: Vec::new(), bytes }))
    }

    /// The YAML files that are wanted, sorted by name.
    fn files(&self, wanted: Wanted) -> (Vec<Found>, Vec<Problem>) {
        let mut walk = Walk { wanted, found: Vec::new(), problems: Vec::new() };
        match self {
            Self::Builtin => {
                for (path, bytes) in builtin::files(&builtin::SCENARIOS) {
                    let mut folders: Vec<String> = path.split('/').map(str::to_owned).collect();
                    let file = folders.pop().unwrap_or_default();
                    if walk.wants(&file, &folders) {
                        let (name, bytes) = (format!("scenarios/{path}"), bytes.to_vec());
                        walk.found.push(Found { name, folders, bytes });
                    }
                }
            }
            Self::Directory(root) => walk.directory(root, &mut Vec::new()),
        }
        walk.found.sort_by(|a, b| a.name.cmp(&b.name));
        (walk.found, walk.problems)
    }
}

pub(super) fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn unreadable(path: &Path, error: &io::Error) -> Problem {
    Problem::in_file(&shown(path), START, format!("it cannot be read: {error}"))
}

struct Walk {
    wanted: Wanted,
    found: Vec<Found>,
    problems: Vec<Problem>,
}

impl Walk {
    fn wants(&self, file: &str, folders: &[String]) -> bool {
        file.ends_with(".yaml") && (self.wanted)(file, folders)
    }

    fn directory(&mut self, path: &Path, folders: &mut Vec<String>) {
        let entries = match fs::read_dir(path).and_then(Iterator::collect::<io::Result<Vec<_>>>) {
            Ok(entries) => entries,
            Err(error) => return self.problems.push(unreadable(path, &error)),
        };
        for entry in entries {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            // Kubernetes mounts a ConfigMap as links into hidden folders beside them: each file once is enough.
            if name.starts_with('.') {
                continue;
            }
            if path.is_dir() {
                folders.push(name);
                if folders.len() > DEEPEST {
                    self.problems.push(Problem::in_file(&shown(&path), START, "this folder lies too deep"));
                } else {
                    self.directory(&path, folders);
                }
                folders.pop();
            } else if self.wants(&name, folders) {
                match fs::read(&path) {
                    Ok(bytes) => {
                        self.found.push(Found { name: shown(&path), folders: folders.clone(), bytes })
                    }
                    Err(error) => self.problems.push(unreadable(&path, &error)),
                }
            }
        }
    }
}
