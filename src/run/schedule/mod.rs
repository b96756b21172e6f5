//! Playing jobs side by side, as far as keys allow.
//!
//! Against a mock every job has a workspace to itself. Against a real deployment keys are few, and jobs are played as
//! [`plan`] has worked out: a case that spends a key's quota has the key alone, all others share it.

mod drive;
mod keys;
mod scout;
mod tally;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use tokio::sync::watch;
use tokio::task::JoinError;

use super::experiment::Member;
use super::plan::{self, Agenda, Experiment, Job, Place, case_at};
use super::player::{Outcome, Player};
use super::stage::{Stage, variables};
use super::{Fault, Options, Run};
use crate::report::{CheckResult, Event, ExitCode, RunInfo, RunSummary, Verdict};
use crate::scenario::model::Case;
use crate::scenario::{Check, Suite};
use crate::target::{Envelope, Key, Keys, Target};

pub(super) use drive::{Play, drive};
use keys::{Minted, Pool};
use tally::Tally;

/// What cases came to: each one's outcome and facts.
type Outcomes = Vec<(Place, Outcome, Vec<String>)>;

/// What one job came to.
#[derive(Debug, Default)]
struct Played {
    outcomes: Outcomes,
    /// The cases that did not hold in an experiment with others, and so are to be played by themselves.
    again: Vec<Place>,
}

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
    let begun = Instant::now();
    let run = Arc::new(Run::new(suite, target, options, events)?);
    run.emit(Event::Started(RunInfo {
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
    }));
    let mut tally = Tally::new(&run, selected);
    let was_interrupted = match &run.target.keys {
        Keys::Environment(keys) => {
            for key in keys {
                run.emit(Event::Secret(key.secret.clone()));
            }
            on_a_deployment(&run, selected, keys, &mut tally, interrupted).await
        }
        Keys::Mock(_) => on_a_mock(&run, selected, &mut tally, interrupted).await,
    };
    let results = tally.finish(was_interrupted);
    let exit = ExitCode::of(&results, was_interrupted);
    run.emit(Event::Finished(RunSummary {
        took: begun.elapsed(),
        requests: run.requests.load(Ordering::Relaxed),
        exit,
        interrupted: was_interrupted,
        could_not_check: could_not_check(&results),
        facts: facts(&run),
    }));
    Ok((results, exit))
}

/// Plays on workspaces of a mock, each job with keys of its own.
async fn on_a_mock(
    run: &Arc<Run>,
    selected: &[usize],
    tally: &mut Tally,
    interrupted: watch::Receiver<bool>,
) -> bool {
    let jobs = plan::for_a_mock(&run.suite, selected);
    let mut playing = Playing { run: Arc::clone(run), tally, keys: None };
    drive(&mut playing, jobs, |_| true, run.options.jobs, interrupted).await
}

/// Plays on the one stage there is, as planned.
async fn on_a_deployment(
    run: &Arc<Run>,
    selected: &[usize],
    keys: &[Key],
    tally: &mut Tally,
    interrupted: watch::Receiver<bool>,
) -> bool {
    let (outlook, options) = (run.target.outlook(), &run.options);
    let agenda =
        Agenda::new(&run.suite, selected, &outlook, keys, &options.allowed_hosts, options.jobs.max(1));
    run.emit(Event::Planned(agenda.timeline(&run.suite)));
    let left_out = agenda.left_out.iter().cloned();
    tally.finished(left_out.map(|(place, why)| (place, Outcome::Skipped(why), Vec::new())).collect());
    let stage = Stage::real(&run.target.base_url);
    let pool = Pool::new(agenda.desk.clone(), &run.target);
    scout::scout(run, &agenda, &stage, &pool).await;
    let keys = Some((stage, pool));
    let mut playing = Playing { run: Arc::clone(run), tally, keys };
    drive(&mut playing, agenda.jobs, plan::keeps_busy, options.jobs, interrupted).await
}

/// A run in play.
struct Playing<'t> {
    run: Arc<Run>,
    tally: &'t mut Tally,
    /// The stage and the keys of a deployment.
    keys: Option<(Stage, Pool)>,
}

impl Play for Playing<'_> {
    type Means = Minted;
    type Played = Played;

    fn provide(&mut self, job: &Job, to_come: &[Job]) -> Option<Minted> {
        match &self.keys {
            None => Some(Minted::default()),
            Some((stage, pool)) => {
                let taken = pool.take(job, to_come, stage.clock.now())?;
                Some(Minted::taken(stage.clone(), taken))
            }
        }
    }

    fn begin(&mut self, job: Job, minted: Minted) -> impl Future<Output = Played> + Send + 'static {
        for place in job.places() {
            self.tally.started(place.check);
        }
        play_job(Arc::clone(&self.run), job, minted)
    }

    fn over(&mut self, played: Result<Played, JoinError>) -> Option<Vec<Job>> {
        let mut again = Vec::new();
        match played {
            Ok(played) => {
                self.tally.finished(played.outcomes);
                again = played.again;
            }
            Err(error) => self.tally.broke_down(&error.to_string()),
        }
        if self.run.options.fail_fast && self.tally.has_failed() {
            return None;
        }
        let alone = |place: Place| Job::of(&self.run.suite, vec![Experiment::alone(place)]);
        Some(again.into_iter().map(alone).collect())
    }
}

