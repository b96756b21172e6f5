//! How a command ends: with an exit code, and with everything told that there is to tell.

use std::fmt::Display;
use std::io;

use super::tell::{complain, without_keys};
use crate::report::ExitCode;

/// How a command ends; an error has been told.
pub(super) type Ended = Result<ExitCode, ExitCode>;

/// The code that the process exits with.
pub(super) fn ended(how: Ended) -> ExitCode {
    how.unwrap_or_else(|exit| exit)
}

/// Tells what is wrong, for a command that ends with it.
pub(super) fn fail<E: Display>(exit: ExitCode) -> impl Fn(E) -> ExitCode {
    move |error| {
        complain(&error.to_string());
        exit
    }
}

/// How it ends when all that is left is to say something. A closed pipe is no fault of ours; anything else that stops
/// the output is told.
pub(super) fn told(said: io::Result<()>, exit: ExitCode) -> ExitCode {
    match said {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            complain(&format!("cannot write the output: {error}"));
            ExitCode::Internal
        }
        _ => exit,
    }
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
