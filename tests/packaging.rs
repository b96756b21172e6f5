//! What an installed program brings along: completions, manual pages, scenarios, schemas, a help that can be read.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail loudly")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use clap::{CommandFactory, ValueEnum};
use serde_json::Value;
use trenchcheck::cli::Cli;
use trenchcheck::cli::schema::SchemaOf;

#[path = "common/program.rs"]
mod program;

use program::{Ran, trenchcheck};

/// What is called a screen here.
const COLUMNS: usize = 80;
const LINES: usize = 50;

/// An empty folder, so that nothing of the source tree can help.
fn empty() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// Every command with its words, those of groups of commands included.
fn commands() -> Vec<(String, clap::Command)> {
    let mut root = Cli::command();
    root.build();
    let (mut found, mut left) = (Vec::new(), vec![("trenchcheck".to_owned(), root)]);
    while let Some((name, command)) = left.pop() {
        let below = command.get_subcommands().filter(|command| command.get_name() != "help");
        left.extend(below.map(|below| (format!("{name} {}", below.get_name()), below.clone())));
        found.push((name, command));
    }
    found
}

#[test]
fn the_help_of_every_command_fits_a_screen() {
    let columns = COLUMNS.to_string();
    let too_long: Vec<String> = commands()
        .into_iter()
        .filter_map(|(name, _)| {
            let words: Vec<&str> = name.split(' ').skip(1).chain(["--help"]).collect();
            let Ran { out, .. } = trenchcheck(Path::new("."), &words, &[("COLUMNS", &columns)]).ended_with(0);
            let lines = out.lines().count();
            let wide = out.lines().find(|line| line.chars().count() > COLUMNS);
            (lines > LINES || wide.is_some()).then(|| format!("{name}: {lines} lines; {wide:?}"))
        })
        .collect();
    assert!(too_long.is_empty(), "{}", too_long.join("\n"));
}

#[test]
fn every_command_has_a_manual_page_with_its_options() {
    let folder = empty();
    trenchcheck(folder.path(), &["man", "man1"], &[]).ended_with(0);
    for (name, command) in commands() {
        if command.is_hide_set() {
            continue;
        }
        let page = fs::read_to_string(folder.path().join(format!("man1/{}.1", name.replace(' ', "-"))));
        let page = page.unwrap_or_else(|why| panic!("{name} has no page: {why}"));
        for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
            let Some(long) = argument.get_long() else { continue };
            // In these pages a hyphen is written as one that can be searched for.
            let written = format!("\\-\\-{}", long.replace('-', "\\-"));
            assert!(page.contains(&written), "{name} says nothing of --{long}");
        }
    }
}

/// What a shell is offered for the last of some words.
fn offered(words: &[&str]) -> BTreeSet<String> {
    offered_in(Path::new("."), words)
}

fn offered_in(folder: &Path, words: &[&str]) -> BTreeSet<String> {
    let asked = [&["--", "trenchcheck"], words].concat();
    let index = words.len().to_string();
    // Fish is told each word with what it is about, on a line.
    let variables = [("_TRENCHCHECK_COMPLETE", "fish"), ("_CLAP_COMPLETE_INDEX", &*index)];
    let Ran { out, .. } = trenchcheck(folder, &asked, &variables).ended_with(0);
    out.lines().map(|line| line.split('\t').next().unwrap().to_owned()).collect()
}

#[test]
fn a_shell_completes_checks_levels_tags_profiles_and_deviations() {
    for (words, expected) in [
        (&["test", "auth.no-b"][..], "auth.no-bearer"),
        (&["plan", "rate.prem"], "rate.premium"),
        (&["judge", "run.json", "rate.prem"], "rate.premium"),
        (&["list", "auth.no-b"], "auth.no-bearer"),
        (&["test", "--skip", "auth.no-b"], "auth.no-bearer"),
        (&["explain", "error.retry"], "error.retry-after"),
        (&["explain", "auth.no-b"], "auth.no-bearer"),
        (&["test", "--level", "sh"], "should"),
        (&["list", "--tag", "sco"], "scopes"),
        (&["load", "sustain-i"], "sustain-ingestion"),
        (&["mock", "--deviate", "accept-be"], "accept-bearer"),
        (&["mutants", "accept-be"], "accept-bearer"),
        (&["mutants", "--group", "conc"], "concurrency"),
        (&["schema", "rep"], "report"),
        (&["test", "--keys", "mo"], "mock"),
        (&["test", "--target", "Carg"], "Cargo.toml"),
    ] {
        let offered = offered(words);
        assert!(offered.contains(expected), "{words:?}: {offered:?}");
        let begun = words.last().unwrap();
        assert!(offered.iter().all(|word| word.starts_with(begun)), "{words:?}: {offered:?}");
    }
    assert!(
        offered(&["mock", "--deviate", "accept-bearer,retry-after-mis"])
            .contains("accept-bearer,retry-after-missing")
    );
}

