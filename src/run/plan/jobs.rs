//! Which cases are played together, and what they do to a key.

use std::collections::BTreeMap;

use super::together::{Experiment, experiments, trust_unused_keys};
use super::usage::{Use, counted, usage};
use crate::run::stage::OWN;
use crate::scenario::Suite;
use crate::scenario::model::Case;
use crate::scenario::span::Spanned;
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

/// Experiments that are played one after the other on one stage.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    /// The experiments, in order.
    pub(crate) experiments: Vec<Experiment>,
    /// How they use their keys.
    pub(crate) usage: Use,
    /// The parts of the cases; all leaders of a job on a deployment have the same.
    pub(crate) parts: Vec<Part>,
    /// Whether all of these keys belong to one account.
    pub(crate) one_account: bool,
    /// The most requests one of the cases sends that count against a key it shares.
    pub(crate) counted: u32,
    /// Whether it looks back on all others.
    pub(crate) last: bool,
    /// Whether it begins by using its key up, so that it had best get one that is used up already.
    pub(crate) uses_up_first: bool,
}

impl Job {
    pub(crate) fn of(suite: &Suite, mut experiments: Vec<Experiment>) -> Self {
        // Waiting gives the key back, so the cases that only look at 429s come before those that wait.
        experiments.sort_by_key(|experiment| stillness(case_at(suite, experiment.leader)));
        let cases = || experiments.iter().map(|experiment| case_at(suite, experiment.leader));
        Self {
            usage: cases().map(usage).max().unwrap_or(Use::Shares),
            parts: cases().next().map(parts).unwrap_or_default(),
            one_account: cases().any(|case| case.one_account),
            counted: cases().map(counted).max().unwrap_or(0),
            last: cases().any(looks_back),
            uses_up_first: cases().next().is_some_and(|case| first_exhaustion(case).is_some()),
            experiments,
        }
    }

    /// Every case that is served.
    pub(crate) fn places(&self) -> impl Iterator<Item = Place> {
        self.experiments.iter().flat_map(Experiment::places)
    }
}

/// The case at this place.
pub(crate) fn case_at(suite: &Suite, place: Place) -> &Case {
    &suite.checks[place.check].cases[place.case]
}

/// A key that a case needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    /// The name its steps use.
    pub(crate) name: String,
    /// The role.
    pub(crate) role: Role,
    /// Whether nobody else may use the key meanwhile.
    pub(crate) alone: bool,
}

/// The parts of a case, the main key first.
pub(crate) fn parts(case: &Case) -> Vec<Part> {
    let shares = usage(case) == Use::Shares;
    let own = case.key.iter().map(|role| (OWN, role));
    let others = case.keys.iter().map(|(name, role)| (name.as_str(), role));
    own.chain(others)
        .filter_map(|(name, role)| {
            let alone = !shares && is_measured(case, name);
            Some(Part { name: name.to_owned(), role: Role::from_name(role)?, alone })
        })
        .collect()
}

/// Whether a case counts what the key of this name may do; with the others it sends a few requests.
pub(crate) fn is_measured(case: &Case, name: &str) -> bool {
    let named = |key: Option<&Spanned<String>>| key.map_or(OWN, |key| key.as_str()) == name;
    name == OWN
        || case.steps.iter().any(|step| {
            step.burst.as_ref().is_some_and(|burst| named(burst.key.as_ref()))
                || step.pace.as_ref().is_some_and(|pace| named(pace.key.as_ref()))
                || step.poll.as_ref().is_some_and(|poll| named(poll.key.as_ref()))
                || step.exhaust.as_ref().is_some_and(|exhaust| named(exhaust.key.as_ref()))
                || step.fingerprint.as_ref().is_some_and(|fingerprint| named(fingerprint.key.as_ref()))
        })
}

/// Whether a case needs no room in the quota before it begins: because it uses its keys up, finds a fresh window of
/// theirs, begins with a burst whatever is left, or looks back on others and takes whatever is answered.
pub(crate) fn needs_no_room(case: &Case) -> bool {
    let first = case.steps.first();
    first.is_some_and(|step| step.exhaust.is_some() || step.align.is_some() || step.burst.is_some())
        || looks_back(case)
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

/// Every experiment on its own, except that cases which only look at a key that is used up share one exhaustion.
pub(crate) fn for_a_deployment(suite: &Suite, places: Vec<Place>) -> Vec<Job> {
    let mut jobs = gather(suite, places, |case| {
        let looks = usage(case) == Use::UsesUp && parts(case).len() == 1 && !looks_back(case);
        looks.then(|| first_exhaustion(case)).flatten()
    });
    trust_unused_keys(suite, jobs.iter_mut().flat_map(|job| &mut job.experiments));
    jobs
}

/// How many cases that only send a few requests are played one after the other: a new stage costs the mock a little, and a
/// target with slow answers should not be waited for longer than its longest case.
const LIGHT_CASES: usize = 8;

/// The cases of a check a few at a time, except that cases which begin by using the same key up share one exhaustion, that
/// cases which spend a quota are on their own, and that a revoked key is nobody else's. The longest come first.
pub(crate) fn for_a_mock(suite: &Suite, selected: &[usize]) -> Vec<Job> {
    let mut jobs = gather(suite, places(suite, selected), |case| {
        let alone = looks_back(case) || case.steps.iter().any(|step| step.revoke.is_some());
        let light = || (stillness(case) == 0).then(String::new);
        if alone { None } else { first_exhaustion(case).or_else(light) }
    });
    let weight = |job: &Job| job.places().map(|place| stillness(case_at(suite, place))).max();
    jobs.sort_by_key(|job| (job.last, std::cmp::Reverse(weight(job))));
    jobs
}

/// The cases of the checks at `selected` places of the suite.
pub(crate) fn places(suite: &Suite, selected: &[usize]) -> Vec<Place> {
    let cases = |check: usize| (0..suite.checks[check].cases.len()).map(move |case| Place { check, case });
    selected.iter().flat_map(|check| cases(*check)).collect()
}

/// Jobs of the experiments whose leaders `together` gives the same name; an empty name stands for the check's own.
fn gather(suite: &Suite, places: Vec<Place>, together: impl Fn(&Case) -> Option<String>) -> Vec<Job> {
    let mut gathered: BTreeMap<String, Vec<Experiment>> = BTreeMap::new();
    for experiment in experiments(suite, places) {
        let Place { check, case } = experiment.leader;
        let id = &suite.checks[check].id;
        let name = match together(case_at(suite, experiment.leader)) {
            Some(name) if name.is_empty() => format!("check {id} {:04}", case / LIGHT_CASES),
            Some(name) => name,
            None => format!("case {id} {case:04}"),
        };
        gathered.entry(name).or_default().push(experiment);
    }
    // The longest cases led; on one stage cases come in the order of the suite.
    gathered
        .into_values()
        .map(|mut experiments| {
            experiments.sort();
            Job::of(suite, experiments)
        })
        .collect()
}
