//! Which cases are played together, and what they cost.

use std::collections::BTreeMap;

use crate::scenario::Suite;
use crate::scenario::model::Case;
use crate::scenario::words::WaitFor;

/// A case by its place in the suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Index of the check.
    pub(super) check: usize,
    /// Index of the case in it.
    pub(super) case: usize,
}

/// Cases that are played one after the other on one stage.
#[derive(Debug, Clone)]
pub(super) struct Job {
    /// The cases, in order.
    pub(super) places: Vec<Place>,
    /// What the heaviest of them does to a key.
    pub(super) weight: u8,
    /// Whether it looks back on all others.
    pub(super) last: bool,
}

/// What a case does to its keys: 0 sends a few requests, 1 uses a key up, 2 waits for a promise too, 3 measures a
/// fresh window, 4 measures two.
pub(super) fn weight(case: &Case) -> u8 {
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

/// Every case on its own: keys, not stages, are what is scarce.
pub(super) fn for_a_deployment(suite: &Suite, selected: &[usize]) -> Vec<Job> {
    places(selected, suite)
        .map(|place| {
            let case = &suite.checks[place.check].cases[place.case];
            Job { places: vec![place], weight: weight(case), last: looks_back(case) }
        })
        .collect()
}

/// One job a check, except that cases which begin by using the same key up share one exhaustion, that cases which
/// spend a quota are on their own, and that a revoked key is nobody else's.
pub(super) fn for_a_mock(suite: &Suite, selected: &[usize]) -> Vec<Job> {
    let mut together: BTreeMap<String, Vec<Place>> = BTreeMap::new();
    for place in places(selected, suite) {
        let check = &suite.checks[place.check];
        let case = &check.cases[place.case];
        let first = case.steps.first().and_then(|step| step.exhaust.as_ref());
        let role = case.key.as_ref().map_or("", |role| role.as_str());
        let name = match first {
            _ if looks_back(case) || case.steps.iter().any(|step| step.revoke.is_some()) => None,
            Some(exhaust) => Some(format!("exhaust {role} {} {:?}", *exhaust.request, exhaust.batch)),
            None if weight(case) == 0 => Some(format!("check {}", check.id)),
            None => None,
        };
        let name = name.unwrap_or_else(|| format!("case {} {}", check.id, place.case));
        together.entry(name).or_default().push(place);
    }
    together
        .into_values()
        .map(|mut places| {
            let case = |place: &Place| &suite.checks[place.check].cases[place.case];
            // Waiting gives the key back, so the cases that only look at 429s come before those that wait.
            places.sort_by_key(|place| weight(case(place)));
            Job {
                weight: places.iter().map(|place| weight(case(place))).max().unwrap_or(0),
                last: places.iter().any(|place| looks_back(case(place))),
                places,
            }
        })
        .collect()
}

fn places<'a>(selected: &'a [usize], suite: &'a Suite) -> impl Iterator<Item = Place> + 'a {
    selected
        .iter()
        .flat_map(|check| (0..suite.checks[*check].cases.len()).map(|case| Place { check: *check, case }))
}
