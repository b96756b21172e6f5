//! The document, as it is written. The descriptions end up in the JSON Schema.

use schemars::JsonSchema;
use serde::Serialize;

use super::super::event::{Cause, CheckResult, Exchange, Failure, KnownDeviation, RunSummary};
use super::super::record::Record;
use super::super::tally::{ClauseTally, Counts, by_clause};
use super::super::wording::level_word;
use crate::scenario::model::Level;

/// The report of one run of `trenchcheck test`.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "trenchcheck report", extend("$id" = "urn:trenchcheck:schema:report"))]
pub(in crate::report) struct Document<'a> {
    /// The version of this form. It rises when something is renamed or removed, not when something is added.
    #[schemars(extend("const" = 2))]
    schema: u8,
    /// What wrote the report.
    tool: Tool,
    /// What was run against what.
    run: Run<'a>,
    /// What it came to.
    outcome: Outcome,
    /// How many checks came to what.
    summary: Summary,
    /// What is wrong, each cause once, the gravest first.
    causes: Vec<CauseView<'a>>,
    /// Every clause of the page, in the page's order.
    clauses: Vec<ClauseView>,
    /// What could not be checked, and what would change that.
    could_not_check: &'a [String],
    /// Facts about the target as a whole.
    facts: &'a [String],
    /// Ids of the checks an interrupted run did not bring to a verdict.
    not_finished: Vec<&'a str>,
    /// Every finished check, in the order of finishing.
    checks: Vec<CheckView<'a>>,
}

/// A program.
#[derive(Serialize, JsonSchema)]
struct Tool {
    /// `trenchcheck`.
    name: &'static str,
    /// Its version.
    version: &'static str,
}

/// A run.
#[derive(Serialize, JsonSchema)]
struct Run<'a> {
    /// The target's base URL.
    target: &'a str,
    /// Where the keys came from.
    keys: &'a str,
    /// Whether waits advanced the target's clock instead of taking real time.
    virtual_time: bool,
    /// When it began, RFC 3339 in UTC.
    started_at: &'a str,
    /// Wall time in milliseconds.
    took_ms: u64,
    /// Requests sent in all.
    requests: u64,
    /// Whether level `should` gated.
    strict: bool,
    /// Whether level `rfc` gated.
    rfc: bool,
    /// Whether Ctrl-C ended it early.
    interrupted: bool,
}

/// The outcome of a run.
#[derive(Serialize, JsonSchema)]
struct Outcome {
    /// The number the process exits with.
    exit_code: u8,
    /// The word for that number.
    #[schemars(extend("enum" = [
        "conforms", "failed", "usage", "unreachable", "inconclusive", "stale-deviation",
        "threshold-missed", "invalid-load", "internal", "interrupted"
    ]))]
    word: &'static str,
}

/// Numbers of checks, by verdict.
#[derive(Serialize, JsonSchema)]
struct Summary {
    /// The promise is kept.
    pass: u32,
    /// The promise is broken, and that gates.
    fail: u32,
    /// The promise is broken at a level that did not gate.
    advisory: u32,
    /// The promise is broken too, and another check names the cause.
    explained: u32,
    /// Not played.
    skipped: u32,
    /// Not judged: the positive control failed.
    blocked: u32,
    /// Played, and nothing follows.
    inconclusive: u32,
    /// Broken, and the list of known deviations says so.
    known_deviation: u32,
    /// Kept, though listed as a known deviation.
    unexpected_pass: u32,
}

impl From<Counts> for Summary {
    fn from(counts: Counts) -> Self {
        let Counts {
            pass,
            fail,
            advisory,
            explained,
            skipped,
            blocked,
            inconclusive,
            known_deviation,
            unexpected_pass,
        } = counts;
        Self {
            pass,
            fail,
            advisory,
            explained,
            skipped,
            blocked,
            inconclusive,
            known_deviation,
            unexpected_pass,
        }
    }
}

/// One thing that is wrong with the deployment, named by one check.
#[derive(Serialize, JsonSchema)]
struct CauseView<'a> {
    /// The check that names it.
    check: &'a str,
    /// The clause it breaks.
    clause: &'a str,
    /// What this deployment does instead, in one sentence.
    says: &'a str,
    /// Whether it gates.
    gates: bool,
    /// How many further failures of that check there are.
    more: u32,
    /// A command line that shows it again.
    again: &'a str,
    /// Ids of the checks that it explains: broken too, or not to be judged, because of it.
    explains: &'a [String],
    /// The failure that shows it best.
    failure: FailureView<'a>,
}

/// A clause of the page.
#[derive(Serialize, JsonSchema)]
struct ClauseView {
    /// Stable id.
    id: String,
    /// What the page promises; null for a clause the page does not have.
    promise: Option<&'static str>,
    /// The checks that enforce it, by verdict.
    checks: Summary,
    /// Ids of further checks that touch it.
    touched_by: Vec<String>,
    /// Why nothing sent over the API can show it, where that is so.
    not_observable: Option<&'static str>,
}

impl From<ClauseTally> for ClauseView {
    fn from(tally: ClauseTally) -> Self {
        let ClauseTally { id, promise, not_observable, counts, touched_by } = tally;
        Self { id, promise, checks: counts.into(), touched_by, not_observable }
    }
}

