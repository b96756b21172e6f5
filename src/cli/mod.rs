//! The command line: what can be asked, and one file per command.

pub mod args;
pub mod compare;
pub mod completions;
pub mod deployment;
pub mod explain;
pub mod judge;
pub mod list;
pub mod load;
pub mod man;
pub mod matrix;
pub mod mock;
pub mod mutants;
pub mod plan;
pub mod replay;
pub mod reports;
#[cfg(test)]
mod samples;
pub mod scenarios;
pub mod schema;
pub mod test;
mod watch;

use std::fmt::Display;
use std::io::{self, Write};
use std::path::PathBuf;

use anstream::stream::RawStream;
use anstream::{AutoStream, ColorChoice};
use clap::{CommandFactory, Parser, Subcommand};

use crate::report::{ExitCode, Redactor};
use crate::scenario::{Source, Suite};

/// Checks any deployment of the Trenchcoat API against its documented contract.
#[derive(Debug, Parser)]
#[command(
    name = "trenchcheck",
    version,
    about,
    after_help = "Example: trenchcheck test                     (the built-in reference, at once)\n         \
                  trenchcheck test --target http://127.0.0.1:8080"
)]
pub struct Cli {
    /// Reads scenarios from this directory.
    #[arg(long, global = true, value_name = "DIR")]
    pub scenarios: Option<PathBuf>,

    /// Colours text: auto, always, never.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", hide_possible_values = true)]
    pub color: clap::ColorChoice,

    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Play the contract scenarios against a deployment and say which promise is broken.
    Test(Box<test::TestArgs>),
    /// Judge again what an earlier run has sent and seen, without sending anything.
    Judge(Box<judge::JudgeArgs>),
    /// Say what `test` would send, when and with which keys, without sending anything.
    Plan(Box<plan::PlanArgs>),
    /// Hold keys at a rate and judge every window.
    Load(Box<load::LoadArgs>),
    /// Serve the reference API from memory, for plugin authors and as a target.
    Mock(mock::MockArgs),
    /// Send again what a mock recorded, with other keys, and compare the answers.
    Replay(Box<replay::ReplayArgs>),
    /// Play the suite against every deviation of the mock, and say which of them it misses.
    Mutants(mutants::MutantsArgs),
    /// Make one load run of the shards of many machines, and judge it as one.
    Merge(load::MergeArgs),
    /// Say how load runs differ from the first of them.
    Compare(compare::CompareArgs),
    /// Lay reports of several deployments side by side, by clauses of the page.
    Matrix(matrix::MatrixArgs),
    /// List the checks.
    List(list::ListArgs),
    /// Explain a check or a clause of the contract.
    Explain(explain::ExplainArgs),
    /// Write the shipped scenarios into a directory, to change them.
    Scenarios(scenarios::ScenariosArgs),
    /// Print the JSON Schema of scenario files, target files, reports and others.
    Schema(schema::SchemaArgs),
    /// Print completions for a shell.
    Completions(completions::CompletionsArgs),
    /// Write the manual pages: for packages.
    #[command(hide = true)]
    Man(man::ManArgs),
}

/// Answers a shell that asks what may stand at the cursor; `None` where none does.
pub fn completed() -> Option<ExitCode> {
    completions::completed(|| completions::with_candidates(Cli::command()))
}

/// Shows the help that was asked for, or says what is wrong with the command line, without quoting a key.
pub fn not_understood(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        // Where even this cannot be written, nobody is left to tell.
        let _ = error.print();
        return ExitCode::Conforms;
    }
    let text = error.render().to_string();
    if without_keys(&text) == text {
        let _ = error.print();
    } else {
        complain(&text);
    }
    ExitCode::Usage
}

