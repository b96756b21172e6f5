//! Which job begins when: one state machine, driven by the real clock (`play`) or by a virtual one
//! (`plan`).

use std::collections::BTreeSet;

use super::allocator::{Condition, KeyAllocator};
use super::job::Job;
use super::steps::Use;
use crate::contract::Tier;

/// Jobs to come and those under way.
#[derive(Debug, Clone)]
pub(crate) struct Schedule {
    pending: Vec<Job>,
    /// Leases keys; none where every job has keys of its own.
    allocator: Option<KeyAllocator>,
    playing: usize,
    busy: usize,
    most_busy: usize,
    /// The tiers of which it is not known yet if their keys share a quota: who measures these waits for that, until whoever
    /// plays takes them out.
    pub(crate) waits_for_sharing: BTreeSet<Tier>,
    /// Whether jobs begin as keys come free, and not as they were planned.
    plan_is_forgotten: bool,
}

impl Schedule {
    /// A schedule of these jobs, the first first as far as what they need is free, with at most so many at once that keep a
    /// processor busy.
    pub(crate) fn new(pending: Vec<Job>, allocator: Option<KeyAllocator>, most_busy: usize) -> Self {
        let learners = pending.iter().filter(|_| allocator.is_some());
        let waits_for_sharing = learners.filter_map(|job| job.learns_sharing).collect();
        let most_busy = most_busy.max(1);
        let plan_is_forgotten = false;
        Self { pending, allocator, playing: 0, busy: 0, most_busy, waits_for_sharing, plan_is_forgotten }
    }

    /// The next job that can begin now, and its keys by their places at the allocator. `condition` is what is known of a key.
    pub(crate) fn begin(
        &mut self,
        condition: &dyn Fn(usize, &Job) -> Condition,
    ) -> Option<(Job, Vec<usize>)> {
        // Of those that need several keys the first one keeps what is free of them: seldom do two come free at once.
        let mut held: Vec<usize> = Vec::new();
        for index in 0..self.pending.len() {
            let job = &self.pending[index];
            // Those that look back on all others wait until they are alone.
            let others = self.playing > 0 || self.pending.iter().any(|other| !other.last);
            let held_up = job.last && others
                || job.keeps_busy() && self.busy >= self.most_busy
                || self.waits_to_hear(job);
            if held_up || self.is_overtaking(index) {
                continue;
            }
            let keys = match (&mut self.allocator, &job.planned) {
                (None, _) => Some(Vec::new()),
                (Some(allocator), Some(keys)) => allocator
                    .take_planned(job, keys, &|key| condition(key, job), self.pending.iter())
                    .then(|| keys.clone()),
                (Some(allocator), None) => {
                    let taken = allocator.take(job, &|key| condition(key, job), self.pending.iter(), &held);
                    if let Err(free) = &taken
                        && held.is_empty()
                        && self.playing > 0
                        && job.gathers_keys()
                    {
                        held.clone_from(free);
                    }
                    taken.ok()
                }
            };
            if let Some(keys) = keys {
                let job = self.pending.remove(index);
                self.playing += 1;
                self.busy += usize::from(job.keeps_busy());
                return Some((job, keys));
            }
        }
        None
    }

    fn waits_to_hear(&self, job: &Job) -> bool {
        job.learns_sharing.is_none() && self.waits_for_sharing.iter().any(|tier| job.may_measure(*tier))
    }

    /// Whether a job that was planned with certain keys would begin before another one that was planned to have one of
    /// them earlier.
    fn is_overtaking(&self, index: usize) -> bool {
        let mut keys = self.pending[index].planned.iter().flatten();
        keys.any(|key| self.pending[..index].iter().any(|earlier| earlier.is_planned_with(*key)))
    }

    /// A job is over, and its keys are free again.
    pub(crate) fn end(&mut self, job: &Job, keys: &[usize]) {
        self.playing -= 1;
        self.busy -= usize::from(job.keeps_busy());
        if let Some(allocator) = &mut self.allocator {
            allocator.release(keys);
        }
    }

