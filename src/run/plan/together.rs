//! Which cases are served by one experiment.
//!
//! A real minute is dear. Where all that a case does is done by another one too, from a fresh window on, it rides
//! along: the requests are sent once, and each case holds the answers against its own expectations. Only a pass comes
//! of that. Whatever does not hold is played again by itself, with a window of its own, and only then fails.

use super::jobs::{Place, case_at, parts};
use crate::contract::Tier;
use crate::run::credentials::counts_against_key;
use crate::run::stage::OWN;
use crate::scenario::Suite;
use crate::scenario::model::{Case, Step};
use crate::scenario::words::WaitFor;
use crate::target::Role;

/// A case that is played, and those that ride along with it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Experiment {
    /// The case whose steps are played.
    pub(crate) leader: Place,
    /// The cases that are served by them.
    pub(crate) riders: Vec<Ride>,
    /// Whether keys that were not used in this run, or not for a minute, are taken for fresh.
    pub(crate) trusts: bool,
}

/// A case that rides along.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ride {
    /// The case.
    pub(crate) place: Place,
    /// For each of its steps the leader's step that does it.
    pub(crate) steps: Vec<usize>,
}

impl Experiment {
    /// A case that is played by itself.
    pub(crate) fn alone(leader: Place) -> Self {
        Self { leader, riders: Vec::new(), trusts: false }
    }

    /// Whether to play it as one at first: where it serves several cases, or where a key that was silent may be fresh,
    /// so that no window needs to be waited for.
    pub(crate) fn is_worth_a_try(&self) -> bool {
        !self.riders.is_empty() || self.trusts
    }

    /// Every case that is served, the leader first.
    pub(crate) fn places(&self) -> impl Iterator<Item = Place> {
        std::iter::once(self.leader).chain(self.riders.iter().map(|ride| ride.place))
    }
}

/// As few experiments as serve these cases. The longest cases lead.
pub(crate) fn experiments(suite: &Suite, mut places: Vec<Place>) -> Vec<Experiment> {
    places.sort_by_key(|place| (std::cmp::Reverse(case_at(suite, *place).steps.len()), *place));
    let mut experiments: Vec<Experiment> = Vec::new();
    for place in places {
        let case = case_at(suite, place);
        let ride = experiments
            .iter()
            .enumerate()
            .find_map(|(index, experiment)| Some((index, carried(case_at(suite, experiment.leader), case)?)));
        match ride {
            Some((index, steps)) => experiments[index].riders.push(Ride { place, steps }),
            None => experiments.push(Experiment::alone(place)),
        }
    }
    experiments
}

/// Lets experiments begin with keys that this run has not used, or not for a minute, without using them up first.
///
/// Who used such a key just before the run may make a wrong limit look right, once. So this is for experiments that
/// count a further window of their own, and for those beside which another one does that on the same tier.
pub(crate) fn trust_unused_keys<'e>(suite: &Suite, experiments: impl Iterator<Item = &'e mut Experiment>) {
    let mut experiments: Vec<&mut Experiment> = experiments.collect();
    let tier = |experiment: &Experiment| {
        let own = parts(case_at(suite, experiment.leader)).into_iter().find(|part| part.name == OWN)?;
        Some(own.role.tier().unwrap_or(Tier::Standard))
    };
    let counts_again = |experiment: &Experiment| {
        let steps = &case_at(suite, experiment.leader).steps;
        let again = steps.iter().rposition(|step| has_a_window(step)).filter(|place| *place > 0);
        again.is_some_and(|place| {
            steps[place..].iter().any(|step| step.burst.is_some() && step.expect.is_some())
        })
    };
    let again: Vec<Option<Tier>> = experiments
        .iter()
        .filter(|experiment| counts_again(experiment))
        .map(|experiment| tier(experiment))
        .collect();
    for experiment in &mut experiments {
        let first = case_at(suite, experiment.leader).steps.first();
        experiment.trusts =
            first.is_some_and(|step| begins_with_a_window(step)) && again.contains(&tier(experiment));
    }
}

