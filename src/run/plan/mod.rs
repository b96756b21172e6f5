//! What a run will do, worked out before anything is sent.
//!
//! `cost` walks through a case's steps and says what they take; `desk` is the rule by which keys are lent; `simulate`
//! plays all jobs on paper by that rule; `order` looks for an order in which the run is over soon. The scheduler takes
//! the same order to the same desk, so that the plan is what is played, as far as the target keeps its promises.

mod cost;
mod desk;
mod jobs;
mod key;
pub(super) mod obstacle;
mod order;
mod simulate;
mod together;
mod usage;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::contract::{Limits, Tier};
use crate::report::{Lane, Stretch, Timeline};
use crate::scenario::Suite;
use crate::target::{Key, Outlook};

use cost::Time;
pub(super) use desk::{Condition, Desk};
#[cfg(test)]
use jobs::places;
pub(super) use jobs::{Job, Part, Place, case_at, for_a_mock, is_measured, needs_no_room, parts};
pub(super) use simulate::{keeps_busy, may_begin};
pub(super) use together::{Experiment, waits_for_a_promise};
pub(super) use usage::Use;

use key::KeyModel;
use obstacle::Obstacles;
use simulate::{Turn, simulate};

/// What a run will do.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Whether waits advance the target's clock instead of taking real time.
    pub virtual_time: bool,
    /// How many checks will be played, at least in part.
    pub checks: usize,
    /// How many cases they have in all.
    pub cases: usize,
    /// Requests that will be sent, positive controls included.
    pub requests: u64,
    /// Events in them.
    pub events: u64,
    /// When which key is used for what. Without lanes where every check gets keys of its own.
    pub timeline: Timeline,
    /// What will be left out.
    pub left_out: Vec<LeftOut>,
}

/// Cases that will not be played, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The check's id.
    pub check: String,
    /// How many of its cases.
    pub cases: usize,
    /// Whether these are all of its cases.
    pub whole: bool,
    /// Why, and what would change that.
    pub why: String,
}

/// Works out what playing the checks at `selected` places of the suite will do. Nothing is sent.
///
/// ```
/// use trenchcheck::run::plan;
/// use trenchcheck::scenario::{Source, Suite};
/// use trenchcheck::target::Outlook;
///
/// let suite = Suite::load(&Source::Builtin).unwrap();
/// let all: Vec<usize> = (0..suite.checks.len()).collect();
/// let plan = plan(&suite, &all, &Outlook::embedded(), &[], 8);
/// assert!(plan.requests > 1_000 && plan.left_out.is_empty());
/// ```
pub fn plan(
    suite: &Suite,
    selected: &[usize],
    outlook: &Outlook,
    allowed_hosts: &[String],
    most_busy: usize,
) -> Plan {
    match &outlook.keys {
        Some(keys) => Agenda::new(suite, selected, outlook, keys, allowed_hosts, most_busy).plan(suite),
        None => on_workspaces(suite, selected, outlook, most_busy),
    }
}

/// The jobs of a run on a deployment, in the order in which they will be looked at.
#[derive(Debug, Clone)]
pub(super) struct Agenda {
    pub(super) jobs: Vec<Job>,
    pub(super) desk: Desk,
    pub(super) left_out: Vec<(Place, String)>,
    /// What has to be known of the target before windows are measured: a case that sends such a request, and the request.
    pub(super) unknown: Vec<(Place, String)>,
    /// The keys that are asked for it.
    pub(super) scouts: Vec<usize>,
    turns: Vec<Turn>,
}

impl Agenda {
    pub(super) fn new(
        suite: &Suite,
        selected: &[usize],
        outlook: &Outlook,
        keys: &[Key],
        allowed_hosts: &[String],
        most_busy: usize,
    ) -> Self {
        let obstacles = Obstacles::new(outlook, allowed_hosts);
        let bare = Desk::new(keys.to_vec(), &[], &[]);
        let (mut places, mut left_out) = (Vec::new(), Vec::new());
        for place in jobs::places(suite, selected) {
            let alone = Job::of(suite, vec![Experiment::alone(place)]);
            match obstacles.before(case_at(suite, place)).or_else(|| bare.missing(&alone)) {
                Some(why) => left_out.push((place, why)),
                None => places.push(place),
            }
        }
        let jobs = jobs::for_a_deployment(suite, places);
        let models: Vec<KeyModel> =
            keys.iter().map(|key| KeyModel::new(limits(outlook, key), &key.scopes)).collect();
        let times: Vec<Duration> = jobs
            .iter()
            .map(|job| {
                let mut cast = job
                    .parts
                    .iter()
                    .filter_map(|part| {
                        let index = keys.iter().position(|key| part.role.fits(key))?;
                        Some((part.name.clone(), models[index].clone()))
                    })
                    .collect();
                let mut now = Duration::ZERO;
                for experiment in &job.experiments {
                    let case = case_at(suite, experiment.leader);
                    now = cost::bill(case, &suite.requests, &mut cast, now, Time::Real).until;
                }
                now
            })
            .collect();
        let desk = Desk::new(keys.to_vec(), &jobs, &times);
        let unknown = unknown(suite, &jobs);
        let scouts = if unknown.is_empty() { Vec::new() } else { desk.scouts() };
        let mut models = models;
        for index in &scouts {
            models[*index].spend(1, 1, Duration::ZERO, Duration::ZERO);
        }
        let best = order::order(&jobs, &times, &|order| {
            // Who shares keys is soon done, and so has no say in this.
            let order: Vec<usize> =
                order.iter().copied().filter(|place| jobs[*place].usage != Use::Shares).collect();
            simulate(suite, &jobs, &order, desk.clone(), models.clone(), most_busy)
        });
        let jobs: Vec<Job> = best.into_iter().map(|place| jobs[place].clone()).collect();
        let in_turn: Vec<usize> = (0..jobs.len()).collect();
        let turns = simulate(suite, &jobs, &in_turn, desk.clone(), models.clone(), most_busy);
        Self { jobs, desk, left_out, unknown, scouts, turns }
    }