/// Does what the command line asks for.
pub fn run(cli: Cli) -> ExitCode {
    choose_colour(cli.color);
    let source = cli.scenarios.map_or(Source::Builtin, Source::Directory);
    let mut out = io::stdout().lock();
    let outcome = match cli.command {
        Command::Test(args) => {
            // The reports write to it themselves.
            drop(out);
            if args.watch {
                return on_runtime(watch::run(*args, source));
            }
            return with_suite(&source, |suite| {
                on_runtime(async { test::play(*args, suite, &source, test::interruption()).await })
            });
        }
        Command::Judge(args) => {
            drop(out);
            return with_suite(&source, |suite| ended(judge::run(&args, &suite)));
        }
        Command::Plan(args) => {
            return with_suite(&source, |suite| on_runtime(plan::run(&args, &suite, &mut out)));
        }
        Command::Load(args) => {
            drop(out);
            return on_runtime(load::run(*args, source));
        }
        Command::Mock(args) => {
            drop(out);
            return on_runtime(async { Ok(mock::run(args).await) });
        }
        Command::Replay(args) => {
            drop(out);
            return on_runtime(replay::run(*args));
        }
        Command::Mutants(args) => {
            drop(out);
            return with_suite(&source, |suite| on_runtime(mutants::run(args, suite)));
        }
        Command::Merge(args) => {
            drop(out);
            return ended(load::run_merge(args));
        }
        Command::Compare(args) => {
            drop(out);
            return ended(compare::run(&args));
        }
        Command::List(args) => {
            return with_suite(&source, |suite| ended(list::run(&args, &suite, &mut out)));
        }
        Command::Explain(args) => {
            return with_suite(&source, |suite| ended(explain::run(&args, &suite, &source, &mut out)));
        }
        Command::Matrix(args) => return ended(matrix::run(&args, &mut out)),
        Command::Schema(args) => schema::run(&args, &mut out),
        Command::Scenarios(args) => return ended(scenarios::run(&args)),
        Command::Completions(args) => completions::registration(&args, &mut out),
        Command::Man(args) => return ended(man::run(&args, Cli::command())),
    };
    told(outcome, ExitCode::Conforms)
}

/// Loads the scenarios, or says everything that is wrong with them.
fn with_suite(source: &Source, then: impl FnOnce(Suite) -> ExitCode) -> ExitCode {
    match Suite::load(source) {
        Ok(suite) => then(suite),
        Err(problems) => {
            say(&problems.render(is_coloured(&io::stderr())));
            ExitCode::Usage
        }
    }
}

/// Settles when text is coloured: as `--color` says, else as the variables NO_COLOR, FORCE_COLOR, CLICOLOR_FORCE and TERM
/// do, else where a terminal reads it.
fn choose_colour(asked: clap::ColorChoice) {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0");
    let choice = match asked {
        clap::ColorChoice::Always => ColorChoice::Always,
        clap::ColorChoice::Never => ColorChoice::Never,
        clap::ColorChoice::Auto if is_set("FORCE_COLOR") && !is_set("NO_COLOR") => ColorChoice::Always,
        // The library knows the other variables.
        clap::ColorChoice::Auto => ColorChoice::Auto,
    };
    choice.write_global();
}

/// Whether text for this stream is coloured.
fn is_coloured(stream: &impl RawStream) -> bool {
    AutoStream::choice(stream) != ColorChoice::Never
}

/// Runs a future on a runtime of its own.
fn on_runtime(future: impl Future<Output = Ended>) -> ExitCode {
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => {
            let code = runtime.block_on(future);
            // A look-up of a name cannot be called off, and nobody should wait for it.
            runtime.shutdown_background();
            ended(code)
        }
        Err(error) => {
            complain(&format!("the runtime did not start: {error}"));
            ExitCode::Internal
        }
    }
}

/// How a command ends; an error has been told.
type Ended = Result<ExitCode, ExitCode>;

fn ended(how: Ended) -> ExitCode {
    how.unwrap_or_else(|exit| exit)
}

/// Tells what is wrong, for a command that ends with it.
fn fail<E: Display>(exit: ExitCode) -> impl Fn(E) -> ExitCode {
    move |error| {
        complain(&error.to_string());
        exit
    }
}

/// How it ends when all that is left is to say something. A closed pipe is no fault of ours; anything else that stops
/// the output is told.
fn told(said: io::Result<()>, exit: ExitCode) -> ExitCode {
    match said {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            complain(&format!("cannot write the output: {error}"));
            ExitCode::Internal
        }
        _ => exit,
    }
}

/// Says what is wrong. Problems of files and of the command line bring their `error:` with them.
fn complain(problem: &str) {
    const ERROR: &str = "error: ";
    let prefix = if problem.starts_with(ERROR) { "" } else { ERROR };
    say(&format!("{prefix}{problem}"));
}

/// Says what may be wrong, and does not stop anything.
fn warn(what: &str) {
    say(&format!("warning: {what}"));
}

/// Writes to standard error, without any key that was typed in the wrong place. If even that is closed, nobody is
/// left to tell.
fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{}", without_keys(text.trim_end()));
}

/// The text with everything masked that looks like a key.
fn without_keys(text: &str) -> String {
    Redactor::default().scrub(text)
}
