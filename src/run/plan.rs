//! What a run will do, worked out before anything is sent: the run's own [`Schedule`], with estimates in the place of a
//! deployment and a virtual clock.

use std::collections::BTreeMap;
use std::time::Duration;

use super::allocator::{Condition, KeyAllocator};
use super::job::{self, Job, KeyNeed, Place};
use super::limiters::{LONG_SILENCE, WINDOW};
use super::runner::{Attempt, PHASE};
use super::schedule::Schedule;
use super::steps::Use;
use super::walk::{Cost, KeyModel};
use super::{case, estimate};
use crate::contract::{Limits, Tier};
use crate::deployment::{Key, TargetInfo};
use crate::report::{KeySchedule, PlannedLane, Stretch};
use crate::scenario::Suite;

/// What a run will do.
#[derive(Debug, Clone)]
pub struct TestPlan {
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
    pub schedule: KeySchedule,
    /// What will be left out.
    pub left_out: Vec<LeftOut>,
}

impl TestPlan {
    /// How long the run takes at most, however wrong the deployment is. Virtual time needs no such bound.
    pub fn at_most(&self) -> Option<Duration> {
        (!self.virtual_time).then(|| at_most(self.schedule.takes))
    }
}

/// Cases that will not be played, and why.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
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
/// use trenchcheck::deployment::TargetInfo;
///
/// let suite = Suite::load(&Source::Builtin).unwrap();
/// let all: Vec<usize> = (0..suite.checks.len()).collect();
/// let plan = plan(&suite, &all, &TargetInfo::embedded(), &[], 8);
/// assert!(plan.requests > 1_000 && plan.left_out.is_empty());
/// ```
pub fn plan(
    suite: &Suite,
    selected: &[usize],
    info: &TargetInfo,
    allowed_hosts: &[String],
    most_busy: usize,
) -> TestPlan {
    match &info.keys {
        Some(keys) => at_a_deployment(suite, selected, info, keys, allowed_hosts, most_busy),
        None => on_workspaces(suite, selected, info, most_busy),
    }
}

/// A job as it would be played.
struct PlannedJob {
    /// How many began before it.
    place: usize,
    job: Job,
    keys: Vec<usize>,
    from: Duration,
    costs: Vec<Cost>,
}

impl PlannedJob {
    fn until(&self) -> Duration {
        self.costs.last().map_or(self.from, |cost| cost.until)
    }
}

fn at_a_deployment(
    suite: &Suite,
    selected: &[usize],
    info: &TargetInfo,
    keys: &[Key],
    allowed_hosts: &[String],
    most_busy: usize,
) -> TestPlan {
    let bare = KeyAllocator::new(keys.to_vec(), &[]);
    let (mut places, mut left_out) = (Vec::new(), Vec::new());
    for place in job::places(suite, selected) {
        let steps = case::steps_needed(place.of(suite), selected);
        let attempt = Attempt { steps: Some(steps), ..Attempt::default() };
        let alone = Job::of(suite, vec![(place, attempt.clone())]);
        let obstacle = job::obstacle(place.of(suite), info, allowed_hosts);
        match obstacle.or_else(|| bare.missing(&alone)) {
            Some(why) => left_out.push((place, why)),
            None => places.push((place, attempt)),
        }
    }
    let cases = places.len();
    let mut jobs = job::jobs(suite, places);
    in_order(suite, info, keys, &mut jobs, most_busy);
    let (surveyed, planned_jobs) = simulate(suite, info, keys, jobs, most_busy);
    let costs = || planned_jobs.iter().flat_map(|planned| &planned.costs);
    let mut read: Vec<usize> = planned_jobs
        .iter()
        .flat_map(|planned| &planned.job.cases)
        .flat_map(|(place, _)| &place.of(suite).readings)
        .map(|reading| reading.check)
        .filter(|check| selected.contains(check))
        .collect();
    read.sort_unstable();
    read.dedup();
    TestPlan {
        virtual_time: false,
        checks: read.len(),
        cases,
        requests: surveyed.requests + costs().map(|cost| cost.requests).sum::<u64>(),
        events: surveyed.events + costs().map(|cost| cost.events).sum::<u64>(),
        schedule: drawn(suite, keys, &planned_jobs),
        left_out: told(suite, selected, &read, left_out),
    }
}

