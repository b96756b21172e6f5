//! The built program, run with arguments and variables of our choice and nothing else.

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use assert_cmd::Command;

/// No run of these tests may take so long: a program that hangs is killed, and the test fails.
const HANG: Duration = Duration::from_secs(100);

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Fails unless the program ended with this code, with all that it said.
    #[track_caller]
    pub(crate) fn ended_with(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}\n{}", self.out, self.err);
        assert!(!self.err.contains("panicked"), "{}", self.err);
        self
    }
}

/// Runs the program in `folder` without any variable of the environment beside `variables`.
pub(crate) fn trenchcheck(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Ran {
    let output = Command::cargo_bin("trenchcheck")
        .unwrap()
        .env_clear()
        .envs(variables.iter().copied())
        .current_dir(folder)
        .args(arguments)
        .timeout(HANG)
        .output()
        .unwrap();
    Ran::of(output)
}
