//! Many requests, released together.

use std::borrow::Cow;
use std::sync::Arc;

use super::{Names, Step, Use};
use crate::amounts::time;
use crate::client::{Connections, Outgoing};
use crate::payload::random_session;
use crate::run::credentials::counts_against_key;
use crate::run::evidence::{Burst as Observation, Fresh, Gap};
use crate::run::keys::KeyState;
use crate::run::limiters::Suspicion;
use crate::run::request::{Recipe, scope_of};
use crate::run::runner::Runner;
use crate::run::walk::{TOGETHER, Walk, together};
use crate::scenario::model::{Action, Body, Burst, Credentials, HttpVersion, RequestDef};
use crate::scenario::words::Amount;

/// Why there is no burst in HTTP/2.
const NOT_OFFERED: &str = "the target does not offer HTTP/2";

/// One way a request of a burst may go: what is asked, and in which version of HTTP.
pub(super) type Way<'a> = (&'a RequestDef, Option<HttpVersion>);

impl Step for Burst {
    fn names(&self) -> Option<Names<'_>> {
        Some((&self.key, &self.request))
    }

    fn usage(&self) -> Use {
        // Without the key it spends nothing of what others count.
        if counts_against_key(self.credentials.as_ref()) { Use::Waits } else { Use::Shares }
    }

    fn sends_many(&self) -> bool {
        true
    }

    fn cost(&self, walk: &mut Walk<'_>) {
        let Some(name) = self.key() else { return };
        let Some(key) = walk.keys.get(name) else { return };
        let (limits, left) = (key.limits, key.left(walk.now));
        let (count, batch) = match (self.events, self.count) {
            (Some(events), _) => {
                let batch = self.batch.unwrap_or(1).max(1);
                let limit = limits.events.unwrap_or(0);
                (events.resolve(limit, left.1, limit).div_ceil(batch), Some(batch))
            }
            (None, count) => {
                let count = count.map_or(0, |count| count.resolve(limits.requests, left.0, limits.requests));
                (count, self.batch)
            }
        };
        let begun = walk.now;
        walk.requests(name, self.request(), count, batch, self.credentials.as_ref(), TOGETHER);
        walk.last_burst = walk.now - begun;
    }
}

impl<'a> Runner<'a> {
    /// Makes sure that HTTP/2 is spoken where a burst of this case has no other way, before a window is waited for.
    pub(in crate::run) fn check_versions(&self) -> Result<(), Gap> {
        let is_bound = |action: &Action| match action {
            Action::Burst(burst) => burst.http.len() == 1 && burst.http.contains(&HttpVersion::Http2),
            _ => false,
        };
        let is_spoken = self.run.learned.lock().http2 == Some(true);
        match !is_spoken && self.case.steps.iter().any(|step| is_bound(&step.value.action)) {
            true => Err(Gap::Skipped(NOT_OFFERED.to_owned())),
            false => Ok(()),
        }
    }

    /// Sends a burst. Where a whole quota was admitted without a refusal it goes on until there is one, or until there
    /// is no doubt that there is none; where little was admitted, it is seen whether more trickles back.
    pub(in crate::run) async fn burst(&mut self, burst: &Burst) -> Result<Observation, Gap> {
        let key_name = self.key_name(burst.key.as_ref());
        let key = self.key(burst.key.as_ref())?;
        self.run.burst_is_welcome()?;
        let counted = counts_against_key(burst.credentials.as_ref());
        if counted && burst.events.is_none() {
            self.is_not_queued()?;
        }
        let (ways, notes) = self.ways(burst, &key).await?;
        let spent = self.spent(&key);
        let batches = self.measured_out(burst, &key)?;
        let mut seen = Observation {
            key: key_name,
            counted,
            together: burst.in_flight.is_some_and(|in_flight| in_flight > 1),
            fresh: self.fresh.filter(|_| counted),
            since: spent.since,
            spent: (spent.requests, spent.events),
            silence: self.silence,
            private: self.is_private(),
            notes,
            ..Observation::default()
        };
        let in_http2 = ways.iter().map(|(_, http)| *http == Some(HttpVersion::Http2));
        if in_http2.clone().any(|http2| http2) {
            seen.in_http2 = in_http2.collect();
        }
        self.release(burst, &ways, &key, batches, &mut seen).await?;
        if seen.spent.0 == 0 {
            seen.since = seen.from;
        }
        seen.remembered = self.remembered(&key, &seen, seen.from);
        if counted {
            if seen.was_promised() && seen.met_no_window() {
                let is_news = !self.run.breaks_promises();
                self.run.note_broken_promise();
                // By silence it has a window, and more is seen in that.
                if is_news && seen.fresh == Some(Fresh::Promise) {
                    return self.burst_anew(burst).await;
                }
            }
            // Of refusals that came together nobody can tell which was asked for last; the one that left last was.
            let last = seen.answers.iter().map(|(_, answer)| answer).filter(|answer| answer.limited);
            key.promise_only(last.max_by_key(|answer| answer.sent));
            self.on_promise = false;
            if goes_beyond(burst.count) || goes_beyond(burst.events) {
                self.note_silent_refusals(&key, ways[0].0, &seen).await?;
            }
            if goes_beyond(burst.count) && seen.fresh.is_some() {
                self.seek_the_end(burst, &ways, &key, &mut seen).await?;
            }
            if burst.events.is_some() && !seen.together && seen.fresh.is_some() {
                let goes_on = goes_beyond(burst.events) && burst.padding.is_none();
                self.seek_the_end_of_events(burst, goes_on, &ways, &key, &mut seen).await?;
            }
            if seen.fresh.is_some() && self.is_short(&seen, &key) {
                if self.is_what_a_log_left(&key, &seen) {
                    // Known as what it is, it is given the time it needs.
                    self.run.learned.lock().slides = true;
                    return self.burst_anew(burst).await;
                }
                seen.elsewhere = self.left_elsewhere(&key, ways[0].0, &seen).await?;
                if !seen.is_split() {
                    seen.trickles = self.trickles(&key, ways[0].0, &seen).await?;
                }
                self.run.learned.lock().slides |= seen.trickles == Some(true);
            }
            self.fresh = None;
            self.last_burst = seen.took();
        }
        Ok(seen)
    }

