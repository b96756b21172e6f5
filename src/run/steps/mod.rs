//! The steps of the scenario language, one file each: what a step does, and what it is expected to cost.

mod burst;
mod exhaust;
pub(super) mod fingerprint;
mod listed;
mod pace;
mod poll;
mod send;
mod wait;

use super::evidence::{Gap, Observation};
use super::job::{self, CANNOT_REVOKE};
use super::runner::Runner;
use crate::scenario::model::Action;
use crate::yaml::Spanned;

impl Runner<'_> {
    /// Does what the step at this place of its case says.
    pub(super) async fn step(&mut self, place: usize, action: &Action) -> Result<Observation, Gap> {
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

    /// Revokes a key where the target can.
    async fn revoke(&mut self, name: &Spanned<String>) -> Result<(), Gap> {
        let key = self.key(Some(name))?;
        match (&self.environment.workspace, &key.key.mock_id) {
            (Some(workspace), Some(id)) => Ok(workspace.revoke(id).await?),
            _ => Err(Gap::Skipped(CANNOT_REVOKE.to_owned())),
        }
    }
}
