//! Everything the README shows is run: its console blocks word for word, its files through the loader.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail loudly")]
//!
//! In what a block expects, `…` stands for anything in a line, and alone on a line for any lines. A command that ends
//! in ` &` stays running until the block is over. `NAME=…` before a command gives it a key.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use trenchcheck::deployment::TargetFile;
use trenchcheck::load::profile::Profile;
use trenchcheck::scenario::{Source, Suite};

/// The port the README uses, and which may be taken on this machine.
const SHOWN_PORT: &str = "4010";

fn readme() -> String {
    std::fs::read_to_string("README.md").unwrap()
}

/// The fenced blocks of one language.
fn blocks(language: &str) -> Vec<String> {
    let text = readme();
    let mut found = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line == format!("```{language}") {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            found.push(block.join("\n"));
        } else if line.starts_with("```") {
            lines.by_ref().find(|line| *line == "```");
        }
    }
    found
}

/// Splits a block into commands, each with the output that is shown below it.
fn commands(block: &str) -> Vec<(String, Vec<String>)> {
    let mut commands: Vec<(String, Vec<String>)> = Vec::new();
    for line in block.lines() {
        match line.strip_prefix("$ ") {
            Some(command) => commands.push((command.to_owned(), Vec::new())),
            None => commands.last_mut().expect("a block begins with a command").1.push(line.to_owned()),
        }
    }
    commands
}

fn trenchcheck(arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trenchcheck"));
    command.args(arguments.split_whitespace().map(|word| word.trim_matches('\'')));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TRENCHCHECK_")) {
        command.env_remove(name);
    }
    command
}

/// A background command that is stopped with the block.
struct Background(Child);

impl Drop for Background {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a mock on a free port and gives that port.
fn background(arguments: &str) -> (Background, String) {
    let mut child =
        trenchcheck(&format!("{arguments} --port 0 --json")).stdout(Stdio::piped()).spawn().unwrap();
    let mut ready = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
    let ready: serde_json::Value = serde_json::from_str(&ready).unwrap();
    let port = ready["url"].as_str().unwrap().rsplit(':').next().unwrap().to_owned();
    (Background(child), port)
}

fn line_matches(expected: &str, actual: &str) -> bool {
    let pattern: Vec<String> = expected.split('…').map(regex::escape).collect();
    regex::Regex::new(&format!("^{}$", pattern.join(".*"))).unwrap().is_match(actual)
}

/// Whether the output is what is shown.
fn matches(expected: &[String], actual: &[&str]) -> bool {
    match expected.split_first() {
        None => actual.is_empty(),
        Some((line, rest)) if line.trim() == "…" => {
            (0..=actual.len()).any(|skipped| matches(rest, &actual[skipped..]))
        }
        Some((line, rest)) => actual
            .split_first()
            .is_some_and(|(first, others)| line_matches(line, first) && matches(rest, others)),
    }
}

#[test]
fn every_console_block_shows_what_happens() {
    let blocks = blocks("console");
    assert!(blocks.len() >= 6, "the README shows {} blocks only", blocks.len());
    for block in blocks {
        let mut running = Vec::new();
        let mut port = SHOWN_PORT.to_owned();
        for (command, expected) in commands(&block) {
            let (variables, arguments) =
                command.split_once("trenchcheck ").expect("only trenchcheck is shown");
            if let Some(arguments) = arguments.strip_suffix(" &") {
                let (child, its_port) = background(arguments);
                running.push(child);
                port = its_port;
                continue;
            }
            let mut command = trenchcheck(&arguments.replace(SHOWN_PORT, &port));
            let keys = variables.split_whitespace().map(|variable| variable.strip_suffix("=…").unwrap());
            command
                .envs(keys.map(|name| (name, format!("ct_live_{name}").replace("TRENCHCHECK_KEY_", "of0"))));
            let output = command.output().unwrap();
            let text = [output.stdout, output.stderr].concat();
            let text = String::from_utf8(text).unwrap();
            let text = if port == SHOWN_PORT { text } else { text.replace(&port, SHOWN_PORT) };
            let lines: Vec<&str> = text.trim_end().lines().collect();
            assert!(
                matches(&expected, &lines),
                "`{arguments}` printed\n{text}\nwhere the README shows\n{}",
                expected.join("\n")
            );
        }
    }
}

#[test]
fn the_target_file_it_shows_is_the_one_that_is_shipped_and_can_be_read() {
    let shown = blocks("yaml").into_iter().find(|block| block.starts_with("base_url")).unwrap();
    let shipped = std::fs::read_to_string("fixtures/targets/example.yaml").unwrap();
    assert!(shipped.contains(&shown), "the README and fixtures/targets/example.yaml differ");
    TargetFile::read("fixtures/targets/example.yaml".as_ref()).unwrap();

    let schema = trenchcheck("schema target").output().unwrap().stdout;
    let schema: serde_json::Value = serde_json::from_slice(&schema).unwrap();
    let file: serde_json::Value = serde_yaml::from_str(&shipped).unwrap();
    assert!(jsonschema::is_valid(&schema, &file), "the schema refuses the target file that is shipped");
}

#[test]
fn the_load_profile_it_shows_is_the_one_that_is_shipped_and_can_be_read() {
    let shown = blocks("yaml").into_iter().find(|block| block.starts_with("profile:")).unwrap();
    let file = "fixtures/profiles/editor-sessions.yaml";
    let shipped = std::fs::read_to_string(file).unwrap();
    assert!(shipped.trim_end().ends_with(&shown), "the README and {file} differ");
    Profile::read(file, &shipped).unwrap();
}

#[test]
fn the_known_deviation_it_shows_is_the_one_that_is_shipped_and_fits_the_schema() {
    let shown = blocks("yaml").into_iter().find(|block| block.starts_with("deviations:")).unwrap();
    let shipped = std::fs::read_to_string("fixtures/deviations.yaml").unwrap();
    assert!(shipped.contains(&shown), "the README and fixtures/deviations.yaml differ");
    let schema = trenchcheck("schema deviations").output().unwrap().stdout;
    let schema: serde_json::Value = serde_json::from_slice(&schema).unwrap();
    let file: serde_json::Value = serde_yaml::from_str(&shipped).unwrap();
    assert!(jsonschema::is_valid(&schema, &file), "the schema refuses the list that is shipped");
}

#[test]
fn the_scenarios_it_shows_are_those_that_are_played() {
    for (begins, file) in [
        ("experiment:", "scenarios/limits/recovers.yaml"),
        ("check:", "scenarios/auth/duplicate-header.yaml"),
    ] {
        let shown = blocks("yaml").into_iter().find(|block| block.starts_with(begins)).unwrap();
        assert_eq!(std::fs::read_to_string(file).unwrap().trim_end(), shown, "the README and {file} differ");
    }
    let suite = Suite::load(&Source::Builtin).unwrap();
    assert!(suite.checks.iter().any(|check| check.id == "rate.recovers"));
}

#[test]
fn the_two_commands_are_those_that_are_run_before_a_change_lands() {
    let entry = std::fs::read_to_string("ci/test").unwrap();
    assert!(readme().contains("cargo run --release -- test"));
    // In the profile that everything else is built in there.
    assert!(entry.contains("cargo run --locked --all-features -- test"));
}
