//! The steps of the scenario language, one file each.

mod accepted;
mod align;
mod burst;
mod control;
mod exhaust;
mod find_session;
pub(super) mod fingerprint;
mod pace;
mod poll;
mod send;
mod simple;
mod ways;

pub(super) use burst::IN_FLIGHT;

use super::player::{Player, Stop};
use crate::contract::{Endpoint, Scope};
use crate::scenario::model::{RequestDef, Step};
use crate::scenario::span::Spanned;

impl Player<'_> {
    /// Plays one step. Loading has made sure that it holds exactly one action.
    pub(super) async fn step(&mut self, step: &Spanned<Step>) -> Result<(), Stop> {
        let line = step.at.line;
        if let Some(send) = &step.send {
            self.send(send, step, line).await
        } else if let Some(burst) = &step.burst {
            self.burst(burst, step, line).await
        } else if let Some(pace) = &step.pace {
            self.pace(pace, step, line).await
        } else if let Some(poll) = &step.poll {
            self.poll(poll, step, line).await
        } else if let Some(fingerprint) = &step.fingerprint {
            self.fingerprint(fingerprint).await
        } else if step.align.is_some() {
            self.align().await
        } else if let Some(exhaust) = &step.exhaust {
            self.exhaust(exhaust, step, line).await
        } else if let Some(wait) = &step.wait {
            self.wait(*wait).await
        } else if let Some(key) = &step.revoke {
            self.revoke(key).await
        } else if let Some(find) = &step.find_session {
            self.find_session(find, line).await
        } else if let Some(rule) = step.review {
            self.review(rule, step, line)
        } else {
            Ok(())
        }
    }
}

/// The scope of a request's endpoint, where it has one.
pub(super) fn endpoint_scope(def: &RequestDef) -> Option<Scope> {
    let name = def.endpoint.as_ref()?;
    Endpoint::ALL.into_iter().find(|endpoint| endpoint.name() == name.as_str()).map(Endpoint::scope)
}
