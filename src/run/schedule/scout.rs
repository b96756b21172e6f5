//! Finding out what a deployment takes before anything is measured.
//!
//! In which envelope events are written, and which of the optional endpoints there are, is asked with the keys that are
//! least sought after, so that the others are still unused when their first window is counted.

use std::sync::Arc;

use super::keys::Pool;
use crate::run::Run;
use crate::run::plan::{Agenda, case_at};
use crate::run::player::Player;
use crate::run::stage::{Cast, OWN, Stage};

/// Asks what the experiments of this run need to know. What stays unknown is asked again by whoever needs it.
pub(super) async fn scout(run: &Arc<Run>, agenda: &Agenda, stage: &Stage, pool: &Pool) {
    for (place, request) in &agenda.unknown {
        let check = &run.suite.checks[place.check];
        for index in &agenda.scouts {
            let cast = Cast::from([(OWN.to_owned(), pool.key(*index))]);
            let player = Player::new(run, check, case_at(&run.suite, *place), stage, &cast);
            // A key that opens nothing is named by the checks that follow.
            let _ = player.scout(request).await;
        }
    }
}
