//! A whole run: the survey, every experiment once, those again that left a doubt, and what it all comes to.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::allocator::{Condition, KeyAllocator};
use super::environment::{Environment, KeyBindings, variables};
use super::evidence::{Deployment, Evidence, Gap, NotPlayed, Play};
use super::job::{self, Job, KeyNeed, Place};
use super::judge::{self, Judged};
use super::keys::KeyState;
use super::recording::{Ended, Recording};
use super::runner::{Attempt, Runner};
use super::schedule::Schedule;
use super::{Fault, Options, Run, causes, plan, survey};
use crate::contract::Tier;
use crate::report::{CheckResult, Event, ExitCode, RunInfo, Verdict};
use crate::scenario::Suite;
use crate::target::{Envelope, Key, Keys, Role, Target, TargetError};

/// How often a case is played at the most, the first time included.
const MOST_PLAYS: u32 = 3;

/// Plays the checks at `selected` places of the suite and tells `events` everything. Ends early, with what was
/// judged until then, when `interrupted` turns true.
///
/// # Errors
/// A [`Fault`] when the HTTP client cannot be set up; nothing has been told then.
pub async fn play(
    suite: Arc<Suite>,
    target: Arc<Target>,
    selected: &[usize],
    options: Options,
    events: tokio::sync::mpsc::UnboundedSender<Event>,
    interrupted: watch::Receiver<bool>,
) -> Result<(Vec<CheckResult>, ExitCode), Fault> {
    let (results, exit, _) = record(suite, target, selected, options, events, interrupted).await?;
    Ok((results, exit))
}

/// [`play`], and all that was sent and seen.
///
/// # Errors
/// A [`Fault`] when the HTTP client cannot be set up; nothing has been told then.
pub async fn record(
    suite: Arc<Suite>,
    target: Arc<Target>,
    selected: &[usize],
    options: Options,
    events: tokio::sync::mpsc::UnboundedSender<Event>,
    interrupted: watch::Receiver<bool>,
) -> Result<(Vec<CheckResult>, ExitCode, Recording), Fault> {
    let begun = std::time::Instant::now();
    let run = Arc::new(Run::new(suite, target, options, events)?);
    let info = RunInfo {
        target: run.target.base_url.clone(),
        keys: match &run.target.keys {
            Keys::Environment(keys) => format!("environment ({} keys)", keys.len()),
            Keys::Mock(_) => "a mock's control API".to_owned(),
        },
        virtual_time: matches!(run.target.keys, Keys::Mock(_)),
        checks: selected.iter().map(|index| run.suite.checks[*index].id.clone()).collect(),
        strict: run.options.strict,
        rfc: run.options.rfc,
        started_at: chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
    };
    run.emit(Event::Started(info.clone()));
    let mut state = RunState::new(&run, selected, interrupted);
    state.survey().await;
    state.rounds().await;
    state.gather();
    let ended = Ended {
        info,
        took: begun.elapsed(),
        requests: run.requests.load(Ordering::Relaxed),
        interrupted: state.was_interrupted,
        facts: facts(&run),
        evidence: state.evidence,
    };
    let recording = Recording::of(&run, selected, ended);
    let (results, exit) = recording.conclude(&run.suite, selected, &run.options, |event| run.emit(event));
    Ok((results, exit, recording))
}

/// How far a run has come.
struct RunState {
    run: Arc<Run>,
    selected: Vec<usize>,
    interrupted: watch::Receiver<bool>,
    was_interrupted: bool,
    /// The keys of a deployment that work, and where they are used; none at a mock, where every job has keys of its own.
    ground: Option<(Environment, Vec<Arc<KeyState>>)>,
    /// The keys that open nothing, and what was answered.
    dead: Vec<(Arc<KeyState>, String)>,
    evidence: Evidence,
    /// How often each case was given out to be played.
    given_out: BTreeMap<Place, u32>,
}

/// What came of a job: its plays, or why there are none.
type Played = (Job, Vec<usize>, Result<Vec<Play>, TargetError>);

