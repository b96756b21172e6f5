//! `trenchcheck completions SHELL`: what a shell needs to complete the command line.
//!
//! The script that is printed asks the program itself, at each key: it knows the checks, profiles and deviations there
//! are, also those of `--scenarios DIR`.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::PathBuf;

use clap::{Arg, Args, Command, ValueHint};
use clap_complete::Shell;
use clap_complete::engine::ValueCompleter as _;
use clap_complete::engine::{ArgValueCandidates, ArgValueCompleter, CompletionCandidate, PathCompleter};
use clap_complete::env::{CompleteEnv, Shells};

use super::tell::not_understood;
use crate::contract::CLAUSES;
use crate::load::profile::Library;
use crate::mock::{Group, catalogue};
use crate::report::{ExitCode, level_meaning};
use crate::scenario::model::Level;
use crate::scenario::{Source, Suite};

/// The program that a shell completes and asks.
const PROGRAM: &str = "trenchcheck";

/// The variable with which a shell asks.
const ASKED: &str = "_TRENCHCHECK_COMPLETE";

/// Prints a completion script for a shell.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  trenchcheck completions bash > ~/.local/share/bash-completion/completions/trenchcheck
  trenchcheck completions zsh > ~/.zfunc/_trenchcheck
  trenchcheck completions fish > ~/.config/fish/completions/trenchcheck.fish")]
pub struct CompletionsArgs {
    /// The shell.
    #[arg(value_name = "SHELL")]
    pub shell: Shell,
}

/// Prints the script.
pub fn registration(args: &CompletionsArgs, out: &mut dyn io::Write) -> io::Result<()> {
    let shells = Shells::builtins();
    let shell = shells.completer(&args.shell.to_string());
    let shell = shell.ok_or_else(|| io::Error::other(format!("{} completes nothing", args.shell)))?;
    shell.write_registration(ASKED, PROGRAM, PROGRAM, PROGRAM, out)
}

/// Answers a shell that asks what may stand at the cursor; `None` where none does.
pub fn completed(command: impl Fn() -> Command) -> Option<ExitCode> {
    let folder = env::current_dir().ok();
    match CompleteEnv::with_factory(command).var(ASKED).try_complete(env::args_os(), folder.as_deref()) {
        Ok(false) => None,
        Ok(true) => Some(ExitCode::Conforms),
        Err(error) => Some(not_understood(&error)),
    }
}

/// The command line, with the words that may stand for its arguments.
#[must_use]
pub fn with_candidates(command: Command) -> Command {
    command.mut_subcommands(|command| {
        let name = command.get_name().to_owned();
        command.mut_args(|argument| candidates(&name, argument))
    })
}

fn candidates(command: &str, argument: Arg) -> Arg {
    let words = match (command, argument.get_id().as_str()) {
        ("test" | "plan" | "judge" | "list", "ids" | "skip") => checks,
        ("explain", "id") => topics,
        (_, "level") => levels,
        (_, "tag") => tags,
        ("mock", "deviate") | ("mutants", "names") => deviations,
        ("mutants", "group") => groups,
        ("load", "profile") => return argument.add(ArgValueCompleter::new(profiles)),
        (_, "target") => return argument.value_hint(ValueHint::FilePath),
        _ => return argument,
    };
    argument.add(ArgValueCandidates::new(words))
}

fn word(word: &str, help: &str) -> CompletionCandidate {
    CompletionCandidate::new(word).help(Some(help.to_owned().into()))
}

fn checks() -> Vec<CompletionCandidate> {
    suite().checks.iter().map(|check| word(&check.id, &check.about)).collect()
}

fn topics() -> Vec<CompletionCandidate> {
    let clauses = CLAUSES.iter().map(|clause| word(clause.id, clause.promise));
    checks().into_iter().chain(clauses).collect()
}

fn levels() -> Vec<CompletionCandidate> {
    Level::ALL.into_iter().map(|level| word(level.word(), level_meaning(level))).collect()
}

fn tags() -> Vec<CompletionCandidate> {
    let mut tags: Vec<String> = suite().checks.into_iter().flat_map(|check| check.tags).collect();
    tags.sort();
    tags.dedup();
    tags.into_iter().map(CompletionCandidate::new).collect()
}

fn deviations() -> Vec<CompletionCandidate> {
    catalogue().iter().map(|entry| word(entry.name, entry.about)).collect()
}

fn groups() -> Vec<CompletionCandidate> {
    Group::ALL.iter().map(|group| CompletionCandidate::new(group.to_string())).collect()
}

/// Profiles by their names, and files.
fn profiles(begun: &OsStr) -> Vec<CompletionCandidate> {
    let known = Library(&source()).all().unwrap_or_default();
    let begins = |name: &str| name.as_bytes().starts_with(begun.as_encoded_bytes());
    let known = known.iter().filter(|known| begins(&known.profile.profile.value));
    let known = known.map(|known| word(&known.profile.profile.value, &known.profile.about));
    known.chain(PathCompleter::file().complete(begun)).collect()
}

/// The checks there are; none where they cannot be read, which is told when they are played.
fn suite() -> Suite {
    Suite::load(&source()).unwrap_or_default()
}

/// Where the command line that is being typed takes its scenarios from.
fn source() -> Source {
    let words: Vec<OsString> = env::args_os().collect();
    let behind = words.windows(2).find(|pair| pair[0] == "--scenarios").map(|pair| PathBuf::from(&pair[1]));
    behind.map_or(Source::Builtin, Source::Directory)
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    #[test]
    fn every_shell_has_a_script_that_asks_the_program() {
        for shell in Shell::value_variants() {
            let mut out = Vec::new();
            registration(&CompletionsArgs { shell: *shell }, &mut out).unwrap();
            let script = String::from_utf8(out).unwrap();
            assert!(script.contains(PROGRAM) && script.contains(ASKED), "{shell}: {script}");
        }
    }
}
