//! `trenchcheck test --watch`: plays again whenever what is played changes. And files that are followed, also by `mock`.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::tell::{Ended, fail, is_coloured, say};
use super::test::{TestArgs, interruption, play};
use crate::report::ExitCode;
use crate::scenario::{Source, Suite};

/// How often files are looked at. They are small, and comparing texts sees changes that times of files miss.
const PERIOD: Duration = Duration::from_millis(250);
const NAMED: usize = 3;
/// Scenarios lie no deeper.
const DEEPEST: usize = 8;

/// Plays, and again with every change of a file, until Ctrl-C.
pub(super) async fn run(args: TestArgs, source: Source) -> Ended {
    let roots: Vec<PathBuf> = args.files().into_iter().chain(folder(&source)).collect();
    if roots.is_empty() {
        let nothing = "--watch follows files: say which with --scenarios DIR or --target FILE";
        return Err(fail(ExitCode::Usage)(nothing));
    }
    let mut files = Followed::new(roots);
    let mut interrupted = interruption();
    loop {
        if args.deployment.info().is_ok_and(|(info, _)| !info.loopback) {
            let why = "--watch plays at every change: only at the built-in reference or at a target on this machine";
            return Err(fail(ExitCode::Usage)(why));
        }
        match Suite::load(&source) {
            // How it ended has been told, and the next change may end otherwise.
            Ok(suite) => drop(play(args.clone(), suite, &source, interrupted.clone()).await),
            Err(problems) => say(&problems.render(is_coloured(&io::stderr()))),
        }
        say("waiting for a change; Ctrl-C ends it");
        tokio::select! {
            _ = interrupted.wait_for(|interrupted| *interrupted) => return Ok(ExitCode::Interrupted),
            changed = files.changed() => say(&format!("\nchanged: {}", told(&changed))),
        }
    }
}

fn folder(source: &Source) -> Option<PathBuf> {
    match source {
        Source::Builtin => None,
        Source::Directory(folder) => Some(folder.clone()),
    }
}

fn told(changed: &[PathBuf]) -> String {
    let named = changed.iter().take(NAMED).map(|path| path.display().to_string());
    let more = changed.len().checked_sub(NAMED + 1).map(|more| format!("and {} more", more + 1));
    named.chain(more).collect::<Vec<_>>().join(", ")
}

/// Files, and directories with the YAML and JSON below them, as they were seen last.
pub(super) struct Followed {
    roots: Vec<PathBuf>,
    seen: Texts,
}

type Texts = BTreeMap<PathBuf, Vec<u8>>;

impl Followed {
    pub(super) fn new(roots: Vec<PathBuf>) -> Self {
        let seen = texts(&roots);
        Self { roots, seen }
    }

    /// Waits until one of them changes, comes or goes, and stays so: editors replace files, so that for a moment there may
    /// be none, or half of one. Gives the names of those that did.
    pub(super) async fn changed(&mut self) -> Vec<PathBuf> {
        let mut before = self.seen.clone();
        loop {
            tokio::time::sleep(PERIOD).await;
            let now = texts(&self.roots);
            let is_settled = std::mem::replace(&mut before, now) == before;
            if !is_settled || before == self.seen {
                continue;
            }
            let was = std::mem::replace(&mut self.seen, before);
            let names = was.keys().chain(self.seen.keys().filter(|path| !was.contains_key(*path)));
            let changed = names.filter(|path| was.get(*path) != self.seen.get(*path));
            return changed.cloned().collect();
        }
    }
}

fn texts(roots: &[PathBuf]) -> Texts {
    let mut found = Texts::new();
    for root in roots {
        match root.is_dir() {
            true => below(root, 0, &mut found),
            false => found.extend(fs::read(root).ok().map(|text| (root.clone(), text))),
        }
    }
    found
}

fn below(folder: &Path, depth: usize, found: &mut Texts) {
    // What cannot be read is told by those who play it.
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()) {
        if path.is_dir() && depth < DEEPEST {
            below(&path, depth + 1, found);
        } else if path.extension().is_some_and(|extension| extension == "yaml" || extension == "json") {
            found.extend(fs::read(&path).ok().map(|text| (path.clone(), text)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_changes_comes_or_goes_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("deep")).unwrap();
        for name in ["stays.yaml", "changes.yaml", "goes.json", "notes.txt"] {
            fs::write(path(name), "1").unwrap();
        }
        let mut files = Followed::new(vec![folder.path().to_owned(), path("notes.txt")]);
        fs::write(path("changes.yaml"), "2").unwrap();
        fs::write(path("deep/comes.yaml"), "2").unwrap();
        fs::write(path("notes.txt"), "2").unwrap();
        fs::write(path("other.txt"), "2").unwrap();
        fs::remove_file(path("goes.json")).unwrap();
        let mut changed = files.changed().await;
        changed.sort();
        assert_eq!(changed, ["changes.yaml", "deep/comes.yaml", "goes.json", "notes.txt"].map(path));
    }

    #[test]
    fn a_few_files_are_named_and_the_others_counted() {
        let paths: Vec<PathBuf> = ["a", "b", "c", "d", "e"].map(PathBuf::from).to_vec();
        assert_eq!(told(&paths[..3]), "a, b, c");
        assert_eq!(told(&paths), "a, b, c, and 2 more");
    }
}
