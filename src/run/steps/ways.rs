//! The ways a burst's requests take in turn: several requests, several versions of HTTP.

use std::borrow::Cow;
use std::sync::Arc;

use super::endpoint_scope;
use crate::payload::random_session;
use crate::run::ledger::{KeyState, WINDOW};
use crate::run::message::Outgoing;
use crate::run::player::{Player, Stop};
use crate::run::request::Recipe;
use crate::scenario::model::{Body, Burst, Credentials, HttpVersion, RequestDef};

/// One way a request of a burst may go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way<'a> {
    /// What is asked.
    pub(super) def: &'a RequestDef,
    /// The version of HTTP.
    pub(super) http: Option<HttpVersion>,
}

impl<'a> Player<'a> {
    /// The ways of a burst, without those that the key or the target does not offer.
    pub(super) async fn ways(&mut self, burst: &Burst, key: &KeyState) -> Result<Vec<Way<'a>>, Stop> {
        let mut defs = vec![self.request(&burst.request)?];
        for name in &burst.in_turn_with {
            let def = self.request(name)?;
            if self.is_offered_to(key, name, def).await? {
                defs.push(def);
            } else if let Some(status) = self.run.offered(name).filter(|status| *status >= 400) {
                self.fact(format!("{} was left out: the deployment does not offer it ({status})", **name));
            }
        }
        if defs.len() == 1 && !burst.in_turn_with.is_empty() {
            return Err(Stop::Skipped("the deployment offers this key one endpoint only".to_owned()));
        }
        let versions = self.versions(&burst.http).await?;
        Ok(versions.iter().flat_map(|http| defs.iter().map(|def| Way { def, http: *http })).collect())
    }

    /// Whether a request that is sent in turn with others is one for this key.
    pub(super) async fn is_offered_to(
        &self,
        key: &KeyState,
        name: &str,
        def: &RequestDef,
    ) -> Result<bool, Stop> {
        if endpoint_scope(def).is_some_and(|scope| !key.key.scopes.contains(&scope)) {
            return Ok(false);
        }
        if !def.optional {
            return Ok(true);
        }
        let status = match self.run.offered(name) {
            Some(status) => status,
            None => {
                self.make_room(key, 1).await?;
                let mut answer = self.probe(key, def).await?;
                if answer.status == 429 {
                    let promise = answer.promise().unwrap_or(answer.done + WINDOW);
                    self.wait_until(promise, &format!("quota of {}", key.key.variable)).await?;
                    answer = self.probe(key, def).await?;
                }
                self.run.note_offer(name, answer.status);
                answer.status
            }
        };
        Ok(!matches!(status, 404 | 405 | 501))
    }

    async fn versions(&mut self, wanted: &[HttpVersion]) -> Result<Vec<Option<HttpVersion>>, Stop> {
        let mut versions: Vec<_> = wanted.iter().copied().map(Some).collect();
        if wanted.contains(&HttpVersion::Http2) && !self.http2_is_offered().await? {
            const NOT_OFFERED: &str = "the target does not offer HTTP/2";
            versions.retain(|version| *version != Some(HttpVersion::Http2));
            if versions.is_empty() {
                return Err(Stop::Skipped(NOT_OFFERED.to_owned()));
            }
            self.fact(format!("{NOT_OFFERED}: only HTTP/1.1 was spoken"));
        }
        Ok(if versions.is_empty() { vec![None] } else { versions })
    }

    /// Asks once in a run, without a key, so that it uses nobody's quota.
    async fn http2_is_offered(&self) -> Result<bool, Stop> {
        if let Some(offered) = self.run.http2() {
            return Ok(offered);
        }
        let Some(key) = self.cast.values().next() else { return Ok(false) };
        let nothing = Credentials::default();
        let mut recipe =
            Recipe::plain(self.request("list-sessions")?, &key.key, &self.session, self.run.envelope());
        recipe.credentials = Some(&nothing);
        let outgoing = recipe
            .make(&self.stage.base_url, &self.run.target, &self.run.payloads)
            .map_err(|unfit| Stop::Skipped(unfit.to_string()))?;
        self.count_requests(1);
        let offered = self.run.wire.offers_http2(&outgoing).await;
        self.run.note_http2(offered);
        Ok(offered)
    }

    /// As many requests as there are `batches`, which take the ways in turn: a batch of so many events each, or the
    /// request as it is where that is zero.
    pub(super) fn in_turn(
        &self,
        ways: &[Way<'_>],
        key: &KeyState,
        batches: &[u32],
        padding: Option<u32>,
        credentials: Option<&Credentials>,
    ) -> Result<Vec<Arc<Outgoing>>, Stop> {
        let make = |way: &Way<'_>, size: u32| {
            let body = Body { events: Some(size), padding, ..Body::default() };
            // Who limits sessions instead of keys shall not get away with it.
            let session = if size > 0 { Cow::Owned(random_session()) } else { Cow::Borrowed(&*self.session) };
            let mut recipe = Recipe::plain(way.def, &key.key, &session, self.run.envelope());
            recipe.body = (size > 0).then_some(&body);
            recipe.http = way.http;
            recipe.credentials = credentials;
            recipe
                .make(&self.stage.base_url, &self.run.target, &self.run.payloads)
                .map(Arc::new)
                .map_err(|unfit| Stop::Skipped(unfit.to_string()))
        };
        // Without a body of its own, one request serves all that go the same way.
        let mut made: Vec<Option<Arc<Outgoing>>> = vec![None; ways.len()];
        let mut requests = Vec::with_capacity(batches.len());
        for (place, size) in batches.iter().enumerate() {
            let nth = place % ways.len().max(1);
            let Some(way) = ways.get(nth) else { break };
            if *size > 0 || way.def.body.is_some() {
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
