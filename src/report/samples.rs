//! Events for the tests of reports.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::event::{Event, RunInfo, RunSummary};
use super::verdict::{CheckResult, Exchange, Failure, Verdict, Way};
use super::{ExitCode, Redactor, Reporter, Reports};
use crate::contract::ApiKey;
use crate::scenario::model::Level;

/// A finished check with nothing remarkable about it.
pub(crate) fn result(id: &str, level: Level, verdict: Verdict) -> CheckResult {
    CheckResult {
        id: id.to_owned(),
        clause: "auth.only-header".to_owned(),
        also: Vec::new(),
        level,
        about: "A valid key in the query string opens nothing.".to_owned(),
        source: None,
        file: "scenarios/auth/no-query.yaml".to_owned(),
        line: 1,
        verdict,
        cause: None,
        known: None,
        failures: Vec::new(),
        facts: Vec::new(),
        not_played: Vec::new(),
        cases: 1,
        requests: 2,
        took: Duration::from_millis(12),
    }
}

/// A check that failed in two cases, for the same reason.
fn failed() -> CheckResult {
    let failure = |case: &str| Failure {
        case: case.to_owned(),
        what: "the answer has status 200".to_owned(),
        expected: "401".to_owned(),
        actual: "200".to_owned(),
        line: 12,
        facts: vec!["the answer came 3 ms after the request".to_owned()],
        exchange: Some(exchange()),
        curl: Some("curl -i 'http://127.0.0.1:8080/api/v1/sessions?api_key='\"$TRENCHCHECK_KEY\"".to_owned()),
        way: Way::Other,
    };
    CheckResult {
        failures: vec![failure("name=api_key"), failure("name=token")],
        cases: 5,
        requests: 6,
        ..result("auth.no-query", Level::Must, Verdict::Fail)
    }
}

/// A check that did not gate, with a body that differs in one line.
fn noted() -> CheckResult {
    let body = |seconds: u8| {
        format!(
            "{{\n  \"error\": {{\n    \"code\": \"RATE_LIMITED\",\n    \"message\": \"Retry after {seconds} seconds.\"\n  }}\n}}"
        )
    };
    CheckResult {
        clause: "error.429".to_owned(),
        about: "The number in the message is the header's.".to_owned(),
        source: Some("the page on errors".to_owned()),
        file: "scenarios/limits/message.yaml".to_owned(),
        failures: vec![Failure {
            case: String::new(),
            what: "the message names another number than Retry-After".to_owned(),
            expected: body(42),
            actual: body(60),
            line: 9,
            facts: Vec::new(),
            exchange: None,
            curl: None,
            way: Way::Other,
        }],
        ..result("limit.message-agrees", Level::Should, Verdict::Advisory)
    }
}

/// A request and its answer, from a target that tries to write on our terminal.
fn exchange() -> Exchange {
    let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Exchange {
        request: format!("GET http://127.0.0.1:8080/api/v1/sessions?api_key={KEY}"),
        request_headers: vec![field("accept", "application/json")],
        outcome: "200".to_owned(),
        response_headers: vec![field("content-type", "application/json")],
        body: "{\"data\":{\"sessions\":[]}}\u{1b}[2J\u{0}".to_owned(),
        took: Duration::from_millis(3),
    }
}

