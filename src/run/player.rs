//! Playing a job: its cases one after the other, with keys of the deployment or in a workspace of a mock.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use super::Run;
use super::environment::{Environment, KeyBindings, variables};
use super::evidence::Play;
use super::job::{self, Job, KeyNeed};
use super::keys::KeyState;
use super::runner::Runner;
use crate::contract::Tier;
use crate::deployment::{Key, Keys, Role, Target, TargetError};
use crate::report::Event;
use crate::scenario::model::Case;

/// What came of a job: its plays, or why there are none.
pub(super) type Played = (Job, Vec<usize>, Result<Vec<Play>, TargetError>);

/// Plays the cases of a job one after the other, with the same keys.
pub(super) async fn play_job(
    run: Arc<Run>,
    ground: Option<(Environment, Vec<Arc<KeyState>>)>,
    job: Job,
    leased: Vec<usize>,
) -> Played {
    let plays = match (&ground, &run.target.keys) {
        (Some((environment, keys)), _) => {
            let keys = leased.iter().map(|key| Arc::clone(&keys[*key]));
            let bindings: KeyBindings =
                job.keys_needed.iter().map(|need| need.name.clone()).zip(keys).collect();
            Ok(play_cases(&run, environment, &job, &BTreeMap::new(), Some(&bindings)).await)
        }
        (None, Keys::Mock(control)) => match control.workspace().await {
            Ok(workspace) => in_workspace(&run, &Environment::of(workspace, run.began), &job).await,
            Err(error) => Err(error),
        },
        (None, Keys::Environment(_)) => Ok(Vec::new()),
    };
    (job, leased, plays)
}

/// Plays a job in a workspace of its own, with keys made for it.
async fn in_workspace(
    run: &Arc<Run>,
    environment: &Environment,
    job: &Job,
) -> Result<Vec<Play>, TargetError> {
    let mut made: BTreeMap<(Role, u32), Arc<KeyState>> = BTreeMap::new();
    for (place, _) in &job.cases {
        let mut count = BTreeMap::<Role, u32>::new();
        for KeyNeed { role, .. } in job::keys_needed(place.of(&run.suite)) {
            let nth = count.entry(role).or_default();
            *nth += 1;
            if let Entry::Vacant(place) = made.entry((role, *nth)) {
                place.insert(minted(run, environment, role, *nth).await?);
            }
        }
    }
    let plays = play_cases(run, environment, job, &made, None).await;
    // A mock that is gone by now has nothing to take back.
    let _ = environment.close().await;
    Ok(plays)
}

async fn play_cases(
    run: &Arc<Run>,
    environment: &Environment,
    job: &Job,
    made: &BTreeMap<(Role, u32), Arc<KeyState>>,
    leased: Option<&KeyBindings>,
) -> Vec<Play> {
    let mut plays = Vec::new();
    for (place, attempt) in &job.cases {
        let experiment = &run.suite.experiments[place.experiment];
        let case = place.of(&run.suite);
        let bindings = leased.cloned().unwrap_or_else(|| bindings(case, made));
        let keys = variables(&bindings);
        if leased.is_some() {
            run.emit(Event::KeysLent { id: experiment.name.clone(), keys: keys.clone() });
        }
        plays.push(Runner::new(run, experiment, case, environment, &bindings, attempt.clone()).play().await);
        if leased.is_some() {
            run.emit(Event::KeysBack { keys });
        }
    }
    plays
}

/// The keys of a case among those that were made.
fn bindings(case: &Case, made: &BTreeMap<(Role, u32), Arc<KeyState>>) -> KeyBindings {
    let mut count = BTreeMap::<Role, u32>::new();
    let keys_needed = job::keys_needed(case).into_iter();
    keys_needed
        .filter_map(|KeyNeed { name, role, .. }| {
            let nth = count.entry(role).or_default();
            *nth += 1;
            Some((name, Arc::clone(made.get(&(role, *nth))?)))
        })
        .collect()
}

/// A key made in a workspace.
pub(super) async fn minted(
    run: &Run,
    environment: &Environment,
    role: Role,
    nth: u32,
) -> Result<Arc<KeyState>, TargetError> {
    let Some(workspace) = &environment.workspace else { return Err(TargetError::BadToken) };
    let key = workspace.key(role, nth).await?;
    run.emit(Event::Secret(key.secret.clone()));
    Ok(state(key, &run.target))
}

/// A key of which nothing is known yet.
pub(super) fn state(key: Key, target: &Target) -> Arc<KeyState> {
    // A key that only reads may be on either tier; the smaller quota is the safe guess.
    let limits = target.limits(key.tier.unwrap_or(Tier::Standard));
    Arc::new(KeyState::new(key, limits))
}
