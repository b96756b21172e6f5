//! Playing the suite, or a part of it, against one mutant.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{mpsc, watch};

use super::ground::{Ground, Server};
use super::hunt::HuntError;
use super::judge::{Examined, Outcome, judge};
use super::mutant::{Mutant, Nature};
use crate::report::{CheckResult, ExitCode};
use crate::run::{Options, play};
use crate::scenario::Suite;

/// How many jobs of one mutant are under way at once.
pub(super) const JOBS: usize = 8;

/// Plays against one mutant. A deviation meets the checks that name it first: when one of them fails, nothing more has
/// to be known, unless the `whole_suite` is asked for. At most so many `jobs`
/// are under way at once. None when the run was interrupted.
pub(super) async fn examine(
    mutant: &Mutant,
    suite: &Arc<Suite>,
    ground: &Ground,
    whole_suite: bool,
    jobs: usize,
    interrupted: &watch::Receiver<bool>,
) -> Result<Option<Examined>, HuntError> {
    let begun = Instant::now();
    let server = mutant.server();
    let every: Vec<usize> = (0..suite.checks.len()).collect();
    let (named, others): (Vec<usize>, Vec<usize>) =
        every.iter().partition(|index| mutant.checks().contains(&suite.checks[**index].id.as_str()));
    if matches!(mutant.nature, Nature::Wrong { .. }) && !whole_suite {
        let Some(mut results) = play_places(&server, suite, ground, &named, jobs, interrupted).await? else {
            return Ok(None);
        };
        let examined = judge(mutant, &results, false, begun.elapsed());
        if examined.outcome == Outcome::Caught {
            return Ok(Some(examined));
        }
        let Some(more) = play_places(&server, suite, ground, &others, jobs, interrupted).await? else {
            return Ok(None);
        };
        results.extend(more);
        return Ok(Some(judge(mutant, &results, true, begun.elapsed())));
    }
    let results = play_places(&server, suite, ground, &every, jobs, interrupted).await?;
    Ok(results.map(|results| judge(mutant, &results, true, begun.elapsed())))
}

/// Plays the checks at these places of the suite against a server. None when the run was interrupted.
pub(super) async fn play_places(
    server: &Server,
    suite: &Arc<Suite>,
    ground: &Ground,
    places: &[usize],
    jobs: usize,
    interrupted: &watch::Receiver<bool>,
) -> Result<Option<Vec<CheckResult>>, HuntError> {
    if places.is_empty() {
        return Ok(Some(Vec::new()));
    }
    let unplayable = |why: String| HuntError::Unplayable { mutant: server.name.clone(), why };
    let (target, _mock) = ground.target(server).await.map_err(|error| unplayable(error.to_string()))?;
    let options = Options { strict: true, rfc: true, jobs, ..Options::default() };
    // Nobody listens: what counts is what it comes to.
    let (events, _) = mpsc::unbounded_channel();
    let (results, exit) =
        play(Arc::clone(suite), Arc::new(target), places, options, events, interrupted.clone())
            .await
            .map_err(|fault| unplayable(fault.to_string()))?;
    Ok((exit != ExitCode::Interrupted).then_some(results))
}
