//! Playing a job: its cases one after the other, with keys of the deployment or in a workspace of a mock.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::environment::{Environment, KeyBindings, variables};
use super::evidence::{Gap, KeyInfo, Observation, Play, bursts};
use super::job::{self, Job, KeyNeed};
use super::keys::KeyState;
use super::learned::NO_REFUSAL;
use super::run_context::RunContext;
use super::runner::{PHASE, Runner};
use super::sharing::Sharing;
use super::{case, limiters, steps};
use crate::deployment::{Keys, Role, TargetError};
use crate::report::Event;
use crate::scenario::model::{Action, Case, Fact};

/// What came of a job: its plays, or why there are none.
pub(super) type Played = (Job, Vec<usize>, Result<Vec<Play>, TargetError>);

/// Plays the cases of a job one after the other, with the same keys.
pub(super) async fn play_job(
    run: Arc<RunContext>,
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
    run: &Arc<RunContext>,
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
    run: &Arc<RunContext>,
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

impl Runner<'_> {
    /// Plays the steps. Where one cannot be done, those after it leave nothing either.
    pub(super) async fn play(mut self) -> Play {
        let begun = std::time::Instant::now();
        let steps = &self.case.steps[..self.attempt.steps.unwrap_or(usize::MAX).min(self.case.steps.len())];
        let mut seen = Vec::with_capacity(steps.len());
        let mut gap = self.obstacle().await.err();
        let sharing = self.shows_sharing();
        for (place, step) in steps.iter().enumerate() {
            let came_of_it = match &gap {
                Some(gap) => Err(gap.clone()),
                None => self.step(place, &step.value.action).await,
            };
            seen.push(came_of_it.unwrap_or_else(|why| {
                gap = Some(why.clone());
                Observation::Missing(why)
            }));
            // Whatever else the case asks gets no answer either.
            if matches!(seen.last(), Some(Observation::Burst(burst)) if burst.ends_unanswered())
                && self.run.learned.lock().silent_refusals
            {
                gap = Some(Gap::NeverLimited(NO_REFUSAL.to_owned()));
            }
            if sharing == Some(place) {
                let shares = self.shares(&seen[..place], seen.last());
                if let Some(tier) = case::learns_sharing(self.case) {
                    self.run.sharing.send_modify(|seen| {
                        seen.insert(tier, shares);
                        let any = seen.values().any(|of| *of == Sharing::Shared);
                        self.run.learned.lock().sharing = any;
                    });
                }
            }
        }
        let key = |(name, key): (&String, &Arc<KeyState>)| {
            let info = KeyInfo {
                variable: key.key.variable.clone(),
                tier: key.key.tier,
                limits: self.limits(key),
                documented: key.limits,
            };
            (name.clone(), info)
        };
        Play {
            experiment: self.name.to_owned(),
            row: self.case.row.clone(),
            silence: self.attempt.silence,
            keys: self.bindings.iter().map(key).collect(),
            seen,
            requests: self.sent.load(Ordering::Relaxed),
            took: begun.elapsed(),
        }
    }

    /// The step that shows whether keys share a quota, where this case has one.
    fn shows_sharing(&self) -> Option<usize> {
        let shows = self.case.readings.iter().find(|reading| reading.learns == Some(Fact::Sharing))?;
        shows.items.iter().flat_map(|item| item.steps.iter().copied()).max()
    }

    /// Whether the last burst met a quota that the keys `before` it had used up.
    fn shares(&self, before: &[Observation], last: Option<&Observation>) -> Sharing {
        let Some(Observation::Burst(burst)) = last else { return Sharing::Apart };
        if !burst.is_refused_from_the_first() {
            return Sharing::Apart;
        }
        if bursts(before).chain([&**burst]).all(|burst| burst.admitted() == 0) {
            return Sharing::Starved;
        }
        if burst.had_as_much_as_any(bursts(before)) {
            return Sharing::Apart;
        }
        // A key that is short of quota may be so for what was used a minute before, unless it was silent, or another one that
        // began its window with a promise, too, had its own.
        if self.promised.contains(&burst.key) && self.promised.len() < self.bindings.len() {
            return Sharing::Apart;
        }
        match bursts(before).all(|burst| burst.admitted() >= burst.all() / 4) {
            true => Sharing::Shared,
            false => Sharing::Starved,
        }
    }

    /// What stands in the way of the whole case; and room for what it sends, where it measures nothing.
    async fn obstacle(&self) -> Result<(), Gap> {
        if let Some(why) = self.run.learned.lock().unreachable.clone() {
            return Err(Gap::Blocked(why));
        }
        self.check_offers()?;
        self.check_versions()?;
        if self.attempt.before > 0 {
            // What is sent now should lie apart from what made an earlier play suspicious.
            let now = self.environment.clock.now();
            let offset = if self.environment.clock.is_virtual() {
                PHASE * self.attempt.before
            } else {
                Duration::ZERO
            };
            let apart = offset + limiters::shift(&self.attempt.suspicions, now + offset);
            if !matches!(self.case.steps.first().map(|step| &step.value.action), Some(Action::Wait(_))) {
                self.wait_until(now + apart, "another phase of the minute").await?;
            }
        }
        if case::needs_no_room(self.case) {
            return Ok(());
        }
        let sends = u32::try_from(self.case.steps.len()).unwrap_or(u32::MAX);
        for key in self.bindings.values() {
            self.make_room(key, sends).await?;
        }
        Ok(())
    }

    /// Makes sure that the deployment offers the endpoints of this case that the contract does not demand.
    fn check_offers(&self) -> Result<(), Gap> {
        for name in self.case.steps.iter().filter_map(|step| steps::of(&step.value.action).request()) {
            if !self.request(name)?.optional {
                continue;
            }
            let status = self.run.learned.lock().offers.get(name).copied();
            if let Some(status) = status.filter(|status| matches!(status, 404 | 405 | 501)) {
                return Err(Gap::Skipped(format!("the deployment does not offer {name}: {status}")));
            }
        }
        Ok(())
    }

    /// Does what the step at this place of its case says.
    async fn step(&mut self, place: usize, action: &Action) -> Result<Observation, Gap> {
        Ok(match action {
            Action::Send(send) => Observation::Answer(Box::new(self.send(send).await?)),
            Action::Burst(burst) => Observation::Burst(Box::new(self.burst(burst).await?)),
            Action::Pace(pace) => Observation::Paced(Box::new(self.pace(pace).await?)),
            Action::Poll(poll) => Observation::Polled(Box::new(self.poll(poll).await?)),
            Action::Exhaust(exhaust) => Observation::UsedUp(self.exhaust(exhaust).await?),
            Action::Fingerprint(fingerprint) => Observation::Limiter(self.fingerprint(fingerprint).await?),
            Action::Wait(wait) => {
                self.wait(*wait, job::next_to_send(self.case, place)).await?;
                Observation::Nothing
            }
            Action::Revoke(key) => {
                self.revoke(key).await?;
                Observation::Nothing
            }
            Action::FindSession(find) => self.find_session(find).await?,
        })
    }
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
    run: &RunContext,
    environment: &Environment,
    role: Role,
    nth: u32,
) -> Result<Arc<KeyState>, TargetError> {
    let Some(workspace) = &environment.workspace else { return Err(TargetError::BadToken) };
    let key = workspace.key(role, nth).await?;
    run.emit(Event::Secret(key.secret.clone()));
    Ok(Arc::new(KeyState::unused(key, &run.target)))
}