impl RunState {
    fn new(run: &Arc<Run>, selected: &[usize], interrupted: watch::Receiver<bool>) -> Self {
        let ground = match &run.target.keys {
            Keys::Environment(keys) => {
                let states = keys.iter().map(|key| state(key.clone(), &run.target)).collect();
                keys.iter().for_each(|key| run.emit(Event::Secret(key.secret.clone())));
                Some((Environment::real(&run.target.base_url), states))
            }
            Keys::Mock(_) => None,
        };
        let deployment = Deployment {
            base_url: run.target.base_url.clone(),
            extra_members_allowed: run.target.extra_members_allowed,
            virtual_time: ground.is_none(),
            built_in: run.target.built_in,
        };
        Self {
            run: Arc::clone(run),
            selected: selected.to_vec(),
            interrupted,
            was_interrupted: false,
            ground,
            dead: Vec::new(),
            evidence: Evidence { deployment, ..Evidence::default() },
            given_out: BTreeMap::new(),
        }
    }

    /// Finds out what everything else stands on.
    async fn survey(&mut self) {
        match (&self.ground, &self.run.target.keys) {
            (Some((environment, keys)), _) => survey::survey(&self.run, environment, keys).await,
            (None, Keys::Mock(control)) => match control.workspace().await {
                Ok(workspace) => {
                    let environment = Environment::of(workspace);
                    let mut keys = Vec::new();
                    for role in Role::ALL.into_iter().filter(|role| *role != Role::Any) {
                        if let Ok(key) = minted(&self.run, &environment, role, 1).await {
                            keys.push(key);
                        }
                    }
                    survey::survey(&self.run, &environment, &keys).await;
                    let _ = environment.close().await;
                }
                Err(error) => self.run.learned().unreachable = Some(error.to_string()),
            },
            (None, Keys::Environment(_)) => {}
        }
        if let Some((_, keys)) = &mut self.ground {
            let learned = self.run.learned().clone();
            let complaint = |key: &KeyState| {
                if learned.unreachable.is_some() {
                    return None;
                }
                let facts = learned.key(&key.key.variable).filter(|facts| !facts.works());
                facts.map(super::learned::KeyFacts::complaint)
            };
            self.dead = keys.iter().filter_map(|key| Some((Arc::clone(key), complaint(key)?))).collect();
            keys.retain(|key| complaint(key).is_none());
        }
    }

    /// Plays everything once, and again what left a doubt.
    async fn rounds(&mut self) {
        let places = job::places(&self.run.suite, &self.selected);
        let mut next: Vec<(Place, Attempt)> = places
            .into_iter()
            .map(|place| {
                let steps = job::steps_needed(place.of(&self.run.suite), &self.selected);
                (place, Attempt { steps: Some(steps), ..Attempt::default() })
            })
            .collect();
        let mut is_first = true;
        while !next.is_empty() && !self.was_interrupted {
            self.round(next, is_first).await;
            if self.run.options.fail_fast && self.has_failed() {
                break;
            }
            next = self.doubts();
            if next.is_empty() {
                next = self.shared_with_somebody_else();
            }
            is_first = false;
        }
    }

    /// Plays these cases, each once.
    async fn round(&mut self, places: Vec<(Place, Attempt)>, is_first: bool) {
        let (places, left_out) = self.playable(places);
        let wanted: Vec<Place> = places.iter().map(|(place, _)| *place).collect();
        if is_first {
            self.play_with_dead_keys(&left_out).await;
        }
        self.evidence.not_played.extend(left_out);
        let mut jobs = self.give_out(places);
        let mut allocator = None;
        if let Some((_, keys)) = &self.ground {
            let keys: Vec<Key> = keys.iter().map(|key| key.key.clone()).collect();
            let (suite, info) = (&self.run.suite, self.run.target.info());
            let (arranged, timeline) = plan::arrange(suite, &info, &keys, jobs, self.run.options.jobs);
            jobs = arranged;
            if is_first {
                self.run.emit(Event::Planned(timeline));
            } else {
                // The plan takes keys for unused; by now whichever is ready first is the best.
                jobs.iter_mut().for_each(|job| job.planned = None);
            }
            allocator = Some(KeyAllocator::new(keys, &jobs));
        }
        let mut schedule = Schedule::new(jobs, allocator, self.run.options.jobs);
        schedule.waits_for_sharing &= is_first;
        self.drive(&mut schedule).await;
        let why = match self.was_interrupted {
            true => "the run was interrupted before it was played to its end",
            false if self.run.options.fail_fast => "left out after the first failure",
            false => "no keys came free for it",
        };
        self.account_for(&wanted, &Gap::Skipped(why.to_owned()));
    }

