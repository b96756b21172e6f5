//! The scripts of continuous integration: they parse, and every flag of ours in them exists. `ci/packaging/` runs what is
//! there for schedulers.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail loudly")]

use std::process::Command;

use clap::CommandFactory;
use trenchcheck::cli::Cli;
use trenchcheck::scenario::{Source, Suite};

fn file(name: &str) -> String {
    std::fs::read_to_string(format!("ci/{name}")).unwrap()
}

/// The command lines with which a script calls trenchcheck, comments left out and broken lines joined.
fn calls(script: &str) -> Vec<String> {
    let code: Vec<&str> = script.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
    let code = code.join("\n").replace("\\\n", " ");
    let calls = code.lines().filter_map(|line| Some(line.split_once("trenchcheck ")?.1.to_owned()));
    calls.collect()
}

/// Checks every flag of every call; the commands that were called, in order.
fn assert_flags_exist(script: &str) -> Vec<String> {
    let calls = calls(script).into_iter().map(|call| {
        let command = call.split_whitespace().next().unwrap().to_owned();
        let cli = Cli::command();
        let known = cli.find_subcommand(&command).unwrap();
        for flag in call.split_whitespace().filter_map(|word| word.strip_prefix("--")) {
            let exists = known.get_arguments().any(|argument| argument.get_long() == Some(flag));
            assert!(exists, "`trenchcheck {command}` has no flag --{flag}");
        }
        command
    });
    calls.collect()
}

#[test]
fn the_nightly_sample_lists_the_mutants_and_plays_ten_in_real_time() {
    let text = file("nightly-mutants");
    assert_eq!(assert_flags_exist(&text), ["mutants", "mutants"]);
    assert!(text.contains("--real-time") && text.contains("head -n 10"), "{text}");
    assert_parses("bash", &text);
}

#[test]
fn what_must_hold_before_a_change_lands_parses() {
    assert_parses("bash", &file("test"));
}

fn assert_parses(shell: &str, script: &str) {
    let status = Command::new(shell).args(["-n", "-c", script]).status().unwrap();
    assert!(status.success(), "{script}");
}

/// The gateways that are played, and what the page about them says is named of each.
#[test]
fn every_gateway_has_a_row_that_names_checks() {
    let page = std::fs::read_to_string("docs/gateways.md").unwrap();
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
    let cell = |row: &str, nth: usize| row.split('|').nth(nth).unwrap().trim().to_owned();
    let mut told: Vec<String> = rows.iter().map(|row| cell(row, 1).trim_matches('`').to_owned()).collect();
    told.sort_unstable();
    let sites = std::fs::read_dir("ci/gateways").unwrap().map(|entry| entry.unwrap().path());
    let mut played: Vec<String> = sites
        .filter(|path| path.extension().is_some_and(|extension| extension == "site"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    played.sort_unstable();
    assert_eq!(told, played);
    let suite = Suite::load(&Source::Builtin).unwrap();
    for named in rows.iter().map(|row| cell(row, 3)).filter(|named| named != "nothing") {
        for id in named.split(", ").map(|id| id.trim_matches('`')) {
            assert!(suite.checks.iter().any(|check| check.id == id), "no check is called `{id}`");
        }
    }
}
