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

/// A module by its path from the crate's root, such as `["run", "judge"]`.
type Module = Vec<String>;

/// The code of each module, without tests and comments.
fn modules() -> BTreeMap<Module, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let sources = files(&root).into_iter().filter(|path| !is_of_tests(path));
    let mut modules = BTreeMap::new();
    for path in sources {
        let below = path.strip_prefix(&root).unwrap().with_extension("");
        let mut module: Module = below.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
        if matches!(module.last().unwrap().as_str(), "mod" | "lib" | "main") {
            module.pop();
        }
        let text = fs::read_to_string(&path).unwrap();
        let code = text.split("\n#[cfg(test)]\nmod ").next().unwrap();
        let mut kept: Vec<&str> = Vec::new();
        for line in code.lines().map(|line| line.split("//").next().unwrap()) {
            // What a module inside the file takes from the file is no import.
            let is_inner = line.starts_with(' ') && line.trim_start().starts_with("use super::");
            if !is_inner {
                kept.push(line);
            }
        }
        modules.entry(module).or_insert_with(String::new).push_str(&kept.join("\n"));
    }
    modules
}

/// The paths of a tree such as `super::{a::B, c}`.
fn expanded(tree: &str) -> Vec<Vec<String>> {
    fn parts(path: &str) -> Vec<String> {
        path.split("::").map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }
    let Some((head, rest)) = tree.split_once('{') else {
        return vec![parts(tree.split(" as ").next().unwrap())];
    };
    let inside = rest.trim_end().strip_suffix('}').unwrap();
    let mut depth = 0;
    let branches = inside.split(|mark: char| {
        depth += i32::from(mark == '{') - i32::from(mark == '}');
        mark == ',' && depth == 0
    });
    let whole = |branch: Vec<String>| [parts(head), branch].concat();
    branches.filter(|branch| !branch.trim().is_empty()).flat_map(expanded).map(whole).collect()
}

/// What a file imports, each path with whether it is exported as well; and the rest of its code.
fn imports(code: &str) -> (Vec<(bool, Vec<String>)>, String) {
    let (mut found, mut others) = (Vec::new(), String::new());
    let mut lines = code.lines();
    while let Some(line) = lines.next() {
        let exported = || line.strip_prefix("pub")?.split_once(" use ");
        let Some(tree) = line.strip_prefix("use ").or_else(|| Some(exported()?.1)) else {
            others.push_str(line);
            others.push('\n');
            continue;
        };
        let mut tree = tree.to_owned();
        while !tree.contains(';') {
            tree.push_str(lines.next().unwrap());
        }
        let paths = expanded(tree.split(';').next().unwrap());
        found.extend(paths.into_iter().map(|path| (line.starts_with("pub"), path)));
    }
    (found, others)
}

/// Every path of at least two parts that the code names.
fn named(code: &str) -> BTreeSet<Vec<String>> {
    let is_part = |mark: char| mark == '_' || mark == ':' || mark.is_ascii_alphanumeric();
    let words = code.split(|mark: char| !is_part(mark)).filter(|word| word.contains("::"));
    let parts = |word: &str| word.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect();
    words.map(parts).filter(|path: &Vec<String>| path.len() > 1).collect()
}

/// The files that each file takes something from, through whatever exports it on.
fn taken() -> BTreeMap<Module, BTreeSet<Module>> {
    let modules = modules();
    let (mut imports, mut others) = (BTreeMap::new(), BTreeMap::new());
    for (module, code) in &modules {
        let (of_module, code) = self::imports(code);
        imports.insert(module, of_module);
        others.insert(module, code);
    }
    // Where the item at the end of a path is defined, as seen from a module.
    fn resolve(
        from: &Module,
        path: &[String],
        modules: &BTreeMap<Module, String>,
        imports: &BTreeMap<&Module, Vec<(bool, Vec<String>)>>,
    ) -> Option<Module> {
        let mut at: Module = match path.first()?.as_str() {
            "crate" => Vec::new(),
            _ => from.clone(),
        };
        let mut rest = path.iter().skip_while(|part| part.as_str() == "crate").peekable();
        while let Some(part) = rest.next_if(|part| matches!(part.as_str(), "super" | "self")) {
            if part == "super" {
                at.pop();
            }
        }
        let mut item = None;
        for part in rest {
            let below = [at.clone(), vec![part.clone()]].concat();
            if item.is_none() && modules.contains_key(&below) {
                at = below;
            } else {
                item = item.or(Some(part));
            }
        }
        let item = item?;
        let exported = imports.get(&at)?.iter().find(|(exports, path)| *exports && path.last() == Some(item));
        match exported {
            Some((_, path)) if path.len() > 1 => resolve(&at, path, modules, imports).or(Some(at)),
            _ => Some(at),
        }
    }
    let mut taken = BTreeMap::new();
    for module in modules.keys() {
        let own = &imports[module];
        let mut paths: BTreeSet<Vec<String>> =
            own.iter().filter(|(exports, _)| !exports).map(|(_, path)| path.clone()).collect();
        for path in named(&others[module]) {
            let first = path[0].as_str();
            let through = own
                .iter()
                .find(|(_, import)| import.len() > 1 && import.last().is_some_and(|last| last == first));
            paths.insert(match through {
                Some((_, import)) => [import.clone(), path[1..].to_vec()].concat(),
                None => path,
            });
        }
        let local = |path: &Vec<String>| {
            let first = path[0].as_str();
            let below = [module.clone(), vec![path[0].clone()]].concat();
            matches!(first, "crate" | "super" | "self") || modules.contains_key(&below)
        };
        let mut others: BTreeSet<Module> = paths
            .iter()
            .filter(|path| path.len() > 1 && local(path))
            .filter_map(|path| resolve(module, path, &modules, &imports))
            .collect();
        others.remove(module);
        taken.insert(module.clone(), others);
    }
    taken
}

/// Files that take things from each other, in however many steps: no file can be understood before another one.
#[test]
fn no_files_go_round_in_a_circle() {
    let taken = taken();
    assert!(taken.values().map(BTreeSet::len).sum::<usize>() > 500, "imports are found");
    let mut left = taken.clone();
    // Whatever takes nothing from what is left, or gives nothing to it, is no part of a circle.
    loop {
        let given: BTreeSet<&Module> = left.values().flatten().collect();
        let is_end = |module: &Module, others: &BTreeSet<Module>| {
            !given.contains(module) || !others.iter().any(|other| left.contains_key(other))
        };
        let ends: Vec<Module> = left
            .iter()
            .filter(|(module, others)| is_end(module, others))
            .map(|(module, _)| module.clone())
            .collect();
        if ends.is_empty() {
            break;
        }
        left.retain(|module, _| !ends.contains(module));
    }
    let told = |(module, others): (&Module, &BTreeSet<Module>)| {
        let others = others.iter().filter(|other| left.contains_key(*other)).map(|other| other.join("/"));
        format!("{} takes from {}", module.join("/"), others.collect::<Vec<_>>().join(", "))
    };
    assert!(left.is_empty(), "{}", left.iter().map(told).collect::<Vec<_>>().join("\n"));
}
