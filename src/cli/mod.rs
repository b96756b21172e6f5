//! The command line: what can be asked, and one file per command.

pub mod args;
pub mod compare;
pub mod completions;
pub mod deployment;
pub mod explain;
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
mod tell;
pub mod test;
mod watch;

use std::io;
use std::path::PathBuf;

use clap::{CommandFactory, Parser, Subcommand};

use self::tell::{Ended, choose_colour, complain, ended, is_coloured, say, told};
use crate::report::ExitCode;
use crate::scenario::{Source, Suite};
pub use tell::not_understood;

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
    Judge(Box<test::JudgeArgs>),
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

/// Does what the command line asks for.
pub fn run(cli: Cli) -> ExitCode {
    choose_colour(cli.color);
    let source = cli.scenarios.map_or(Source::Builtin, Source::Directory);
    let out = || io::stdout().lock();
    match cli.command {
        Command::Test(args) if args.watch => on_runtime(watch::run(*args, source)),
        Command::Test(args) => with_suite(&source, |suite| {
            on_runtime(async { test::play(*args, suite, &source, test::interruption()).await })
        }),
        Command::Judge(args) => with_suite(&source, |suite| ended(test::judge(&args, &suite))),
        Command::Plan(args) => with_suite(&source, |suite| on_runtime(plan::run(&args, &suite, &mut out()))),
        Command::Load(args) => on_runtime(load::run(*args, source)),
        Command::Mock(args) => on_runtime(mock::run(args)),
        Command::Replay(args) => on_runtime(replay::run(*args)),
        Command::Mutants(args) => with_suite(&source, |suite| on_runtime(mutants::run(args, suite))),
        Command::Merge(args) => ended(load::run_merge(args)),
        Command::Compare(args) => ended(compare::run(&args)),
        Command::Matrix(args) => ended(matrix::run(&args, &mut out())),
        Command::List(args) => with_suite(&source, |suite| ended(list::run(&args, &suite, &mut out()))),
        Command::Explain(args) => {
            with_suite(&source, |suite| ended(explain::run(&args, &suite, &source, &mut out())))
        }
        Command::Scenarios(args) => ended(scenarios::run(&args)),
        Command::Schema(args) => told(schema::run(&args, &mut out()), ExitCode::Conforms),
        Command::Completions(args) => told(completions::registration(&args, &mut out()), ExitCode::Conforms),
        Command::Man(args) => ended(man::run(&args, Cli::command())),
    }
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
