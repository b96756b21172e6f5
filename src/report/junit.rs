//! The report for CI systems that read JUnit XML.

use std::collections::BTreeMap;
use std::io;

use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite, XmlString};

use super::event::RunSummary;
use super::page;
use super::page::Page;
use super::results::Record;
use super::verdict::{CheckResult, Verdict};

/// JUnit XML: a suite for each group of checks, a test case for each check.
///
/// There are as many red test cases as things are wrong. A failed check is a `failure`, and so is a known deviation that is
/// stale; one that is not is `skipped`. What another check explains, or keeps from being judged, is `skipped` and names that
/// check. One that was blocked or inconclusive for want of anything else is an `error` of that type; one that does not gate
/// passes and tells in its output. A check without a verdict in an interrupted run is skipped.
pub(super) fn text(record: &Record, run: &RunSummary) -> io::Result<String> {
    let mut report = Report::new("trenchcheck");
    report.set_time(run.took);
    if let Some(info) = &record.info
        && let Ok(at) = chrono::DateTime::parse_from_rfc3339(&info.started_at)
    {
        report.set_timestamp(at);
    }
    let mut suites: BTreeMap<&str, Vec<TestCase>> = BTreeMap::new();
    for result in &record.results {
        suites.entry(group(&result.id)).or_default().push(case(result));
    }
    for id in record.unfinished() {
        let status = saying(TestCaseStatus::skipped(), "the run ended before this check did");
        suites.entry(group(id)).or_default().push(case_of_group(id, status));
    }
    for (name, cases) in suites {
        let mut suite = TestSuite::new(name);
        suite.set_time(cases.iter().filter_map(|case| case.time).sum());
        if let Some(info) = &record.info {
            suite.add_property(Property::new("target", &info.target));
            suite.add_property(Property::new("keys", &info.keys));
        }
        suite.add_test_cases(cases);
        report.add_test_suite(suite);
    }
    xml(&report)
}

/// The part of an id before its first dot.
fn group(id: &str) -> &str {
    id.split('.').next().unwrap_or(id)
}

fn case_of_group(id: &str, status: TestCaseStatus) -> TestCase {
    named(&format!("trenchcheck.{}", group(id)), id, status)
}

pub(crate) fn named(class: &str, name: &str, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(name, status);
    case.set_classname(class);
    case
}

pub(crate) fn saying(mut status: TestCaseStatus, message: impl Into<XmlString>) -> TestCaseStatus {
    status.set_message(message);
    status
}

/// The document as it is written.
pub(crate) fn xml(report: &Report) -> io::Result<String> {
    let mut text = report.to_string().map_err(io::Error::other)?;
    // quick-junit leaves out what XML forbids, but for these two.
    text.retain(|mark| !matches!(mark, '\u{fffe}' | '\u{ffff}'));
    Ok(text)
}

