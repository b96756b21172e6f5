//! Everything the README shows is run, in its order, by a program that has nothing but itself: its console blocks word
//! for word, its shell scripts, its files through the loader.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail loudly")]
//!
//! In what a block expects, `…` stands for anything in a line, and alone on a line for any lines. A command that ends
//! in ` &` stays running until the block is over. `NAME=…` before a command gives it a key. A block that comes after
//! "With this in `FILE`:" is that file.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use clap::Parser as _;
use trenchcheck::cli::Cli;
use trenchcheck::deployment::TargetFile;
use trenchcheck::load::profile::Profile;
use trenchcheck::scenario::{Source, Suite};

/// The port the README uses, and which may be taken on this machine.
const SHOWN_PORT: &str = "4010";

fn readme() -> String {
    fs::read_to_string("README.md").unwrap()
}

/// A fenced block.
struct Block {
    language: String,
    text: String,
    /// The file it is, where the line above says so.
    file: Option<String>,
}

fn all_blocks() -> Vec<Block> {
    let text = readme();
    let (mut found, mut above) = (Vec::new(), "");
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            let file = above.rsplit_once("ith this in `").and_then(|(_, file)| file.strip_suffix("`:"));
            let file = file.map(str::to_owned);
            found.push(Block { language: language.to_owned(), text: block.join("\n"), file });
        }
        if !line.is_empty() {
            above = line;
        }
    }
    found
}

