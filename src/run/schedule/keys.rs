//! Who gets which key, when.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::contract::Tier;
use crate::report::Event;
use crate::run::Run;
use crate::run::ledger::KeyState;
use crate::run::stage::{Cast, OWN, Stage};
use crate::scenario::model::Case;
use crate::target::{Key, Keys, Role, Target, TargetError, role_variable};

/// The keys of a real deployment, and who is using them.
#[derive(Debug, Clone)]
pub(super) struct Pool {
    keys: Arc<Vec<(Arc<KeyState>, Mutex<Use>)>>,
}

/// Who is using a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    /// So many cases that send a few requests.
    Shared(u32),
    /// One case that spends its quota.
    Alone,
}

/// Gives a key back when the case is over.
#[derive(Debug)]
pub(super) struct Loan {
    pool: Pool,
    indices: Vec<usize>,
}

impl Drop for Loan {
    fn drop(&mut self) {
        for index in &self.indices {
            let mut using = self.pool.keys[*index].1.lock().unwrap_or_else(PoisonError::into_inner);
            *using = match *using {
                Use::Shared(count) => Use::Shared(count.saturating_sub(1)),
                Use::Alone => Use::Shared(0),
            };
        }
    }
}

impl Pool {
    pub(super) fn new(keys: &[Key], target: &Target) -> Self {
        let states = keys.iter().map(|key| (state(key.clone(), target), Mutex::new(Use::Shared(0))));
        Self { keys: Arc::new(states.collect()) }
    }

    /// Why a case can never be played with these keys, and what would change that.
    pub(super) fn missing(&self, case: &Case) -> Option<String> {
        let mut used = Vec::new();
        for (_, role) in parts(case) {
            match self.candidates(role).into_iter().find(|index| !used.contains(index)) {
                Some(index) => used.push(index),
                None => {
                    let have = self.candidates(role).len();
                    let variable = role_variable(role, u32::try_from(have + 1).unwrap_or(1));
                    let which = if have == 0 { "no" } else { "no further" };
                    return Some(format!("{which} key for the role {role}: set {variable}"));
                }
            }
        }
        None
    }

    /// The keys for a case, if they are free: `shared` with others, or alone.
    pub(super) fn take(&self, case: &Case, shared: bool) -> Option<(Cast, Loan)> {
        let mut loan = Loan { pool: self.clone(), indices: Vec::new() };
        let mut cast = Cast::new();
        for (name, role) in parts(case) {
            let index = self.candidates(role).into_iter().find(|index| {
                if loan.indices.contains(index) {
                    return false;
                }
                let mut using = self.keys[*index].1.lock().unwrap_or_else(PoisonError::into_inner);
                match (*using, shared) {
                    (Use::Shared(count), true) => *using = Use::Shared(count + 1),
                    (Use::Shared(0), false) => *using = Use::Alone,
                    _ => return false,
                }
                true
            })?;
            loan.indices.push(index);
            cast.insert(name, Arc::clone(&self.keys[index].0));
        }
        Some((cast, loan))
    }

    /// The keys that can play a role, the likeliest first.
    fn candidates(&self, role: Role) -> Vec<usize> {
        let mut fitting: Vec<usize> =
            (0..self.keys.len()).filter(|index| role.fits(&self.keys[*index].0.key)).collect();
        fitting.sort_by_key(|index| role.preference(&self.keys[*index].0.key));
        fitting
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
        for (name, role) in parts(case) {
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

/// The parts of a case with their roles, the main key first.
fn parts(case: &Case) -> Vec<(String, Role)> {
    let own = case.key.iter().map(|role| (OWN.to_owned(), role));
    let others = case.keys.iter().map(|(name, role)| (name.clone(), role));
    own.chain(others).filter_map(|(name, role)| Some((name, Role::from_name(role)?))).collect()
}

fn state(key: Key, target: &Target) -> Arc<KeyState> {
    // A key that only reads may be on either tier; the smaller quota is the safe guess.
    let limits = target.limits(key.tier.unwrap_or(Tier::Standard));
    Arc::new(KeyState::new(key, limits))
}
