//! What is wrong, cause by cause, and what could not be checked without a cause that answers for it.

use super::event::{Cause, CheckResult, RunInfo, RunSummary, Verdict};
use crate::scenario::model::Level;

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

/// A failure that nothing else explains.
fn of_its_own(result: &CheckResult, info: Option<&RunInfo>) -> Option<Cause> {
    if !matches!(result.verdict, Verdict::Fail | Verdict::Advisory | Verdict::Explained(_)) {
        return None;
    }
    let (failure, others) = result.failures.split_first()?;
    let mut again = "trenchcheck test".to_owned();
    if let Some(info) = info {
        again.push_str(&format!(" --target {}", info.target));
        match result.level {
            Level::Should if info.strict => again.push_str(" --strict"),
            Level::Rfc if info.rfc => again.push_str(" --rfc"),
            _ => {}
        }
    }
    Some(Cause {
        check: result.id.clone(),
        clause: result.clause.clone(),
        says: failure.what.clone(),
        failure: failure.clone(),
        more: u32::try_from(others.len()).unwrap_or(u32::MAX),
        again: format!("{again} {}", result.id),
        gates: result.verdict == Verdict::Fail,
        explains: Vec::new(),
    })
}

/// A reason why something could not be checked, and where it applies.
pub(super) struct Open {
    pub(super) reason: String,
    /// Ids of checks, with a word where only some of their cases were left out.
    pub(super) checks: Vec<String>,
}

/// The reasons for which checks were not judged, those with the most checks first. Of a check that a cause answers for,
/// only the cases that were left out are listed.
pub(super) fn open(results: &[CheckResult], answered: impl Fn(&CheckResult) -> bool) -> Vec<Open> {
    let mut reasons: Vec<Open> = Vec::new();
    let mut put = |reason: &str, check: String| match reasons.iter_mut().find(|open| open.reason == reason) {
        Some(open) => open.checks.push(check),
        None => reasons.push(Open { reason: reason.to_owned(), checks: vec![check] }),
    };
    for result in results {
        let reason = match &result.verdict {
            Verdict::Skipped(why) | Verdict::Blocked(why) | Verdict::Inconclusive(why) => Some(why),
            _ => None,
        };
        if let Some(reason) = reason
            && !answered(result)
        {
            put(reason, result.id.clone());
        }
        for case in &result.not_played {
            put(case, format!("{} in part", result.id));
        }
    }
    reasons.sort_by(|one, other| {
        other.checks.len().cmp(&one.checks.len()).then_with(|| one.reason.cmp(&other.reason))
    });
    reasons
}

/// What could not be checked, and what would change that: one sentence for each reason, as
/// [`RunSummary::could_not_check`] wants it. What a cause blocked is left out; the cause lists it.
pub fn could_not_check(results: &[CheckResult]) -> Vec<String> {
    open(results, |result| result.cause.is_some())
        .into_iter()
        .map(|open| format!("{}: {}", some(&open.checks, 4), open.reason))
        .collect()
}

/// `a, b and 3 more`.
pub(super) fn some(ids: &[String], shown: usize) -> String {
    let listed = ids.iter().take(shown).map(String::as_str).collect::<Vec<_>>().join(", ");
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