    /// Jobs of these cases, which are played once more by that.
    fn give_out(&mut self, places: Vec<(Place, Attempt)>) -> Vec<Job> {
        for (place, _) in &places {
            *self.given_out.entry(*place).or_default() += 1;
        }
        job::jobs(&self.run.suite, places)
    }

    /// Says why there is no play of these cases, where nothing was said so far.
    fn account_for(&mut self, places: &[Place], why: &Gap) {
        for place in places {
            let (experiment, row) =
                (&self.run.suite.experiments[place.experiment].name, &place.of(&self.run.suite).row);
            let told = self.evidence.not_played.iter();
            let is_told = told.clone().any(|left| left.experiment == *experiment && left.row == *row);
            if !is_told && self.evidence.plays_of(experiment, row).next().is_none() {
                let (experiment, row) = (experiment.clone(), row.clone());
                self.evidence.not_played.push(NotPlayed { experiment, row, why: why.clone() });
            }
        }
    }

    /// The cases that can be played with the keys that work, and why the others cannot.
    fn playable(&self, places: Vec<(Place, Attempt)>) -> (Vec<(Place, Attempt)>, Vec<NotPlayed>) {
        let Some((_, keys)) = &self.ground else { return (places, Vec::new()) };
        let info = self.run.target.info();
        let bare = KeyAllocator::new(keys.iter().map(|key| key.key.clone()).collect(), &[]);
        let (mut playable, mut left_out) = (Vec::new(), Vec::new());
        for (place, attempt) in places {
            let case = place.of(&self.run.suite);
            let job = Job::of(&self.run.suite, vec![(place, attempt.clone())]);
            let stands_in_the_way =
                job::obstacle(case, &info, &self.run.options.allowed_hosts).map(Gap::Skipped);
            let missing = || {
                let why = bare.missing(&job)?;
                let would_fit = |key: &Key| job.keys_needed.iter().any(|need| need.role.fits(key));
                let opens_nothing = self.dead.iter().find(|(key, _)| would_fit(&key.key));
                Some(
                    opens_nothing.map_or(Gap::Skipped(why), |(_, complaint)| Gap::Blocked(complaint.clone())),
                )
            };
            match stands_in_the_way.or_else(missing) {
                Some(why) => left_out.push(NotPlayed {
                    experiment: self.run.suite.experiments[place.experiment].name.clone(),
                    row: case.row.clone(),
                    why,
                }),
                None => playable.push((place, attempt)),
            }
        }
        (playable, left_out)
    }

    /// Plays the cases that are about being let in, and for which there are only keys that open nothing: they name that.
    async fn play_with_dead_keys(&mut self, places: &[NotPlayed]) {
        let Some((environment, _)) = self.ground.clone() else { return };
        for left in places {
            let suite = Arc::clone(&self.run.suite);
            let Some(experiment) = suite.experiments.iter().find(|one| one.name == left.experiment) else {
                continue;
            };
            let Some(case) = experiment.cases.iter().find(|case| case.row == left.row) else { continue };
            if !job::is_about_being_let_in(case) {
                continue;
            }
            let key = |need: KeyNeed| {
                let dead = self.dead.iter().find(|(key, _)| need.role.fits(&key.key))?;
                Some((need.name, Arc::clone(&dead.0)))
            };
            let bindings: KeyBindings = job::keys_needed(case).into_iter().filter_map(key).collect();
            if bindings.is_empty() || self.run.learned().unreachable.is_some() {
                continue;
            }
            let runner =
                Runner::new(&self.run, experiment, case, &environment, &bindings, Attempt::default());
            let play = runner.play().await;
            self.evidence.plays.push(play);
        }
    }

