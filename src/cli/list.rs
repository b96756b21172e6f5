//! `trenchcheck list`: which checks there are.

use std::io::{self, Write};

use clap::Args;
use serde::Serialize;

use super::args::{IdPattern, select};
use super::without_keys;
use crate::report::{ExitCode, level_word};
use crate::scenario::model::Level;
use crate::scenario::{Check, Suite};

/// Lists the checks, a line each: id, level, clause, what it says.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  trenchcheck list
  trenchcheck list 'auth.*' --level must
  trenchcheck list --tag limits --json")]
pub struct ListArgs {
    /// Ids, or globs such as `auth.*` or `*.body`; all checks without any.
    #[arg(value_name = "PATTERN")]
    pub patterns: Vec<IdPattern>,

    /// Only checks at this level: must, should, rfc or observe. May be repeated.
    #[arg(long, value_name = "LEVEL", value_parser = parse_level, value_delimiter = ',')]
    pub level: Vec<Level>,

    /// Only checks with this tag. May be repeated; one of them is enough.
    #[arg(long, value_name = "TAG")]
    pub tag: Vec<String>,

    /// Print JSON: one array of objects.
    #[arg(long)]
    pub json: bool,
}

/// A level by its word.
///
/// # Errors
/// With the words there are.
pub fn parse_level(word: &str) -> Result<Level, String> {
    const LEVELS: [Level; 4] = [Level::Must, Level::Should, Level::Rfc, Level::Observe];
    let level = LEVELS.into_iter().find(|level| level_word(*level) == word);
    level.ok_or_else(|| format!("the levels are {}", LEVELS.map(level_word).join(", ")))
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

/// Prints the chosen checks. A pattern that matches nothing is a usage error; filters that leave
/// nothing are not.
///
/// # Errors
/// Where `out` or `err` cannot be written to.
pub fn list(
    args: &ListArgs,
    suite: &Suite,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<ExitCode> {
    let mut checks = match select(suite, &args.patterns) {
        Ok(checks) => checks,
        Err(error) => {
            writeln!(err, "error: {}", without_keys(&error.to_string()))?;
            return Ok(ExitCode::Usage);
        }
    };
    checks.retain(|check| args.level.is_empty() || args.level.contains(&check.level));
    checks.retain(|check| args.tag.is_empty() || args.tag.iter().any(|tag| check.tags.contains(tag)));
    if args.json {
        let listed: Vec<_> = checks.into_iter().map(listed).collect();
        serde_json::to_writer_pretty(&mut *out, &listed)?;
        writeln!(out)?;
    } else {
        table(&checks, out)?;
    }
    Ok(ExitCode::Conforms)
}

fn listed(check: &Check) -> Listed<'_> {
    Listed {
        id: &check.id,
        level: level_word(check.level),
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
        let (id, level, clause) = (&check.id, level_word(check.level), &check.clause);
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

    fn listed(line: &str) -> (ExitCode, String) {
        let matches = command().get_matches_from(format!("list {line}").split_whitespace());
        let args = ListArgs::from_arg_matches(&matches).unwrap();
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let code = list(&args, &suite(), &mut out, &mut err).unwrap();
        (code, String::from_utf8([out, err].concat()).unwrap())
    }

    #[test]
    fn a_line_for_each_check() {
        assert_snapshot!(listed("").1, @r#"
        auth.missing   must     error.401         Without a key every endpoint answers 401.
        auth.no-query  must     auth.only-header  A valid key in the query opens nothing.
        rate.standard  should   limit.standard    60 a minute, and not one more.
        "#);
    }

    #[test]
    fn filters_narrow_and_need_not_leave_anything() {
        assert_eq!(listed("*.* --level should --level rfc").1.lines().count(), 1);
        assert_eq!(listed("--tag auth --tag rate").1.lines().count(), 3);
        assert_eq!(listed("rate.* --tag auth"), (ExitCode::Conforms, String::new()));
    }

    #[test]
    fn a_slip_is_a_usage_error() {
        let expected = "error: no check is called `auth.mising`; did you mean `auth.missing`?\n";
        assert_eq!(listed("auth.mising"), (ExitCode::Usage, expected.to_owned()));
        assert!(command().try_get_matches_from(["list", "--level", "most"]).is_err());
    }

    #[test]
    fn json_is_an_array_of_checks() {
        let listed: serde_json::Value = serde_json::from_str(&listed("auth.missing --json").1).unwrap();
        let expected = serde_json::json!([{
            "id": "auth.missing", "level": "must", "clause": "error.401", "also": [], "tags": ["auth"],
            "about": "Without a key every endpoint answers 401.", "file": "scenarios/sample.yaml", "line": 1,
        }]);
        assert_eq!(listed, expected);
    }

    #[test]
    fn help_fits_a_screen_and_has_an_example() {
        let help = command().render_long_help().to_string();
        assert!(help.lines().count() <= 40 && help.contains("Examples:"), "{help}");
    }
}
