//! Waiting for fresh windows, promises and silences, without trusting any clock but our own.

use std::sync::Arc;
use std::time::Duration;

use super::{Step, Use};
use crate::run::environment::OWN;
use crate::run::evidence::{Fresh, Gap};
use crate::run::instant::Instant;
use crate::run::job;
use crate::run::job::is_measured;
use crate::run::keys::{KeyState, fresh_by_silence};
use crate::run::limiters::{self, LONG_SILENCE, SHORT_SILENCE, WINDOW};
use crate::run::runner::{PHASE, Runner};
use crate::run::walk::Walk;
use crate::scenario::words::WaitFor;

/// A promise further away than this is not waited for: no documented limit reaches beyond a minute.
const LONGEST_PROMISE: Duration = Duration::from_secs(WINDOW.as_secs() + 1);

/// Between a promise and the burst that takes all it promised, at the least.
const A_MOMENT: Duration = Duration::from_millis(200);

impl Step for WaitFor {
    fn usage(&self) -> Use {
        Use::Waits
    }

    fn sends_many(&self) -> bool {
        *self == Self::FreshWindow
    }

    fn cost(&self, walk: &mut Walk<'_>) {
        let ends = walk.keys.get(walk.next).and_then(|key| key.ends(walk.now)).unwrap_or(walk.now);
        let last = walk.keys.values().filter_map(|key| key.last).max().unwrap_or(walk.now);
        match self {
            Self::FreshWindow => fresh_window(walk),
            Self::SilentWindow => walk.wait_until(last + WINDOW),
            Self::Promise | Self::FirstPromise => walk.wait_until(ends),
            Self::Settled => walk.wait_until(walk.now + walk.last_burst),
        }
    }
}

/// A wait for fresh windows of all keys that are measured, on paper.
fn fresh_window(walk: &mut Walk<'_>) {
    let measured: Vec<String> =
        walk.keys.keys().filter(|name| is_measured(walk.case, name)).cloned().collect();
    if !walk.is_virtual && measured.iter().all(|name| walk.keys[name].hardly_used(walk.now)) {
        return;
    }
    let mut ready = walk.now;
    for name in measured {
        let Some(key) = walk.keys.get(&name) else { continue };
        if walk.is_virtual {
            ready = ready.max(key.last.map_or(walk.now, |last| last + LONG_SILENCE));
            continue;
        }
        match fresh_by_silence(key.last, key.ends, walk.now) {
            Some(fresh) if !key.used_up(walk.now) && fresh <= walk.now + SHORT_SILENCE / 2 => {
                ready = ready.max(fresh);
            }
            _ => {
                if !key.used_up(walk.now) {
                    walk.use_up(&name, None, 1);
                }
                let ends = walk.keys.get(&name).and_then(|key| key.ends(walk.now));
                ready = ready.max(ends.unwrap_or(walk.now));
            }
        }
    }
    walk.wait_until(ready);
}