    /// When which key will be used for what.
    pub(super) fn timeline(&self, suite: &Suite) -> Timeline {
        let mut lanes: Vec<Lane> = self
            .desk
            .keys()
            .iter()
            .map(|key| Lane { key: key.variable.clone(), stretches: Vec::new() })
            .collect();
        for turn in &self.turns {
            let job = &self.jobs[turn.job];
            let mut from = turn.from;
            for (experiment, bill) in job.experiments.iter().zip(&turn.bills) {
                let id = |place: Place| suite.checks[place.check].id.clone();
                for key in &turn.keys {
                    lanes[*key].stretches.push(Stretch {
                        check: id(experiment.leader),
                        with: experiment.riders.iter().map(|ride| id(ride.place)).collect(),
                        from,
                        until: bill.until,
                        waits: bill.waits.clone(),
                        alone: job.usage != Use::Shares,
                    });
                }
                from = bill.until;
            }
        }
        for lane in &mut lanes {
            lane.stretches.sort_by_key(|stretch| (stretch.from, stretch.until));
        }
        let takes = self.turns.iter().map(Turn::until).max().unwrap_or_default();
        Timeline { takes, lanes }
    }

    fn plan(&self, suite: &Suite) -> Plan {
        let bills = || self.turns.iter().flat_map(|turn| &turn.bills);
        let places = || self.jobs.iter().flat_map(Job::places);
        let mut checks: Vec<usize> = places().map(|place| place.check).collect();
        checks.sort_unstable();
        checks.dedup();
        let mut left_out: BTreeMap<(usize, &str), usize> = BTreeMap::new();
        for (place, why) in &self.left_out {
            *left_out.entry((place.check, why)).or_default() += 1;
        }
        Plan {
            virtual_time: false,
            checks: checks.len(),
            cases: places().count(),
            requests: bills().map(|bill| bill.requests).sum(),
            events: bills().map(|bill| bill.events).sum(),
            timeline: self.timeline(suite),
            left_out: left_out
                .into_iter()
                .map(|((check, why), cases)| LeftOut {
                    check: suite.checks[check].id.clone(),
                    cases,
                    whole: checks.binary_search(&check).is_err(),
                    why: why.to_owned(),
                })
                .collect(),
        }
    }
}

/// The requests of bursts of which a run cannot know beforehand whether, or in which form, the target takes them: each
/// once, with the first case that sends it.
fn unknown(suite: &Suite, jobs: &[Job]) -> Vec<(Place, String)> {
    let mut unknown: Vec<(Place, String)> = Vec::new();
    for place in jobs.iter().flat_map(Job::places) {
        let bursts = case_at(suite, place).steps.iter().filter_map(|step| step.burst.as_ref());
        for name in bursts.flat_map(|burst| burst.requests()) {
            let def = suite.requests.get(name.as_str());
            let in_question = def.is_some_and(|def| def.optional || def.posts_events());
            if in_question && !unknown.iter().any(|(_, known)| known == name.as_str()) {
                unknown.push((place, name.value.clone()));
            }
        }
    }
    unknown
}

/// Every job on a workspace of a mock, with keys and a clock of its own.
fn on_workspaces(suite: &Suite, selected: &[usize], outlook: &Outlook, most_busy: usize) -> Plan {
    let mut plan = Plan {
        virtual_time: true,
        checks: selected.len(),
        cases: selected.iter().map(|check| suite.checks[*check].cases.len()).sum(),
        requests: 0,
        events: 0,
        timeline: Timeline::default(),
        left_out: Vec::new(),
    };
    let mut busy = Vec::new();
    for job in for_a_mock(suite, selected) {
        let mut keys = BTreeMap::new();
        let mut now = Duration::ZERO;
        let mut waited = Duration::ZERO;
        for experiment in &job.experiments {
            let case = case_at(suite, experiment.leader);
            for Part { name, role, .. } in parts(case) {
                keys.entry(name).or_insert_with(|| {
                    let limits = outlook.limits(role.tier().unwrap_or(Tier::Standard));
                    KeyModel::new(limits, &role.scopes())
                });
            }
            let bill = cost::bill(case, &suite.requests, &mut keys, now, Time::Virtual);
            waited += bill.waits.iter().map(|(from, until)| *until - *from).sum::<Duration>();
            now = bill.until;
            plan.requests += bill.requests;
            plan.events += bill.events;
        }
        busy.push(now - waited);
    }
    // Side by side they take as long as the longest, or as long as there is something to do for each place.
    let all: Duration = busy.iter().sum();
    let places = u32::try_from(most_busy).unwrap_or(1).max(1);
    plan.timeline.takes = busy.into_iter().max().unwrap_or_default().max(all / places);
    plan
}

fn limits(outlook: &Outlook, key: &Key) -> Limits {
    // A key that only reads may be on either tier; the smaller quota is the safe guess.
    outlook.limits(key.tier.unwrap_or(Tier::Standard))
}

#[cfg(test)]
mod tests;
