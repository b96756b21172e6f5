use super::*;
use crate::mutants::samples::{examined, hunt, mixed};
use crate::report::Verdict;
use crate::scenario::Source;

fn suite() -> Suite {
    Suite::load(&Source::Builtin).unwrap()
}

#[test]
fn groups_are_counted_and_those_not_played_left_out() {
    let summary = Summary::of(&mixed(), &suite());
    let groups: Vec<Group> = summary.groups.iter().map(|count| count.group).collect();
    assert_eq!(groups, [Group::Authentication, Group::Scopes, Group::Limits]);
    let first = summary.groups[0];
    assert_eq!((first.deviations, first.caught, first.survived), (2, 1, 1));
    assert_eq!((first.lawful, first.passed), (2, 1));
    assert_eq!((summary.groups[1].weak, summary.groups[2].undecided), (1, 1));
    assert_eq!((summary.exit, summary.idle), (ExitCode::Failed, None));
}

#[test]
fn each_gap_fails_the_hunt_and_no_verdict_is_no_pass() {
    let exit = |one: Examined| Summary::of(&hunt(vec![one]), &suite()).exit;
    let bearer = |verdict| examined("accept-bearer", &[("auth.no-bearer", Level::Must, verdict)]);
    assert_eq!(exit(bearer(Verdict::Fail)), ExitCode::Conforms);
    assert_eq!(exit(bearer(Verdict::Pass)), ExitCode::Failed);
    // The check that is named beside the one that failed is not there: the catalogue promises too much.
    let one_of_two = examined("standard-limit-61", &[("rate.standard", Level::Must, Verdict::Fail)]);
    assert_eq!(exit(one_of_two), ExitCode::Failed);
    let accused = examined("jitter", &[("rate.standard", Level::Must, Verdict::Fail)]);
    assert_eq!(exit(accused), ExitCode::Failed);
    let unsure = Verdict::Inconclusive("slow".to_owned());
    assert_eq!(exit(examined("jitter", &[("rate.standard", Level::Must, unsure)])), ExitCode::Inconclusive);
    assert_eq!(Summary::of(&hunt(Vec::new()), &suite()).exit, ExitCode::Inconclusive);
}

#[test]
fn a_check_that_caught_nothing_is_told_when_all_were_played() {
    let mut whole = hunt(vec![examined("accept-bearer", &[("auth.no-bearer", Level::Must, Verdict::Fail)])]);
    whole.complete = true;
    let summary = Summary::of(&whole, &suite());
    let idle = summary.idle.unwrap();
    assert!(!idle.iter().any(|idle| idle.check == "auth.no-bearer"));
    assert!(idle.iter().any(|idle| idle.check == "auth.missing" && idle.why.is_none()));
    assert!(idle.iter().any(|idle| idle.check == "auth.header-name-case" && idle.why.is_some()));
    assert!(
        !idle.iter().any(|idle| idle.check == "auth.options"),
        "what only observes need not catch anything"
    );
    assert_eq!(summary.exit, ExitCode::Failed);
    whole.interrupted = true;
    assert_eq!(Summary::of(&whole, &suite()).exit, ExitCode::Interrupted);
}

#[test]
fn what_is_beyond_the_mock_is_a_check_of_the_suite_that_no_mutant_names() {
    let named: Vec<&str> =
        crate::mutants::mutants().iter().flat_map(|mutant| mutant.checks().to_vec()).collect();
    for (id, _) in BEYOND_THE_MOCK {
        assert!(suite().checks.iter().any(|check| check.id == *id), "{id}");
        assert!(!named.contains(id), "{id}");
    }
}
