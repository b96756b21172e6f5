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
mod seen;
mod send;
mod simple;
mod trickle;
mod ways;

pub(super) use burst::IN_FLIGHT;

use super::credentials::counts_against_key;
use super::player::{Player, Stop};
use crate::contract::{Endpoint, Scope};
use crate::scenario::model::{RequestDef, Step};
use crate::scenario::span::Spanned;
pub(super) use seen::Seen;

impl Player<'_> {
    /// Plays one step: does it, judges what came of it, and looks again where that tells more.
    pub(super) async fn step(&mut self, step: &Spanned<Step>) -> Result<(), Stop> {
        if let Some(send) = &step.send {
            return self.send(send, step).await;
        }
        let seen = self.act(step).await?;
        match self.judge(step, &seen) {
            Err(Stop::Suspect(suspicion, failures)) => {
                let suspicion = self.look_for_a_trickle(step, &seen, suspicion).await?;
                Err(Stop::Suspect(suspicion, failures))
            }
            judged => judged,
        }
    }

    /// Does what a step says. Loading has made sure that it holds exactly one action.
    pub(super) async fn act(&mut self, step: &Spanned<Step>) -> Result<Seen, Stop> {
        let line = step.at.line;
        if let Some(send) = &step.send {
            return Ok(Seen::Answer(Box::new(self.send_one(send, line).await?)));
        } else if let Some(burst) = &step.burst {
            let fired = self.burst(burst).await?;
            if counts_against_key(burst.credentials.as_ref()) && std::mem::take(&mut self.is_at_the_beginning)
            {
                self.window_is_there(&fired, step, line)?;
            }
            return Ok(Seen::Burst(Box::new(fired)));
        } else if let Some(pace) = &step.pace {
            return Ok(Seen::Paced(Box::new(self.pace(pace).await?)));
        } else if let Some(poll) = &step.poll {
            return Ok(Seen::Polled(Box::new(self.poll(poll).await?)));
        } else if let Some(exhaust) = &step.exhaust {
            return Ok(Seen::UsedUp(self.exhaust(exhaust).await?));
        } else if let Some(fingerprint) = &step.fingerprint {
            self.fingerprint(fingerprint).await?;
        } else if step.align.is_some() {
            self.align().await?;
        } else if let Some(wait) = &step.wait {
            self.wait(*wait).await?;
        } else if let Some(key) = &step.revoke {
            self.revoke(key).await?;
        } else if let Some(find) = &step.find_session {
            self.find_session(find, line).await?;
        } else if let Some(rule) = step.review {
            self.review(rule, step, line)?;
        }
        Ok(Seen::Nothing)
    }

    /// Holds what a step brought to light against what it expects. Sends nothing.
    pub(super) fn judge(&mut self, step: &Spanned<Step>, seen: &Seen) -> Result<(), Stop> {
        let line = step.at.line;
        match seen {
            Seen::Nothing => Ok(()),
            Seen::Answer(sent) => self.judge_sent(sent, step, line),
            Seen::Burst(fired) => self.judge_burst(fired, step, line),
            Seen::Paced(paced) => self.judge_pace(paced, step, line),
            Seen::Polled(polled) => self.judge_poll(polled, step, line),
            Seen::UsedUp(limited) => {
                step.expect.as_ref().map_or(Ok(()), |expect| self.judge_each_429(expect, limited, line))
            }
        }
    }
}

/// The scope of a request's endpoint, where it has one.
pub(super) fn endpoint_scope(def: &RequestDef) -> Option<Scope> {
    let name = def.endpoint.as_ref()?;
    Endpoint::ALL.into_iter().find(|endpoint| endpoint.name() == name.as_str()).map(Endpoint::scope)
}
