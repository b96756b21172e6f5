//! Which cases are played together, and what they do to a key.

use std::collections::BTreeMap;

use super::cost::{Use, counted, usage};
use crate::run::stage::OWN;
use crate::scenario::Suite;
use crate::scenario::model::Case;
use crate::scenario::words::WaitFor;
use crate::target::Role;

/// A case by its place in the suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// Index of the check.
    pub(crate) check: usize,
    /// Index of the case in it.
    pub(crate) case: usize,
}

/// Cases that are played one after the other on one stage.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    /// The cases, in order.
    pub(crate) places: Vec<Place>,
    /// How they use their keys.
    pub(crate) usage: Use,
    /// The parts of the cases with their roles; all cases of a job on a deployment have the same.
    pub(crate) parts: Vec<(String, Role)>,
    /// The most requests one of the cases sends that count against a key it shares.
    pub(crate) counted: u32,
    /// Whether it looks back on all others.
    pub(crate) last: bool,
}

impl Job {
    fn of(suite: &Suite, mut places: Vec<Place>) -> Self {
        // Waiting gives the key back, so the cases that only look at 429s come before those that wait.
        places.sort_by_key(|place| stillness(case_at(suite, *place)));
        let cases = || places.iter().map(|place| case_at(suite, *place));
        Self {
            usage: cases().map(usage).max().unwrap_or(Use::Shares),
            parts: cases().next().map(parts).unwrap_or_default(),
            counted: cases().map(counted).max().unwrap_or(0),
            last: cases().any(looks_back),
            places,
        }
    }
}

/// The case at this place.
pub(crate) fn case_at(suite: &Suite, place: Place) -> &Case {
    &suite.checks[place.check].cases[place.case]
}

/// The parts of a case with their roles, the main key first.
pub(crate) fn parts(case: &Case) -> Vec<(String, Role)> {
    let own = case.key.iter().map(|role| (OWN.to_owned(), role));
    let others = case.keys.iter().map(|(name, role)| (name.clone(), role));
    own.chain(others).filter_map(|(name, role)| Some((name, Role::from_name(role)?))).collect()
}

/// In which order cases on one stage disturb each other least: 0 sends a few requests, 1 uses a key up, 2 waits for a
/// promise too, 3 measures a fresh window, 4 measures two.
fn stillness(case: &Case) -> u8 {
    case.steps
        .iter()
        .map(|step| match (&step.exhaust, &step.wait, &step.pace, &step.align, &step.burst) {
            (_, Some(WaitFor::SilentWindow | WaitFor::For(_)), _, _, _) => 4,
            (_, _, _, Some(_), _) | (_, _, _, _, Some(_)) => 3,
            (_, Some(WaitFor::Promise { .. } | WaitFor::FirstPromise), _, _, _) | (_, _, Some(_), _, _) => 2,
            (Some(_), _, _, _, _) => 1,
            _ => 0,
        })
        .max()
        .unwrap_or(0)
}

fn looks_back(case: &Case) -> bool {
    case.steps.iter().any(|step| step.review.is_some())
}

/// What a case uses up before it does anything else, where it begins like that.
fn first_exhaustion(case: &Case) -> Option<String> {
    let exhaust = case.steps.first()?.exhaust.as_ref()?;
    let role = case.key.as_ref().map_or("", |role| role.as_str());
    Some(format!("exhaust {role} {} {:?}", *exhaust.request, exhaust.batch))
}

/// Every case on its own, except that those which only look at a key that is used up share one exhaustion.
pub(crate) fn for_a_deployment(suite: &Suite, selected: &[usize]) -> Vec<Job> {
    gather(suite, selected, |case| {
        let looks = usage(case) == Use::UsesUp && parts(case).len() == 1 && !looks_back(case);
        looks.then(|| first_exhaustion(case)).flatten()
    })
}

/// One job a check, except that cases which begin by using the same key up share one exhaustion, that cases which
/// spend a quota are on their own, and that a revoked key is nobody else's. The longest come first.
pub(crate) fn for_a_mock(suite: &Suite, selected: &[usize]) -> Vec<Job> {
    let mut jobs = gather(suite, selected, |case| {
        let alone = looks_back(case) || case.steps.iter().any(|step| step.revoke.is_some());
        let light = || (stillness(case) == 0).then(String::new);
        if alone { None } else { first_exhaustion(case).or_else(light) }
    });
    let weight = |job: &Job| job.places.iter().map(|place| stillness(case_at(suite, *place))).max();
    jobs.sort_by_key(|job| (job.last, std::cmp::Reverse(weight(job))));
    jobs
}

/// Jobs of the cases that `together` gives the same name; an empty name stands for the check's own.
fn gather(suite: &Suite, selected: &[usize], together: impl Fn(&Case) -> Option<String>) -> Vec<Job> {
    let mut gathered: BTreeMap<String, Vec<Place>> = BTreeMap::new();
    for &check in selected {
        for case in 0..suite.checks[check].cases.len() {
            let place = Place { check, case };
            let id = &suite.checks[check].id;
            let name = match together(case_at(suite, place)) {
                Some(name) if name.is_empty() => format!("check {id}"),
                Some(name) => name,
                None => format!("case {id} {case:04}"),
            };
            gathered.entry(name).or_default().push(place);
        }
    }
    gathered.into_values().map(|places| Job::of(suite, places)).collect()
}