/// The cases left out, by check and reason.
fn told(suite: &Suite, selected: &[usize], read: &[usize], left_out: Vec<(Place, String)>) -> Vec<LeftOut> {
    let mut by_check: BTreeMap<(usize, String), usize> = BTreeMap::new();
    for (place, why) in left_out {
        let readings = place.of(suite).readings.iter().map(|reading| reading.check);
        for check in readings.filter(|check| selected.contains(check)) {
            *by_check.entry((check, why.clone())).or_default() += 1;
        }
    }
    by_check
        .into_iter()
        .map(|((check, why), cases)| LeftOut {
            check: suite.checks[check].id.clone(),
            cases,
            whole: read.binary_search(&check).is_err(),
            why,
        })
        .collect()
}

/// Plans jobs: which begins when, and with which keys. They come back in the order in which they begin, with what that
/// looks like and how many requests it takes.
pub(super) fn arrange(
    suite: &Suite,
    info: &TargetInfo,
    keys: &[Key],
    mut jobs: Vec<Job>,
    most_busy: usize,
) -> (Vec<Job>, KeySchedule, u32) {
    in_order(suite, info, keys, &mut jobs, most_busy);
    let (_, mut planned_jobs) = simulate(suite, info, keys, jobs, most_busy);
    planned_jobs.sort_by_key(|planned| planned.place);
    let schedule = drawn(suite, keys, &planned_jobs);
    let requests: u64 =
        planned_jobs.iter().flat_map(|planned| &planned.costs).map(|cost| cost.requests).sum();
    // Those that send a few requests take whichever of their keys has room when they come.
    let bound = planned_jobs.into_iter().map(|PlannedJob { job, keys, .. }| {
        let planned = job.measures().then_some(keys);
        Job { planned, ..job }
    });
    (bound.collect(), schedule, u32::try_from(requests).unwrap_or(u32::MAX))
}

/// Puts jobs into the order in which they are looked at: those that share keys first, since they need no wait; the others
/// from the longest to the shortest, and then as makes the run shortest. Their times are filled in.
fn in_order(suite: &Suite, info: &TargetInfo, keys: &[Key], jobs: &mut [Job], most_busy: usize) {
    for job in jobs.iter_mut() {
        let mut models: BTreeMap<String, KeyModel> = job
            .keys_needed
            .iter()
            .filter_map(|need| {
                let key = keys.iter().find(|key| need.role.fits(key))?;
                Some((need.name.clone(), KeyModel::new(limits(info, key), &key.scopes)))
            })
            .collect();
        job.takes =
            costs(suite, job, &mut models, Duration::ZERO).last().map_or(Duration::ZERO, |cost| cost.until);
    }
    let waits = |job: &Job| (job.last, job.usage != Use::Shares, job.learns_sharing.is_none());
    jobs.sort_by_key(|job| (waits(job), std::cmp::Reverse(job.takes)));
    improve(suite, info, keys, jobs, most_busy);
}

/// Lets each job begin earlier than others where that makes the whole run shorter. On the shipped suite that saves half the
/// time with thirteen keys, and a third of it with nine.
fn improve(suite: &Suite, info: &TargetInfo, keys: &[Key], jobs: &mut [Job], most_busy: usize) {
    let takes = |jobs: &[Job]| {
        let (_, planned_jobs) = simulate(suite, info, keys, jobs.to_vec(), most_busy);
        let ends = planned_jobs.iter().map(PlannedJob::until);
        // Of orders that end at the same time, the one in which most is over early.
        (ends.clone().max().unwrap_or_default(), ends.sum::<Duration>())
    };
    let mut best = takes(jobs);
    // The others wait for what is learned of sharing, so that comes first.
    let can_wait = |job: &Job| job.usage != Use::Shares && job.learns_sharing.is_none();
    let first = jobs.iter().position(can_wait).unwrap_or(jobs.len());
    for from in first..jobs.len() {
        for to in first..from {
            jobs[to..=from].rotate_right(1);
            let now = takes(jobs);
            if now < best {
                best = now;
            } else {
                jobs[to..=from].rotate_left(1);
            }
        }
    }
}

/// What the cases of a job cost, one after the other.
fn costs(suite: &Suite, job: &Job, keys: &mut BTreeMap<String, KeyModel>, from: Duration) -> Vec<Cost> {
    let mut costs: Vec<Cost> = Vec::new();
    for (place, attempt) in &job.cases {
        let begins = costs.last().map_or(from, |before| before.until);
        let steps = attempt.steps.unwrap_or(usize::MAX);
        costs.push(estimate::estimate(place.of(suite), steps, &suite.requests, keys, begins, false));
    }
    costs
}

