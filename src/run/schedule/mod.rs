//! Playing jobs side by side, as far as keys allow.
//!
//! Against a mock every job has a workspace to itself. Against a real deployment keys are few: a case that spends a
//! key's quota has the key alone, all others share it, and what costs little goes first.

mod jobs;
mod keys;
mod tally;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::player::{Outcome, Player};
use super::stage::Stage;
use super::{Fault, Options, Run};
use crate::report::{CheckResult, Event, ExitCode, RunInfo, RunSummary, Verdict};
use crate::scenario::Suite;
use crate::target::{Envelope, Keys, Target};

use jobs::{Job, Place};
use keys::{Minted, Pool};
use tally::Tally;

/// What one job came to: each of its cases' outcome and facts.
type Played = Vec<(Place, Outcome, Vec<String>)>;

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
            let pool = Pool::new(keys, &run.target);
            on_a_deployment(&run, selected, pool, &mut tally, interrupted).await
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

/// Plays on workspaces of a mock; the longest jobs go first, so that none is left over at the end.
async fn on_a_mock(
    run: &Arc<Run>,
    selected: &[usize],
    tally: &mut Tally,
    interrupted: watch::Receiver<bool>,
) -> bool {
    let mut jobs = jobs::for_a_mock(&run.suite, selected);
    jobs.sort_by_key(|job| (job.last, std::cmp::Reverse(job.weight)));
    drive(run, jobs, tally, interrupted, &mut |_| Some(Minted::default())).await
}

/// Plays on the one stage there is; the lightest jobs go first, since they need no wait.
async fn on_a_deployment(
    run: &Arc<Run>,
    selected: &[usize],
    pool: Pool,
    tally: &mut Tally,
    interrupted: watch::Receiver<bool>,
) -> bool {
    let stage = Stage::real(&run.target.base_url);
    let mut playable = Vec::new();
    for job in jobs::for_a_deployment(&run.suite, selected) {
        let place = job.places[0];
        let case = &run.suite.checks[place.check].cases[place.case];
        match pool.missing(case) {
            Some(why) => tally.finished(vec![(place, Outcome::Skipped(why), Vec::new())]),
            None => playable.push(job),
        }
    }
    playable.sort_by_key(|job| (job.last, job.weight));
    drive(run, playable, tally, interrupted, &mut |job| {
        let place = job.places[0];
        let case = &run.suite.checks[place.check].cases[place.case];
        pool.take(case, job.weight == 0).map(|cast| Minted::taken(stage.clone(), cast))
    })
    .await
}

/// Starts jobs as long as `provide` has keys for them, until all are played or the run is interrupted.
async fn drive(
    run: &Arc<Run>,
    mut pending: Vec<Job>,
    tally: &mut Tally,
    mut interrupted: watch::Receiver<bool>,
    provide: &mut (dyn FnMut(&Job) -> Option<Minted> + std::marker::Send),
) -> bool {
    let mut playing: JoinSet<Played> = JoinSet::new();
    loop {
        if run.options.fail_fast && tally.has_failed() {
            return false;
        }
        let mut index = 0;
        while index < pending.len() && playing.len() < run.options.jobs.max(1) {
            let comes_last =
                pending[index].last && (!playing.is_empty() || pending.iter().any(|job| !job.last));
            match if comes_last { None } else { provide(&pending[index]) } {
                Some(minted) => {
                    let job = pending.remove(index);
                    for place in &job.places {
                        tally.started(place.check);
                    }
                    playing.spawn(play_job(Arc::clone(run), job, minted));
                }
                None => index += 1,
            }
        }
        tokio::select! {
            joined = playing.join_next() => match joined {
                Some(Ok(played)) => tally.finished(played),
                Some(Err(error)) => tally.broke_down(&error.to_string()),
                None => return false,
            },
            _ = interrupted.wait_for(|stop| *stop) => return true,
        }
    }
}

/// Plays the cases of a job one after the other, on one stage.
async fn play_job(run: Arc<Run>, job: Job, mut minted: Minted) -> Played {
    let mut played = Played::new();
    for place in job.places {
        let check = &run.suite.checks[place.check];
        let case = &check.cases[place.case];
        let (outcome, facts) = match minted.cast(&run, case).await {
            Ok((stage, cast)) => Player::new(&run, check, case, &stage, &cast).play().await,
            Err(error) => (Outcome::Blocked(error.to_string()), Vec::new()),
        };
        played.push((place, outcome, facts));
    }
    minted.close().await;
    played
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
    envelope.into_iter().collect()
}
