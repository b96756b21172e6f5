//! `trenchcheck explain ID`: what a check or a clause is about.

use std::collections::BTreeSet;
use std::io::{self, Write};

use clap::Args;

use super::args::scenarios_option;
use super::list::table;
use super::tell::{Ended, fail, told};
use crate::contract::{CLAUSES, Clause, Coverage, Endpoint, clause};
use crate::nearest::no_such;
use crate::report::{ExitCode, level_meaning};
use crate::scenario::model::Experiment;
use crate::scenario::{Check, Source, Suite};

/// The topic that lists the endpoints.
const ENDPOINTS: &str = "endpoints";

/// Says what a check or a clause is about, where it is written, and how to run it.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  trenchcheck explain auth.no-query       a check: its clause, what it needs, its scenario
  trenchcheck explain error.retry-after   a clause: its promise, and who enforces it
  trenchcheck explain endpoints           the endpoints, by the names scenarios use")]
pub struct ExplainArgs {
    /// The id of a check or of a clause, or `endpoints`.
    #[arg(value_name = "ID")]
    pub id: String,
}

enum Topic {
    /// The check at this place of the suite.
    Check(usize),
    Clause(&'static Clause),
    Endpoints,
}

pub(super) fn run(args: &ExplainArgs, suite: &Suite, source: &Source, out: &mut dyn Write) -> Ended {
    let said = match topic(&args.id, suite).map_err(fail(ExitCode::Usage))? {
        Topic::Check(place) => {
            let text = source.text_of(&suite.checks[place].file);
            explain_check(suite, place, text.as_deref(), &scenarios_option(source), out)
        }
        Topic::Clause(clause) => explain_clause(clause, suite, out),
        Topic::Endpoints => explain_endpoints(out),
    };
    Ok(told(said, ExitCode::Conforms))
}

fn topic(id: &str, suite: &Suite) -> Result<Topic, String> {
    if let Some(place) = suite.checks.iter().position(|check| check.id == id) {
        return Ok(Topic::Check(place));
    }
    if let Some(clause) = clause(id) {
        return Ok(Topic::Clause(clause));
    }
    if id == ENDPOINTS {
        return Ok(Topic::Endpoints);
    }
    let checks = suite.checks.iter().map(|check| check.id.as_str());
    let known = checks.chain(CLAUSES.iter().map(|clause| clause.id)).chain([ENDPOINTS]);
    Err(no_such("check and no clause", id, known, "`trenchcheck list` shows all checks with their clauses"))
}

/// `text` is the scenario file's, and `from` the option with which the suite is played.
fn explain_check(
    suite: &Suite,
    place: usize,
    text: Option<&str>,
    from: &str,
    out: &mut dyn Write,
) -> io::Result<()> {
    let check = &suite.checks[place];
    writeln!(out, "{}", check.id)?;
    for line in check.about.lines() {
        writeln!(out, "  {line}")?;
    }
    writeln!(out)?;
    for (label, id) in [("Clause", &check.clause)].into_iter().chain(check.also.iter().map(|id| ("Also", id)))
    {
        let promise = clause(id).map_or("no clause of the page", |clause| clause.promise);
        writeln!(out, "{label:6}  {id}: {promise}")?;
    }
    writeln!(out, "Level   {}: {}", check.level.word(), level_meaning(check.level))?;
    writeln!(out, "Source  {}", check.source.as_deref().unwrap_or("the Authentication page"))?;
    let (needs, reads) = read_for(suite, place);
    if !needs.is_empty() {
        writeln!(out, "Needs   {}", needs.join(", "))?;
    }
    writeln!(out, "File    {}:{}", check.file, check.at.line)?;
    for (experiment, line) in reads.iter().filter(|(experiment, _)| experiment.name != check.id) {
        writeln!(out, "Reads   {}, {}:{line}", experiment.name, experiment.file)?;
    }
    writeln!(out, "Tags    {}", check.tags.join(", "))?;
    if let Some(text) = text {
        writeln!(out)?;
        for line in document(text, check.at.line) {
            writeln!(out, "{}", format!("    {line}").trim_end())?;
        }
    }
    writeln!(out, "\nTo run only this check:\n  trenchcheck test{from} {}", check.id)
}

/// What a check needs, and the experiments it reads, each with the line where it does so first.
fn read_for(suite: &Suite, check: usize) -> (Vec<&str>, Vec<(&Experiment, u32)>) {
    let (mut needs, mut reads): (Vec<&str>, Vec<(&Experiment, u32)>) = (Vec::new(), Vec::new());
    for experiment in &suite.experiments {
        let readings = experiment.cases.iter().flat_map(|case| &case.readings);
        for reading in readings.filter(|reading| reading.check == check) {
            needs.extend(reading.needs.iter().map(String::as_str));
            if reads.last().is_none_or(|(last, _)| last.name != experiment.name) {
                let line = reading.items.iter().map(|item| item.line).min();
                reads.push((experiment, line.unwrap_or(1)));
            }
        }
    }
    let mut seen = BTreeSet::new();
    needs.retain(|need| seen.insert(*need));
    (needs, reads)
}

/// The YAML document of the file that holds the line, without its separators and the empty lines around it.
fn document(text: &str, line: u32) -> impl Iterator<Item = &str> {
    let lines: Vec<&str> = text.lines().collect();
    let here = (line as usize).saturating_sub(1).min(lines.len());
    let edge = |line: &str| line.trim_end() == "---";
    let from = lines[..here].iter().rposition(|line| edge(line)).map_or(0, |at| at + 1);
    let to = lines[here..].iter().position(|line| edge(line)).map_or(lines.len(), |at| here + at);
    let written = |line: &str| !line.trim().is_empty();
    let first = lines[from..to].iter().position(|line| written(line)).map_or(to, |at| from + at);
    let last = lines[first..to].iter().rposition(|line| written(line)).map_or(first, |at| first + at + 1);
    lines.into_iter().take(last).skip(first)
}

fn explain_clause(clause: &Clause, suite: &Suite, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}\n  {}\n", clause.id, clause.promise)?;
    if let Coverage::NotObservable(why) = clause.coverage {
        return writeln!(out, "No check can show it: {why}.");
    }
    let enforcing: Vec<&Check> = suite.checks.iter().filter(|check| check.clause == clause.id).collect();
    let touching: Vec<&Check> =
        suite.checks.iter().filter(|check| check.also.iter().any(|id| id == clause.id)).collect();
    if enforcing.is_empty() {
        writeln!(out, "No check of this suite enforces it.")?;
    } else {
        writeln!(out, "Enforced by")?;
        table(&enforcing, out)?;
    }
    if !touching.is_empty() {
        writeln!(out, "\nTouched by")?;
        table(&touching, out)?;
    }
    Ok(())
}