fn case(result: &CheckResult) -> TestCase {
    let known = result.known.as_ref().map(ToString::to_string);
    let full = (!result.failures.is_empty()).then(|| {
        let mut page = Page::default();
        page::check_in_full(&mut page, result);
        page.text()
    });
    let told = |status: TestCaseStatus, message: Option<String>| match message {
        Some(message) => saying(status, message),
        None => status,
    };
    let skipped = |message| told(TestCaseStatus::skipped(), message);
    let broken = |kind, word: &str, message| {
        let mut status = told(TestCaseStatus::non_success(kind), message);
        status.set_type(word);
        status
    };
    let status = match (&result.verdict, &result.cause) {
        (Verdict::Pass | Verdict::Advisory, _) => TestCaseStatus::success(),
        (Verdict::Fail, _) => {
            let what = result.failures.first().map(|failure| failure.what.clone());
            let mut status = broken(NonSuccessKind::Failure, &result.clause, what);
            if let Some(full) = &full {
                status.set_description(full);
            }
            status
        }
        (Verdict::UnexpectedPass, _) => broken(NonSuccessKind::Failure, result.verdict.word(), known),
        (Verdict::KnownDeviation, _) if result.is_expired() => {
            broken(NonSuccessKind::Failure, "expired-deviation", known)
        }
        (Verdict::KnownDeviation, _) => skipped(known),
        (Verdict::Blocked(reason) | Verdict::Inconclusive(reason), None) => {
            broken(NonSuccessKind::Error, result.verdict.word(), Some(reason.clone()))
        }
        (verdict, Some(cause)) => {
            skipped(verdict.reason().map(|reason| format!("explained by {cause}: {reason}")))
        }
        (verdict, None) => skipped(verdict.reason().map(str::to_owned)),
    };
    let mut case = case_of_group(&result.id, status);
    case.set_time(result.took);
    case.add_property(Property::new("clause", &result.clause));
    case.add_property(Property::new("level", result.level.word()));
    case.add_property(Property::new("file", format!("{}:{}", result.file, result.line)));
    let advice = full.filter(|_| {
        matches!(result.verdict, Verdict::Advisory | Verdict::Explained(_) | Verdict::KnownDeviation)
    });
    let not_played = result.not_played.iter().map(|reason| format!("not played: {reason}"));
    let out: Vec<String> = advice.into_iter().chain(result.facts.iter().cloned()).chain(not_played).collect();
    if !out.is_empty() {
        case.set_system_out(out.join("\n"));
    }
    case
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::report::samples::{KEY, bad, interrupted, report, run};
    use crate::report::{Event, Format, ReportFile};

    fn written(events: &[Event]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("junit.xml");
        report(events, ReportFile::new(Format::Junit, &path));
        let text = std::fs::read_to_string(path).unwrap();
        assert!(!text.contains(&KEY[8..20]), "{text}");
        text
    }

    #[test]
    fn a_suite_for_each_group_and_a_case_for_each_check() {
        assert_snapshot!(written(&run()), @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <testsuites name="trenchcheck" tests="7" skipped="1" failures="1" errors="2" timestamp="2026-01-02T03:04:05.000+00:00" time="1.234">
            <testsuite name="auth" tests="3" skipped="1" errors="0" failures="1" time="0.036">
                <properties>
                    <property name="target" value="http://127.0.0.1:8080"/>
                    <property name="keys" value="embedded mock"/>
                </properties>
                <testcase name="auth.missing" classname="trenchcheck.auth" time="0.012">
                    <properties>
                        <property name="clause" value="error.401"/>
                        <property name="level" value="must"/>
                        <property name="file" value="scenarios/auth/no-query.yaml:1"/>
                    </properties>
                </testcase>
                <testcase name="auth.no-query" classname="trenchcheck.auth" time="0.012">
                    <properties>
                        <property name="clause" value="auth.only-header"/>
                        <property name="level" value="must"/>
                        <property name="file" value="scenarios/auth/no-query.yaml:1"/>
                    </properties>
                    <failure message="the answer has status 200" type="auth.only-header">FAIL  auth.no-query  (must)
          A valid key in the query string opens nothing.
          auth.only-header: There is no other mechanism: not Authorization, not the query, not a cookie.

          the answer has status 200
            at scenarios/auth/no-query.yaml:12
            with name=api_key
            - expected  + actual
            - 401
            + 200
            the answer came 3 ms after the request
            &gt; GET http://127.0.0.1:8080/api/v1/sessions?api_key=ct_live_…
            &gt; accept: application/json
            &lt; 200 (3 ms)
            &lt; content-type: application/json
              {&quot;data&quot;:{&quot;sessions&quot;:[]}}\u{1b}[2J\u{0}
            to see it again:
              curl -i &apos;http://127.0.0.1:8080/api/v1/sessions?api_key=&apos;&quot;$TRENCHCHECK_KEY&quot;
            the same with name=token</failure>
                </testcase>
                <testcase name="auth.revoked" classname="trenchcheck.auth" time="0.012">
                    <properties>
                        <property name="clause" value="auth.only-header"/>
                        <property name="level" value="must"/>
                        <property name="file" value="scenarios/auth/no-query.yaml:1"/>
                    </properties>
                    <skipped message="the target cannot revoke keys"/>
                </testcase>
            </testsuite>
            <testsuite name="limit" tests="2" skipped="0" errors="0" failures="0" time="0.024">
                <properties>
                    <property name="target" value="http://127.0.0.1:8080"/>
                    <property name="keys" value="embedded mock"/>
                </properties>
                <testcase name="limit.fingerprint" classname="trenchcheck.limit" time="0.012">
                    <properties>
                        <property name="clause" value="limit.429"/>
                        <property name="level" value="observe"/>
                        <property name="file" value="scenarios/auth/no-query.yaml:1"/>
                    </properties>
                    <system-out>windows are fixed and begin with the first request</system-out>
                </testcase>
                <testcase name="limit.message-agrees" classname="trenchcheck.limit" time="0.012">
                    <properties>
                        <property name="clause" value="error.429"/>
                        <property name="level" value="should"/>
                        <property name="file" value="scenarios/limits/message.yaml:1"/>
                    </properties>
                    <system-out>NOTE  limit.message-agrees  (should, does not gate)
          The number in the message is the header&apos;s.
          error.429: A key over its limit is answered with 429 and the documented body.
          source: the page on errors

          the message names another number than Retry-After
            at scenarios/limits/message.yaml:9
            - expected  + actual
              {
                &quot;error&quot;: {
                  &quot;code&quot;: &quot;RATE_LIMITED&quot;,
            -     &quot;message&quot;: &quot;Retry after 42 seconds.&quot;
            +     &quot;message&quot;: &quot;Retry after 60 seconds.&quot;
                }
              }</system-out>
                </testcase>
            </testsuite>
            <testsuite name="rate" tests="2" skipped="0" errors="2" failures="0" time="0.024">
                <properties>
                    <property name="target" value="http://127.0.0.1:8080"/>
                    <property name="keys" value="embedded mock"/>
                </properties>
                <testcase name="rate.premium" classname="trenchcheck.rate" time="0.012">
                    <properties>
                        <property name="clause" value="limit.premium"/>
                        <property name="level" value="must"/>
                        <property name="file" value="scenarios/auth/no-query.yaml:1"/>
                    </properties>
                    <error message="the key is answered 401" type="blocked"/>
                </testcase>
                <testcase name="rate.standard" classname="trenchcheck.rate" time="0.012">
                    <properties>
                        <property name="clause" value="limit.standard"/>
                        <property name="level" value="must"/>
                        <property name="file" value="scenarios/auth/no-query.yaml:1"/>
                    </properties>
                    <error message="three bursts crossed a reset" type="inconclusive"/>
                    <system-out>not played: protocol=h2: the target does not offer it</system-out>
                </testcase>
            </testsuite>
        </testsuites>
        "#);
    }

    #[test]
    fn what_an_interrupted_run_did_not_reach_is_skipped() {
        let text = written(&interrupted());
        let report = Report::deserialize_from_str(&text).unwrap();
        assert_eq!((report.tests, report.skipped), (7, 6), "{text}");
    }

    #[test]
    fn as_many_test_cases_are_red_as_there_are_causes() {
        let events = bad::deployment();
        let text = written(&events);
        let report = Report::deserialize_from_str(&text).unwrap();
        assert_eq!((report.tests, report.failures, report.errors, report.skipped), (187, 7, 4, 76), "{text}");
        assert!(
            text.contains(
                "<skipped message=\"explained by rate.standard: of 160 requests 75 were admitted and 85 "
            ),
            "{text}"
        );
        assert!(text.contains("<skipped message=\"explained by limit.retry-after-present: "), "{text}");
        assert!(text.contains("type=\"blocked\""), "{text}");
    }

    #[test]
    fn what_xml_cannot_hold_is_left_out() {
        let mut events = run();
        for event in &mut events {
            if let Event::CheckFinished(result) = event {
                result.verdict = Verdict::Blocked("bell \u{7}, null \0, \u{ffff}, <b>\u{1b}[1m".to_owned());
            }
        }
        let text = written(&events);
        assert!(text.contains("message=\"bell , null , , &lt;b&gt;\""), "{text}");
    }
}