/// The steps of `leader` that do, one after the other from a fresh window on, what `case` does, where there are such.
fn carried(leader: &Case, case: &Case) -> Option<Vec<usize>> {
    if !keys_fit(leader, case) {
        return None;
    }
    if case.steps.first()?.exhaust.is_some() {
        return carried_from(0, leader, case);
    }
    if !begins_with_a_window(&case.steps.first()?.value) {
        return None;
    }
    let windows = (0..leader.steps.len()).filter(|from| has_a_window(&leader.steps[*from]));
    windows.filter_map(|from| carried_from(from, leader, case)).next()
}

fn carried_from(from: usize, leader: &Case, case: &Case) -> Option<Vec<usize>> {
    let mut steps = Vec::with_capacity(case.steps.len());
    let mut next = from;
    for own in &case.steps {
        while !serves(leader.steps.get(next)?, own) {
            let step = &leader.steps[next];
            // Who waits for the first promise may overlook that others went on asking, if that moved nothing.
            let moves_nothing = step.poll.is_some() && waits_for_a_promise(own);
            if next == from || !(moves_nothing || is_nothing_to_the_key(case, step)) {
                return None;
            }
            next += 1;
        }
        steps.push(next);
        next += 1;
    }
    Some(steps)
}

/// Whether a step sends something without a key of this case, so that it is nothing to who counts what these may do.
fn is_nothing_to_the_key(case: &Case, step: &Step) -> bool {
    let named = step.burst.as_ref().and_then(|burst| burst.key.as_ref());
    if named.is_some_and(|name| name.as_str() != OWN && !case.keys.contains_key(name.as_str())) {
        return true;
    }
    let burst = step.burst.as_ref().and_then(|burst| burst.credentials.as_ref());
    let send = step.send.as_ref().and_then(|send| send.credentials.as_ref());
    burst.or(send).is_some_and(|credentials| !counts_against_key(Some(credentials)))
}

fn begins_with_a_window(step: &Step) -> bool {
    step.align.is_some()
}

/// Whether there is a fresh window after this step: a silent minute makes one, too.
fn has_a_window(step: &Step) -> bool {
    begins_with_a_window(step) || step.wait == Some(WaitFor::SilentWindow)
}

/// Whether each key of `case` is one that `leader` uses under the same name, and may be the leader's.
fn keys_fit(leader: &Case, case: &Case) -> bool {
    let lent = parts(leader);
    case.key.is_some()
        && (leader.one_account || !case.one_account)
        && parts(case).into_iter().all(|wanted| {
            lent.iter().any(|lent| {
                let fits = lent.role == wanted.role || wanted.name == OWN && includes(wanted.role, lent.role);
                lent.name == wanted.name && fits && (lent.alone || !wanted.alone)
            })
        })
}

/// Whether every key that plays the role `given` can play `wanted`, too.
fn includes(wanted: Role, given: Role) -> bool {
    match wanted {
        Role::Any => true,
        Role::Read => matches!(given, Role::Standard | Role::Premium),
        Role::Ingestion => matches!(given, Role::Both | Role::Write),
        Role::Standard | Role::Premium | Role::Write | Role::Both => given == wanted,
    }
}

/// Whether doing `done` does all that `own` asks for. Who waits for a fresh window waits for a promise, where there is
/// one; that it was so is seen when it is played.
fn serves(done: &Step, own: &Step) -> bool {
    // Taken apart without `..`, so that a new action cannot be left out here.
    let Step {
        send,
        burst,
        pace,
        poll,
        fingerprint,
        align,
        exhaust,
        wait,
        revoke,
        find_session,
        review,
        given: _,
        expect: _,
        observe: _,
    } = own;
    let judges_by_itself =
        fingerprint.is_some() || revoke.is_some() || find_session.is_some() || review.is_some();
    let same = *send == done.send
        && *burst == done.burst
        && *pace == done.pace
        && *poll == done.poll
        && *align == done.align
        && *exhaust == done.exhaust
        && *wait == done.wait;
    let waited =
        done.align.is_some() && waits_for_a_promise(own) || own.align.is_some() && has_a_window(done);
    !judges_by_itself && (same || waited)
}

