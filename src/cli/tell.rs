//! What a command says to people on standard error: without keys, and in colour where that is wanted.
//!
//! And how a command ends: with an exit code, and with everything told that there is to tell.

use std::fmt::Display;
use std::io::{self, Write};

use anstream::stream::RawStream;
use anstream::{AutoStream, ColorChoice};

use crate::report::{ExitCode, Redactor};

/// Says what is wrong. Problems of files and of the command line bring their `error:` with them.
pub(super) fn complain(problem: &str) {
    const ERROR: &str = "error: ";
    let prefix = if problem.starts_with(ERROR) { "" } else { ERROR };
    say(&format!("{prefix}{problem}"));
}

/// Says what may be wrong, and does not stop anything.
pub(super) fn warn(what: &str) {
    say(&format!("warning: {what}"));
}

/// Writes to standard error, without any key that was typed in the wrong place. If even that is closed, nobody is
/// left to tell.
pub(super) fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{}", without_keys(text.trim_end()));
}

/// The text with everything masked that looks like a key.
pub(super) fn without_keys(text: &str) -> String {
    Redactor::default().scrub(text)
}

/// Settles when text is coloured: as `--color` says, else as the variables NO_COLOR, FORCE_COLOR, CLICOLOR_FORCE and TERM
/// do, else where a terminal reads it.
pub(super) fn choose_colour(asked: clap::ColorChoice) {
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

pub(super) fn is_coloured(stream: &impl RawStream) -> bool {
    AutoStream::choice(stream) != ColorChoice::Never
}

/// How a command ends; an error has been told.
pub(super) type Ended = Result<ExitCode, ExitCode>;

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