fn explain_endpoints(out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "The endpoints by the names scenarios and target files use; a target file may give other paths.\n"
    )?;
    for endpoint in Endpoint::ALL {
        let (name, method, path) = (endpoint.name(), endpoint.method(), endpoint.path());
        writeln!(out, "{name:8}  {method:4}  {path:26}  {}", endpoint.scope())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::cli::samples::suite;

    const FILE: &str = "check: auth.missing\nsteps: []\n---\n\ncheck: auth.no-query\n\nsteps: [1]\n\n---\ncheck: rate.standard\n";

    fn explained(id: &str) -> String {
        let (suite, mut out) = (suite(), Vec::new());
        match topic(id, &suite).unwrap() {
            Topic::Check(place) => explain_check(&suite, place, Some(FILE), " --scenarios own", &mut out),
            Topic::Clause(clause) => explain_clause(clause, &suite, &mut out),
            Topic::Endpoints => explain_endpoints(&mut out),
        }
        .unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_check_is_told_with_its_own_part_of_the_file() {
        assert_snapshot!(explained("auth.no-query"), @r#"
        auth.no-query
          A valid key in the query opens nothing.

        Clause  auth.only-header: There is no other mechanism: not Authorization, not the query, not a cookie.
        Also    auth.header: The key travels in the X-API-Key header of every request.
        Level   must: the page promises it; a failure always gates
        Source  the Authentication page
        File    scenarios/sample.yaml:5
        Tags    auth

            check: auth.no-query

            steps: [1]

        To run only this check:
          trenchcheck test --scenarios own auth.no-query
        "#);
    }

    #[test]
    fn a_check_is_told_with_what_it_needs_and_which_experiments_it_reads() {
        let suite = Suite::load(&Source::Builtin).unwrap();
        let mut out = Vec::new();
        let args = ExplainArgs { id: "rate.concurrent".to_owned() };
        run(&args, &suite, &Source::Builtin, &mut out).unwrap();
        let said = String::from_utf8(out).unwrap();
        let part = said.split("the Authentication page\n").last().unwrap().split("Tags").next().unwrap();
        assert_snapshot!(part, @r"
        Needs   rate.standard, rate.recovers, rate.connections, scope.every-request, rate.premium, rate.ingestion
        File    scenarios/limits/rarely-asked.yaml:11
        Reads   rarely-asked, scenarios/limits/rarely-asked.yaml:17
        Reads   two-windows, scenarios/limits/two-windows.yaml:74
        ");
    }

    #[test]
    fn a_line_beyond_the_text_is_no_panic() {
        assert_eq!(document("a\n---\nb\n", 99).collect::<Vec<_>>(), ["b"]);
        assert_eq!(document("", 1).count(), 0);
    }

    #[test]
    fn a_clause_is_told_with_the_checks_that_enforce_it() {
        assert_snapshot!(explained("error.401"), @r#"
        error.401
          A missing or unknown key is answered with 401 and exactly the documented body.

        Enforced by
        auth.missing  must     error.401  Without a key every endpoint answers 401.
        "#);
        assert!(
            explained("auth.header")
                .contains("No check of this suite enforces it.\n\nTouched by\nauth.no-query")
        );
    }

    #[test]
    fn a_clause_that_cannot_be_seen_says_why() {
        assert_snapshot!(explained("key.shown-once"), @r#"
        key.shown-once
          The plaintext of a key is shown once, at creation, and never again.

        No check can show it: keys are made in the dashboard; the API never shows one.
        "#);
    }

    #[test]
    fn the_endpoints_are_told() {
        assert_snapshot!(explained("endpoints"), @r#"
        The endpoints by the names scenarios and target files use; a target file may give other paths.

        events    POST  /api/v1/events              write:events
        scores    POST  /api/v1/evals/scores        write:events
        sessions  GET   /api/v1/sessions            read:analytics
        overview  GET   /api/v1/analytics/overview  read:analytics
        tools     GET   /api/v1/analytics/tools     read:analytics
        "#);
    }

    #[test]
    fn a_slip_is_told_with_what_was_meant() {
        let said = |id: &str| topic(id, &suite()).err().unwrap();
        assert_eq!(
            said("eror.401"),
            "no check and no clause is called `eror.401`; did you mean `error.401`? `trenchcheck list` shows all \
             checks with their clauses"
        );
        assert!(!said("zzz").contains("did you mean"), "{}", said("zzz"));
    }
}
