//! Parses the command line, dispatches, exits.

use clap::Parser;
use trenchcheck::cli::{Cli, completed, not_understood, run};

/// Thousands of clients come and go at a mock that runs all day; glibc would keep the memory they took.
#[cfg(all(feature = "jemalloc", target_os = "linux", target_pointer_width = "64"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> std::process::ExitCode {
    let code =
        completed().unwrap_or_else(|| Cli::try_parse().map_or_else(|error| not_understood(&error), run));
    code.into()
}