/// What a run takes at most that takes `planned` at a deployment that is right: twice as long and a minute. Where little is
/// planned, it is what one more play takes after a silence in which every conforming limiter forgets.
pub(super) fn at_most(planned: Duration) -> Duration {
    const TO_BE_SURE: Duration = Duration::from_secs(10);
    let once_more = planned.min(WINDOW) * 2 + LONG_SILENCE + PHASE + TO_BE_SURE;
    once_more.max(planned * 2 + Duration::from_secs(60))
}

/// Plays jobs on paper, with the survey before them.
fn simulate(
    suite: &Suite,
    info: &TargetInfo,
    keys: &[Key],
    jobs: Vec<Job>,
    most_busy: usize,
) -> (Cost, Vec<PlannedJob>) {
    let mut models: Vec<KeyModel> =
        keys.iter().map(|key| KeyModel::new(limits(info, key), &key.scopes)).collect();
    let surveyed = estimate::survey(&suite.requests, &mut models);
    let allocator = KeyAllocator::new(keys.to_vec(), &jobs);
    let mut schedule = Schedule::new(jobs, Some(allocator), most_busy);
    let mut now = surveyed.until;
    let (mut playing, mut played): (Vec<PlannedJob>, Vec<PlannedJob>) = (Vec::new(), Vec::new());
    loop {
        let begun = schedule.begin(&|key, job| Condition {
            room: models[key].has_room(job.counted, now),
            fresh_at: models[key].ends(now).unwrap_or(now),
            unused: models[key].hardly_used(now),
        });
        if let Some((job, leased)) = begun {
            let names = job.keys_needed.iter().map(|need| need.name.clone());
            let mut by_name = names.zip(leased.iter().map(|key| models[*key].clone())).collect();
            let costs = costs(suite, &job, &mut by_name, now);
            for (need, key) in job.keys_needed.iter().zip(&leased) {
                if let Some(model) = by_name.remove(&need.name) {
                    models[*key] = model;
                }
            }
            // Whether keys share a quota is known as soon as it was asked.
            if let Some(tier) = job.learns_sharing {
                schedule.waits_for_sharing.remove(&tier);
            }
            let place = playing.len() + played.len();
            playing.push(PlannedJob { place, job, keys: leased, from: now, costs });
            continue;
        }
        // The first to be over; of several, the one that began first.
        let Some(next) = (0..playing.len()).min_by_key(|place| playing[*place].until()) else { break };
        let over = playing.remove(next);
        now = now.max(over.until());
        schedule.end(&over.job, &over.keys);
        played.push(over);
    }
    (surveyed, played)
}

fn drawn(suite: &Suite, keys: &[Key], planned_jobs: &[PlannedJob]) -> KeySchedule {
    let mut lanes: Vec<PlannedLane> =
        keys.iter().map(|key| PlannedLane { key: key.variable.clone(), stretches: Vec::new() }).collect();
    for planned in planned_jobs {
        let mut from = planned.from;
        for ((place, _), cost) in planned.job.cases.iter().zip(&planned.costs) {
            let readings = place.of(suite).readings.iter();
            let mut checks: Vec<String> =
                readings.map(|reading| suite.checks[reading.check].id.clone()).collect();
            checks.sort();
            checks.dedup();
            for key in &planned.keys {
                lanes[*key].stretches.push(Stretch {
                    check: suite.experiments[place.experiment].name.clone(),
                    with: checks.clone(),
                    from,
                    until: cost.until,
                    waits: cost.waits.clone(),
                    alone: planned.job.usage != Use::Shares,
                });
            }
            from = cost.until;
        }
    }
    for lane in &mut lanes {
        lane.stretches.sort_by_key(|stretch| (stretch.from, stretch.until));
    }
    let takes = planned_jobs.iter().map(PlannedJob::until).max().unwrap_or_default();
    KeySchedule { takes, lanes }
}