/// A run with a check of each verdict.
pub(super) fn run() -> Vec<Event> {
    let mut events = vec![Event::Started(RunInfo {
        target: "http://127.0.0.1:8080".to_owned(),
        keys: "embedded mock".to_owned(),
        virtual_time: true,
        checks: [
            "auth.missing",
            "auth.no-query",
            "auth.revoked",
            "limit.fingerprint",
            "limit.message-agrees",
            "rate.premium",
            "rate.standard",
        ]
        .map(str::to_owned)
        .to_vec(),
        strict: false,
        rfc: true,
        started_at: "2026-01-02T03:04:05Z".to_owned(),
        again: "trenchcheck test --target http://127.0.0.1:8080".to_owned(),
    })];
    let of = |clause: &str, result: CheckResult| CheckResult { clause: clause.to_owned(), ..result };
    let results = [
        of("error.401", result("auth.missing", Level::Must, Verdict::Pass)),
        failed(),
        result("auth.revoked", Level::Must, Verdict::Skipped("the target cannot revoke keys".to_owned())),
        CheckResult {
            also: vec!["limit.429".to_owned()],
            facts: vec!["windows are fixed and begin with the first request".to_owned()],
            ..of("limit.429", result("limit.fingerprint", Level::Observe, Verdict::Pass))
        },
        noted(),
        of(
            "limit.premium",
            result("rate.premium", Level::Must, Verdict::Blocked("the key is answered 401".to_owned())),
        ),
        CheckResult {
            not_played: vec!["protocol=h2: the target does not offer it".to_owned()],
            ..of(
                "limit.standard",
                result(
                    "rate.standard",
                    Level::Must,
                    Verdict::Inconclusive("three bursts crossed a reset".to_owned()),
                ),
            )
        },
    ];
    for result in results {
        let id = result.id.clone();
        events.push(Event::CheckStarted { id: id.clone() });
        events.push(Event::Waiting {
            id: id.clone(),
            keys: vec!["TRENCHCHECK_KEY_STANDARD".to_owned()],
            what: "the promised retry".to_owned(),
            how_long: Duration::from_secs(42),
        });
        events.push(Event::Resumed { id: id.clone(), keys: vec!["TRENCHCHECK_KEY_STANDARD".to_owned()] });
        events.push(Event::Exchange { id, exchange: exchange() });
        events.push(Event::CheckFinished(Box::new(result)));
    }
    events.push(Event::Finished(RunSummary {
        took: Duration::from_millis(1_234),
        requests: 12_345,
        exit: ExitCode::Failed,
        interrupted: false,
        causes: Vec::new(),
        could_not_check: vec!["auth.revoked needs a target that can revoke keys".to_owned()],
        facts: vec!["the target takes the documented envelope".to_owned()],
    }));
    events
}

/// A key that must not show up in any report.
pub(super) const KEY: &str = "ct_live_a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6";

/// Plays `events` to one reporter, the way a run does.
pub(super) fn report(events: &[Event], reporter: impl Reporter + 'static) {
    let redactor = Redactor::default();
    redactor.learn(&ApiKey::new(KEY).unwrap());
    let mut reports = Reports::new(Arc::new(redactor));
    reports.add(reporter);
    for event in events {
        reports.event(event);
    }
    let errors = reports.finish();
    assert!(errors.is_empty(), "{errors:?}");
}

/// A place to write to that the test can read.
#[derive(Debug, Clone, Default)]
pub(super) struct Paper(Arc<Mutex<Vec<u8>>>);

impl Paper {
    /// What has been written.
    pub(super) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A run that Ctrl-C ended after its first check.
pub(super) fn interrupted() -> Vec<Event> {
    let mut events = run();
    let last = events.pop();
    events.truncate(6);
    if let Some(Event::Finished(summary)) = last {
        events.push(Event::Finished(RunSummary {
            exit: ExitCode::Interrupted,
            interrupted: true,
            ..summary
        }));
    }
    events
}

/// A deployment with seven things wrong at once, as a run tells of it: 7 causes, 60 checks that they explain, 20 blocked
/// ones, of which four for want of something else, and 100 that passed.
pub(super) mod bad {
    use std::time::Duration;

    use super::{KEY, result};
    use crate::contract::CLAUSES;
    use crate::report::event::{Cause, Event, RunInfo, RunSummary};
    use crate::report::verdict::{CheckResult, Exchange, Failure, Verdict, Way};
    use crate::report::{ExitCode, could_not_check};
    use crate::scenario::model::Level;

    const URL: &str = "https://trenchcoat.staging.example";

