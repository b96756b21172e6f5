//! `trenchcheck man DIR`: the manual pages of every command.

use std::fs;
use std::io;
use std::path::PathBuf;

use clap::{Args, Command};

/// Writes the manual pages of every command into a directory.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example: trenchcheck man /usr/local/share/man/man1")]
pub struct ManArgs {
    /// The directory; it is made if it is missing.
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
}

/// Writes the pages of `command`.
///
/// # Errors
/// Where the directory cannot be written to.
pub fn run(args: &ManArgs, command: Command) -> io::Result<()> {
    fs::create_dir_all(&args.dir)?;
    clap_mangen::generate_to(command, &args.dir)
}
