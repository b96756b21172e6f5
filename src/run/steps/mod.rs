//! The steps of the scenario language, one file each: what a step does, and what it is expected to cost.

mod burst;
mod exhaust;
pub(super) mod fingerprint;
mod listed;
mod pace;
mod poll;
mod send;
mod wait;

use super::evidence::{Gap, Seen};
use super::job::CANNOT_REVOKE;
use super::runner::Runner;
use crate::scenario::model::Action;
use crate::scenario::span::Spanned;

impl Runner<'_> {
    /// Does what a step says.
    pub(super) async fn step(&mut self, action: &Action) -> Result<Seen, Gap> {
        Ok(match action {
            Action::Send(send) => Seen::Answer(Box::new(self.send(send).await?)),
            Action::Burst(burst) => Seen::Burst(Box::new(self.burst(burst).await?)),
            Action::Pace(pace) => Seen::Paced(Box::new(self.pace(pace).await?)),
            Action::Poll(poll) => Seen::Polled(Box::new(self.poll(poll).await?)),
            Action::Exhaust(exhaust) => Seen::UsedUp(self.exhaust(exhaust).await?),
            Action::Fingerprint(fingerprint) => Seen::Limiter(self.fingerprint(fingerprint).await?),
            Action::Wait(wait) => {
                self.wait(*wait).await?;
                Seen::Nothing
            }
            Action::Revoke(key) => {
                self.revoke(key).await?;
                Seen::Nothing
            }
            Action::FindSession(find) => self.find_session(find).await?,
        })
    }

    /// Revokes a key where the target can.
    async fn revoke(&mut self, name: &Spanned<String>) -> Result<(), Gap> {
        let key = self.key(Some(name))?;
        match (&self.stage.workspace, &key.key.mock_id) {
            (Some(workspace), Some(id)) => Ok(workspace.revoke(id).await?),
            _ => Err(Gap::Skipped(CANNOT_REVOKE.to_owned())),
        }
    }
}
