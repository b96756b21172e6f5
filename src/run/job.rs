//! What is played together, with which keys, and what it does to them.

use std::collections::BTreeMap;
use std::time::Duration;

use super::credentials::counts_against_key;
use super::environment::OWN;
use super::keys::WINDOW;
use super::limiters;
use super::runner::Attempt;
use super::steps::revoke::CANNOT_REVOKE;
use super::steps::{self, Step};
use crate::contract::Tier;
use crate::deployment::{Role, TargetInfo, welcome};
use crate::scenario::Suite;
use crate::scenario::model::{Action, Case, Fact, Item, told_row};

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

/// What a case does to its keys, as far as others are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Use {
    /// It sends a few requests, beside those of others.
    Shares,
    /// It uses a key up and looks at the refusals.
    UsesUp,
    /// It waits for windows, and must not be disturbed.
    Waits,
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
            takes: WINDOW * all().map(weight).max().unwrap_or(0),
            planned: None,
            cases,
        }
    }

    /// Whether it counts the quota of a key.
    pub(crate) fn measures(&self) -> bool {
        self.keys_needed.iter().any(|need| need.alone)
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

/// The tier of whose keys this case finds out if they share a quota. A key of no certain tier counts as Standard.
pub(crate) fn learns_sharing(case: &Case) -> Option<Tier> {
    let learns = case.readings.iter().any(|reading| reading.learns == Some(Fact::Sharing));
    let role = case.key.as_ref().and_then(|role| Role::from_name(role));
    learns.then(|| role.and_then(Role::tier).unwrap_or(Tier::Standard))
}

/// Whether a case counts any key's quota.
pub(crate) fn counts_a_quota(case: &Case) -> bool {
    case.steps.iter().any(|step| steps::of(&step.action).counts())
}

/// Whether a case counts events.
pub(crate) fn counts_events(case: &Case) -> bool {
    case.steps.iter().any(|step| matches!(&step.action, Action::Burst(burst) if burst.events.is_some()))
}

/// Whether a case measures out requests: where it counts events, what holds of requests does not matter.
pub(crate) fn counts_requests(case: &Case) -> bool {
    let of_requests = |action: &Action| matches!(action, Action::Burst(burst) if burst.count.is_some());
    !counts_events(case) || case.steps.iter().any(|step| of_requests(&step.action))
}

/// Whether a case needs no room in the quota before it begins: because it uses its keys up, finds a fresh window of
/// theirs, begins with a burst whatever is left, or looks back on others and takes whatever is answered.
pub(crate) fn needs_no_room(case: &Case) -> bool {
    let first = case.steps.first().map(|step| &step.action);
    matches!(first, Some(Action::Exhaust(_) | Action::Wait(_) | Action::Burst(_))) || looks_back(case)
}

fn looks_back(case: &Case) -> bool {
    case.readings.iter().flat_map(|reading| &reading.items).any(|item| item.steps.is_empty())
}

/// Whether all this case asks is that a key, sent as it should be, is let in.
pub(crate) fn is_about_being_let_in(case: &Case) -> bool {
    let own_key = |action: &Action| {
        let Action::Send(send) = action else { return false };
        send.credentials.as_ref().is_none_or(|credentials| credentials.spelled.is_some())
    };
    let let_in = |item: &Item| {
        let expected = item.expect.as_ref().map_or(item.given.as_ref(), |expect| expect.status.as_ref());
        expected.is_some_and(|status| status.contains(200))
    };
    let mut items = case.readings.iter().flat_map(|reading| &reading.items);
    case.steps.iter().all(|step| own_key(&step.action)) && items.all(let_in)
}

/// Whether this case is about how the header's name is spelled.
pub(crate) fn spells_the_header(case: &Case) -> bool {
    case.steps.iter().any(|step| match &step.action {
        Action::Send(send) => {
            send.credentials.as_ref().is_some_and(|credentials| credentials.spelled.is_some())
        }
        _ => false,
    })
}

/// What a case uses up before it does anything else, where it begins like that.
fn first_exhaustion(case: &Case) -> Option<String> {
    let Action::Exhaust(exhaust) = &case.steps.first()?.action else { return None };
    let role = case.key.as_ref().map_or("", |role| role.as_str());
    let request = exhaust.request.as_ref().map_or("", |request| request.as_str());
    Some(format!("exhaust {role} {request}"))
}

/// How a case uses its keys.
pub(crate) fn usage(case: &Case) -> Use {
    case.steps.iter().map(|step| steps::of(&step.action).usage()).max().unwrap_or(Use::Shares)
}

/// How many requests the case sends that count against the quota of one of its keys, as far as it shares them.
fn counted(case: &Case) -> u32 {
    let counts = case.steps.iter().filter(|step| match &step.action {
        Action::Send(send) => counts_against_key(send.credentials.as_ref()),
        Action::FindSession(_) => true,
        _ => false,
    });
    u32::try_from(counts.count()).unwrap_or(u32::MAX).saturating_add(2)
}

/// What keeps a case from being played at a deployment, as far as that is known before.
pub(crate) fn obstacle(case: &Case, target: &TargetInfo, allowed_hosts: &[String]) -> Option<String> {
    if case.steps.iter().any(|step| matches!(step.action, Action::Revoke(_))) {
        return Some(CANNOT_REVOKE.to_owned());
    }
    no_bursts(&target.host(), target.loopback, allowed_hosts)
        .filter(|_| case.steps.iter().any(|step| steps::of(&step.action).sends_many()))
}

/// Why bursts do not go to this host, if they do not.
pub(crate) fn no_bursts(host: &str, loopback: bool, allowed_hosts: &[String]) -> Option<String> {
    let welcome = welcome(|| "its bursts".to_owned(), (host.to_owned(), loopback), allowed_hosts);
    welcome.err().map(|why| why.to_string())
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

/// How many steps of a case these checks need.
pub(crate) fn steps_needed(case: &Case, selected: &[usize]) -> usize {
    let readings = case.readings.iter().filter(|reading| selected.contains(&reading.check));
    let items = readings.flat_map(|reading| &reading.items);
    // What looks back on the run needs all there is to look back on.
    items.map(|item| item.steps.iter().max().map_or(case.steps.len(), |last| last + 1)).max().unwrap_or(0)
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