/// Every job on a workspace of a mock, with keys and a clock of its own.
fn on_workspaces(suite: &Suite, selected: &[usize], info: &TargetInfo, most_busy: usize) -> TestPlan {
    let places = job::places(suite, selected);
    let mut plan = TestPlan {
        virtual_time: true,
        checks: selected.len(),
        cases: places.len(),
        requests: 0,
        events: 0,
        schedule: KeySchedule::default(),
        left_out: Vec::new(),
    };
    let places = places
        .into_iter()
        .map(|place| {
            let steps = case::steps_needed(place.of(suite), selected);
            (place, Attempt { steps: Some(steps), ..Attempt::default() })
        })
        .collect();
    let mut busy = Vec::new();
    for job in job::jobs(suite, places) {
        let mut keys = BTreeMap::new();
        let (mut now, mut waited) = (Duration::ZERO, Duration::ZERO);
        for (place, attempt) in &job.cases {
            let case = place.of(suite);
            for KeyNeed { name, role, .. } in job::keys_needed(case) {
                let limits = info.limits(role.tier().unwrap_or(Tier::Standard));
                keys.entry(name).or_insert_with(|| KeyModel::new(limits, &role.scopes()));
            }
            let steps = attempt.steps.unwrap_or(usize::MAX);
            let cost = estimate::estimate(case, steps, &suite.requests, &mut keys, now, true);
            waited += cost.waits.iter().map(|(from, until)| *until - *from).sum::<Duration>();
            now = cost.until;
            plan.requests += cost.requests;
            plan.events += cost.events;
        }
        busy.push(now - waited);
    }
    // Side by side they take as long as the longest, or as long as there is something to do for each place.
    let all: Duration = busy.iter().sum();
    let places = u32::try_from(most_busy).unwrap_or(1).max(1);
    plan.schedule.takes = busy.into_iter().max().unwrap_or_default().max(all / places);
    plan
}