/// A finished check.
#[derive(Serialize, JsonSchema)]
struct CheckView<'a> {
    /// Stable id.
    id: &'a str,
    /// The clause it enforces.
    clause: &'a str,
    /// Further clauses it touches.
    also: &'a [String],
    /// How much it weighs.
    #[schemars(with = "Level")]
    level: &'static str,
    /// What it came to.
    #[schemars(extend("enum" = [
        "pass", "fail", "advisory", "explained", "skipped", "blocked", "inconclusive", "known-deviation",
        "unexpected-pass"
    ]))]
    verdict: &'static str,
    /// Why, where it was explained, skipped, blocked or inconclusive.
    reason: Option<&'a str>,
    /// The check that names the cause, where this one is explained or blocked by it.
    cause: Option<&'a str>,
    /// What the list of known deviations says about it, whatever it came to.
    deviation: Option<DeviationView<'a>>,
    /// What it says.
    about: &'a str,
    /// The page it comes from, where that is not the Authentication page.
    source: Option<&'a str>,
    /// The scenario file.
    file: &'a str,
    /// The line of the check in it.
    line: u32,
    /// Wall time in milliseconds.
    took_ms: u64,
    /// Requests sent.
    requests: u64,
    /// How many cases were played.
    cases: u32,
    /// Cases that could not be played, with the reason.
    not_played: &'a [String],
    /// Facts seen on the way.
    facts: &'a [String],
    /// What was wrong.
    failures: Vec<FailureView<'a>>,
}

/// An entry of the list of known deviations.
#[derive(Serialize, JsonSchema)]
struct DeviationView<'a> {
    /// Why it is accepted.
    reason: &'a str,
    /// Where the mend is tracked.
    link: Option<&'a str>,
    /// The last day on which it is accepted, in UTC.
    expires: &'a str,
    /// Whether that day has gone by.
    expired: bool,
}

/// A broken expectation.
#[derive(Serialize, JsonSchema)]
struct FailureView<'a> {
    /// The row of `for_each`; empty where there is none.
    case: &'a str,
    /// What broke, in one sentence.
    what: &'a str,
    /// What was expected.
    expected: &'a str,
    /// What was seen.
    actual: &'a str,
    /// The line of the step in the scenario file.
    line: u32,
    /// Facts about time and counts.
    facts: &'a [String],
    /// The exchange that shows it.
    exchange: Option<ExchangeView<'a>>,
    /// A command that sends the request again, with a variable for the key.
    curl: Option<&'a str>,
}

/// A request and its answer, with secrets masked.
#[derive(Serialize, JsonSchema)]
struct ExchangeView<'a> {
    /// Method and URL.
    request: &'a str,
    /// Header fields sent, as pairs of name and value.
    request_headers: &'a [(String, String)],
    /// The status, or what went wrong on the way.
    outcome: &'a str,
    /// Header fields received, as pairs of name and value.
    response_headers: &'a [(String, String)],
    /// The beginning of the body received.
    body: &'a str,
    /// From the request leaving to the whole answer read, in milliseconds.
    took_ms: u64,
}

/// The whole document, with these causes. A run that never began has no target.
pub(in crate::report) fn document<'a>(
    record: &'a Record,
    run: &'a RunSummary,
    causes: &'a [Cause],
) -> Document<'a> {
    let info = record.info.as_ref();
    Document {
        schema: 2,
        tool: Tool { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION") },
        run: Run {
            target: info.map_or("", |info| &info.target),
            keys: info.map_or("", |info| &info.keys),
            virtual_time: info.is_some_and(|info| info.virtual_time),
            started_at: info.map_or("", |info| &info.started_at),
            took_ms: millis(run.took),
            requests: run.requests,
            strict: info.is_some_and(|info| info.strict),
            rfc: info.is_some_and(|info| info.rfc),
            interrupted: run.interrupted,
        },
        outcome: Outcome { exit_code: run.exit.code(), word: run.exit.word() },
        summary: Counts::of(&record.results).into(),
        causes: causes.iter().map(cause).collect(),
        clauses: by_clause(&record.results).into_iter().map(ClauseView::from).collect(),
        could_not_check: &run.could_not_check,
        facts: &run.facts,
        not_finished: record.unfinished().collect(),
        checks: record.results.iter().map(check).collect(),
    }
}

fn check(result: &CheckResult) -> CheckView<'_> {
    CheckView {
        id: &result.id,
        clause: &result.clause,
        also: &result.also,
        level: level_word(result.level),
        verdict: result.verdict.word(),
        reason: result.verdict.reason(),
        cause: result.cause.as_deref(),
        deviation: result.known.as_ref().map(deviation),
        about: &result.about,
        source: result.source.as_deref(),
        file: &result.file,
        line: result.line,
        took_ms: millis(result.took),
        requests: result.requests,
        cases: result.cases,
        not_played: &result.not_played,
        facts: &result.facts,
        failures: result.failures.iter().map(failure).collect(),
    }
}

fn cause(cause: &Cause) -> CauseView<'_> {
    let Cause { check, clause, says, failure: shown, more, again, gates, explains } = cause;
    let failure = failure(shown);
    CauseView { check, clause, says, gates: *gates, more: *more, again, explains, failure }
}

fn deviation(known: &KnownDeviation) -> DeviationView<'_> {
    let KnownDeviation { reason, link, expires, expired } = known;
    DeviationView { reason, link: link.as_deref(), expires, expired: *expired }
}

fn failure(failure: &Failure) -> FailureView<'_> {
    FailureView {
        case: &failure.case,
        what: &failure.what,
        expected: &failure.expected,
        actual: &failure.actual,
        line: failure.line,
        facts: &failure.facts,
        exchange: failure.exchange.as_ref().map(exchange),
        curl: failure.curl.as_deref(),
    }
}

fn exchange(exchange: &Exchange) -> ExchangeView<'_> {
    ExchangeView {
        request: &exchange.request,
        request_headers: &exchange.request_headers,
        outcome: &exchange.outcome,
        response_headers: &exchange.response_headers,
        body: &exchange.body,
        took_ms: millis(exchange.took),
    }
}

/// Whole milliseconds; a time beyond 2⁶⁴ of them does not occur.
fn millis(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