#[test]
fn a_shell_completes_the_checks_of_the_scenarios_that_are_named() {
    let folder = empty();
    fs::create_dir(folder.path().join("mine")).unwrap();
    fs::write(folder.path().join("mine/one.yaml"), OWN_CHECK).unwrap();
    let offered = offered_in(folder.path(), &["--scenarios", "mine", "test", "mine."]);
    assert_eq!(offered, BTreeSet::from(["mine.unknown".to_owned()]));
}

/// A check that names a shipped request and a shipped fixture, and has neither beside it.
const OWN_CHECK: &str = "\
check: mine.unknown
clause: error.401
level: must
about: A key nobody made is told 401, in the words of the page.
key: read
steps:
  - send: {request: list-sessions, credentials: {x-api-key: unknown}}
    expect: {status: 401, json: {file: errors/401.json}}
";

#[test]
fn own_scenarios_find_the_shipped_requests_and_fixtures() {
    let folder = empty();
    fs::create_dir(folder.path().join("mine")).unwrap();
    fs::write(folder.path().join("mine/one.yaml"), OWN_CHECK).unwrap();
    trenchcheck(folder.path(), &["test", "--scenarios", "mine"], &[]).ended_with(0);

    // One request of its own takes none of the others away, and what has the same name wins.
    fs::write(folder.path().join("mine/requests.yaml"), "requests: {mine: {endpoint: sessions}}\n").unwrap();
    trenchcheck(folder.path(), &["test", "--scenarios", "mine"], &[]).ended_with(0);
    fs::create_dir_all(folder.path().join("mine/fixtures/errors")).unwrap();
    fs::write(folder.path().join("mine/fixtures/errors/401.json"), "{}").unwrap();
    trenchcheck(folder.path(), &["test", "--scenarios", "mine"], &[]).ended_with(1);
    fs::remove_dir_all(folder.path().join("mine/fixtures")).unwrap();
    let nowhere = "requests: {list-sessions: {path: /nowhere, method: GET}}\n";
    fs::write(folder.path().join("mine/requests.yaml"), nowhere).unwrap();
    let ran = trenchcheck(folder.path(), &["test", "--scenarios", "mine", "-vv"], &[]);
    assert!(ran.out.contains("/nowhere"), "{}\n{}", ran.out, ran.err);
}

#[test]
fn exported_scenarios_are_played_like_the_shipped_ones() {
    let folder = empty();
    trenchcheck(folder.path(), &["scenarios", "export", "contract"], &[]).ended_with(0);
    let list = |arguments: &[&str]| -> BTreeSet<String> {
        let Ran { out, .. } = trenchcheck(folder.path(), arguments, &[]).ended_with(0);
        let listed: Vec<Value> = serde_json::from_str(&out).unwrap();
        listed.iter().map(|check| check["id"].as_str().unwrap().to_owned()).collect()
    };
    let shipped = list(&["list", "--json"]);
    assert!(shipped.len() > 100);
    assert_eq!(list(&["list", "--json", "--scenarios", "contract"]), shipped);
    for file in
        ["requests.yaml", "load/soak.yaml", "fixtures/errors/401.json", "fixtures/targets/example.yaml"]
    {
        assert!(folder.path().join("contract").join(file).is_file(), "{file}");
    }
    trenchcheck(folder.path(), &["test", "--scenarios", "contract", "auth.no-bearer"], &[]).ended_with(0);

    // Nothing of yours is written over.
    let again = trenchcheck(folder.path(), &["scenarios", "export", "contract"], &[]).ended_with(2);
    assert!(again.err.contains("contract: it is not empty"), "{}", again.err);
}

#[test]
fn every_kind_of_file_has_a_schema_with_a_name() {
    let folder = empty();
    let mut names = BTreeSet::new();
    for kind in SchemaOf::value_variants() {
        let kind = kind.to_possible_value().unwrap();
        let Ran { out, .. } = trenchcheck(folder.path(), &["schema", kind.get_name()], &[]).ended_with(0);
        let schema: Value = serde_json::from_str(&out).unwrap();
        jsonschema::meta::validate(&schema).unwrap_or_else(|wrong| panic!("{}: {wrong}", kind.get_name()));
        assert_eq!(schema["$id"], format!("urn:trenchcheck:schema:{}", kind.get_name()));
        let title = schema["title"].as_str().unwrap().to_owned();
        assert!(names.insert(title.clone()), "two schemas are called {title}");
        if let Ok(committed) = fs::read_to_string(format!("schemas/{}.schema.json", kind.get_name())) {
            assert!(committed == out, "schemas/{}.schema.json is not what `schema` prints", kind.get_name());
        }
    }
    for file in fs::read_dir("schemas").unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        let kind = name.strip_suffix(".schema.json").unwrap();
        assert!(SchemaOf::from_str(kind, false).is_ok(), "nobody prints schemas/{name}");
    }
}
