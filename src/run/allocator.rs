//! Which job gets which keys: the rule that both the plan and the run follow.

use std::time::Duration;

use super::job::{Job, KeyNeed};
use crate::deployment::{Key, Role, role_variable};

/// Leases keys to jobs.
#[derive(Debug, Clone)]
pub(crate) struct KeyAllocator {
    keys: Vec<Key>,
    leases: Vec<Lease>,
    /// How much time of waiting falls to each key; who sends a few requests stays away from the sought-after ones.
    sought: Vec<Duration>,
    /// The keys for those who send a few requests: as few as will do, so that the others stay unused until they are
    /// measured.
    common: Vec<bool>,
}

/// Who has a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lease {
    /// So many cases that send a few requests.
    Shared(u32),
    /// One case that must not be disturbed.
    Alone,
}

/// What is known of a key at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Condition {
    /// Whether it lets a few more requests in.
    pub(crate) room: bool,
    /// When its next window begins; now where none is open.
    pub(crate) fresh_at: Duration,
    /// Whether this run has not used it yet: then it may be fresh without any waiting.
    pub(crate) unused: bool,
}

impl KeyAllocator {
    /// An allocator with all of its keys free, for these jobs.
    pub(crate) fn new(keys: Vec<Key>, jobs: &[Job]) -> Self {
        let (leases, sought) = (vec![Lease::Shared(0); keys.len()], vec![Duration::ZERO; keys.len()]);
        let mut allocator = Self { leases, sought, common: vec![false; keys.len()], keys };
        let keys_needed = |job: &'_ Job, alone: bool| {
            job.keys_needed
                .iter()
                .filter(|need| need.alone == alone)
                .map(|need| need.role)
                .collect::<Vec<_>>()
        };
        for job in jobs {
            for role in keys_needed(job, true) {
                let fitting = allocator.candidates(role, true);
                let best = fitting.iter().map(|index| reluctance(role, &allocator.keys[*index])).min();
                let equals: Vec<usize> = fitting
                    .into_iter()
                    .filter(|index| Some(reluctance(role, &allocator.keys[*index])) == best)
                    .collect();
                let among = u32::try_from(equals.len()).unwrap_or(1).max(1);
                for index in equals {
                    allocator.sought[index] += job.takes / among;
                }
            }
        }
        // Those with the least choice choose first.
        let mut sharers: Vec<Vec<Role>> = jobs.iter().map(|job| keys_needed(job, false)).collect();
        sharers.sort_by_key(|roles| roles.iter().map(|role| allocator.candidates(*role, false).len()).min());
        for roles in sharers {
            let mut used = Vec::new();
            for role in roles {
                let fitting =
                    allocator.candidates(role, false).into_iter().filter(|index| !used.contains(index));
                // Whichever key there is should be one that opens all there is.
                let closed = |index: &usize| match role {
                    Role::Any => usize::MAX - allocator.keys[*index].scopes.len(),
                    _ => 0,
                };
                let merit =
                    |index: &usize| (closed(index), !allocator.common[*index], allocator.sought[*index]);
                if let Some(index) = fitting.min_by_key(merit) {
                    allocator.common[index] = true;
                    used.push(index);
                }
            }
        }
        allocator
    }

    /// Why a job can never be played with these keys, and what would change that.
    pub(crate) fn missing(&self, job: &Job) -> Option<String> {
        if let Some(need) = job.keys_needed.first().filter(|_| job.one_account) {
            let mut fitting = self.candidates(need.role, need.alone).into_iter();
            if !fitting.any(|index| self.has_siblings(index, job)) {
                let role = need.role;
                return Some(format!(
                    "no two keys for the role {role} of one account: name it in the target file's `account`"
                ));
            }
        }
        let mut used = Vec::new();
        for KeyNeed { role, alone, .. } in &job.keys_needed {
            let fitting = self.candidates(*role, *alone);
            match fitting.iter().find(|index| !used.contains(*index)) {
                Some(index) => used.push(*index),
                None => {
                    let which = if fitting.is_empty() { "no" } else { "no further" };
                    let variable = self.free_variable(*role);
                    return Some(format!("{which} key for the role {role}: set {variable}"));
                }
            }
        }
        None
    }

    /// Among how many keys a job can choose, where it needs one alone.
    pub(crate) fn choice(&self, job: &Job) -> usize {
        let alone = job.keys_needed.iter().filter(|need| need.alone);
        alone.map(|need| self.candidates(need.role, true).len()).min().unwrap_or(0)
    }

    /// The first variable for a role that holds no key yet.
    fn free_variable(&self, role: Role) -> String {
        let names = (1..).map(|nth| role_variable(role, nth));
        let is_free = |name: &String| !self.keys.iter().any(|key| key.variable == *name);
        names.into_iter().find(is_free).unwrap_or_default()
    }

    /// Keys for a job, if those it needs are free: alone, or shared with others that send a few requests.
    /// `pending` are the jobs still to come; what is `held` is kept for one of them.
    ///
    /// # Errors
    /// The free keys among those it needs, where not all of them are free.
    pub(crate) fn take<'a>(
        &mut self,
        job: &Job,
        condition: &dyn Fn(usize) -> Condition,
        pending: impl Iterator<Item = &'a Job> + Clone,
        held: &[usize],
    ) -> Result<Vec<usize>, Vec<usize>> {
        let mut taken: Vec<usize> = Vec::new();
        for need in &job.keys_needed {
            let KeyNeed { role, alone, .. } = need;
            let mut fitting = self.candidates(*role, *alone);
            let planned =
                |index: usize| pending.clone().any(|other| !other.last && other.is_planned_with(index));
            fitting.retain(|index| {
                let reserved = *alone && (planned(*index) || held.contains(index));
                !taken.contains(index) && !reserved && self.is_free(*index, *alone)
            });
            // It is waited for, if it fits at all.
            let wanted = job.wanted_key(need);
            let is_wanted = |index: &usize| wanted == Some(self.keys[*index].variable.as_str());
            if *alone && self.candidates(*role, true).iter().any(is_wanted) {
                fitting.retain(is_wanted);
            }
            if job.one_account {
                fitting.retain(|index| match taken.first() {
                    Some(first) => self.share_an_account(*first, *index),
                    None => self.has_siblings(*index, job),
                });
            }
            if *alone {
                fitting.retain(|index| !self.is_left_to_sharers(*index, condition(*index), pending.clone()));
                let saved = |index: usize| condition(index).unused && self.is_counted(index, pending.clone());
                fitting.retain(|index| !(job.uses_up_first && saved(*index)));
            } else {
                // Who waits for room on a key keeps it from those who need it alone.
                fitting.retain(|index| {
                    (job.last || self.common[*index])
                        && (condition(*index).room || !self.is_wanted(*index, true, pending.clone()))
                });
            }
            let key = |index: &usize| &self.keys[*index];
            fitting.sort_by_key(|index| {
                let condition = condition(*index);
                if *alone {
                    let wasted = usize::from(job.uses_up_first && condition.unused);
                    let sought = self.sought[*index];
                    (0, reluctance(*role, key(index)), wasted, condition.fresh_at, sought, *index)
                } else {
                    let scopes = key(index).scopes.len();
                    let narrow = if *role == Role::Any { usize::MAX - scopes } else { 0 };
                    let full = u8::from(!condition.room);
                    let preference = role.preference(key(index));
                    (full, preference, narrow, self.sought[*index], Duration::ZERO, *index)
                }
            });
            match fitting.first() {
                Some(index) => taken.push(*index),
                None => return Err(taken),
            }
        }
        if self.lease(job, &taken) { Ok(taken) } else { Err(taken) }
    }

    /// Whether some job still to come counts a window of this key: to that one a key that is unused is worth a window.
    fn is_counted<'a>(&self, index: usize, mut pending: impl Iterator<Item = &'a Job>) -> bool {
        let counts = |need: &KeyNeed| need.alone && need.role.fits(&self.keys[index]);
        pending.any(|other| !other.last && !other.uses_up_first && other.keys_needed.iter().any(counts))
    }

    /// Whether some job still to come needs this key, alone or not.
    fn is_wanted<'a>(&self, index: usize, alone: bool, mut pending: impl Iterator<Item = &'a Job>) -> bool {
        let wants = |need: &KeyNeed| need.alone == alone && need.role.fits(&self.keys[index]);
        pending.any(|other| !other.last && other.keys_needed.iter().any(wants))
    }

    /// Whether those who send a few requests go first with this key: they are done soon, and it would be long before it has
    /// room for them again.
    fn is_left_to_sharers<'a>(
        &self,
        index: usize,
        condition: Condition,
        pending: impl Iterator<Item = &'a Job>,
    ) -> bool {
        self.common[index] && condition.room && self.is_wanted(index, false, pending)
    }

    /// Gives a job the keys that it was planned with, as soon as all of them are free for it.
    pub(crate) fn take_planned<'a>(
        &mut self,
        job: &Job,
        indices: &[usize],
        condition: &dyn Fn(usize) -> Condition,
        pending: impl Iterator<Item = &'a Job> + Clone,
    ) -> bool {
        // Those that only share can begin at once; any other may itself be waiting for this job.
        let sharers = pending.filter(|other| !other.measures());
        let mut needs = indices.iter().zip(&job.keys_needed);
        let waits = needs.any(|(index, need)| {
            need.alone && self.is_left_to_sharers(*index, condition(*index), sharers.clone())
        });
        !waits && self.lease(job, indices)
    }

    /// Gives a job these keys, if all of them are free for it.
    fn lease(&mut self, job: &Job, indices: &[usize]) -> bool {
        let needs = || indices.iter().zip(&job.keys_needed);
        let free = needs().all(|(index, need)| self.is_free(*index, need.alone));
        for (index, need) in needs().filter(|_| free) {
            self.leases[*index] = match (need.alone, self.leases[*index]) {
                (false, Lease::Shared(count)) => Lease::Shared(count + 1),
                _ => Lease::Alone,
            };
        }
        free
    }

    fn share_an_account(&self, one: usize, other: usize) -> bool {
        let account = |index: usize| self.keys[index].account.as_ref();
        account(one).is_some() && account(one) == account(other)
    }

    /// Whether the account of this key has other keys for the other needs of a job.
    fn has_siblings(&self, index: usize, job: &Job) -> bool {
        let mut used = vec![index];
        job.keys_needed.iter().skip(1).all(|need| {
            let fitting = self.candidates(need.role, need.alone);
            let sibling = fitting
                .into_iter()
                .find(|other| !used.contains(other) && self.share_an_account(index, *other));
            used.extend(sibling);
            sibling.is_some()
        })
    }

    /// Ends a lease.
    pub(crate) fn release(&mut self, indices: &[usize]) {
        for index in indices {
            self.leases[*index] = match self.leases[*index] {
                Lease::Shared(count) => Lease::Shared(count.saturating_sub(1)),
                Lease::Alone => Lease::Shared(0),
            };
        }
    }

    fn is_free(&self, index: usize, alone: bool) -> bool {
        match self.leases[index] {
            Lease::Shared(count) => count == 0 || !alone,
            Lease::Alone => false,
        }
    }

    /// The keys that can play a role, the likeliest first. Who counts a quota needs to know it.
    fn candidates(&self, role: Role, counts: bool) -> Vec<usize> {
        let mut fitting: Vec<usize> = (0..self.keys.len())
            .filter(|index| {
                let key = &self.keys[*index];
                role.fits(key) && (!counts || key.tier.is_some())
            })
            .collect();
        fitting.sort_by_key(|index| role.preference(&self.keys[*index]));
        fitting
    }
}

/// How much a key that is measured would rather be left to others: one that was given for another role has checks of
/// its own. Who may be on any tier takes whichever key is fresh first, so that neither tier's keys lie idle.
fn reluctance(role: Role, key: &Key) -> u8 {
    u8::from(!(key.given_for == Some(role) || matches!(role, Role::Read | Role::Any)))
}
