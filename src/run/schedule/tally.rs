//! Gathering cases into checks, and telling when a check is done.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use super::Outcomes;
use crate::report::{CheckResult, Event, Verdict};
use crate::run::Run;
use crate::run::player::Outcome;
use crate::run::verdict;

/// The checks of a run, as far as they have come.
#[derive(Debug)]
pub(super) struct Tally {
    run: Arc<Run>,
    open: BTreeMap<usize, Open>,
    done: Vec<CheckResult>,
    breakdown: Option<String>,
}

/// A check with cases still to come.
#[derive(Debug, Default)]
struct Open {
    begun: Option<Instant>,
    outcomes: Vec<Outcome>,
    facts: Vec<String>,
}

impl Tally {
    pub(super) fn new(run: &Arc<Run>, selected: &[usize]) -> Self {
        Self {
            run: Arc::clone(run),
            open: selected.iter().map(|check| (*check, Open::default())).collect(),
            done: Vec::new(),
            breakdown: None,
        }
    }

    /// A case of this check begins.
    pub(super) fn started(&mut self, check: usize) {
        if let Some(open) = self.open.get_mut(&check)
            && open.begun.is_none()
        {
            open.begun = Some(Instant::now());
            self.run.emit(Event::CheckStarted { id: self.run.suite.checks[check].id.clone() });
        }
    }

    /// Cases are played.
    pub(super) fn finished(&mut self, played: Outcomes) {
        for (place, outcome, facts) in played {
            let Some(open) = self.open.get_mut(&place.check) else { continue };
            open.outcomes.push(outcome);
            open.facts.extend(facts);
            if open.outcomes.len() == self.run.suite.checks[place.check].cases.len()
                && let Some(open) = self.open.remove(&place.check)
            {
                self.close(place.check, open);
            }
        }
    }

    /// A job ended by a fault of our own; its checks stay open and are reported as such.
    pub(super) fn broke_down(&mut self, why: &str) {
        self.breakdown.get_or_insert_with(|| why.to_owned());
    }

    /// Whether a check that gates has failed.
    pub(super) fn has_failed(&self) -> bool {
        self.done.iter().any(|result| result.verdict == Verdict::Fail)
    }

    /// Closes what is still open, and gives all results sorted by id.
    pub(super) fn finish(mut self, interrupted: bool) -> Vec<CheckResult> {
        let why = match &self.breakdown {
            Some(why) => format!("a fault in trenchcheck: {why}"),
            None if interrupted => "the run was interrupted before it was played to its end".to_owned(),
            None => "left out after the first failure".to_owned(),
        };
        for (check, mut open) in std::mem::take(&mut self.open) {
            // What was seen to be broken stays so, whatever the cases left out would have shown.
            open.outcomes.retain(|outcome| matches!(outcome, Outcome::Broken(_)));
            open.outcomes.push(match &self.breakdown {
                Some(_) => Outcome::Inconclusive(why.clone()),
                None => Outcome::Skipped(why.clone()),
            });
            self.close(check, open);
        }
        self.done.sort_by(|one, other| one.id.cmp(&other.id));
        self.done
    }

    fn close(&mut self, index: usize, open: Open) {
        let check = &self.run.suite.checks[index];
        let cases = open.outcomes.iter().filter(|outcome| !matches!(outcome, Outcome::Skipped(_))).count();
        let weighed = verdict::weigh(check.level, open.outcomes, &self.run.options);
        let known = self.run.options.known.get(&check.id).cloned();
        let mut facts = open.facts;
        facts.sort();
        facts.dedup();
        let result = CheckResult {
            id: check.id.clone(),
            clause: check.clause.clone(),
            also: check.also.clone(),
            level: check.level,
            about: check.about.clone(),
            source: check.source.clone(),
            file: check.file.to_string(),
            line: check.at.line,
            verdict: verdict::in_the_light_of(known.as_ref(), weighed.verdict, &weighed.not_played),
            known,
            failures: weighed.failures,
            facts,
            not_played: weighed.not_played,
            cases: u32::try_from(cases).unwrap_or(u32::MAX),
            requests: self.run.requests_of(&check.id),
            took: open.begun.map(|begun| begun.elapsed()).unwrap_or_default(),
        };
        self.run.emit(Event::CheckFinished(Box::new(result.clone())));
        self.done.push(result);
    }
}
