//! Events for the tests of reports.

pub(super) mod bad;

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