/// The fenced blocks of one language.
fn blocks(language: &str) -> Vec<String> {
    all_blocks().into_iter().filter(|block| block.language == language).map(|block| block.text).collect()
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

fn words(arguments: &str) -> impl Iterator<Item = &str> {
    // Quotes are only ever around a whole word.
    let quoted = arguments.split('\'').enumerate();
    quoted.flat_map(|(place, part)| match place % 2 {
        1 => vec![part],
        _ => part.split_whitespace().collect(),
    })
}

/// The program alone: a copy of it on the PATH, an empty home, an empty directory to begin with.
struct Tour {
    room: tempfile::TempDir,
}

impl Tour {
    fn new() -> Self {
        let tour = Self { room: tempfile::tempdir().unwrap() };
        for folder in ["bin", "home", "here"] {
            fs::create_dir(tour.path(folder)).unwrap();
        }
        fs::copy(env!("CARGO_BIN_EXE_trenchcheck"), tour.path("bin/trenchcheck")).unwrap();
        tour
    }

    fn path(&self, below: &str) -> PathBuf {
        self.room.path().join(below)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin", self.path("bin").display());
        command.env_clear().env("HOME", self.path("home")).env("PATH", path).current_dir(self.path("here"));
        command
    }

    fn trenchcheck(&self, arguments: &str) -> Command {
        let mut command = self.command(self.path("bin/trenchcheck").to_str().unwrap());
        command.args(words(arguments));
        command
    }

    /// Starts a mock on a free port and gives that port.
    fn background(&self, arguments: &str) -> (Background, String) {
        let mut child =
            self.trenchcheck(&format!("{arguments} --port 0 --json")).stdout(Stdio::piped()).spawn().unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        let ready: serde_json::Value = serde_json::from_str(&ready).unwrap();
        let port = ready["url"].as_str().unwrap().rsplit(':').next().unwrap().to_owned();
        (Background(child), port)
    }

    /// Runs the commands of a console block and compares what they print.
    fn console(&self, block: &str) {
        let mut running = Vec::new();
        let mut port = SHOWN_PORT.to_owned();
        for (command, expected) in commands(block) {
            let (variables, arguments) =
                command.split_once("trenchcheck ").expect("only trenchcheck is shown");
            if let Some(arguments) = arguments.strip_suffix(" &") {
                let (child, its_port) = self.background(arguments);
                running.push(child);
                port = its_port;
                continue;
            }
            let mut command = self.trenchcheck(&arguments.replace(SHOWN_PORT, &port));
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

    /// Runs what the README does with a mock, as one script.
    fn shell(&self, script: &str) {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        // The shown port first: the digits of it may stand in the other one, too.
        let ready = "while kill -0 $! && ! grep -q KEY_BOTH_2 mock.env; do sleep 0.1; done;";
        let script = script
            .replace(SHOWN_PORT, &port.to_string())
            .replace("trenchcheck mock >", &format!("trenchcheck mock --port {port} >"))
            .replace("sleep 1;", ready)
            .replace("curl ", "curl --fail --silent --show-error --max-time 60 ");
        let script = format!("trap 'kill $!' EXIT\n{script}");
        let output = self.command("sh").args(["-euc", &script]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{script}\n{said}");
        assert!(!output.stdout.is_empty(), "{script}");
    }
}

/// A background command that is stopped with the block.
struct Background(Child);

impl Drop for Background {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
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
fn a_program_alone_does_what_is_shown_from_the_first_block_to_the_last() {
    let tour = Tour::new();
    let (mut consoles, mut scripts) = (0, Vec::new());
    for Block { language, text, file } in all_blocks() {
        if let Some(file) = file {
            let path = tour.path("here").join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        } else if language == "console" {
            tour.console(&text);
            consoles += 1;
        } else if language == "sh" && (text.contains("trenchcheck mock >") || text.contains("/_mock/")) {
            scripts.push(text);
        }
    }
    assert!(consoles >= 12, "the README shows {consoles} consoles only");
    // What waits for three batches sees them come.
    let batches = "for _ in 1 2 3; do curl -X POST -H \"X-API-Key: $TRENCHCHECK_KEY_INGESTION\" \
        -d '{\"events\":[{\"event\":\"tool_use\",\"session_id\":\"s\",\"ts\":\"2026-01-01T00:00:00Z\",\"seq\":1}]}' \
        http://127.0.0.1:4010/api/v1/events; done";
    let [start, control] = scripts.as_slice() else { panic!("{scripts:?}") };
    tour.shell(&[start, batches, control].join("\n"));
    assert_eq!(fs::read_dir(tour.path("home")).unwrap().count(), 0, "it left something at home");
}

/// The text of a picture of a terminal.
fn text_of(svg: &str) -> Vec<String> {
    let tag = regex::Regex::new("<[^>]*>").unwrap();
    let lines = svg.lines().filter(|line| line.starts_with("<text "));
    let plain = lines.map(|line| tag.replace_all(line, "").into_owned());
    plain.map(|line| line.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")).collect()
}

#[test]
fn the_pictures_show_what_the_program_shows() {
    let pictures = regex::Regex::new(r"!\[([^\]]*)\]\(([^)]*)\)").unwrap();
    let text = readme();
    let shown: Vec<(&str, &str)> = pictures
        .captures_iter(&text)
        .map(|found| (found.get(1).unwrap().as_str(), found.get(2).unwrap().as_str()))
        .collect();
    let [(_, terminal), (words, page)] = shown.as_slice() else { panic!("{shown:?}") };
    for picture in [terminal, page] {
        assert!(fs::metadata(picture).unwrap().len() < 150_000, "{picture}");
    }
    let stale = "is stale: `TRENCHCHECK=target/debug/trenchcheck pictures/draw` draws it anew";

    let tour = Tour::new();
    let (_mock, port) = tour.background("mock --deviate accept-bearer");
    let drawn = text_of(&fs::read_to_string(terminal).unwrap());
    let command = drawn[0].strip_prefix("$ trenchcheck ").unwrap().replace(SHOWN_PORT, &port);
    let output = tour.trenchcheck(&command).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap().replace(&port, SHOWN_PORT);
    // Workspaces and times are those of one run.
    let single = regex::Regex::new(r"ws_\w+|[0-9.]+ m?s\b").unwrap();
    let alike = |line: &str| single.replace_all(line, "…").into_owned();
    let drawn: Vec<String> = drawn[1..].iter().map(|line| alike(line)).collect();
    assert_eq!(drawn, printed.lines().map(alike).collect::<Vec<_>>(), "{terminal} {stale}");

    // What the page looks like is for people to see; that it has other parts shows here.
    let page_url = format!("http://127.0.0.1:{port}/_mock/");
    let html = tour.command("curl").args(["-sSf", &page_url]).output().unwrap().stdout;
    let html = String::from_utf8(html).unwrap();
    let nav = html.split_once("<nav").unwrap().1.split_once("</nav>").unwrap().0;
    let link = regex::Regex::new(r">([^<]+)</a>").unwrap();
    let parts: Vec<&str> = link.captures_iter(nav).map(|link| link.get(1).unwrap().as_str()).collect();
    assert_eq!(*words, format!("The page of the mock: {}", parts.join(", ")), "{page} {stale}");
}

#[test]
fn every_command_that_is_only_shown_is_understood() {
    let mut understood = 0;
    let own = regex::Regex::new(r#"^(?:[^>&#'"]|'[^']*'|"[^"]*")*"#).unwrap();
    for line in blocks("sh").iter().flat_map(|block| block.lines()) {
        let Some(arguments) = line.split_once("trenchcheck ").map(|(_, arguments)| arguments) else {
            continue;
        };
        // Up to a redirection, another command or a comment, which are none where they are quoted.
        let arguments = own.find(arguments).unwrap().as_str();
        if let Err(error) = Cli::try_parse_from(std::iter::once("trenchcheck").chain(words(arguments))) {
            panic!("{line}: {error}");
        }
        understood += 1;
    }
    assert!(understood >= 4);
}

#[test]
fn every_link_to_a_part_of_it_leads_there() {
    let text = readme();
    let heading = |line: &str| -> Option<String> {
        let title = line.trim_start_matches('#').strip_prefix(' ').filter(|_| line.starts_with("##"))?;
        let kept = title.to_lowercase().replace(' ', "-");
        Some(kept.chars().filter(|character| character.is_alphanumeric() || *character == '-').collect())
    };
    let headings: BTreeSet<String> = text.lines().filter_map(heading).collect();
    let links = regex::Regex::new(r"\]\(#([^)]*)\)").unwrap();
    let links: BTreeSet<String> = links.captures_iter(&text).map(|link| link[1].to_owned()).collect();
    assert!(links.is_subset(&headings), "{:?}", links.difference(&headings));
    let contents: Vec<&String> = headings.iter().filter(|heading| !links.contains(*heading)).collect();
    assert_eq!(contents, ["contents", "licence", "which-command-am-i"], "not among the contents");
}

#[test]
fn every_variable_that_is_read_is_in_its_table() {
    let text = readme();
    let (_, table) = text.split_once("\n## Environment variables\n").unwrap();
    let (table, _) = table.split_once("\n## ").unwrap();
    let variable = regex::Regex::new(r#""((?:TRENCHCHECK_|NO_COLOR|SSL_CERT_)[A-Z_]*)"#).unwrap();
    // Of the tests alone, and of the shells that ask for completions.
    let ours = ["TRENCHCHECK_BLESS", "TRENCHCHECK_NO_SUCH_VARIABLE"];
    let mut left = vec![PathBuf::from("src")];
    while let Some(path) = left.pop() {
        if path.is_dir() {
            left.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        for found in variable.captures_iter(&fs::read_to_string(&path).unwrap()) {
            let name = found[1].trim_end_matches('_');
            let known = ours.contains(&name) || table.contains(&format!("`{name}"));
            assert!(known, "{name}, in {}", path.display());
        }
    }
}

fn schema(kind: &str) -> serde_json::Value {
    let printed = Command::new(env!("CARGO_BIN_EXE_trenchcheck")).args(["schema", kind]).output().unwrap();
    serde_json::from_slice(&printed.stdout).unwrap()
}

#[test]
fn the_target_file_it_shows_is_the_one_that_is_shipped_and_can_be_read() {
    let shown = blocks("yaml").into_iter().find(|block| block.starts_with("base_url")).unwrap();
    let shipped = fs::read_to_string("fixtures/targets/example.yaml").unwrap();
    assert!(shipped.contains(&shown), "the README and fixtures/targets/example.yaml differ");
    TargetFile::read("fixtures/targets/example.yaml".as_ref()).unwrap();

    let schema = schema("target");
    let file: serde_json::Value = serde_yaml::from_str(&shipped).unwrap();
    assert!(jsonschema::is_valid(&schema, &file), "the schema refuses the target file that is shipped");
}

#[test]
fn the_load_profile_it_shows_is_the_one_that_is_shipped_and_can_be_read() {
    let shown = blocks("yaml").into_iter().find(|block| block.starts_with("profile:")).unwrap();
    let file = "fixtures/profiles/editor-sessions.yaml";
    let shipped = fs::read_to_string(file).unwrap();
    assert!(shipped.trim_end().ends_with(&shown), "the README and {file} differ");
    Profile::read(file, &shipped).unwrap();
}

#[test]
fn the_known_deviation_it_shows_is_the_one_that_is_shipped_and_fits_the_schema() {
    let shown = blocks("yaml").into_iter().find(|block| block.starts_with("deviations:")).unwrap();
    let shipped = fs::read_to_string("fixtures/deviations.yaml").unwrap();
    assert!(shipped.contains(&shown), "the README and fixtures/deviations.yaml differ");
    let schema = schema("deviations");
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
        assert_eq!(fs::read_to_string(file).unwrap().trim_end(), shown, "the README and {file} differ");
    }
    let suite = Suite::load(&Source::Builtin).unwrap();
    assert!(suite.checks.iter().any(|check| check.id == "rate.recovers"));
}

#[test]
fn the_two_commands_are_those_that_are_run_before_a_change_lands() {
    let entry = fs::read_to_string("ci/test").unwrap();
    assert!(readme().contains("cargo run --release -- test"));
    // The program that the tests have built.
    assert!(entry.contains("\n\"$TRENCHCHECK\" test\n"));
}
