//! What is played together, with which keys, and what it does to them.

use std::collections::BTreeMap;
use std::time::Duration;

use super::case::{counted, first_exhaustion, learns_sharing, looks_back, no_bursts};
use super::environment::OWN;
use super::limiters::{self, WINDOW};
use super::runner::Attempt;
use super::steps::revoke::CANNOT_REVOKE;
use super::steps::{self, Step, Use};
use crate::contract::Tier;
use crate::deployment::{Role, TargetInfo};
use crate::scenario::Suite;
use crate::scenario::model::{Action, Case, told_row};

/// How many cases that only send a few requests are played one after the other: a new workspace costs the mock a little,
/// and a target with slow answers should not be waited for longer than its longest case.
const LIGHT_CASES: usize = 8;

/// A case by its place in the suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place {
    /// Index of the experiment.
    pub(crate) experiment: usize,
    /// Index of the case in it.
    pub(crate) case: usize,
}

impl Place {
    /// The case at this place.
    pub(crate) fn of(self, suite: &Suite) -> &Case {
        &suite.experiments[self.experiment].cases[self.case]
    }

    /// The experiment's name, and the row of the case.
    pub(crate) fn told(self, suite: &Suite) -> String {
        let (name, row) = (&suite.experiments[self.experiment].name, told_row(&self.of(suite).row));
        format!("{name} {row}").trim_end().to_owned()
    }
}

/// A key that a case needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyNeed {
    /// The name its steps use.
    pub(crate) name: String,
    /// The role.
    pub(crate) role: Role,
    /// Whether nobody else may use the key meanwhile.
    pub(crate) alone: bool,
}

/// Cases that are played one after the other with the same keys.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    /// The cases, and how each is played.
    pub(crate) cases: Vec<(Place, Attempt)>,
    /// How they use their keys.
    pub(crate) usage: Use,
    /// The keys.
    pub(crate) keys_needed: Vec<KeyNeed>,
    /// Whether all of these keys belong to one account.
    pub(crate) one_account: bool,
    /// The most requests one of the cases sends that count against a key it shares.
    pub(crate) counted: u32,
    /// Whether it looks back on all others.
    pub(crate) last: bool,
    /// Whether it begins by using its key up, so that it had best get one that is used up already.
    pub(crate) uses_up_first: bool,
    /// The tier of whose keys it finds out if they share a quota, which others wait to know.
    pub(crate) learns_sharing: Option<Tier>,
    /// Whether a check that it plays for names what others stand on.
    pub(crate) teaches: bool,
    /// How long it is likely to take when it is played alone.
    pub(crate) takes: Duration,
    /// The keys it was planned with, by their places at the allocator.
    pub(crate) planned: Option<Vec<usize>>,
}

impl Job {
    /// A job of these cases.
    pub(crate) fn of(suite: &Suite, cases: Vec<(Place, Attempt)>) -> Self {
        let all = || cases.iter().map(|(place, _)| place.of(suite));
        Self {
            usage: all().map(usage).max().unwrap_or(Use::Shares),
            keys_needed: all().next().map(keys_needed).unwrap_or_default(),
            one_account: all().any(|case| case.one_account),
            counted: all().map(counted).max().unwrap_or(0),
            last: all().any(looks_back),
            uses_up_first: all().next().is_some_and(|case| first_exhaustion(case).is_some()),
            learns_sharing: all().find_map(learns_sharing),
            teaches: all().flat_map(|case| &case.readings).any(|reading| reading.learns.is_some()),
            takes: WINDOW * all().map(weight).max().unwrap_or(0),
            planned: None,
            cases,
        }
    }

    /// Whether it counts the quota of a key.
    pub(crate) fn measures(&self) -> bool {
        self.keys_needed.iter().any(|need| need.alone)
    }

    /// Whether it counts the quotas of several keys, in whatever state they are.
    pub(crate) fn gathers_keys(&self) -> bool {
        self.keys_needed.len() > 1 && self.keys_needed.iter().all(|need| need.alone) && !self.uses_up_first
    }

    /// Whether it may count the quota of a key of this tier.
    pub(crate) fn may_measure(&self, tier: Tier) -> bool {
        let may_be = |role: Role| role.tier().map_or(tier != Tier::Ingestion, |own| own == tier);
        self.keys_needed.iter().any(|need| need.alone && may_be(need.role))
    }

    /// Whether it was planned with this key.
    pub(crate) fn is_planned_with(&self, key: usize) -> bool {
        self.planned.iter().flatten().any(|planned| *planned == key)
    }

    /// The key that it had best have for this need when it is played again, where only that one tells more.
    pub(crate) fn wanted_key(&self, need: &KeyNeed) -> Option<&str> {
        let attempts = || self.cases.iter().map(|(_, attempt)| attempt);
        let same = attempts().find_map(|attempt| attempt.with.get(&need.name)).map(String::as_str);
        let is_first = self.keys_needed.first() == Some(need);
        let told = || attempts().find_map(|attempt| limiters::wanted_key(&attempt.suspicions));
        same.or_else(|| is_first.then(told).flatten())
    }

