//! The report for CI systems that read JUnit XML: a suite a lane, a test case a threshold.

use std::io;

use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};

use super::super::findings::{About, Finding, findings};
use super::super::record::{LaneRecord, RunRecord};
use super::super::verdict::{LoadVerdict, Unjudged, judge};
use crate::report::junit::{named, saying, xml};

/// The document.
///
/// A threshold the target missed is a `failure`, one the generator missed an `error`. In an invalid run
/// nothing is held against the target, and in an interrupted one nothing is judged: those cases are skipped.
pub(super) fn text(run: &RunRecord) -> io::Result<String> {
    let mut report = Report::new("trenchcheck load");
    report.set_time(run.took);
    report.set_timestamp(run.started_at);
    let (verdict, findings) = (judge(run), findings(run));
    if let LoadVerdict::NotJudged(why @ Unjudged::Interrupted { .. }) = &verdict {
        // Where every case is skipped, CI systems show green.
        let mut status = saying(TestCaseStatus::non_success(NonSuccessKind::Error), why.to_string());
        status.set_type("interrupted");
        let mut suite = TestSuite::new("the run");
        suite.add_test_case(case_of_lane("the run", "played to its end", status));
        report.add_test_suite(suite);
    }
    let of_all = findings.iter().filter(|finding| run.lanes.iter().all(|lane| lane.name != finding.lane));
    for finding in of_all {
        let mut suite = TestSuite::new(&finding.lane);
        suite.add_test_case(case(finding, &verdict));
        report.add_test_suite(suite);
    }
    for lane in &run.lanes {
        let of_lane = findings.iter().filter(|finding| finding.lane == lane.name);
        let mut cases: Vec<TestCase> = of_lane.map(|finding| case(finding, &verdict)).collect();
        if cases.is_empty() {
            cases.push(unjudged(lane, &verdict));
        }
        let mut suite = TestSuite::new(&lane.name);
        suite.set_time(run.took);
        suite.add_property(Property::new("target", &run.target));
        suite.add_property(Property::new("profile", &run.profile));
        if let Some(point) = verdict.breaking_point(run).filter(|point| point.lane == lane.name) {
            suite.add_property(Property::new("climb", point.to_string()));
        }
        suite.add_test_cases(cases);
        report.add_test_suite(suite);
    }
    xml(&report)
}

fn case(finding: &Finding, verdict: &LoadVerdict) -> TestCase {
    let skipped = |why: &str| saying(TestCaseStatus::skipped(), why);
    let broken = |kind, word: &str| {
        let mut status = saying(TestCaseStatus::non_success(kind), finding.to_string());
        status.set_type(word);
        let place = |window: Option<usize>| window.map_or(String::new(), |at| format!("window {at}: "));
        let places = finding.misses.iter().map(|miss| format!("{}{}", place(miss.window), miss.seen));
        let places: Vec<String> = places.collect();
        status.set_description(format!("expected {}\n{}", finding.expected, places.join("\n")));
        status
    };
    let status = match (verdict, finding.about, finding.held()) {
        (LoadVerdict::NotJudged(Unjudged::Interrupted { .. }), ..) => skipped("the run was interrupted"),
        (_, About::Generator, false) => broken(NonSuccessKind::Error, "invalid"),
        (LoadVerdict::Invalid(_), About::Target, _) => skipped("the load was not the one that was asked for"),
        (_, About::Target, false) => broken(NonSuccessKind::Failure, "missed"),
        (_, _, true) => TestCaseStatus::success(),
    };
    case_of_lane(&finding.lane, &finding.threshold, status)
}

/// The one case of a lane of which nothing could be judged.
fn unjudged(lane: &LaneRecord, verdict: &LoadVerdict) -> TestCase {
    let why = match verdict {
        LoadVerdict::NotJudged(Unjudged::Interrupted { .. }) => "the run was interrupted",
        _ => "no whole window after the warm-up was played",
    };
    case_of_lane(&lane.name, "windows", saying(TestCaseStatus::skipped(), why))
}

fn case_of_lane(lane: &str, threshold: &str, status: TestCaseStatus) -> TestCase {
    named(&format!("trenchcheck.load.{lane}"), threshold, status)
}
