//! Using a key up, so that there are 429s to look at and a promise to wait for.

use std::time::Duration;

use crate::run::ledger::{KeyState, WINDOW};
use crate::run::message::Answer;
use crate::run::player::{FEW_IN_FLIGHT, Player, Stop};
use crate::run::wire::Connections;
use crate::scenario::model::{Exhaust, RequestDef};

/// How many requests are under way at once. Many, so that a limiter that races shows it here as well.
const IN_FLIGHT: u32 = 32;

/// A wave that took so long met a crowded target: the next one goes out with fewer requests at once.
pub(super) const CROWDED: Duration = Duration::from_secs(10);

/// How many requests are sent one by one until one of them is answered 429.
const MOST_ALONE: usize = 20;

/// How often a whole quota is sent before we believe that there is no limit.
const MOST_WAVES: u32 = 3;

/// How often it is sent where there is one. A limiter that slides gives quota back as fast as it was used up a minute
/// ago, so that the request after a wave may find room again until all of that burst is forgotten.
const MOST_WAVES_OF_A_LIMIT: u32 = 12;

/// Why a key that is limited can still not be used up.
pub(super) const GIVES_BACK: &str =
    "the limiter gives quota back so fast that the key cannot be held used up";

impl Player<'_> {
    /// Sends until the key is used up and enough 429s are collected.
    pub(super) async fn exhaust(&mut self, exhaust: &Exhaust) -> Result<Vec<(usize, Answer)>, Stop> {
        let key = self.key(exhaust.key.as_ref())?;
        self.run.burst_is_welcome()?;
        self.control_on(&key, &exhaust.request).await?;
        let def = self.request(&exhaust.request)?;
        self.spending_since = self.stage.clock.now();
        let collect = exhaust.collect.unwrap_or(1);
        self.held_used_up = Some((exhaust.request.value.clone(), exhaust.batch));
        let limited = self.use_up(&key, def, collect, exhaust.batch).await?;
        limited.ok_or_else(|| {
            let variable = &key.key.variable;
            Stop::Blocked(format!("{variable} could not be used up: a check of its limit names the cause"))
        })
    }

    /// Sends until at least `collect` 429s came and one more request, sent alone, is answered 429 too: its promise is
    /// the one that counts. `None` when the key is never limited.
    pub(super) async fn use_up(
        &self,
        key: &KeyState,
        def: &RequestDef,
        collect: u32,
        batch: Option<u32>,
    ) -> Result<Option<Vec<(usize, Answer)>>, Stop> {
        let mut limited: Vec<(usize, Answer)> = Vec::new();
        let now = self.stage.clock.now();
        if collect <= 1
            && (key.used_up_at(now) || key.limited_just_now(now))
            && let (Some(answer), _) = self.limited_alone(key, def, batch).await?
        {
            return Ok(Some(vec![(usize::MAX, answer)]));
        }
        let mut in_flight = IN_FLIGHT.min(self.most_in_flight);
        let mut slowest = Duration::ZERO;
        for wave in 0..MOST_WAVES_OF_A_LIMIT {
            if wave >= MOST_WAVES && limited.is_empty() {
                break;
            }
            let now = self.stage.clock.now();
            let missing = collect.saturating_sub(u32::try_from(limited.len()).unwrap_or(u32::MAX));
            let quota = match batch {
                _ if key.used_up_at(now) => 0,
                Some(batch) => key.limits.events.unwrap_or(0).div_ceil(batch.max(1)),
                None => key.limits.requests,
            };
            let wave = vec![batch.unwrap_or(0); (quota + missing.max(1)) as usize];
            let requests = self.batches(def, key, &wave)?;
            let volley = self.fire(Some(key), requests, in_flight, self.connections).await;
            slowest = slowest.max(volley.took());
            if volley.took() > CROWDED && volley.is_crowded() {
                in_flight = FEW_IN_FLIGHT;
            }
            limited.extend(volley.answers.into_iter().filter(|(_, answer)| answer.status == 429));
            if limited.len() < collect as usize || limited.is_empty() {
                continue;
            }
            if let (Some(answer), _) = self.limited_alone(key, def, batch).await? {
                limited.push((usize::MAX, answer));
                return Ok(Some(limited));
            }
        }
        if slowest + CROWDED > WINDOW {
            let took = slowest.as_secs();
            return Err(Stop::Inconclusive(format!(
                "the target needed {took} s for a whole quota, so the key cannot be used up within a minute"
            )));
        }
        match limited.is_empty() {
            true => Ok(None),
            // Enough to look at, although the key is not used up for long.
            false if collect > 1 && limited.len() >= collect as usize => Ok(Some(limited)),
            false => Err(Stop::Inconclusive(GIVES_BACK.to_owned())),
        }
    }

    /// The first 429 among requests sent one by one. A limiter that slides gives quota back bit by bit, so the first
    /// of them may still find some: how many did comes with it. `None` when all of them are let in.
    pub(super) async fn limited_alone(
        &self,
        key: &KeyState,
        def: &RequestDef,
        batch: Option<u32>,
    ) -> Result<(Option<Answer>, usize), Stop> {
        let mut let_in = 0;
        for outgoing in self.batches(def, key, &[batch.unwrap_or(0); MOST_ALONE])? {
            match self.exchange_in_a_crowd(&outgoing, Some(key), Connections::Fresh).await {
                Ok(answer) if answer.status == 429 => return Ok((Some(answer), let_in)),
                Ok(_) => let_in += 1,
                Err(fault) => return Err(Stop::Inconclusive(format!("using the key up broke off: {fault}"))),
            }
        }
        Ok((None, let_in))
    }
}
