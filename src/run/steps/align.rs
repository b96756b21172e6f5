//! Getting a whole, fresh window, without trusting any clock but our own.

use std::time::Duration;

use crate::contract::Scope;
use crate::run::clock::Moment;
use crate::run::ledger::{KeyState, WINDOW};
use crate::run::player::{Player, Stop};
use crate::run::suspicion::{self, LONG_SILENCE};

/// A promise further away than this is not waited for: no documented limit reaches beyond a minute.
const LONGEST_PROMISE: Duration = Duration::from_secs(WINDOW.as_secs() + 1);

/// By how much each further try begins at another phase of the minute.
const PHASE: Duration = Duration::from_secs(17);

impl Player<'_> {
    /// Waits until every key of the case has a fresh window: by the promise of a 429 where there is one, by silence
    /// where the limiter slides.
    pub(in crate::run) async fn align(&mut self) -> Result<(), Stop> {
        let mut ready = self.stage.clock.now();
        self.waited_for_first_promise = true;
        for key in self.measured() {
            // Silence costs nothing where the clock can be moved. But what follows a window that was measured already
            // is about windows in a row, and there the promise is taken at its word.
            let in_a_row = self.spent.contains_key(&key.key.variable);
            let (fresh_at, first_promise) = if self.stage.clock.is_virtual() && !in_a_row {
                (self.silent_until(key, LONG_SILENCE), false)
            } else if self.trusts
                && !in_a_row
                && let Some(fresh_at) = self.fresh_by_silence(key)
            {
                (fresh_at, false)
            } else {
                self.fresh_at(key).await?
            };
            self.waited_for_first_promise &= first_promise;
            ready = ready.max(fresh_at);
        }
        if self.stage.clock.is_virtual() && self.spent.is_empty() {
            ready = ready + PHASE * u32::try_from(self.tries.len()).unwrap_or(0);
        }
        if self.spent.is_empty() {
            ready = ready + suspicion::shift(&self.tries, ready);
        }
        let keys: Vec<_> = self.measured().map(|key| key.key.variable.clone()).collect();
        self.wait_until(ready, &format!("a fresh window of {}", keys.join(" and "))).await?;
        self.spend_anew();
        self.is_at_the_beginning = true;
        let silences = self.measured().filter_map(|key| Some(self.spending_since - key.last_answer()?));
        self.silence = silences.min().unwrap_or_default();
        Ok(())
    }

    /// When a real deployment's key has a fresh window, and whether the first promise of a 429 says so.
    async fn fresh_at(&self, key: &KeyState) -> Result<(Moment, bool), Stop> {
        let slides = (self.run.slides() == Some(true)).then_some(LONG_SILENCE);
        if let Some(silence) = key.silence().max(self.patience).max(slides) {
            return Ok((self.silent_until(key, silence), false));
        }
        let now = self.stage.clock.now();
        if !(key.used_up_at(now) && key.promise().is_some()) {
            self.run.burst_is_welcome()?;
            let writes_only = !key.key.scopes.contains(&Scope::ReadAnalytics);
            let name = if writes_only { "post-events" } else { "list-sessions" };
            self.control_on(key, name).await?;
            self.use_up(key, self.request(name)?, 1, None).await?;
        }
        let now = self.stage.clock.now();
        Ok(match key.promise() {
            Some(promise) if promise - now <= LONGEST_PROMISE => {
                (promise, key.first_promise() == Some(promise))
            }
            _ => (self.silent_until(key, WINDOW + Duration::from_secs(1)), false),
        })
    }

    /// See [`KeyState::fresh_by_silence`]; where limiters slide, only for a key that nothing was sent with.
    pub(in crate::run) fn fresh_by_silence(&self, key: &KeyState) -> Option<Moment> {
        let slides = self.run.slides() == Some(true) && key.last_answer().is_some();
        key.fresh_by_silence(self.stage.clock.now()).filter(|_| !slides)
    }

    fn silent_until(&self, key: &KeyState, silence: Duration) -> Moment {
        key.last_answer().map_or_else(|| self.stage.clock.now(), |last| last + silence)
    }
}