    /// Whether it keeps a processor busy: those that wait for windows do not.
    pub(crate) fn keeps_busy(&self) -> bool {
        self.usage != Use::Waits
    }
}

/// Jobs of these cases: such as begin by using the same key up share one exhaustion, such as send a few requests are a few
/// together, and all others are on their own. The longest come first.
pub(crate) fn jobs(suite: &Suite, places: Vec<(Place, Attempt)>) -> Vec<Job> {
    let mut gathered: BTreeMap<String, Vec<(Place, Attempt)>> = BTreeMap::new();
    for (place, attempt) in places {
        let case = place.of(suite);
        let alone =
            looks_back(case) || case.steps.iter().any(|step| matches!(step.action, Action::Revoke(_)));
        let first =
            first_exhaustion(case).filter(|_| usage(case) == Use::UsesUp && keys_needed(case).len() == 1);
        let name = match (alone, first) {
            (false, Some(name)) => name,
            (false, None) if usage(case) == Use::Shares => {
                format!("light {} {:04}", place.experiment, place.case / LIGHT_CASES)
            }
            _ => format!("case {} {:04} {:?}", place.experiment, place.case, attempt.before),
        };
        gathered.entry(name).or_default().push((place, attempt));
    }
    let mut jobs: Vec<Job> = gathered.into_values().map(|cases| Job::of(suite, cases)).collect();
    jobs.sort_by_key(|job| (job.last, std::cmp::Reverse(job.takes)));
    jobs
}

/// How many windows a case is likely to take: none where it sends a few requests, more where it waits.
fn weight(case: &Case) -> u32 {
    let waits = case.steps.iter().filter(|step| steps::of(&step.action).usage() == Use::Waits).count();
    u32::try_from(waits).unwrap_or(u32::MAX).saturating_add(u32::from(usage(case) != Use::Shares))
}

/// The keys_needed of a case, the main key first.
pub(crate) fn keys_needed(case: &Case) -> Vec<KeyNeed> {
    let shares = usage(case) == Use::Shares;
    let own = case.key.iter().map(|role| (OWN, role));
    let others = case.keys.iter().map(|(name, role)| (name.as_str(), role));
    own.chain(others)
        .filter_map(|(name, role)| {
            let alone = !shares && is_measured(case, name);
            Some(KeyNeed { name: name.to_owned(), role: Role::from_name(role)?, alone })
        })
        .collect()
}

/// The key that the next step after this one sends with: it is that one's promise that is waited for.
pub(crate) fn next_to_send(case: &Case, place: usize) -> &str {
    case.steps.iter().skip(place + 1).find_map(|step| steps::of(&step.value.action).key()).unwrap_or(OWN)
}

/// Whether a case counts what the key of this name may do; with the others it sends a few requests.
pub(crate) fn is_measured(case: &Case, name: &str) -> bool {
    let counts_with = |step: &dyn Step| step.counts() && step.key() == Some(name);
    name == OWN || case.steps.iter().any(|step| counts_with(steps::of(&step.action)))
}

/// Whether a case counts any key's quota.
pub(crate) fn counts_a_quota(case: &Case) -> bool {
    case.steps.iter().any(|step| steps::of(&step.action).counts())
}

/// How a case uses its keys.
pub(crate) fn usage(case: &Case) -> Use {
    case.steps.iter().map(|step| steps::of(&step.action).usage()).max().unwrap_or(Use::Shares)
}

/// What keeps a case from being played at a deployment, as far as that is known before.
pub(crate) fn obstacle(case: &Case, target: &TargetInfo, allowed_hosts: &[String]) -> Option<String> {
    if case.steps.iter().any(|step| matches!(step.action, Action::Revoke(_))) {
        return Some(CANNOT_REVOKE.to_owned());
    }
    no_bursts(&target.host(), target.loopback, allowed_hosts)
        .filter(|_| case.steps.iter().any(|step| steps::of(&step.action).sends_many()))
}

/// The cases that the checks at `selected` places of the suite read.
pub(crate) fn places(suite: &Suite, selected: &[usize]) -> Vec<Place> {
    let mut places = Vec::new();
    for (experiment, one) in suite.experiments.iter().enumerate() {
        for (case, one) in one.cases.iter().enumerate() {
            if one.readings.iter().any(|reading| selected.contains(&reading.check)) {
                places.push(Place { experiment, case });
            }
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Source;
    use crate::scenario::words::WaitFor;

    #[test]
    fn a_promise_is_waited_for_with_the_key_that_is_asked_next() {
        let suite = Suite::load(&Source::Builtin).unwrap();
        let cases = suite.experiments.iter().flat_map(|experiment| &experiment.cases);
        let mut asked = Vec::new();
        for case in cases {
            for (place, step) in case.steps.iter().enumerate() {
                if matches!(step.value.action, Action::Wait(WaitFor::Promise)) {
                    let next = next_to_send(case, place);
                    assert_eq!(steps::of(&case.steps[place + 1].value.action).key(), Some(next));
                    asked.push(next);
                }
            }
        }
        assert!(asked.contains(&OWN) && asked.iter().any(|name| *name != OWN), "{asked:?}");
    }
}
