//! Evidence that is held against other scenarios than those it was recorded by.

use trenchcheck::report::{Event, Verdict};
use trenchcheck::run::{Options, Recording, judge_recording};
use trenchcheck::scenario::Suite;
use trenchcheck::scenario::words::{StatusPattern, StatusSet};

use crate::kept::path;
use crate::playing::{SUITE, judged, places};

fn kept() -> Recording {
    Recording::read(&path("reference.json")).unwrap()
}

fn verdict_on(suite: &Suite, id: &str) -> Verdict {
    let (sender, mut events) = tokio::sync::mpsc::unbounded_channel();
    judge_recording(suite, &kept(), &places(suite, &[id]), &Options::default(), &sender);
    while let Ok(event) = events.try_recv() {
        if let Event::CheckFinished(result) = event {
            return result.verdict;
        }
    }
    panic!("nothing was told of {id}")
}

#[test]
fn another_expectation_is_judged() {
    let mut suite = Suite::clone(&SUITE);
    assert_eq!(verdict_on(&suite, "auth.missing"), Verdict::Pass);
    let experiment = suite.experiments.iter_mut().find(|one| one.name == "auth.missing").unwrap();
    for item in experiment.cases.iter_mut().flat_map(|case| &mut case.readings).flat_map(|one| &mut one.items)
    {
        if let Some(expect) = &mut item.expect {
            expect.status = Some(StatusSet(vec![StatusPattern::Exact(418)]));
        }
    }
    assert_eq!(verdict_on(&suite, "auth.missing"), Verdict::Fail);
}

#[test]
fn what_sends_something_else_is_skipped() {
    let mut suite = Suite::clone(&SUITE);
    let experiment = suite.experiments.iter_mut().find(|one| one.name == "auth.missing").unwrap();
    experiment.cases.iter_mut().for_each(|case| case.digest = "0123456789abcdef".to_owned());
    let Verdict::Skipped(why) = verdict_on(&suite, "auth.missing") else { panic!("it is judged") };
    assert!(why.starts_with("`auth.missing` request=") && why.contains("sends something else"), "{why}");
}

#[test]
fn what_is_new_is_skipped() {
    let mut suite = Suite::clone(&SUITE);
    let experiment = suite.experiments.iter_mut().find(|one| one.name == "auth.missing").unwrap();
    experiment.name = "auth.renamed".to_owned();
    let Verdict::Skipped(why) = verdict_on(&suite, "auth.missing") else { panic!("it is judged") };
    assert!(why.starts_with("`auth.renamed` ") && why.contains("is not in this evidence"), "{why}");
    let Verdict::Skipped(why) = verdict_on(&SUITE, "auth.no-query") else { panic!("it is judged") };
    assert!(why.contains("is not in this evidence"), "{why}");
}

#[test]
fn what_is_gone_is_told() {
    let mut suite = Suite::clone(&SUITE);
    suite.checks.iter_mut().find(|check| check.id == "auth.missing").unwrap().id = "auth.aaa".to_owned();
    let recording = kept();
    let left = recording.checks_in(&suite);
    assert_eq!(left.len(), recording.info().checks.len() - 1);
    let (told, _) = judged(&suite, &recording, &left);
    let could_not = told.summary.unwrap().could_not_check;
    assert!(
        could_not.contains(&"auth.missing: in this evidence, but not in the scenarios".to_owned()),
        "{could_not:?}"
    );
}