    /// Begins jobs as their keys come free, until all are over.
    async fn drive(&mut self, schedule: &mut Schedule) {
        let mut playing: JoinSet<Played> = JoinSet::new();
        let mut sharing = self.run.sharing.subscribe();
        let mut interrupted = self.interrupted.clone();
        loop {
            while let Some((job, leased)) = schedule.begin(&|key, job| self.condition(key, job)) {
                let (run, ground) = (Arc::clone(&self.run), self.ground.clone());
                playing.spawn(play_job(run, ground, job, leased));
            }
            tokio::select! {
                joined = playing.join_next() => match joined {
                    None => return,
                    Some(Ok((job, leased, plays))) => {
                        schedule.end(&job, &leased);
                        self.keep(&job, plays);
                        // What left a doubt is played again on keys that no other job was planned with.
                        if job.measures() && self.ground.is_some() {
                            let again = self.doubts();
                            schedule.add(self.give_out(again));
                        }
                    }
                    Some(Err(error)) => {
                        let why = Gap::Inconclusive(format!("a fault in trenchcheck: {error}"));
                        let pending = schedule.give_up(|_| true);
                        pending.iter().for_each(|job| self.give_up(job, &why));
                    }
                },
                Ok(()) = sharing.changed(), if schedule.waits_for_sharing => {
                    schedule.waits_for_sharing = false;
                    if *sharing.borrow() == Some(true) {
                        let why = Gap::Blocked("keys share a quota, so what others send is counted, too".to_owned());
                        let given_up = schedule.give_up(|job| job.measures() && !job.learns_sharing);
                        given_up.iter().for_each(|job| self.give_up(job, &why));
                    }
                }
                _ = interrupted.wait_for(|stop| *stop) => {
                    self.was_interrupted = true;
                    return;
                }
            }
            if self.run.options.fail_fast && self.has_failed() {
                return;
            }
        }
    }

    /// What is known of a key.
    fn condition(&self, key: usize, job: &Job) -> Condition {
        let Some((environment, keys)) = &self.ground else {
            return Condition { room: true, fresh_at: std::time::Duration::ZERO, unused: true };
        };
        let (key, now) = (&keys[key], environment.clock.now());
        Condition {
            room: key.room_for(job.counted, now) <= now,
            fresh_at: key.likely_fresh_at(now).0,
            unused: key.last_answer().is_none() || key.hardly_used(now),
        }
    }

    fn give_up(&mut self, job: &Job, why: &Gap) {
        for (place, _) in &job.cases {
            self.evidence.not_played.push(NotPlayed {
                experiment: self.run.suite.experiments[place.experiment].name.clone(),
                row: place.of(&self.run.suite).row.clone(),
                why: why.clone(),
            });
        }
    }

    /// Keeps what a job brought to light, and tells the checks that are known to pass by that.
    fn keep(&mut self, job: &Job, plays: Result<Vec<Play>, TargetError>) {
        match plays {
            Ok(plays) => self.evidence.plays.extend(plays),
            Err(error) => self.give_up(job, &Gap::Blocked(error.to_string())),
        }
    }

    /// Puts together what was seen by now and what it teaches, and tells the tiers whose keys nobody else uses.
    fn gather(&mut self) -> Vec<Tier> {
        self.evidence.looks = self.run.trace.looks();
        self.evidence.run = self.run.trace.wide();
        self.evidence.learned = self.run.learned().clone();
        let steady = judge::learn(&self.run.suite, &mut self.evidence);
        self.run.learned().requests.clone_from(&self.evidence.learned.requests);
        steady
    }

    /// What the checks come to by now.
    fn judge(&mut self) -> Vec<Judged> {
        let steady = self.gather();
        let judged = |check: &usize| judge::judge(&self.run.suite, &self.evidence, &steady, *check);
        self.selected.iter().map(judged).collect()
    }

    fn has_failed(&mut self) -> bool {
        let judged = self.judge();
        let (results, _) = causes::attribute(&self.run.suite, judged, &self.run.options, None);
        results.iter().any(|result| result.verdict == Verdict::Fail)
    }

    /// The cases to play again: those that left a doubt which nothing else explains.
    fn doubts(&mut self) -> Vec<(Place, Attempt)> {
        let judged = self.judge();
        let explained = causes::roots(&self.run.suite, &judged, &self.run.options);
        let mut again: BTreeMap<Place, Attempt> = BTreeMap::new();
        for judged in judged.iter().filter(|judged| judged.failures.is_empty()) {
            let explained = explained.contains_key(&self.run.suite.checks[judged.check].id);
            for doubt in judged.doubts.iter().filter(|doubt| doubt.stale || !explained) {
                let place = Place { experiment: doubt.experiment, case: doubt.case };
                let Some(before) = self.may_be_played_again(place) else { continue };
                let attempt = again.entry(place).or_default();
                attempt.before = before;
                attempt.silence = attempt.silence.max(Some(doubt.silence));
                attempt.steps = attempt.steps.max(Some(doubt.steps));
                attempt.suspicions.extend(doubt.suspicions.iter().cloned());
            }
        }
        again.into_iter().collect()
    }

