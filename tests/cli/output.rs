//! What is printed: help that fits a screen, nothing for terminals in a pipe, and no panic when the pipe is closed.

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::program::trenchcheck;
use crate::target::{deployment, folder, keyless, run};

const COMMANDS: [&str; 8] = ["test", "mock", "mutants", "matrix", "list", "explain", "schema", "completions"];

#[test]
fn the_help_of_every_command_has_an_example() {
    for words in COMMANDS.map(|command| vec![command, "--help"]).into_iter().chain([vec!["--help"]]) {
        let ran = keyless(&words).ended_with(0);
        assert!(ran.out.contains("Example"), "{words:?}: {}", ran.out);
    }
}

#[test]
fn a_wrong_argument_is_a_usage_error() {
    for words in [&["test", "--no-such-flag"][..], &["test", "--level", "high"], &["no-such-command"], &[]] {
        let ran = keyless(words).ended_with(2);
        assert!(ran.out.is_empty() && !ran.err.is_empty(), "{words:?}: {}", ran.out);
    }
}

/// Every command, with something that is wrong: in the file it is given, in its words, where it should write.
#[test]
fn every_command_says_what_is_wrong_in_one_form() {
    let folder = folder();
    std::fs::write(folder.path().join("wrong.yaml"), "wrnog: 1\n").unwrap();
    std::fs::write(folder.path().join("full"), "").unwrap();
    let here = |words: &[&str]| trenchcheck(folder.path(), words, &[]).ended_with(2);
    for words in [
        &["test", "nosuch.check"][..],
        &["test", "--tag", "nosuch"],
        &["test", "auth.missing", "--level", "observe"],
        &["test", "--target", "wrong.yaml"],
        &["test", "--target", "nosuch.yaml"],
        &["test", "--scenarios", "nosuch"],
        &["test", "--deviations", "wrong.yaml", "auth.missing"],
        &["test", "--json", "full/report.json", "auth.missing"],
        &["test", "--reporter", "nosuch", "auth.missing"],
        &["test", "--no-such-flag"],
        &["judge", "wrong.yaml"],
        &["plan", "nosuch.check"],
        &["plan", "--target", "wrong.yaml"],
        &["load", "nosuch"],
        &["load", "wrong.yaml"],
        &["load", "--target", "wrong.yaml"],
        &["mock", "--config", "wrong.yaml", "--port", "0"],
        &["mock", "--config", "nosuch.yaml", "--port", "0"],
        &["mock", "--deviate", "nosuch", "--port", "0"],
        &["mock", "healthcheck", "--control-token-env", "TRENCHCHECK_NO_SUCH_VARIABLE"],
        &["mutants", "nosuch"],
        &["mutants", "--seed", "1"],
        &["merge", "nosuch"],
        &["matrix", "nosuch.json"],
        &["list", "nosuch.check"],
        &["explain", "nosuch.check"],
        &["scenarios", "export", "full/dir"],
        &["schema", "nosuch"],
        &["completions", "nosuch"],
        &["man", "full/dir"],
    ] {
        let ran = here(words);
        assert!(ran.err.starts_with("error: "), "{words:?}: {}", ran.err);
        let others = ["error: error:", "trenchcheck:"];
        assert!(!others.iter().any(|other| ran.err.contains(other)), "{words:?}: {}", ran.err);
        assert!(ran.out.is_empty(), "{words:?}: {}", ran.out);
    }
}

#[test]
fn a_pipe_gets_colours_only_where_somebody_says_so() {
    let coloured = |flags: &[&str], variables: &[(&str, &str)]| {
        let words = [&["test", "auth.missing"], flags].concat();
        trenchcheck(folder().path(), &words, variables).ended_with(0).out.contains('\u{1b}')
    };
    assert!(!coloured(&[], &[]));
    assert!(coloured(&["--color", "always"], &[("NO_COLOR", "1")]));
    assert!(coloured(&[], &[("FORCE_COLOR", "1")]) && coloured(&[], &[("CLICOLOR_FORCE", "1")]));
    assert!(!coloured(&[], &[("FORCE_COLOR", "0")]));
    assert!(!coloured(&[], &[("FORCE_COLOR", "1"), ("NO_COLOR", "1")]));
    assert!(!coloured(&["--color", "never"], &[("FORCE_COLOR", "1")]));
}

/// Also with waits, which a terminal would show.
#[tokio::test(flavor = "multi_thread")]
async fn a_pipe_gets_no_escape_codes_and_no_progress() {
    let server = deployment(60, Duration::from_secs(9)).await;
    for flags in [&[][..], &["-v"], &["-vv"], &["--quiet"]] {
        let ran = run(&[&["test", "--target", &server.url(), "rate.hammering"], flags].concat()).await;
        let ran = ran.ended_with(0);
        assert!(!ran.out.contains(['\u{1b}', '\r']) && ran.err.is_empty(), "{ran:?}");
    }
}

#[test]
fn a_closed_pipe_is_no_panic_and_no_failure() {
    for words in [&["list"][..], &["test", "auth.*", "--verbose"], &["schema"], &["completions", "bash"]] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_trenchcheck"))
            .args(words)
            .env_clear()
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // As `head -c 1` does: read a little, then close.
        let mut first = [0];
        child.stdout.take().unwrap().read_exact(&mut first).unwrap();
        let ended = child.wait_with_output().unwrap();
        assert!(ended.stderr.is_empty(), "{words:?}: {}", String::from_utf8_lossy(&ended.stderr));
        assert_eq!(ended.status.code(), Some(0), "{words:?}");
    }
}
