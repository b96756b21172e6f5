//! Parses the command line, dispatches, exits.

use clap::Parser;
use trenchcheck::cli::{Cli, not_understood, run};

fn main() -> std::process::ExitCode {
    Cli::try_parse().map_or_else(|error| not_understood(&error), run).into()
}