    /// How often a case was played so far, unless it is being played or was played often enough.
    fn may_be_played_again(&self, place: Place) -> Option<u32> {
        let given_out = self.given_out.get(&place).copied().unwrap_or(0);
        let experiment = &self.run.suite.experiments[place.experiment].name;
        let played = self.evidence.plays_of(experiment, &place.of(&self.run.suite).row).count();
        (given_out < MOST_PLAYS && usize::try_from(given_out).is_ok_and(|given| given <= played))
            .then_some(given_out)
    }

    /// The cases that were not played because keys seemed to share a quota, where it turned out that they do not.
    fn shared_with_somebody_else(&mut self) -> Vec<(Place, Attempt)> {
        let sharing = self
            .judge()
            .iter()
            .any(|judged| self.learns_sharing(judged.check) && !judged.failures.is_empty());
        if !self.evidence.learned.sharing || sharing {
            return Vec::new();
        }
        self.run.learned().sharing = false;
        self.given_up()
    }

    fn learns_sharing(&self, check: usize) -> bool {
        let readings =
            self.run.suite.experiments.iter().flat_map(|one| &one.cases).flat_map(|case| &case.readings);
        let sharing = Some(crate::scenario::model::Fact::Sharing);
        readings.into_iter().any(|reading| reading.check == check && reading.learns == sharing)
    }

    /// The cases that were not played because keys seemed to share a quota.
    fn given_up(&mut self) -> Vec<(Place, Attempt)> {
        let blocked = |left: &NotPlayed| matches!(left.why, Gap::Blocked(_));
        let (again, left): (Vec<NotPlayed>, Vec<NotPlayed>) =
            std::mem::take(&mut self.evidence.not_played).into_iter().partition(blocked);
        self.evidence.not_played = left;
        let places = job::places(&self.run.suite, &self.selected).into_iter();
        let wanted = |place: &Place| {
            let name = &self.run.suite.experiments[place.experiment].name;
            again.iter().any(|left| left.experiment == *name && left.row == place.of(&self.run.suite).row)
        };
        places.filter(wanted).map(|place| (place, Attempt::default())).collect()
    }
}

/// Plays the cases of a job one after the other, with the same keys.
async fn play_job(
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
            Ok(workspace) => in_workspace(&run, &Environment::of(workspace), &job).await,
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
            if let std::collections::btree_map::Entry::Vacant(place) = made.entry((role, *nth)) {
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
fn bindings(case: &crate::scenario::model::Case, made: &BTreeMap<(Role, u32), Arc<KeyState>>) -> KeyBindings {
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
async fn minted(
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

fn state(key: Key, target: &Target) -> Arc<KeyState> {
    // A key that only reads may be on either tier; the smaller quota is the safe guess.
    let limits = target.limits(key.tier.unwrap_or(Tier::Standard));
    Arc::new(KeyState::new(key, limits))
}

/// Facts about the target as a whole.
fn facts(run: &Run) -> Vec<String> {
    let learned = run.learned().clone();
    let envelope = learned.envelope.map(|found| match found {
        Envelope::Wire => "event envelope accepted: wire (event, ts, seq)".to_owned(),
        Envelope::Documented | Envelope::Auto => {
            "event envelope accepted: documented (event_type, timestamp)".to_owned()
        }
    });
    let compressed =
        learned.compressed.then(|| "answers come compressed, although nobody asks for that".to_owned());
    let measured = learned.requests.iter().map(|(tier, quota)| match quota {
        super::learned::Quota::Of(number) => format!("measured: {tier} gets {number} requests in a window"),
        super::learned::Quota::Endless => format!("measured: no end to the requests of {tier}"),
    });
    envelope.into_iter().chain(compressed).chain(measured).chain(run.told_of_bursts()).collect()
}
