//! The results of a run so far: counted, clause by clause, and by what is wrong.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::event::{Cause, Event, RunInfo, RunSummary, plays_again};
use super::verdict::{CheckResult, Verdict};
use crate::contract::{CLAUSES, Clause, Coverage};

#[derive(Default)]
pub(super) struct Record {
    pub(super) info: Option<RunInfo>,
    pub(super) results: Vec<CheckResult>,
}

impl Record {
    pub(super) fn keep(&mut self, event: &Event) {
        match event {
            Event::Started(info) => self.info = Some(info.clone()),
            // By id, so that two runs can be compared line by line whichever check was ready first.
            Event::CheckFinished(result) => {
                let place = self.results.partition_point(|earlier| earlier.id < result.id);
                self.results.insert(place, result.as_ref().clone());
            }
            _ => {}
        }
    }

    /// Checks that were to be played and have no verdict: the run was interrupted.
    pub(super) fn unfinished(&self) -> impl Iterator<Item = &str> {
        let planned = self.info.iter().flat_map(|info| &info.checks);
        planned.map(String::as_str).filter(|id| !self.results.iter().any(|result| result.id == *id))
    }
}

/// Numbers of checks, by verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub(super) struct Counts {
    /// The promise is kept.
    pub(super) pass: u32,
    /// The promise is broken, and that gates.
    pub(super) fail: u32,
    /// The promise is broken at a level that did not gate.
    pub(super) advisory: u32,
    /// The promise is broken too, and another check names the cause.
    pub(super) explained: u32,
    /// Not played.
    pub(super) skipped: u32,
    /// Not judged: the positive control failed.
    pub(super) blocked: u32,
    /// Played, and nothing follows.
    pub(super) inconclusive: u32,
    /// Broken, and the list of known deviations says so.
    pub(super) known_deviation: u32,
    /// Kept, though listed as a known deviation.
    pub(super) unexpected_pass: u32,
}

impl Counts {
    pub(super) fn of<'a>(results: impl IntoIterator<Item = &'a CheckResult>) -> Self {
        let mut counts = Self::default();
        for result in results {
            *match result.verdict {
                Verdict::Pass => &mut counts.pass,
                Verdict::Fail => &mut counts.fail,
                Verdict::Advisory => &mut counts.advisory,
                Verdict::Explained(_) => &mut counts.explained,
                Verdict::Skipped(_) => &mut counts.skipped,
                Verdict::Blocked(_) => &mut counts.blocked,
                Verdict::Inconclusive(_) => &mut counts.inconclusive,
                Verdict::KnownDeviation => &mut counts.known_deviation,
                Verdict::UnexpectedPass => &mut counts.unexpected_pass,
            } += 1;
        }
        counts
    }

    /// Checks of which the promise was seen to be kept.
    pub(super) fn passed(&self) -> u32 {
        self.pass + self.unexpected_pass
    }

    /// Whether no check came to anything else.
    pub(super) fn all_passed(&self) -> bool {
        *self == Self { pass: self.pass, unexpected_pass: self.unexpected_pass, ..Self::default() }
    }

    /// Checks that came to no judgement.
    pub(super) fn open(&self) -> u32 {
        self.skipped + self.blocked + self.inconclusive
    }
}

/// A clause of the page, or one that a scenario of the user's own names.
#[derive(Serialize, JsonSchema)]
pub(super) struct ClauseTally {
    /// Stable id.
    pub(super) id: String,
    /// What the page promises; null for a clause the page does not have.
    promise: Option<&'static str>,
    /// The checks that enforce it, by verdict.
    #[serde(rename = "checks")]
    pub(super) counts: Counts,
    /// Ids of further checks that touch it.
    touched_by: Vec<String>,
    /// Why nothing sent over the API can show it, where that is so.
    pub(super) not_observable: Option<&'static str>,
}

impl ClauseTally {
    /// Whether a check that enforces it was in the run.
    pub(super) fn is_played(&self) -> bool {
        self.counts != Counts::default()
    }
}

/// Every clause of the page in the page's order, then those the results name besides.
pub(super) fn by_clause(results: &[CheckResult]) -> Vec<ClauseTally> {
    let mut tallies: Vec<ClauseTally> =
        CLAUSES.iter().map(|clause| tally(clause.id, Some(clause), results)).collect();
    for result in results {
        if !tallies.iter().any(|tally| tally.id == result.clause) {
            tallies.push(tally(&result.clause, None, results));
        }
    }
    tallies
}

fn tally(id: &str, clause: Option<&'static Clause>, results: &[CheckResult]) -> ClauseTally {
    ClauseTally {
        id: id.to_owned(),
        promise: clause.map(|clause| clause.promise),
        not_observable: clause.and_then(|clause| match clause.coverage {
            Coverage::Checked => None,
            Coverage::NotObservable(why) => Some(why),
        }),
        counts: Counts::of(results.iter().filter(|result| result.clause == id)),
        touched_by: results
            .iter()
            .filter(|result| result.also.iter().any(|also| also == id))
            .map(|result| result.id.clone())
            .collect(),
    }
}

/// Every cause of the run: those it names, the gravest first, then the failures that none of them speaks of, each as a
/// cause of its own. A broken promise is never left out because nobody named its cause.
pub(super) fn causes(results: &[CheckResult], info: Option<&RunInfo>, run: &RunSummary) -> Vec<Cause> {
    let mut causes = run.causes.clone();
    for cause in &mut causes {
        let named = |result: &&CheckResult| result.cause.as_ref() == Some(&cause.check);
        let told: Vec<String> = results.iter().filter(named).map(|result| result.id.clone()).collect();
        for id in told {
            if !cause.explains.contains(&id) {
                cause.explains.push(id);
            }
        }
    }
    let alone = results.iter().filter(|result| !is_named(&causes, &result.id));
    let mut alone: Vec<Cause> = alone.filter_map(|result| of_its_own(result, info)).collect();
    alone.sort_by_key(|cause| !cause.gates);
    causes.extend(alone);
    causes
}