fn limits(info: &TargetInfo, key: &Key) -> Limits {
    // A key that only reads may be on either tier; the smaller quota is the safe guess.
    info.limits(key.tier.unwrap_or(Tier::Standard))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::contract::ApiKey;
    use crate::deployment::{Role, role_variable};
    use crate::scenario::Source;

    fn suite() -> Suite {
        Suite::load(&Source::Builtin).unwrap()
    }

    fn keys(roles: &[(Role, u32)]) -> Vec<Key> {
        let nth = |role: Role, many: u32| (1..=many).map(move |nth| (role, nth));
        let all = roles.iter().flat_map(|(role, many)| nth(*role, *many));
        all.map(|(role, nth)| Key {
            variable: role_variable(role, nth),
            secret: ApiKey::new(format!("ct_live_{role}{nth}aaaaaaaaaaaa")).unwrap(),
            tier: role.tier(),
            scopes: role.scopes(),
            account: None,
            given_for: Some(role),
            mock_id: None,
        })
        .collect()
    }

    fn three_of_each_tier() -> Vec<Key> {
        keys(&[
            (Role::Standard, 3),
            (Role::Premium, 3),
            (Role::Ingestion, 3),
            (Role::Read, 1),
            (Role::Write, 1),
            (Role::Both, 2),
        ])
    }

    fn one_of_each_tier() -> Vec<Key> {
        keys(&[(Role::Standard, 1), (Role::Premium, 1), (Role::Ingestion, 1)])
    }

    fn info(keys: Vec<Key>) -> TargetInfo {
        TargetInfo {
            base_url: "https://trenchcoat.example".to_owned(),
            loopback: false,
            limits: BTreeMap::new(),
            keys: Some(keys),
        }
    }

    fn all(suite: &Suite) -> Vec<usize> {
        (0..suite.checks.len()).collect()
    }

    fn planned(suite: &Suite, info: &TargetInfo) -> TestPlan {
        plan(suite, &all(suite), info, &[info.host()], 8)
    }

    /// The jobs of the whole suite as they would be played with these keys, and the cases that cannot be.
    fn planned_on(suite: &Suite, keys: &[Key]) -> (Vec<PlannedJob>, Vec<Place>) {
        let info = info(keys.to_vec());
        let bare = KeyAllocator::new(keys.to_vec(), &[]);
        let can_be_played = |place: &Place| {
            let job = Job::of(suite, vec![(*place, Attempt::default())]);
            let obstacle = job::obstacle(place.of(suite), &info, &[info.host()]);
            obstacle.is_none() && bare.missing(&job).is_none()
        };
        let (played, left_out): (Vec<Place>, Vec<Place>) =
            job::places(suite, &all(suite)).into_iter().partition(can_be_played);
        let mut jobs =
            job::jobs(suite, played.into_iter().map(|place| (place, Attempt::default())).collect());
        in_order(suite, &info, keys, &mut jobs, 8);
        (simulate(suite, &info, keys, jobs, 8).1, left_out)
    }

    #[test]
    fn every_case_is_played_once_or_left_out_with_a_reason() {
        let suite = suite();
        let cases: usize = suite.experiments.iter().map(|experiment| experiment.cases.len()).sum();
        for keys in [three_of_each_tier(), one_of_each_tier(), keys(&[(Role::Both, 1)])] {
            let (planned_jobs, left_out) = planned_on(&suite, &keys);
            let plan = planned(&suite, &info(keys));
            assert_eq!(plan.cases + left_out.len(), cases);
            let mut places: Vec<Place> =
                planned_jobs.iter().flat_map(|planned| &planned.job.cases).map(|(place, _)| *place).collect();
            assert_eq!(places.len(), plan.cases);
            for place in &left_out {
                for reading in &place.of(&suite).readings {
                    let id = &suite.checks[reading.check].id;
                    assert!(
                        plan.left_out.iter().any(|left| left.check == *id && !left.why.is_empty()),
                        "{id}"
                    );
                }
            }
            places.extend(left_out);
            assert_eq!(places.into_iter().collect::<BTreeSet<_>>().len(), cases);
            // Every check is played, or said to be left out altogether.
            let left_out = plan.left_out.iter().filter(|left| left.whole).map(|left| &left.check);
            let left_out: BTreeSet<&String> = left_out.collect();
            assert_eq!(plan.checks + left_out.len(), suite.checks.len());
        }
    }

    #[test]
    fn a_key_that_is_needed_alone_is_used_by_one_at_a_time() {
        let suite = suite();
        for keys in [three_of_each_tier(), one_of_each_tier()] {
            let plan = planned(&suite, &info(keys));
            for lane in &plan.schedule.lanes {
                for (index, one) in lane.stretches.iter().enumerate() {
                    for other in &lane.stretches[index + 1..] {
                        let apart = other.from >= one.until || one.from >= other.until;
                        assert!(apart || !(one.alone || other.alone), "{}: {one:?} {other:?}", lane.key);
                    }
                }
            }
        }
    }

    #[test]
    fn what_looks_back_comes_last() {
        let suite = suite();
        let (planned_jobs, _) = planned_on(&suite, &three_of_each_tier());
        let of = |last: bool| planned_jobs.iter().filter(move |planned| planned.job.last == last);
        let others_end = of(false).map(PlannedJob::until).max().unwrap();
        assert!(of(true).all(|planned| planned.from >= others_end));
        assert_ne!(of(true).count(), 0);
    }

    #[test]
    fn more_keys_make_a_run_shorter() {
        let suite = suite();
        let many = planned(&suite, &info(three_of_each_tier()));
        let few = planned(&suite, &info(one_of_each_tier()));
        assert!(many.schedule.takes < few.schedule.takes);
        // The key that is needed longest decides; somebody is always at work.
        let busy: Duration = few
            .schedule
            .lanes
            .iter()
            .flat_map(|lane| &lane.stretches)
            .filter(|stretch| stretch.alone)
            .map(|stretch| stretch.until - stretch.from)
            .sum();
        assert!(busy >= few.schedule.takes, "{busy:?} of {:?}", few.schedule.takes);
        assert!(few.left_out.iter().any(|left| left.why.contains("TRENCHCHECK_KEY_BOTH")));
    }

    #[test]
    fn a_wrong_deployment_takes_twice_as_long_and_a_minute_and_time_for_a_proof() {
        let seconds = Duration::from_secs;
        assert_eq!(at_most(seconds(540)), seconds(2 * 540 + 60));
        assert_eq!(at_most(seconds(120)), seconds(2 * 120 + 60));
        for short in [seconds(0), seconds(60)] {
            assert!(at_most(short) > short + LONG_SILENCE + PHASE + short);
        }
        let suite = suite();
        let at_a_deployment = planned(&suite, &info(one_of_each_tier()));
        assert_eq!(at_a_deployment.at_most(), Some(at_most(at_a_deployment.schedule.takes)));
        assert_eq!(planned(&suite, &TargetInfo::embedded()).at_most(), None);
    }

    #[test]
    fn nothing_is_sent_in_bulk_where_it_is_not_welcome() {
        let suite = suite();
        let info = info(three_of_each_tier());
        let plan = plan(&suite, &all(&suite), &info, &["another.example".to_owned()], 8);
        let left = |id: &str| plan.left_out.iter().find(|left| left.check == id).cloned();
        assert!(left("rate.standard").unwrap().why.contains("--allow-host trenchcoat.example"));
        assert!(left("auth.missing").is_none());
        assert!(plan.schedule.takes < Duration::from_secs(30), "{:?}", plan.schedule.takes);
    }
}
