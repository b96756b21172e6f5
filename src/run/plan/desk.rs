//! Who gets which key: the rule that both the plan and the run follow.

use std::time::Duration;

use super::cost::Use;
use super::jobs::Job;
use crate::target::{Key, Role, role_variable};

/// The desk at which keys are lent.
#[derive(Debug, Clone)]
pub(crate) struct Desk {
    keys: Vec<Key>,
    lent: Vec<Lent>,
    /// How much time of waiting falls to each key; who sends a few requests stays away from the sought-after ones.
    sought: Vec<Duration>,
}

/// Who has a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lent {
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
}

impl Desk {
    /// A desk with all of its keys there, for jobs that take so long.
    pub(crate) fn new(keys: Vec<Key>, jobs: &[Job], times: &[Duration]) -> Self {
        let mut desk =
            Self { lent: vec![Lent::Shared(0); keys.len()], sought: vec![Duration::ZERO; keys.len()], keys };
        for (job, time) in jobs.iter().zip(times).filter(|(job, _)| job.usage != Use::Shares) {
            for (_, role) in &job.parts {
                let fitting = desk.candidates(*role, true);
                let best = fitting.iter().map(|index| reluctance(*role, &desk.keys[*index])).min();
                let equals: Vec<usize> = fitting
                    .into_iter()
                    .filter(|index| Some(reluctance(*role, &desk.keys[*index])) == best)
                    .collect();
                let among = u32::try_from(equals.len()).unwrap_or(1).max(1);
                for index in equals {
                    desk.sought[index] += *time / among;
                }
            }
        }
        desk
    }

    /// The keys, in the order in which they were given.
    pub(crate) fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// Why a job can never be played with these keys, and what would change that.
    pub(crate) fn missing(&self, job: &Job) -> Option<String> {
        let mut used = Vec::new();
        for (_, role) in &job.parts {
            let fitting = self.candidates(*role, job.usage != Use::Shares);
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

    /// The first variable for a role that holds no key yet.
    fn free_variable(&self, role: Role) -> String {
        let names = (1..).map(|nth| role_variable(role, nth));
        let is_free = |name: &String| !self.keys.iter().any(|key| key.variable == *name);
        names.into_iter().find(is_free).unwrap_or_default()
    }

    /// Keys for the parts of a job, if they are free: alone, or shared with others that send a few requests.
    /// `pending` are the jobs still to come.
    pub(crate) fn take<'a>(
        &mut self,
        job: &Job,
        condition: &dyn Fn(usize) -> Condition,
        pending: impl Iterator<Item = &'a Job> + Clone,
    ) -> Option<Vec<usize>> {
        let mut taken: Vec<usize> = Vec::new();
        for (_, role) in &job.parts {
            let mut fitting = self.candidates(*role, job.usage != Use::Shares);
            fitting.retain(|index| !taken.contains(index) && self.is_free(*index, job.usage));
            if job.usage == Use::Shares {
                // Who waits for room on a key keeps it from those who need it alone.
                let sought = |index: usize| {
                    pending.clone().any(|other| {
                        let mut roles = other.parts.iter().map(|(_, role)| role);
                        other.usage != Use::Shares && roles.any(|role| role.fits(&self.keys[index]))
                    })
                };
                fitting.retain(|index| condition(*index).room || !sought(*index));
            }
            let key = |index: &usize| &self.keys[*index];
            fitting.sort_by_key(|index| match job.usage {
                Use::Shares => (
                    u8::from(!condition(*index).room),
                    role.preference(key(index)),
                    if *role == Role::Any { usize::MAX - key(index).scopes.len() } else { 0 },
                    self.sought[*index],
                    *index,
                ),
                Use::UsesUp | Use::Waits => {
                    (0, reluctance(*role, key(index)), 0, condition(*index).fresh_at, *index)
                }
            });
            taken.push(*fitting.first()?);
        }
        for index in &taken {
            self.lent[*index] = match (job.usage, self.lent[*index]) {
                (Use::Shares, Lent::Shared(count)) => Lent::Shared(count + 1),
                _ => Lent::Alone,
            };
        }
        Some(taken)
    }

    /// Takes keys back.
    pub(crate) fn give_back(&mut self, indices: &[usize]) {
        for index in indices {
            self.lent[*index] = match self.lent[*index] {
                Lent::Shared(count) => Lent::Shared(count.saturating_sub(1)),
                Lent::Alone => Lent::Shared(0),
            };
        }
    }

    fn is_free(&self, index: usize, usage: Use) -> bool {
        match self.lent[index] {
            Lent::Shared(count) => count == 0 || usage == Use::Shares,
            Lent::Alone => false,
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
