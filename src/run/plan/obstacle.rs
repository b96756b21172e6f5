//! What keeps a case from being played at a deployment, as far as that is known before.

use crate::scenario::model::{Case, Step};
use crate::target::Outlook;

/// The obstacles of a run.
#[derive(Debug)]
pub(super) struct Obstacles {
    /// Why bursts are not sent.
    no_bursts: Option<String>,
}

impl Obstacles {
    pub(super) fn new(outlook: &Outlook, allowed_hosts: &[String]) -> Self {
        Self { no_bursts: no_bursts(&outlook.host(), outlook.loopback, allowed_hosts) }
    }

    /// What keeps this case from being played.
    pub(super) fn before(&self, case: &Case) -> Option<String> {
        if case.steps.iter().any(|step| step.revoke.is_some()) {
            return Some(CANNOT_REVOKE.to_owned());
        }
        self.no_bursts.clone().filter(|_| case.steps.iter().any(|step| sends_many(step)))
    }
}

/// Why a case that revokes is not played at a deployment.
pub(in crate::run) const CANNOT_REVOKE: &str = "keys of this target cannot be revoked by a program";

/// Why bursts do not go to this host, if they do not.
pub(in crate::run) fn no_bursts(host: &str, loopback: bool, allowed_hosts: &[String]) -> Option<String> {
    (!loopback && !allowed_hosts.iter().any(|allowed| allowed == host)).then(|| {
        format!("it sends bursts, and {host} is not this machine: allow it with --allow-host {host}")
    })
}

fn sends_many(step: &Step) -> bool {
    step.burst.is_some() || step.exhaust.is_some() || step.align.is_some() || step.pace.is_some()
}