    /// A cause: its check, clause and what it says, and the numbers of checks it explains and blocks.
    type Named = (&'static str, &'static str, &'static str, Failure, (usize, usize));

    fn failure(case: &str, what: &str, expected: &str, actual: &str) -> Failure {
        Failure {
            case: case.to_owned(),
            what: what.to_owned(),
            expected: expected.to_owned(),
            actual: actual.to_owned(),
            line: 9,
            facts: vec!["160 requests left within 111 ms".to_owned()],
            exchange: None,
            curl: None,
            way: Way::Other,
        }
    }

    fn seen(failure: Failure, request: &str, sent: (&str, &str), status: &str, body: &str) -> Failure {
        let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let exchange = Exchange {
            request: request.replace("/api", &format!("{URL}/api")),
            request_headers: vec![field("accept", "*/*"), field(sent.0, sent.1)],
            outcome: status.to_owned(),
            response_headers: vec![
                field("content-type", "application/json"),
                field("date", "Sat, 28 Nov 2026 15:16:51 GMT"),
                field("content-length", "89"),
            ],
            body: body.to_owned(),
            took: Duration::from_millis(41),
        };
        Failure { exchange: Some(exchange), ..failure }
    }

    fn body(code: &str, message: &str) -> String {
        format!("{{\n  \"error\": {{\n    \"code\": \"{code}\",\n    \"message\": \"{message}\"\n  }}\n}}")
    }

    fn wire(code: &str, message: &str) -> String {
        format!(r#"{{"error":{{"code":"{code}","message":"{message}"}}}}"#)
    }

    fn named() -> [Named; 7] {
        let too_many = "Rate limit exceeded. Retry after 60 seconds.";
        let sessions = r#"{"data":{"sessions":[],"total":0,"limit":50,"offset":0}}"#;
        let mine = ("x-api-key", KEY);
        let bearer = format!("Bearer {KEY}");
        [
            (
                "rate.standard",
                "limit.standard",
                "A Standard key gets 75 requests in a window, in two windows one after the other.",
                seen(
                    failure(
                        "tier=standard request=list-sessions in_flight=8",
                        "of 160 requests 75 were admitted and 85 answered 429",
                        "admitted: 60\nlimited: 100\nother: 0",
                        "admitted: 75\nlimited: 85\nother: 0",
                    ),
                    "GET /api/v1/sessions",
                    mine,
                    "status 429",
                    &wire("TOO_MANY_REQUESTS", too_many),
                ),
                (18, 0),
            ),
            (
                "limit.retry-after-present",
                "error.retry-after",
                "No 429 carries Retry-After.",
                seen(
                    failure("", "Retry-After is missing", "Retry-After: …", "no Retry-After"),
                    "GET /api/v1/sessions",
                    mine,
                    "status 429",
                    &wire("TOO_MANY_REQUESTS", too_many),
                ),
                (6, 16),
            ),
            (
                "limit.body",
                "error.429",
                "The code of a 429 is TOO_MANY_REQUESTS.",
                seen(
                    failure(
                        "tier=premium",
                        "the body of the 429 differs from the documented one",
                        &body("RATE_LIMITED", too_many),
                        &body("TOO_MANY_REQUESTS", too_many),
                    ),
                    "GET /api/v1/analytics/overview?from=2026-11-01T00:00:00Z&to=2026-11-28T00:00:00Z",
                    mine,
                    "status 429",
                    &body("TOO_MANY_REQUESTS", too_many),
                ),
                (9, 0),
            ),
            (
                "auth.no-bearer",
                "auth.only-header",
                "A valid key as a bearer token is let in.",
                seen(
                    failure(
                        "request=list-sessions",
                        "the status is 200, not 401",
                        "status 401",
                        &format!("status 200\n{sessions}"),
                    ),
                    "GET /api/v1/sessions",
                    ("authorization", &bearer),
                    "status 200",
                    sessions,
                ),
                (7, 0),
            ),
            (
                "auth.body",
                "error.401",
                "The message of a 401 says which of the two it was, a missing key or an unknown one, and the page has one message \
                 for both.",
                seen(
                    failure(
                        "",
                        "the body of the 401 differs from the documented one",
                        &body("UNAUTHORIZED", "Invalid or missing API key."),
                        &body("UNAUTHORIZED", "This API key does not exist. Make one in the dashboard."),
                    ),
                    "GET /api/v1/sessions",
                    mine,
                    "status 401",
                    &wire("UNAUTHORIZED", "This API key does not exist. Make one in the dashboard."),
                ),
                (11, 0),
            ),
            (
                "scope.separate-read",
                "scope.separate",
                "A key with `write:events` alone reads sessions and analytics.",
                seen(
                    failure(
                        "request=list-sessions",
                        "the status is 200, not 403",
                        "status 403",
                        "status 200",
                    ),
                    "GET /api/v1/sessions",
                    mine,
                    "status 200",
                    sessions,
                ),
                (8, 0),
            ),
            (
                "events.per-minute",
                "limit.ingestion-events",
                "Events are not counted at all: 110,000 were taken in a window.",
                failure(
                    "",
                    "of 1,100 requests of 100 events 1,000 were admitted, and the first 429 came for the requests",
                    "events: 100,000",
                    "events: 110,000",
                ),
                (1, 0),
            ),
        ]
    }

    /// The run.
    pub(in crate::report) fn deployment() -> Vec<Event> {
        let clauses: Vec<&str> =
            CLAUSES.iter().map(|clause| clause.id).filter(|id| *id != "key.shown-once").collect();
        let of = |nth: usize, clause: &str, result: CheckResult| CheckResult {
            clause: clause.to_owned(),
            file: format!("scenarios/{}.yaml", result.id.replace('.', "/")),
            facts: if nth.is_multiple_of(12) { vec!["status 200".repeat(12)] } else { Vec::new() },
            ..result
        };
        let (mut results, mut causes) = (Vec::new(), Vec::new());
        for (check, clause, says, failure, (explained, blocked)) in named() {
            let (group, name) = check.split_once('.').unwrap();
            let mut explains = Vec::new();
            for nth in 0..explained + blocked {
                let verdict = if nth < explained {
                    Verdict::Explained(failure.what.clone())
                } else {
                    Verdict::Blocked("no 429 carried a Retry-After that can be read".to_owned())
                };
                let id = format!("{group}.{name}-of-endpoint-{}", nth + 1);
                explains.push(id.clone());
                // Causes reach into other clauses, too.
                let clause = if nth.is_multiple_of(3) { clauses[(results.len() * 7) % 12] } else { clause };
                let failures = if nth < explained { vec![failure.clone()] } else { Vec::new() };
                results.push(of(
                    nth,
                    clause,
                    CheckResult {
                        cause: Some(check.to_owned()),
                        failures,
                        ..result(&id, Level::Must, verdict)
                    },
                ));
            }
            causes.push(Cause {
                check: check.to_owned(),
                clause: clause.to_owned(),
                says: says.to_owned(),
                failure: failure.clone(),
                more: u32::from(explained > 8) * 3,
                again: format!("trenchcheck test --target {URL} {check}"),
                gates: true,
                explains,
            });
            results.push(of(
                1,
                clause,
                CheckResult { failures: vec![failure], ..result(check, Level::Must, Verdict::Fail) },
            ));
        }
        for nth in 0..4 {
            let (id, why) =
                (format!("scope.blocked-{nth}"), "the key of TRENCHCHECK_KEY_BOTH is answered 401");
            results.push(of(1, "key.scopes", result(&id, Level::Must, Verdict::Blocked(why.to_owned()))));
        }
        for nth in 0..100 {
            let id = format!("auth.kept-{nth}");
            results.push(of(nth, clauses[nth % clauses.len()], result(&id, Level::Must, Verdict::Pass)));
        }
        let started = Event::Started(RunInfo {
            target: URL.to_owned(),
            keys: "environment (6 keys)".to_owned(),
            virtual_time: false,
            checks: results.iter().map(|result| result.id.clone()).collect(),
            strict: false,
            rfc: false,
            started_at: "2026-01-02T03:04:05Z".to_owned(),
            again: RunInfo::plays(Some(URL)),
        });
        let finished = Event::Finished(RunSummary {
            took: Duration::from_secs(187),
            requests: 25_492,
            exit: ExitCode::of(&results, false),
            interrupted: false,
            causes,
            could_not_check: could_not_check(&results),
            facts: vec![
                "event envelope accepted: documented (event_type, timestamp)".to_owned(),
                "bursts: 67; the largest, 1100 requests of limit.retry-after-honest, left within 290 ms; the widest, 800 \
                 requests of events.requests-apart, left within 1233 ms"
                    .to_owned(),
            ],
        });
        let results = results.into_iter().map(|result| Event::CheckFinished(Box::new(result)));
        std::iter::once(started).chain(results).chain([finished]).collect()
    }
}
