//! `trenchcheck completions SHELL`: what a shell needs to complete the command line.

use std::io::{self, Write};

use clap::{Args, Command};
use clap_complete::Shell;

/// Prints a completion script for a shell.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  trenchcheck completions bash > ~/.local/share/bash-completion/completions/trenchcheck
  trenchcheck completions zsh > ~/.zfunc/_trenchcheck
  trenchcheck completions fish > ~/.config/fish/completions/trenchcheck.fish")]
pub struct CompletionsArgs {
    /// The shell.
    #[arg(value_name = "SHELL")]
    pub shell: Shell,
}

/// Prints the script for `command`.
///
/// # Errors
/// Where `out` cannot be written to.
pub fn completions(args: &CompletionsArgs, mut command: Command, out: &mut dyn Write) -> io::Result<()> {
    let name = command.get_name().to_owned();
    // clap_complete panics when it cannot write, and a pipe may be closed; so it writes to memory.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, name, &mut script);
    out.write_all(&script)
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    #[test]
    fn every_shell_has_a_script_that_knows_the_commands() {
        for shell in Shell::value_variants() {
            let command = Command::new("trenchcheck").subcommand(Command::new("explain"));
            let mut out = Vec::new();
            completions(&CompletionsArgs { shell: *shell }, command, &mut out).unwrap();
            assert!(String::from_utf8(out).unwrap().contains("explain"), "{shell}");
        }
    }

    #[test]
    fn help_fits_a_screen_and_has_an_example() {
        let help = CompletionsArgs::augment_args(Command::new("completions")).render_long_help().to_string();
        assert!(help.lines().count() <= 40 && help.contains("Examples:"), "{help}");
    }
}