/// Whether a cause answers for the check: by naming it, or by explaining it.
pub(super) fn is_named(causes: &[Cause], id: &str) -> bool {
    causes.iter().any(|cause| cause.check == id || cause.explains.iter().any(|explained| explained == id))
}

fn of_its_own(result: &CheckResult, info: Option<&RunInfo>) -> Option<Cause> {
    if !matches!(result.verdict, Verdict::Fail | Verdict::Advisory | Verdict::Explained(_)) {
        return None;
    }
    let (failure, others) = result.failures.split_first()?;
    let (strict, rfc) = info.map_or((false, false), |info| (info.strict, info.rfc));
    let again = info.map_or_else(|| RunInfo::plays(None), |info| info.again.clone());
    Some(Cause {
        check: result.id.clone(),
        clause: result.clause.clone(),
        says: failure.what.clone(),
        failure: failure.clone(),
        more: u32::try_from(others.len()).unwrap_or(u32::MAX),
        again: plays_again(&again, &result.id, result.level, strict, rfc),
        gates: result.verdict == Verdict::Fail,
        explains: Vec::new(),
    })
}

/// The reasons for which checks were not judged, those with the most checks first, each with the ids of these and a word
/// where only some of their cases were left out. Of a check that a cause answers for, only such cases are listed.
pub(super) fn open(
    results: &[CheckResult],
    answered: impl Fn(&CheckResult) -> bool,
) -> Vec<(&str, Vec<String>)> {
    let mut reasons: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for result in results {
        let reason = match &result.verdict {
            Verdict::Skipped(why) | Verdict::Blocked(why) | Verdict::Inconclusive(why) => Some(why),
            _ => None,
        };
        if let Some(reason) = reason
            && !answered(result)
        {
            reasons.entry(reason).or_default().push(result.id.clone());
        }
        for case in &result.not_played {
            reasons.entry(case).or_default().push(format!("{} in part", result.id));
        }
    }
    let mut reasons: Vec<_> = reasons.into_iter().collect();
    reasons.sort_by_key(|(_, checks)| Reverse(checks.len()));
    reasons
}

/// What could not be checked, and what would change that: one sentence for each reason, as
/// [`RunSummary::could_not_check`] wants it. What a cause blocked is left out; the cause lists it.
pub fn could_not_check(results: &[CheckResult]) -> Vec<String> {
    open(results, |result| result.cause.is_some())
        .into_iter()
        .map(|(reason, checks)| format!("{}: {reason}", some(&checks, 4)))
        .collect()
}

/// `a, b and 3 more`.
pub(crate) fn some(ids: &[impl AsRef<str>], shown: usize) -> String {
    let listed = ids.iter().take(shown).map(AsRef::as_ref).collect::<Vec<_>>().join(", ");
    match ids.len().saturating_sub(shown) {
        0 => listed,
        more => format!("{listed} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Event;
    use crate::report::samples::{bad, result, run};
    use crate::scenario::model::Level;

    fn told(events: &[Event]) -> (Vec<CheckResult>, Option<RunInfo>, RunSummary) {
        let (mut results, mut info, mut summary) = (Vec::new(), None, None);
        for event in events {
            match event {
                Event::Started(started) => info = Some(started.clone()),
                Event::CheckFinished(result) => results.push(result.as_ref().clone()),
                Event::Finished(run) => summary = Some(run.clone()),
                _ => {}
            }
        }
        (results, info, summary.unwrap())
    }

    #[test]
    fn a_failure_without_a_cause_is_its_own() {
        let (results, info, run) = told(&run());
        let causes = causes(&results, info.as_ref(), &run);
        let seen: Vec<_> =
            causes.iter().map(|cause| (cause.check.as_str(), cause.gates, cause.more)).collect();
        assert_eq!(seen, [("auth.no-query", true, 1), ("limit.message-agrees", false, 0)]);
        assert_eq!(causes[0].again, "trenchcheck test --target http://127.0.0.1:8080 auth.no-query");
    }

    #[test]
    fn what_names_a_cause_is_listed_by_it_and_is_no_cause() {
        let (results, info, mut run) = told(&bad::deployment());
        let before = run.causes.clone();
        for cause in &mut run.causes {
            cause.explains.clear();
        }
        let causes = causes(&results, info.as_ref(), &run);
        assert_eq!(causes.len(), before.len());
        for (cause, before) in causes.iter().zip(&before) {
            let mut explains = before.explains.clone();
            explains.sort();
            let mut listed = cause.explains.clone();
            listed.sort();
            assert_eq!(listed, explains, "{}", cause.check);
        }
    }

    #[test]
    fn what_could_not_be_checked_is_grouped_and_leaves_out_what_a_cause_blocks() {
        let skipped = || Verdict::Skipped("no key".to_owned());
        let blocked = Verdict::Blocked("no 429 came".to_owned());
        let results = [
            CheckResult {
                cause: Some("limit.429".to_owned()),
                ..result("a.blocked", Level::Must, blocked.clone())
            },
            result("a.held-up", Level::Must, blocked),
            result("a.one", Level::Must, skipped()),
            result("a.two", Level::Must, skipped()),
            CheckResult {
                not_played: vec!["no key".to_owned()],
                ..result("a.three", Level::Must, Verdict::Pass)
            },
        ];
        assert_eq!(
            could_not_check(&results),
            ["a.one, a.two, a.three in part: no key", "a.held-up: no 429 came"]
        );
    }
}