    /// Takes further jobs, to begin after those that are planned, the longest first.
    pub(crate) fn add(&mut self, jobs: Vec<Job>) {
        self.pending.extend(jobs);
        match self.plan_is_forgotten {
            true => self.sort_by_need(),
            // What comes first is most likely to be judged in time.
            false => self.pending.sort_by_key(|job| {
                job.planned.is_none().then_some((!job.teaches, std::cmp::Reverse(job.takes)))
            }),
        }
    }

    /// Lets every job that did not begin have whichever keys come free: windows turned out to take another time than was
    /// planned.
    pub(crate) fn forget_plan(&mut self) {
        self.pending.iter_mut().for_each(|job| job.planned = None);
        self.plan_is_forgotten = true;
        self.sort_by_need();
    }

    /// Those first that look at refusals and wait for nothing, then those that have the least choice of keys, and of these those
    /// that teach what others stand on, the longest first.
    fn sort_by_need(&mut self) {
        let choice = |job: &Job| self.allocator.as_ref().map_or(0, |allocator| allocator.choice(job));
        let waits = |job: &Job| job.usage == Use::Waits;
        self.pending
            .sort_by_cached_key(|job| (waits(job), choice(job), !job.teaches, std::cmp::Reverse(job.takes)));
    }

    /// Gives up the jobs that did not begin and that `wanted` is true of.
    pub(crate) fn give_up(&mut self, wanted: impl Fn(&Job) -> bool) -> Vec<Job> {
        let (given_up, kept) = std::mem::take(&mut self.pending).into_iter().partition(|job| wanted(job));
        self.pending = kept;
        given_up
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::LazyLock;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::contract::ApiKey;
    use crate::deployment::{Key, Role, TargetInfo, role_variable};
    use crate::run::job;
    use crate::run::runner::Attempt;
    use crate::run::steps::Use;
    use crate::scenario::{Source, Suite};

    fn key(role: Role, nth: u32) -> Key {
        Key {
            variable: role_variable(role, nth),
            secret: ApiKey::new(format!("ct_live_{role}{nth}aaaaaaaaaaaa")).unwrap(),
            tier: role.tier(),
            scopes: role.scopes(),
            account: Some("ours".to_owned()),
            given_for: Some(role),
            mock_id: None,
        }
    }

    /// Two keys of every role there is a variable for.
    fn keys() -> Vec<Key> {
        let roles = Role::ALL.into_iter().filter(|role| *role != Role::Any);
        roles.flat_map(|role| [key(role, 1), key(role, 2)]).collect()
    }

    /// The jobs of the whole suite.
    fn jobs(suite: &Suite) -> Vec<Job> {
        let all: Vec<usize> = (0..suite.checks.len()).collect();
        let places = job::places(suite, &all);
        job::jobs(suite, places.into_iter().map(|place| (place, Attempt::default())).collect())
    }

    /// The same, with the keys they are planned with.
    static PLANNED: LazyLock<Vec<Job>> = LazyLock::new(|| {
        let suite = Suite::load(&Source::Builtin).unwrap();
        let info = TargetInfo {
            base_url: "https://trenchcoat.example".to_owned(),
            loopback: false,
            limits: BTreeMap::new(),
            keys: Some(keys()),
        };
        let (planned, _, _) = crate::run::plan::arrange(&suite, &info, &keys(), jobs(&suite), 4);
        assert!(planned.iter().any(|job| job.planned.is_some()));
        planned
    });

    const FRESH: Condition = Condition { room: true, fresh_at: Duration::ZERO, unused: true };

    #[test]
    fn every_case_is_in_one_job_whose_parts_are_its_own() {
        let suite = Suite::load(&Source::Builtin).unwrap();
        let jobs = jobs(&suite);
        let mut places: Vec<job::Place> =
            jobs.iter().flat_map(|job| &job.cases).map(|(place, _)| *place).collect();
        assert_eq!(places.len(), suite.experiments.iter().map(|one| one.cases.len()).sum::<usize>());
        places.sort_unstable();
        places.dedup();
        assert_eq!(places.len(), jobs.iter().map(|job| job.cases.len()).sum::<usize>());
        for job in &jobs {
            for (place, _) in &job.cases {
                assert_eq!(job::keys_needed(place.of(&suite)), job.keys_needed, "{:?}", job.cases);
            }
        }
        assert!(jobs.iter().any(|job| job.last) && jobs.iter().any(|job| job.learns_sharing.is_some()));
    }

    #[test]
    fn planned_jobs_begin_in_their_order_on_each_key_and_others_leave_those_keys_alone() {
        let suite = Suite::load(&Source::Builtin).unwrap();
        let standard =
            |job: &Job| matches!(&job.keys_needed[..], [need] if need.alone && need.role == Role::Standard);
        let jobs: Vec<Job> = jobs(&suite).into_iter().filter(standard).take(3).collect();
        let [first, second, third] = <[Job; 3]>::try_from(jobs).unwrap();
        let (first, second) =
            (Job { planned: Some(vec![0]), ..first }, Job { planned: Some(vec![0]), ..second });
        let keys = vec![key(Role::Standard, 1), key(Role::Standard, 2)];
        let all = vec![first.clone(), second.clone(), third];
        let mut schedule = Schedule::new(all.clone(), Some(KeyAllocator::new(keys, &all)), 9);
        schedule.waits_for_sharing.clear();
        let places = |job: &Job| job.cases.iter().map(|(place, _)| *place).collect::<Vec<_>>();
        let (begun, leased) = schedule.begin(&|_, _| FRESH).unwrap();
        assert_eq!((places(&begun), &leased[..]), (places(&first), &[0][..]));
        // The second one waits for its key; the third one may have the other.
        let (begun, other) = schedule.begin(&|_, _| FRESH).unwrap();
        assert_eq!((places(&begun), &other[..]), (places(&all[2]), &[1][..]));
        assert!(schedule.begin(&|_, _| FRESH).is_none());
        schedule.add(vec![begun.clone()]);
        schedule.end(&first, &leased);
        // What was added takes no key that is planned for another.
        schedule.end(&begun, &other);
        let (next, of_next) = schedule.begin(&|_, _| FRESH).unwrap();
        assert_eq!((places(&next), &of_next[..]), (places(&second), &[0][..]));
        assert_eq!(schedule.begin(&|_, _| FRESH).unwrap().1, [1]);
    }

    #[test]
    fn what_two_keys_share_is_told_by_the_same_two() {
        let suite = Suite::load(&Source::Builtin).unwrap();
        let mut all = jobs(&suite);
        let of_standard = all.iter().position(|job| job.learns_sharing == Some(Tier::Standard));
        let mut job = all.swap_remove(of_standard.unwrap());
        let keys: Vec<Key> = (1..4).map(|nth| key(Role::Standard, nth)).collect();
        let names: Vec<String> = job.keys_needed.iter().map(|need| need.name.clone()).collect();
        for (name, key) in names.into_iter().zip([&keys[2], &keys[0]]) {
            job.cases[0].1.with.insert(name, key.variable.clone());
        }
        let all = vec![job];
        let mut schedule = Schedule::new(all.clone(), Some(KeyAllocator::new(keys, &all)), 9);
        assert_eq!(schedule.begin(&|_, _| FRESH).unwrap().1, [2, 0]);
    }

    #[test]
    fn who_needs_two_keys_keeps_the_first_that_comes_free() {
        let suite = Suite::load(&Source::Builtin).unwrap();
        let all = jobs(&suite);
        let is_alone =
            |job: &&Job| matches!(&job.keys_needed[..], [need] if need.alone && need.role == Role::Standard);
        let [first, last] =
            <[Job; 2]>::try_from(all.iter().filter(is_alone).take(2).cloned().collect::<Vec<_>>()).unwrap();
        let both = all.iter().find(|job| job.learns_sharing == Some(Tier::Standard)).unwrap().clone();
        assert!(both.gathers_keys() && both.keys_needed.len() == 2);
        let keys = vec![key(Role::Standard, 1), key(Role::Standard, 2)];
        let pending = vec![first, both, last];
        let mut schedule = Schedule::new(pending.clone(), Some(KeyAllocator::new(keys, &pending)), 9);
        schedule.waits_for_sharing.clear();
        let (begun, leased) = schedule.begin(&|_, _| FRESH).unwrap();
        assert!(schedule.begin(&|_, _| FRESH).is_none(), "one key is free, and kept");
        schedule.end(&begun, &leased);
        let (begun, leased) = schedule.begin(&|_, _| FRESH).unwrap();
        assert_eq!((begun.keys_needed.len(), leased.len()), (2, 2));
        schedule.end(&begun, &leased);
        assert!(schedule.begin(&|_, _| FRESH).is_some());
    }

    #[test]
    fn where_the_plan_is_forgotten_those_with_the_least_choice_begin_first() {
        let suite = Suite::load(&Source::Builtin).unwrap();
        let all = jobs(&suite);
        let mut schedule = Schedule::new(Vec::new(), Some(KeyAllocator::new(keys(), &all)), 9);
        schedule.forget_plan();
        schedule.add(all);
        let allocator = schedule.allocator.clone().unwrap();
        let order: Vec<_> =
            schedule.pending.iter().map(|job| (job.usage == Use::Waits, allocator.choice(job))).collect();
        assert!(order.is_sorted(), "{order:?}");
        assert!(
            order.first().is_some_and(|(waits, _)| !waits) && order.last().is_some_and(|(waits, _)| *waits)
        );
    }

    proptest! {
        /// In whatever order jobs end: each begins once, who needs a key alone has it alone, who looks back does so when
        /// all others are over, no more keep a processor busy than may, and who measures waits until it is known whether
        /// keys share a quota.
        #[test]
        fn jobs_begin_as_what_they_need_comes_free(
            picks in proptest::collection::vec(any::<proptest::sample::Index>(), 200), most_busy in 1_usize..5,
            is_planned: bool,
        ) {
            let suite = Suite::load(&Source::Builtin).unwrap();
            let jobs = if is_planned { PLANNED.clone() } else { jobs(&suite) };
            let count = jobs.len();
            let keys = keys();
            let allocator = KeyAllocator::new(keys.clone(), &jobs);
            let mut schedule = Schedule::new(jobs, Some(allocator), most_busy);
            prop_assert_eq!(schedule.waits_for_sharing.len(), 3);
            let (mut playing, mut begun): (Vec<(Job, Vec<usize>)>, usize) = (Vec::new(), 0);
            let mut picks = picks.into_iter().cycle();
            loop {
                while let Some((job, leased)) = schedule.begin(&|_, _| FRESH) {
                    begun += 1;
                    prop_assert_eq!(leased.len(), job.keys_needed.len());
                    for (need, key) in job.keys_needed.iter().zip(&leased) {
                        prop_assert!(need.role.fits(&keys[*key]));
                        for (other, held) in &playing {
                            let of = |place: usize| &other.keys_needed[place];
                            let both = held.iter().position(|held| held == key);
                            prop_assert!(both.is_none_or(|place| !need.alone && !of(place).alone));
                        }
                    }
                    prop_assert!(!schedule.waits_to_hear(&job));
                    prop_assert!(!job.last || playing.is_empty());
                    playing.push((job, leased));
                    let busy = playing.iter().filter(|(job, _)| job.usage != Use::Waits).count();
                    prop_assert!(busy <= most_busy);
                }
                let Some(pick) = (!playing.is_empty()).then(|| picks.next()).flatten() else { break };
                let (job, leased) = playing.swap_remove(pick.index(playing.len()));
                schedule.end(&job, &leased);
                if let Some(tier) = job.learns_sharing {
                    schedule.waits_for_sharing.remove(&tier);
                }
            }
            prop_assert!(schedule.pending.is_empty(), "{:?}", schedule.pending);
            prop_assert_eq!(begun, count);
        }
    }
}
