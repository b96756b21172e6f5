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

/// The name of the file that names requests; it is no check.
const REQUESTS: &str = "requests.yaml";
/// Folders at the root whose files are no checks: load profiles are another language, fixtures are data.
const NO_CHECKS: [&str; 2] = ["load", "fixtures"];
/// The folder of load profiles.
const PROFILES: &str = "load/";
/// No tree of scenarios is deeper; a link into itself is.
const DEEPEST: usize = 8;

impl Source {
    /// Every check file, sorted by name, with what could not be read.
    pub(super) fn checks(&self) -> (Vec<Found>, Vec<Problem>) {
        let mut walk = Walk::default();
        match self {
            Self::Builtin => {
                for (path, bytes) in builtin::files(&builtin::SCENARIOS) {
                    let folders: Vec<String> = path.split('/').map(str::to_owned).collect();
                    if let Some((file, folders)) = folders.split_last()
                        && is_check(file, folders)
                    {
                        let (name, bytes) = (format!("scenarios/{path}"), bytes.to_vec());
                        walk.found.push(Found { name, folders: folders.to_vec(), bytes });
                    }
                }
            }
            Self::Directory(root) => {
                walk.directory(root, &mut Vec::new());
                if walk.found.is_empty() && walk.problems.is_empty() {
                    let problem =
                        Problem::in_file(&root.to_string_lossy(), START, "there are no checks in here");
                    walk.problems.push(problem.help("a check is a file that ends in `.yaml`"));
                }
            }
        }
        walk.found.sort_by(|a, b| a.name.cmp(&b.name));
        (walk.found, walk.problems)
    }

    /// The load profiles in its folder `load`, by name: each file with its text.
    ///
    /// # Errors
    /// [`Problems`] for what cannot be read.
    pub fn profiles(&self) -> Result<Vec<(String, String)>, Problems> {
        let found: Vec<Found> = match self {
            Self::Builtin => builtin::files(&builtin::SCENARIOS)
                .into_iter()
                .filter(|(path, _)| path.starts_with(PROFILES))
                .map(|(path, bytes)| Found {
                    name: format!("scenarios/{path}"),
                    folders: Vec::new(),
                    bytes: bytes.to_vec(),
                })
                .collect(),
            Self::Directory(root) => {
                let mut walk = Walk::default();
                let folder = root.join(PROFILES);
                if folder.is_dir() {
                    walk.directory(&folder, &mut Vec::new());
                }
                if let Some(problems) = Problems::new(walk.problems) {
                    return Err(problems);
                }
                walk.found
            }
        };
        let mut profiles = Vec::new();
        let mut problems = Vec::new();
        for Found { name, bytes, .. } in found {
            match String::from_utf8(bytes) {
                Ok(text) => profiles.push((name, text)),
                Err(_) => problems.push(Problem::in_file(&name, START, "it is not UTF-8")),
            }
        }
        profiles.sort();
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
        match self {
            Self::Builtin => Ok(builtin::SCENARIOS.get_file(REQUESTS).map(|file| Found {
                name: format!("scenarios/{REQUESTS}"),
                folders: Vec::new(),
                bytes: file.contents().to_vec(),
            })),
            Self::Directory(root) => {
                let path = root.join(REQUESTS);
                match fs::read(&path) {
                    Ok(bytes) => Ok(Some(Found { name: shown(&path), folders: Vec::new(), bytes })),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                    Err(error) => Err(unreadable(&path, &error)),
                }
            }
        }
    }
}

const START: At = At { line: 1, column: 1 };

pub(super) fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

pub(super) fn unreadable(path: &Path, error: &io::Error) -> Problem {
    Problem::in_file(&shown(path), START, format!("it cannot be read: {error}"))
}

fn is_check(file: &str, folders: &[String]) -> bool {
    let set_aside = folders.first().is_some_and(|folder| NO_CHECKS.contains(&folder.as_str()));
    file.ends_with(".yaml") && !(folders.is_empty() && file == REQUESTS) && !set_aside
}

#[derive(Default)]
struct Walk {
    found: Vec<Found>,
    problems: Vec<Problem>,
}

impl Walk {
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
            } else if is_check(&name, folders) {
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