/// Plays the experiments of a job one after the other, on one stage.
async fn play_job(run: Arc<Run>, job: Job, mut minted: Minted) -> Played {
    let mut played = Played::default();
    for experiment in job.experiments {
        let (check, case) = check_and_case(&run, experiment.leader);
        let (stage, cast) = match minted.cast(&run, case).await {
            Ok(ground) => ground,
            Err(error) => {
                let blocked = |place| (place, Outcome::Blocked(error.to_string()), Vec::new());
                played.outcomes.extend(experiment.places().map(blocked));
                continue;
            }
        };
        let keys = variables(&cast);
        if !stage.clock.is_virtual() {
            run.emit(Event::KeysLent { id: check.id.clone(), keys: keys.clone() });
        }
        let player = || Player::new(&run, check, case, &stage, &cast);
        let leader_alone = if experiment.is_worth_a_try() {
            let (held, lost) = play_together(&run, &experiment, player()).await;
            played.outcomes.extend(held);
            let leads = lost.contains(&experiment.leader);
            played.again.extend(lost.into_iter().filter(|place| *place != experiment.leader));
            leads
        } else {
            true
        };
        if leader_alone {
            let (outcome, facts) = player().play().await;
            played.outcomes.push((experiment.leader, outcome, facts));
        }
        if !stage.clock.is_virtual() {
            run.emit(Event::KeysBack { keys });
        }
    }
    minted.close().await;
    played
}

/// Plays an experiment: what held, and what did not.
async fn play_together<'a>(
    run: &'a Run,
    experiment: &Experiment,
    player: Player<'a>,
) -> (Outcomes, Vec<Place>) {
    let member = |place: Place, steps: Vec<usize>| {
        let (check, case) = check_and_case(run, place);
        Member { place, check, case, steps }
    };
    let leader = case_at(&run.suite, experiment.leader);
    let leader = member(experiment.leader, (0..leader.steps.len()).collect());
    let riders = experiment.riders.iter().map(|ride| member(ride.place, ride.steps.clone()));
    let members = std::iter::once(leader).chain(riders).collect();
    let (mut held, mut lost) = (Outcomes::new(), Vec::new());
    for (place, facts) in player.play_together(members, experiment.trusts).await {
        match facts {
            Some(facts) => held.push((place, Outcome::Held, facts)),
            None => lost.push(place),
        }
    }
    (held, lost)
}

fn check_and_case(run: &Run, place: Place) -> (&Check, &Case) {
    (&run.suite.checks[place.check], case_at(&run.suite, place))
}

/// What could not be checked, and what would change that: one sentence for each reason.
fn could_not_check(results: &[CheckResult]) -> Vec<String> {
    let mut by_reason = std::collections::BTreeMap::<String, Vec<&str>>::new();
    for result in results {
        let reasons = match &result.verdict {
            Verdict::Skipped(why) | Verdict::Blocked(why) | Verdict::Inconclusive(why) => vec![why.clone()],
            _ => result.not_played.clone(),
        };
        for reason in reasons {
            by_reason.entry(reason).or_default().push(&result.id);
        }
    }
    by_reason
        .into_iter()
        .map(|(reason, ids)| {
            const SHOWN: usize = 4;
            let more = ids.len().saturating_sub(SHOWN);
            let shown = ids.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
            if more == 0 {
                format!("{shown}: {reason}")
            } else {
                format!("{shown} and {more} more: {reason}")
            }
        })
        .collect()
}

fn facts(run: &Run) -> Vec<String> {
    let envelope = run.envelope_found().map(|found| match found {
        Envelope::Wire => "event envelope accepted: wire (event, ts, seq)".to_owned(),
        Envelope::Documented | Envelope::Auto => {
            "event envelope accepted: documented (event_type, timestamp)".to_owned()
        }
    });
    let silences = run.silences().into_iter().map(|(variable, silence)| {
        format!(
            "quota of {variable} was missing when a promise was kept, so it was measured after {} s of silence: its \
             limiter slides instead of resetting, or somebody else uses the key",
            silence.as_secs()
        )
    });
    envelope.into_iter().chain(silences).chain(run.told_of_bursts()).collect()
}
