//! Taking a key back, where the target lets a program do that.

use super::{Step, Use};
use crate::run::evidence::Gap;
use crate::run::runner::Runner;
use crate::run::walk::Walk;
use crate::yaml::Spanned;

/// Why a case that revokes is not played at a deployment.
pub(in crate::run) const CANNOT_REVOKE: &str = "keys of this target cannot be revoked by a program";

impl Step for Spanned<String> {
    fn usage(&self) -> Use {
        Use::Shares
    }

    fn cost(&self, _: &mut Walk<'_>) {}
}

impl Runner<'_> {
    /// Revokes a key where the target can.
    pub(in crate::run) async fn revoke(&mut self, name: &Spanned<String>) -> Result<(), Gap> {
        let key = self.key(Some(name))?;
        match (&self.environment.workspace, &key.key.mock_id) {
            (Some(workspace), Some(id)) => Ok(workspace.revoke(id).await?),
            _ => Err(Gap::Skipped(CANNOT_REVOKE.to_owned())),
        }
    }
}
