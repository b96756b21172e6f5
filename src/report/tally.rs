//! Verdicts counted, in all and by clause.

use super::event::{CheckResult, Verdict};
use crate::contract::{CLAUSES, Clause, Coverage};

/// How many checks came to what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) pass: u32,
    pub(super) fail: u32,
    pub(super) advisory: u32,
    pub(super) explained: u32,
    pub(super) skipped: u32,
    pub(super) blocked: u32,
    pub(super) inconclusive: u32,
    pub(super) known_deviation: u32,
    pub(super) unexpected_pass: u32,
}

impl Counts {
    /// Counts the verdicts of `results`.
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

/// What became of one clause.
pub(super) struct ClauseTally {
    pub(super) id: String,
    /// What the page says; nothing for a clause that a scenario of the user's own names.
    pub(super) promise: Option<&'static str>,
    /// Why nothing sent over the API can show it.
    pub(super) not_observable: Option<&'static str>,
    /// The checks that enforce it.
    pub(super) counts: Counts,
    /// Ids of further checks that touch it.
    pub(super) touched_by: Vec<String>,
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