/// Whether a step waits until an instant that a 429 promised.
pub(crate) fn waits_for_a_promise(step: &Step) -> bool {
    match step.wait {
        Some(WaitFor::Promise { early }) => early.is_zero(),
        Some(WaitFor::FirstPromise) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::run::plan::places;
    use crate::scenario::Source;

    fn suite() -> Suite {
        Suite::load(&Source::Builtin).unwrap()
    }

    fn all(suite: &Suite) -> Vec<Experiment> {
        let selected: Vec<usize> = (0..suite.checks.len()).collect();
        experiments(suite, places(suite, &selected))
    }

    fn ids<'s>(suite: &'s Suite, experiment: &Experiment) -> Vec<&'s str> {
        experiment.places().map(|place| suite.checks[place.check].id.as_str()).collect()
    }

    #[test]
    fn two_windows_in_a_row_serve_all_that_is_about_one_of_them() {
        let suite = suite();
        let standard = all(&suite).into_iter().find(|experiment| {
            let case = case_at(&suite, experiment.leader);
            ids(&suite, experiment)[0] == "rate.second-window"
                && case.key.as_ref().unwrap().as_str() == "standard"
        });
        let served: BTreeSet<&str> = ids(&suite, &standard.unwrap()).into_iter().collect();
        for id in ["rate.standard", "rate.window-length", "limit.retry-after-honest", "limit.promise-stable"]
        {
            assert!(served.contains(id), "{id} of {served:?}");
        }
        assert!(!served.contains("rate.premium"));
    }

    #[test]
    fn what_is_sent_without_the_key_is_nothing_to_who_counts_what_it_may() {
        let suite = suite();
        let of =
            all(&suite).into_iter().find(|one| ids(&suite, one)[0] == "rate.bad-keys-drain-nobody").unwrap();
        let rider =
            of.riders.iter().find(|ride| suite.checks[ride.place.check].id == "rate.across-endpoints");
        assert_eq!(rider.unwrap().steps, [0, 4, 5, 6]);
    }

    #[test]
    fn every_case_is_served_once_and_all_it_does_is_done_from_a_window_on() {
        let suite = suite();
        let experiments = all(&suite);
        let mut served = BTreeSet::new();
        for experiment in &experiments {
            assert!(experiment.places().all(|place| served.insert(place)));
            let leader = case_at(&suite, experiment.leader);
            for ride in &experiment.riders {
                let case = case_at(&suite, ride.place);
                assert_eq!(ride.steps.len(), case.steps.len());
                assert!(ride.steps.is_sorted_by(|one, next| one < next));
                let begins = &leader.steps[ride.steps[0]];
                assert!(has_a_window(begins) || begins.exhaust.is_some());
                for (own, done) in case.steps.iter().zip(&ride.steps) {
                    assert!(serves(&leader.steps[*done], own));
                    // What is judged by what was sent must have been sent as it asks.
                    assert_eq!(
                        (&own.burst, &own.send),
                        (&leader.steps[*done].burst, &leader.steps[*done].send)
                    );
                }
                assert!(keys_fit(leader, case));
            }
        }
        assert_eq!(served.len(), suite.checks.iter().map(|check| check.cases.len()).sum::<usize>());
        assert!(experiments.len() < served.len());
    }

    #[test]
    fn an_unused_key_is_trusted_only_beside_a_window_that_was_waited_for() {
        let suite = suite();
        let trusted = |wanted: &[&str]| {
            let selected: Vec<usize> = (0..suite.checks.len())
                .filter(|index| wanted.contains(&suite.checks[*index].id.as_str()))
                .collect();
            let mut experiments = experiments(&suite, places(&suite, &selected));
            trust_unused_keys(&suite, experiments.iter_mut());
            experiments
                .iter()
                .filter(|one| one.trusts)
                .flat_map(|one| ids(&suite, one))
                .collect::<BTreeSet<_>>()
        };
        assert!(trusted(&["rate.standard", "rate.premium", "rate.ingestion"]).is_empty());
        assert!(trusted(&["rate.standard", "rate.recovers"]).contains("rate.standard"));
        assert!(!trusted(&["rate.premium", "rate.recovers"]).contains("rate.premium"));
    }
}
