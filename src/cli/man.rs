//! `trenchcheck man DIR`: the manual pages of every command.

use std::fs;
use std::io;
use std::path::PathBuf;

use clap::{Args, Command};

use super::tell::{Ended, fail};
use crate::report::ExitCode;

/// Writes the manual pages of every command into a directory.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example: trenchcheck man /usr/local/share/man/man1")]
pub struct ManArgs {
    /// The directory; it is made if it is missing.
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
}

pub(super) fn run(args: &ManArgs, command: Command) -> Ended {
    let cannot = |why: io::Error| format!("cannot write the manual pages to {}: {why}", args.dir.display());
    let written = fs::create_dir_all(&args.dir).and_then(|()| clap_mangen::generate_to(command, &args.dir));
    written.map_err(cannot).map_err(fail(ExitCode::Usage))?;
    Ok(ExitCode::Conforms)
}
