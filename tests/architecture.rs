//! Who may know whom: the rules of ARCHITECTURE.md, held against the imports of `src`.
#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The source files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let below = |path: PathBuf| if path.is_dir() { files(&path) } else { vec![path] };
    let mut found: Vec<PathBuf> = entries.flat_map(below).collect();
    found.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
    found
}

/// Whether a file holds nothing but tests, or what tests share.
fn is_of_tests(path: &Path) -> bool {
    let name = path.file_stem().unwrap().to_str().unwrap();
    let folders = path.iter().any(|part| part == "tests" || part == "virtual_time");
    folders || name == "tests" || name == "samples"
}

/// The parts of the program that each part knows, from its code without tests and comments.
fn known() -> BTreeMap<String, BTreeSet<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut known: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for path in files(&root).iter().filter(|path| !is_of_tests(path)) {
        let part = path.strip_prefix(&root).unwrap().iter().next().unwrap();
        let part = Path::new(part).file_stem().unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(path).unwrap();
        let code = text.split("#[cfg(test)]\nmod ").next().unwrap();
        let lines = code.lines().map(|line| line.split("//").next().unwrap());
        let others = known.entry(part.clone()).or_default();
        for line in lines {
            for after in line.split("crate::").skip(1) {
                let end = after.find(|mark: char| mark != '_' && !mark.is_ascii_alphanumeric());
                let other = &after[..end.unwrap_or(after.len())];
                if !other.is_empty() && other != part {
                    others.insert(other.to_owned());
                }
            }
        }
    }
    known
}

#[test]
fn every_part_knows_only_whom_it_may() {
    let known = known();
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md")).unwrap();
    // | `part` | what it is | `others`, that it knows |
    let mut rules: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for row in text.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let words = cells[3].split('`').skip(1).step_by(2).collect();
        rules.insert(cells[1].trim_matches('`'), words);
    }
    assert!(rules.len() > 8, "{rules:?}");
    for (part, others) in &known {
        // Whole files at the top are small and known to whoever needs them.
        let is_part = |name: &&String| rules.contains_key(name.as_str());
        let Some(allowed) = rules.get(part.as_str()) else { continue };
        for other in others.iter().filter(is_part) {
            assert!(
                allowed.contains(other.as_str()),
                "`{part}` knows `{other}`, and ARCHITECTURE.md does not say so"
            );
        }
        let stale: Vec<_> = allowed.iter().filter(|other| !others.contains(**other)).collect();
        assert!(stale.is_empty(), "ARCHITECTURE.md says that `{part}` knows {stale:?}, and it does not");
    }
}

#[test]
fn files_that_are_named_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap();
    let named = text.split('`').skip(1).step_by(2).filter(|word| word.starts_with("src/"));
    let missing: Vec<&str> = named.filter(|path| !root.join(path).exists()).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
