//! `trenchcheck scenarios`: the shipped scenarios as files, to read and to change.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::tell::{Ended, fail};
use crate::report::ExitCode;
use crate::scenario::Source;

/// Does something with the scenarios themselves.
#[derive(Debug, Clone, Args)]
pub struct ScenariosArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: Action,
}

/// What can be done with scenarios.
#[derive(Debug, Clone, Subcommand)]
pub enum Action {
    /// Write the shipped scenarios, requests, load profiles and fixtures into a directory.
    Export(ExportArgs),
}

/// Writes the shipped scenarios, requests, load profiles and fixtures into a directory.
///
/// `--scenarios DIR` plays what is there. A directory needs its own checks only: requests and fixtures that it does not
/// have are the shipped ones.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  trenchcheck scenarios export contract
  trenchcheck test --scenarios contract")]
pub struct ExportArgs {
    /// The directory: a new one, or an empty one.
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
}

pub(super) fn run(args: &ScenariosArgs) -> Ended {
    let Action::Export(ExportArgs { dir }) = &args.action;
    let cannot = |why: io::Error| format!("cannot write the scenarios to {}: {why}", dir.display());
    export(dir).map_err(cannot).map_err(fail(ExitCode::Usage))?;
    Ok(ExitCode::Conforms)
}

/// Writes every shipped file, and touches none that is there.
fn export(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    if fs::read_dir(dir)?.next().is_some() {
        return Err(io::Error::other("it is not empty; name a new directory"));
    }
    for (path, bytes) in Source::shipped() {
        let file = dir.join(path);
        file.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::write(file, bytes)?;
    }
    Ok(())
}