    /// Sends a burst in another fresh window than the one that turned out to be none.
    async fn burst_anew(&mut self, burst: &Burst) -> Result<Observation, Gap> {
        self.fresh_window().await?;
        Box::pin(self.burst(burst)).await
    }

    /// How many events each request holds, zero where it is no batch.
    fn measured_out(&self, burst: &Burst, key: &KeyState) -> Result<Vec<u32>, Gap> {
        let limits = self.limits(key);
        let spent = self.spent(key);
        let batch = burst.batch.unwrap_or(0);
        match (burst.events, burst.count) {
            (Some(events), _) => {
                let limit = limits.events.ok_or_else(|| {
                    Gap::Skipped(format!("no limit on events is stated for {}", key.key.variable))
                })?;
                Ok(split(events.resolve(limit, limit.saturating_sub(spent.events), limit), batch.max(1)))
            }
            (None, Some(count)) => {
                let limit = limits.requests;
                let left = limit.saturating_sub(spent.requests);
                Ok(vec![batch; count.resolve(limit, left, limit) as usize])
            }
            (None, None) => Err(Gap::Blocked("the burst has no count".to_owned())),
        }
    }

    /// Sends so many more requests and adds what comes of them.
    pub(super) async fn release(
        &self,
        burst: &Burst,
        ways: &[Way<'_>],
        key: &KeyState,
        batches: Vec<u32>,
        seen: &mut Observation,
    ) -> Result<(), Gap> {
        let before = seen.batches.len();
        // It goes on with the way whose turn it is.
        let (later, next) = ways.split_at(before % ways.len());
        let turned = [next, later].concat();
        let requests =
            self.in_turn(&turned, key, &batches, burst.padding.unwrap_or(0), burst.credentials.as_ref())?;
        let noise = |suspicion: &Suspicion| matches!(suspicion, Suspicion::Noise(_));
        // What went wrong on a connection that was used before may go well on one of its own.
        let fresh = burst.fresh_connections || self.attempt.suspicions.iter().any(noise);
        let connections = if fresh { Connections::Fresh } else { Connections::Reused };
        let in_flight = self.in_flight(burst.in_flight, requests.len(), ways[0].0);
        let (burst, answers) =
            self.fire(seen.counted.then_some(key), requests, &batches, in_flight, connections).await;
        self.run.note_burst(self.name, batches.len(), burst.left_within);
        self.run
            .note_late((burst.to - burst.from).saturating_sub(together(batches.len(), batches.iter().sum())));
        seen.in_flight = seen.in_flight.max(in_flight);
        if before == 0 {
            (seen.from, seen.left_within) = (burst.from, burst.left_within);
        }
        seen.to = burst.to;
        seen.answers.extend(answers.into_iter().map(|(place, answer)| (before + place, answer)));
        seen.faults.extend(burst.faults.iter().map(ToString::to_string));
        seen.batches.extend(batches);
        Ok(())
    }

    /// The ways of a burst, without those that the key or the target does not offer, and what was left out.
    async fn ways(&self, burst: &Burst, key: &KeyState) -> Result<(Vec<Way<'a>>, Vec<String>), Gap> {
        let mut notes = Vec::new();
        let (name, first) = match burst.credentials.is_none() {
            true => self.measured_request(burst.request.as_ref(), burst.key.as_ref())?,
            false => self.usual_request(burst.request.as_ref(), burst.key.as_ref())?,
        };
        self.is_answered(name)?;
        let mut defs = vec![first];
        let facts = self.run.facts_of(&key.key);
        for name in &burst.in_turn_with {
            let def = self.request(name)?;
            if scope_of(def).is_some_and(|scope| !key.key.scopes.contains(&scope)) {
                continue;
            }
            if let Some(took) = self.run.is_slow(def) {
                notes.push(format!("{} was left out: it takes {} to answer", **name, time(took)));
                continue;
            }
            match self.run.learned.lock().offers.get(name.as_str()).copied() {
                Some(status) if matches!(status, 404 | 405 | 501) => {
                    notes.push(format!(
                        "{} was left out: the deployment does not offer it ({status})",
                        **name
                    ));
                }
                _ => match facts.as_ref().filter(|facts| !facts.admits(name)) {
                    Some(facts) => notes.push(format!(
                        "{} was left out: it does not admit this key ({})",
                        **name,
                        facts.told()
                    )),
                    None => defs.push(def),
                },
            }
        }
        if defs.len() == 1 && !burst.in_turn_with.is_empty() {
            return Err(Gap::Skipped("the deployment offers this key one endpoint only".to_owned()));
        }
        let mut versions: Vec<_> = burst.http.iter().copied().map(Some).collect();
        if burst.http.contains(&HttpVersion::Http2) && self.run.learned.lock().http2 != Some(true) {
            versions.retain(|version| *version != Some(HttpVersion::Http2));
            if versions.is_empty() {
                return Err(Gap::Skipped(NOT_OFFERED.to_owned()));
            }
            notes.push(format!("{NOT_OFFERED}: only HTTP/1.1 was spoken"));
        }
        if versions.is_empty() {
            versions.push(None);
        }
        let ways = versions.iter().flat_map(|http| defs.iter().map(|def| (*def, *http))).collect();
        Ok((ways, notes))
    }

    /// The same request as often as there are `batches`; see [`Runner::in_turn`].
    pub(super) fn batches(
        &self,
        def: &RequestDef,
        key: &KeyState,
        batches: &[u32],
    ) -> Result<Vec<Arc<Outgoing>>, Gap> {
        self.in_turn(&[(def, None)], key, batches, 0, None)
    }

    /// As many requests as there are `batches`, which take the ways in turn: a batch of so many events each, or the
    /// request as it is where that is zero.
    fn in_turn(
        &self,
        ways: &[Way<'_>],
        key: &KeyState,
        batches: &[u32],
        padding: u32,
        credentials: Option<&Credentials>,
    ) -> Result<Vec<Arc<Outgoing>>, Gap> {
        let make = |way: &Way<'_>, size: u32| {
            let body = Body::Events(size);
            // Who limits sessions instead of keys shall not get away with it.
            let session = if size > 0 { Cow::Owned(random_session()) } else { Cow::Borrowed(&*self.session) };
            let mut recipe = Recipe::plain(way.0, &key.key, &session, self.run.envelope());
            recipe.body = (size > 0).then_some(&body);
            recipe.padding = padding;
            recipe.http = way.1;
            recipe.credentials = credentials;
            self.make(&recipe).map(Arc::new)
        };
        // Without a body of its own, one request serves all that go the same way.
        let mut made: Vec<Option<Arc<Outgoing>>> = vec![None; ways.len()];
        let mut requests = Vec::with_capacity(batches.len());
        for (place, size) in batches.iter().enumerate() {
            let nth = place % ways.len().max(1);
            let Some(way) = ways.get(nth) else { break };
            if *size > 0 || way.0.body.is_some() {
                requests.push(make(way, *size)?);
            } else if let Some(same) = &made[nth] {
                requests.push(Arc::clone(same));
            } else {
                let request = make(way, 0)?;
                made[nth] = Some(Arc::clone(&request));
                requests.push(request);
            }
        }
        Ok(requests)
    }
}

/// Sizes of the batches that carry `events` in all.
pub(super) fn split(events: u32, batch: u32) -> Vec<u32> {
    let mut batches = vec![batch; (events / batch) as usize];
    if !events.is_multiple_of(batch) {
        batches.push(events % batch);
    }
    batches
}

/// Whether more is asked for than a quota holds.
fn goes_beyond(amount: Option<Amount>) -> bool {
    matches!(amount, Some(Amount::Left(plus) | Amount::Limit(plus)) if plus > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_carry_every_event_once() {
        assert_eq!(split(2_500, 1_000), [1_000, 1_000, 500]);
        assert_eq!(split(100_000, 1_000).len(), 100);
        assert_eq!(split(0, 10), [0_u32; 0]);
    }
}
