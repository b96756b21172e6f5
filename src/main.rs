//! Parses the command line, dispatches, exits.

use clap::Parser;
use trenchcheck::cli::{Cli, run};

fn main() -> std::process::ExitCode {
    run(Cli::parse()).into()
}
