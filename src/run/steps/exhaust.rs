//! Using a key up, so that there are refusals to look at and a promise to wait for.

use std::time::Duration;

use super::{Names, Step, Use};
use crate::client::Connections;
use crate::run::evidence::{Answer, Gap};
use crate::run::keys::KeyState;
use crate::run::learned::NO_REFUSAL;
use crate::run::limiters::{NOT_HELD, WINDOW, no_answer};
use crate::run::queue::QUEUED;
use crate::run::runner::Runner;
use crate::run::walk::Walk;
use crate::scenario::model::{Exhaust, RequestDef};

/// How many requests are sent one by one until one of them is refused.
const MOST_ALONE: usize = 20;

/// How often a whole quota is sent before we believe that there is no limit.
const MOST_WAVES: u32 = 3;

/// How often it is sent where there is one. A limiter that slides gives quota back as fast as it was used up a minute
/// ago, so that the request after a wave may find room again until all of that burst is forgotten.
const MOST_WAVES_OF_A_LIMIT: u32 = 12;

/// A quota that takes so long to be used up cannot be used up within a minute.
const TOO_SLOW: Duration = Duration::from_secs(WINDOW.as_secs() - 10);

impl Step for Exhaust {
    fn names(&self) -> Option<Names<'_>> {
        Some((&self.key, &self.request))
    }

    fn usage(&self) -> Use {
        Use::UsesUp
    }

    fn sends_many(&self) -> bool {
        true
    }

    fn cost(&self, walk: &mut Walk<'_>) {
        let Some(name) = self.key() else { return };
        walk.use_up(name, self.request(), self.collect.unwrap_or(1));
    }
}

impl Runner<'_> {
    /// Sends until the key is used up and enough refusals are collected.
    pub(in crate::run) async fn exhaust(&mut self, exhaust: &Exhaust) -> Result<Vec<Answer>, Gap> {
        let key = self.key(exhaust.key.as_ref())?;
        self.run.burst_is_welcome()?;
        let (name, def) = self.measured_request(exhaust.request.as_ref(), exhaust.key.as_ref())?;
        let collect = exhaust.collect.unwrap_or(1);
        self.held_used_up = Some((name.to_owned(), None));
        let limited = self.use_up(&key, def, collect, None).await?;
        limited.ok_or_else(|| {
            Gap::NeverLimited(format!(
                "{} could not be used up: a check of its limit names the cause",
                key.key.variable
            ))
        })
    }

    /// Sends until at least `collect` refusals came and one more request, sent alone, is refused too: its promise is the
    /// one that counts. `None` when the key is never limited.
    pub(super) async fn use_up(
        &self,
        key: &KeyState,
        def: &RequestDef,
        collect: u32,
        batch: Option<u32>,
    ) -> Result<Option<Vec<Answer>>, Gap> {
        let mut limited: Vec<Answer> = Vec::new();
        let now = self.environment.clock.now();
        if collect <= 1
            && (key.used_up_at(now) || key.limited_just_now(now))
            && let (Some(answer), _) = self.limited_alone(key, def, batch).await?
        {
            return Ok(Some(vec![answer]));
        }
        if self.run.learned.lock().silent_refusals {
            return Err(Gap::NeverLimited(NO_REFUSAL.to_owned()));
        }
        self.is_not_queued()?;
        let mut slowest = Duration::ZERO;
        for wave in 0..MOST_WAVES_OF_A_LIMIT {
            if wave >= MOST_WAVES && limited.is_empty() {
                break;
            }
            let missing = collect.saturating_sub(u32::try_from(limited.len()).unwrap_or(u32::MAX));
            let (took, refused) = self.wave(key, def, missing, batch).await?;
            slowest = slowest.max(took);
            limited.extend(refused);
            if limited.len() < collect as usize || limited.is_empty() {
                continue;
            }
            if let (Some(answer), _) = self.limited_alone(key, def, batch).await? {
                limited.push(answer);
                return Ok(Some(limited));
            }
        }
        if slowest > TOO_SLOW {
            let took = slowest.as_secs();
            return Err(Gap::Inconclusive(format!(
                "the target needed {took} s for a whole quota, so the key cannot be used up within a minute"
            )));
        }
        match limited.is_empty() {
            true => Ok(None),
            // Enough to look at, although the key is not used up for long.
            false if collect > 1 && limited.len() >= collect as usize => Ok(Some(limited)),
            false => Err(Gap::NotHeld(NOT_HELD.to_owned())),
        }
    }

    /// Makes sure that requests do not wait in a queue, so that nothing is ever used up.
    pub(super) fn is_not_queued(&self) -> Result<(), Gap> {
        match self.run.learned.lock().queued {
            Some(_) => Err(Gap::NeverLimited(QUEUED.to_owned())),
            None => Ok(()),
        }
    }

    /// Sends what a key has left, and as many more as refusals are missing: how long that took, and what was refused.
    async fn wave(
        &self,
        key: &KeyState,
        def: &RequestDef,
        missing: u32,
        batch: Option<u32>,
    ) -> Result<(Duration, impl Iterator<Item = Answer>), Gap> {
        let limits = self.limits(key);
        let quota = match batch {
            _ if key.used_up_at(self.environment.clock.now()) => 0,
            Some(batch) => limits.events.unwrap_or(0).div_ceil(batch.max(1)),
            None => limits.requests,
        };
        let batches = vec![batch.unwrap_or(0); (quota + missing.max(1)) as usize];
        let requests = self.batches(def, key, &batches)?;
        let in_flight = self.in_flight(None, requests.len(), def);
        let (burst, answers) = self.fire(Some(key), requests, &batches, in_flight, Connections::Reused).await;
        if let Some(fault) = burst.faults.iter().find(|fault| fault.is_time_out()) {
            return Err(Gap::Noise(no_answer(fault)));
        }
        // Which of the refusals belong to the window that is open now cannot be told from answers that overlap.
        key.forget_promise();
        let refused = answers.into_iter().map(|(_, answer)| answer).filter(|answer| answer.limited);
        Ok((burst.took(), refused))
    }

    /// The first refusal among requests sent one by one. A limiter that slides gives quota back bit by bit, so the first
    /// of them may still find some: how many did comes with it. `None` when all of them are let in.
    pub(super) async fn limited_alone(
        &self,
        key: &KeyState,
        def: &RequestDef,
        batch: Option<u32>,
    ) -> Result<(Option<Answer>, usize), Gap> {
        let mut let_in = 0;
        for outgoing in self.batches(def, key, &[batch.unwrap_or(0); MOST_ALONE])? {
            match self.exchange_in_a_crowd(&outgoing, Some(key), Connections::Fresh).await {
                Ok(answer) if answer.limited => return Ok((Some(answer), let_in)),
                Ok(_) => let_in += 1,
                Err(fault) => return Err(Gap::Noise(format!("using the key up broke off: {fault}"))),
            }
        }
        Ok((None, let_in))
    }
}
