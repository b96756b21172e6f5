//! `trenchcheck list`: which checks there are.

use std::io::{self, Write};

use clap::Args;
use serde::Serialize;

use super::args::SelectionArgs;
use super::tell::{Ended, fail, told};
use crate::report::ExitCode;
use crate::scenario::{Check, Suite};

/// Lists the checks, a line each: id, level, clause, what it says.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  trenchcheck list
  trenchcheck list 'auth.*' --level must
  trenchcheck list --tag limits --json")]
pub struct ListArgs {
    #[command(flatten)]
    pub(super) selection: SelectionArgs,

    /// Prints JSON: one array of objects.
    #[arg(long)]
    pub json: bool,
}

/// A check, as `--json` shows it.
#[derive(Serialize)]
struct Listed<'a> {
    id: &'a str,
    level: &'static str,
    clause: &'a str,
    also: &'a [String],
    tags: &'a [String],
    about: String,
    file: &'a str,
    line: u32,
}

/// Runs the command. Words that are unknown are a usage error; filters that leave nothing are not.
pub(super) fn run(args: &ListArgs, suite: &Suite, out: &mut dyn Write) -> Ended {
    let chosen = args.selection.matching(suite).map_err(fail(ExitCode::Usage))?;
    let checks: Vec<&Check> = chosen.into_iter().map(|place| &suite.checks[place]).collect();
    Ok(told(if args.json { json(&checks, out) } else { table(&checks, out) }, ExitCode::Conforms))
}

fn json(checks: &[&Check], out: &mut dyn Write) -> io::Result<()> {
    let listed: Vec<_> = checks.iter().map(|check| listed(check)).collect();
    serde_json::to_writer_pretty(&mut *out, &listed)?;
    writeln!(out)
}

fn listed(check: &Check) -> Listed<'_> {
    Listed {
        id: &check.id,
        level: check.level.word(),
        clause: &check.clause,
        also: &check.also,
        tags: &check.tags,
        about: one_line(&check.about),
        file: &check.file,
        line: check.at.line,
    }
}

/// The checks in columns.
pub(super) fn table(checks: &[&Check], out: &mut dyn Write) -> io::Result<()> {
    let width = |of: fn(&Check) -> &str| checks.iter().map(|check| of(check).len()).max().unwrap_or(0);
    let (ids, clauses) = (width(|check| &check.id), width(|check| &check.clause));
    for check in checks {
        let (id, level, clause) = (&check.id, check.level.word(), &check.clause);
        writeln!(out, "{id:ids$}  {level:7}  {clause:clauses$}  {}", one_line(&check.about))?;
    }
    Ok(())
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use clap::{Command, FromArgMatches as _};
    use insta::assert_snapshot;

    use super::*;
    use crate::cli::samples::suite;

    fn command() -> Command {
        ListArgs::augment_args(Command::new("list"))
    }

    fn printed(line: &str) -> (ExitCode, String) {
        let matches = command().get_matches_from(format!("list {line}").split_whitespace());
        let args = ListArgs::from_arg_matches(&matches).unwrap();
        let mut out = Vec::new();
        let code = run(&args, &suite(), &mut out).unwrap_or_else(|code| code);
        (code, String::from_utf8(out).unwrap())
    }

    #[test]
    fn a_line_for_each_check() {
        assert_snapshot!(printed("").1, @r#"
        auth.missing   must     error.401         Without a key every endpoint answers 401.
        auth.no-query  must     auth.only-header  A valid key in the query opens nothing.
        rate.standard  should   limit.standard    60 a minute, and not one more.
        "#);
    }

    #[test]
    fn a_slip_is_a_usage_error_and_an_empty_choice_is_none() {
        for slip in ["auth.mising", "--tag nosuch"] {
            assert_eq!(printed(slip), (ExitCode::Usage, String::new()));
        }
        assert_eq!(printed("rate.* --tag auth"), (ExitCode::Conforms, String::new()));
        assert!(command().try_get_matches_from(["list", "--level", "most"]).is_err());
    }

    #[test]
    fn json_is_an_array_of_checks() {
        let listed: serde_json::Value = serde_json::from_str(&printed("auth.missing --json").1).unwrap();
        let expected = serde_json::json!([{
            "id": "auth.missing", "level": "must", "clause": "error.401", "also": [], "tags": ["auth"],
            "about": "Without a key every endpoint answers 401.", "file": "scenarios/sample.yaml", "line": 1,
        }]);
        assert_eq!(listed, expected);
    }
}