impl Runner<'_> {
    /// Waits; for promises of the key that is used next.
    pub(in crate::run) async fn wait(&mut self, wait: WaitFor, next: &str) -> Result<(), Gap> {
        self.held_used_up = None;
        match wait {
            WaitFor::FreshWindow => self.fresh_window().await,
            WaitFor::SilentWindow => self.silent_window().await,
            WaitFor::Promise => self.promise(next, KeyState::promise, "the promise of a 429").await,
            WaitFor::FirstPromise => {
                self.promise(next, KeyState::first_promise, "the first promise of a 429").await
            }
            WaitFor::Settled => {
                let settled = self.environment.clock.now() + self.last_burst + A_MOMENT;
                self.wait_until(settled, "all of a quota that is due back").await?;
                // Where quota comes back bit by bit, all of it is there after a long silence only.
                match self.attempt.silence {
                    Some(silence) if silence >= LONG_SILENCE => self.silent_window().await,
                    _ => Ok(()),
                }
            }
        }
    }

    /// From now on the quota of these keys is taken for whole.
    fn begin_window(&mut self, fresh: Fresh, keys: &[&Arc<KeyState>]) {
        let now = self.environment.clock.now();
        let last = keys.iter().filter_map(|key| key.last_answer()).max();
        self.silence = last.map_or(LONG_SILENCE, |last| now - last);
        // A kept promise is as good as a silent window.
        let rest = if fresh == Fresh::Silence { self.silence } else { self.silence.max(WINDOW) };
        keys.iter().for_each(|key| key.begin_window(rest));
        self.fresh = Some(fresh);
    }

    /// From now on the quota of every key of the case is taken for whole.
    fn begin_windows(&mut self, fresh: Fresh) {
        let all: Vec<_> = self.bindings.values().collect();
        self.begin_window(fresh, &all);
    }

    /// Waits until every key whose quota is counted has a fresh window.
    pub(super) async fn fresh_window(&mut self) -> Result<(), Gap> {
        let measured: Vec<_> = self
            .bindings
            .iter()
            .filter(|(name, _)| name.as_str() == OWN || job::is_measured(self.case, name))
            .map(|(name, key)| (name, Arc::clone(key)))
            .collect();
        self.promised.clear();
        let now = self.environment.clock.now();
        if self.attempt.before == 0
            && !self.environment.clock.is_virtual()
            && measured.iter().all(|(_, key)| self.is_as_good_as_fresh(key, now))
        {
            // What was sent so far is taken off.
            self.fresh = Some(Fresh::Unused);
            self.silence = measured.iter().map(|(_, key)| key.rest()).min().unwrap_or(LONG_SILENCE);
            return Ok(());
        }
        let mut ready = now;
        let mut fresh = Fresh::Silence;
        for (name, key) in &measured {
            let (at, by) = self.fresh_at(key).await?;
            ready = ready.max(at);
            if by == Fresh::Promise {
                fresh = by;
                self.promised.insert((*name).clone());
            }
        }
        if self.environment.clock.is_virtual() {
            ready = ready + PHASE * self.attempt.before;
        }
        ready = ready + limiters::shift(&self.attempt.suspicions, ready);
        let names: Vec<_> = measured.iter().map(|(_, key)| key.key.variable.clone()).collect();
        let what = format!("a fresh window of {}", names.join(" and "));
        self.wait_until(ready, &what).await?;
        if fresh == Fresh::Promise && self.silence_wanted().is_some() {
            // It was found meanwhile that a promise is about a part of the quota only.
            let silent = measured.iter().map(|(_, key)| self.silent_until(key, LONG_SILENCE)).max();
            self.wait_until(silent.unwrap_or(ready), &what).await?;
            fresh = Fresh::Silence;
            self.promised.clear();
        }
        self.begin_windows(fresh);
        Ok(())
    }

    /// Whether so little of a key's quota was used that it need not wait for a window. Where the limiter slides, a promise tells
    /// nothing of that.
    fn is_as_good_as_fresh(&self, key: &KeyState, now: Instant) -> bool {
        let is_whole = !self.run.learned.lock().slides || key.rest() >= LONG_SILENCE;
        key.last_answer().is_none() || is_whole && key.hardly_used(now)
    }

    /// When a key has a fresh window, and how that is known.
    async fn fresh_at(&self, key: &KeyState) -> Result<(Instant, Fresh), Gap> {
        let virtual_time = self.environment.clock.is_virtual().then_some(LONG_SILENCE);
        if let Some(silence) = self.silence_wanted().max(virtual_time) {
            return Ok((self.silent_until(key, silence), Fresh::Silence));
        }
        if let Some(fresh) = key.fresh_by_silence(self.environment.clock.now())
            && !key.used_up_at(self.environment.clock.now())
            && fresh <= self.environment.clock.now() + SHORT_SILENCE / 2
        {
            return Ok((fresh, Fresh::Silence));
        }
        if !(key.used_up_at(self.environment.clock.now()) && key.promise().is_some()) {
            self.run.burst_is_welcome()?;
            let (_, def) = self.measured_request(None, None)?;
            match self.use_up(key, def, 1, None).await {
                // Where quota comes back at once, or nobody can tell, silence tells more than any promise.
                Err(Gap::NotHeld(_) | Gap::NeverLimited(_)) => {
                    return Ok((self.silent_until(key, SHORT_SILENCE), Fresh::Silence));
                }
                used_up => used_up.map(|_| ())?,
            }
        }
        let now = self.environment.clock.now();
        Ok(match key.promise() {
            Some(promise) if promise - now <= LONGEST_PROMISE && !self.run.breaks_promises() => {
                (promise, Fresh::Promise)
            }
            _ => (self.silent_until(key, SHORT_SILENCE), Fresh::Silence),
        })
    }

    /// How long a key has to be silent before its quota is measured: by what left a doubt, and by the limiter's kind.
    fn silence_wanted(&self) -> Option<Duration> {
        let slides = self.run.learned.lock().slides.then_some(LONG_SILENCE);
        self.attempt.silence.max(slides)
    }

    /// When a key has been silent for so long. What was refused counts as well, once a play has left a doubt: a limiter may
    /// remember it.
    fn silent_until(&self, key: &KeyState, silence: Duration) -> Instant {
        let last = if self.attempt.before > 0 || silence < LONG_SILENCE {
            key.last_answer()
        } else {
            key.last_spent()
        };
        last.map_or_else(|| self.environment.clock.now(), |last| last + silence)
    }

    /// Waits until every key of the case was silent for a window.
    async fn silent_window(&mut self) -> Result<(), Gap> {
        let silence = self.silence_wanted().unwrap_or(WINDOW).max(WINDOW);
        let until = self.bindings.values().map(|key| self.silent_until(key, silence)).max();
        let until = until.unwrap_or_else(|| self.environment.clock.now());
        // What comes next should lie apart from the bursts that made a play before this one suspicious.
        let until = until + limiters::apart_from(&self.attempt.suspicions, until);
        self.wait_until(until, "a silent window").await?;
        self.begin_windows(Fresh::Silence);
        Ok(())
    }

    /// Waits for what a key's 429s promised; where none can be read, for a silent minute.
    async fn promise(
        &mut self,
        name: &str,
        promised: fn(&KeyState) -> Option<Instant>,
        what: &str,
    ) -> Result<(), Gap> {
        let Some(key) = self.bindings.get(name).or_else(|| self.bindings.values().next()) else {
            return Ok(());
        };
        let now = self.environment.clock.now();
        match promised(key) {
            Some(promise) if promise - now <= LONGEST_PROMISE => {
                self.wait_until(promise, what).await?;
                self.begin_window(Fresh::Next, &[key]);
                self.on_promise = true;
            }
            _ => {
                let until = self.silent_until(key, SHORT_SILENCE);
                self.wait_until(until, "a silent minute, since no promise can be read").await?;
                self.begin_window(Fresh::Silence, &[key]);
            }
        }
        Ok(())
    }
}
