//! Who gets which key, when.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::contract::Tier;
use crate::report::Event;
use crate::run::Run;
use crate::run::clock::Moment;
use crate::run::ledger::KeyState;
use crate::run::plan::{Condition, Desk, Job, Part, parts};
use crate::run::stage::{Cast, Stage};
use crate::scenario::model::Case;
use crate::target::{Key, Keys, Role, Target, TargetError};

/// The keys of a real deployment, and who is using them.
#[derive(Debug, Clone)]
pub(super) struct Pool {
    keys: Arc<Vec<Arc<KeyState>>>,
    desk: Arc<Mutex<Desk>>,
}

/// Gives keys back when the job is over.
#[derive(Debug)]
pub(super) struct Loan {
    pool: Pool,
    indices: Vec<usize>,
}

impl Drop for Loan {
    fn drop(&mut self) {
        self.pool.desk().give_back(&self.indices);
    }
}

impl Pool {
    pub(super) fn new(desk: Desk, target: &Target) -> Self {
        let states = desk.keys().iter().map(|key| state(key.clone(), target)).collect();
        Self { keys: Arc::new(states), desk: Arc::new(Mutex::new(desk)) }
    }

    /// The keys for a job, if they are free.
    pub(super) fn take(&self, job: &Job, to_come: &[Job], now: Moment) -> Option<(Cast, Loan)> {
        let condition = |index: usize| {
            let key = &self.keys[index];
            Condition {
                room: key.room_for(job.counted, now) <= now,
                fresh_at: key.likely_fresh_at(now).0,
                unused: key.last_answer().is_none(),
            }
        };
        let indices = self.desk().take(job, &condition, to_come.iter())?;
        let keys = indices.iter().map(|index| Arc::clone(&self.keys[*index]));
        let cast = job.parts.iter().map(|part| part.name.clone()).zip(keys).collect();
        Some((cast, Loan { pool: self.clone(), indices }))
    }

    /// The key at this place of the desk.
    pub(super) fn key(&self, index: usize) -> Arc<KeyState> {
        Arc::clone(&self.keys[index])
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        // A panic elsewhere leaves nothing half-written here.
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The keys of one job: taken from the pool, or made in a workspace when they are first needed.
#[derive(Debug, Default)]
pub(super) struct Minted {
    stage: Option<Stage>,
    taken: Option<(Cast, Loan)>,
    made: BTreeMap<(Role, u32), Arc<KeyState>>,
}

impl Minted {
    /// Keys taken from the pool.
    pub(super) fn taken(stage: Stage, keys: (Cast, Loan)) -> Self {
        Self { stage: Some(stage), taken: Some(keys), made: BTreeMap::new() }
    }

    /// The stage and the keys of a case.
    pub(super) async fn cast(&mut self, run: &Run, case: &Case) -> Result<(Stage, Cast), TargetError> {
        let stage = match (&self.stage, &run.target.keys) {
            (Some(stage), _) => stage.clone(),
            (None, Keys::Mock(control)) => Stage::of(control.workspace().await?),
            (None, Keys::Environment(_)) => Stage::real(&run.target.base_url),
        };
        self.stage = Some(stage.clone());
        if let Some((cast, _)) = &self.taken {
            return Ok((stage, cast.clone()));
        }
        let mut cast = Cast::new();
        let mut count = BTreeMap::<Role, u32>::new();
        for Part { name, role, .. } in parts(case) {
            let nth = count.entry(role).or_default();
            *nth += 1;
            let key = match (self.made.get(&(role, *nth)), &stage.workspace) {
                (Some(key), _) => Arc::clone(key),
                (None, Some(workspace)) => {
                    let key = workspace.key(role, *nth).await?;
                    run.emit(Event::Secret(key.secret.clone()));
                    state(key, &run.target)
                }
                (None, None) => continue,
            };
            self.made.insert((role, *nth), Arc::clone(&key));
            cast.insert(name, key);
        }
        Ok((stage, cast))
    }

    /// Gives the workspace back. A mock that is gone by now has nothing to take back.
    pub(super) async fn close(self) {
        if let Some(stage) = &self.stage {
            let _ = stage.close().await;
        }
    }
}

fn state(key: Key, target: &Target) -> Arc<KeyState> {
    // A key that only reads may be on either tier; the smaller quota is the safe guess.
    let limits = target.limits(key.tier.unwrap_or(Tier::Standard));
    Arc::new(KeyState::new(key, limits))
}
