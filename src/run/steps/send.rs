//! One request.

use std::time::Duration;

use super::{Names, Step, Use};
use crate::client::{Connections, Content, Fault, Outgoing};
use crate::payload::random_session;
use crate::run::credentials::counts_against_key;
use crate::run::evidence::{Answer, Gap, Sent};
use crate::run::instant::Instant;
use crate::run::keys::KeyState;
use crate::run::render;
use crate::run::request::{Recipe, granted};
use crate::run::runner::{Runner, Session};
use crate::run::walk::{ALONE, Walk};
use crate::scenario::model::{Body, Send};

/// A target that takes so long for what it answers is crowded, and a request without an answer says nothing.
const PROMPT: Duration = Duration::from_secs(5);

/// How often a request is sent where the server fails: what fails now and then is not what a check is about.
const MOST_TRIES: u32 = 4;

impl Step for Send {
    fn names(&self) -> Option<Names<'_>> {
        Some((&self.key, &self.request))
    }

    fn usage(&self) -> Use {
        Use::Shares
    }

    fn counts(&self) -> bool {
        false
    }

    fn cost(&self, walk: &mut Walk<'_>) {
        let events = self.body.as_ref().and_then(Body::events);
        let credentials = self.credentials.as_ref();
        let Some(name) = self.key() else { return };
        walk.requests(name, self.request(), 1, events, credentials, ALONE);
    }
}

impl Runner<'_> {
    /// Sends one request. One to a key that is used up is sent again when it was let in, for the window may have ended, or
    /// a sliding limiter given a little back, since the last refusal.
    pub(in crate::run) async fn send(&mut self, send: &Send) -> Result<Sent, Gap> {
        let mut let_in = 0;
        let mut gave_back: u32 = 0;
        loop {
            let mut sent = self.send_once(send).await?;
            let admitted = sent.outcome.as_ref().is_ok_and(|answer| answer.admitted());
            if sent.counted
                && let Ok(answer) = &sent.outcome
                && answer.limited
            {
                // What was promised before was promised to a client that would ask no more.
                self.key(send.key.as_ref())?.promise_only(Some(answer));
            }
            let Some((request, batch)) = self.held_used_up.clone().filter(|_| sent.counted && admitted)
            else {
                sent.gives_back = false;
                return Ok(sent);
            };
            let key = self.key(send.key.as_ref())?;
            let (limited, found) = self.limited_alone(&key, self.request(&request)?, batch).await?;
            // One that got a lot back had its window begun anew.
            gave_back += u32::from(found > 0 && limited.is_some());
            let_in += u32::from(limited.is_some());
            if limited.is_none() || let_in >= Sent::OFTEN_ENOUGH {
                sent.let_in_while_used_up = let_in;
                // A window ends once; what gives quota back does so time and again.
                sent.gives_back = gave_back > u32::from(let_in >= Sent::OFTEN_ENOUGH);
                return Ok(sent);
            }
            if let Some(name) = &send.session {
                self.sessions.remove(name.as_str());
            }
        }
    }

    async fn send_once(&mut self, send: &Send) -> Result<Sent, Gap> {
        let key = self.key(send.key.as_ref())?;
        let session = self.session_of(send);
        let (name, def) = self.usual_request(send.request.as_ref(), send.key.as_ref())?;
        let recipe = Recipe {
            def,
            method: send.method.as_ref().map(|method| method.as_str()),
            path: send.path,
            http: None,
            query: &send.query,
            headers: &send.headers,
            body: send.body.as_ref(),
            padding: 0,
            credentials: send.credentials.as_ref(),
            key: &key.key,
            session: &session,
            envelope: self.run.envelope(),
        };
        let outgoing = self.make(&recipe)?;
        if let Some(named) = send.session.as_ref().and_then(|name| self.sessions.get_mut(name.as_str())) {
            named.began = outgoing.body.as_ref().and_then(Content::began);
        }
        let counted = counts_against_key(send.credentials.as_ref());
        let connections = if send.used_connection { Connections::Reused } else { Connections::Fresh };
        let since = self.spent(&key).since;
        let asked = self.environment.clock.now();
        let counted_for = counted.then_some(&*key);
        let is_silent = self.run.learned.lock().is_silent(name) || self.run.learned.lock().silent_refusals;
        // Whoever shows no key may be answered all the same.
        if counted || self.run.hangs_for_all(name) {
            self.is_answered(name)?;
        }
        let outcome = match self.tried(&outgoing, counted_for, connections, is_silent).await {
            Err(fault @ Fault::TimedOut { .. }) if is_silent => {
                if !counted {
                    self.run.note_hang(name);
                    self.is_answered(name)?;
                }
                Err(fault.to_string())
            }
            Err(fault) => Err(self.without_an_answer(fault, &key, asked).await?),
            Ok(answer) => Ok(answer),
        };
        if let (false, Ok(answer)) = (counted, &outcome)
            && answer.admitted()
        {
            key.note_let_in(answer);
        }
        let on_promise = std::mem::take(&mut self.on_promise) && counted;
        if on_promise && outcome.as_ref().is_ok_and(|answer| answer.limited) {
            self.run.note_broken_promise();
        }
        Ok(Sent {
            request: render::request(&outgoing, self.shown_again(&recipe.curl(&outgoing))),
            name: name.to_owned(),
            outcome,
            key: self.key_name(send.key.as_ref()),
            counted,
            on_promise,
            silence: self.silence,
            since,
            let_in_while_used_up: 0,
            gives_back: false,
        })
    }

    /// What a request is answered that is sent again where the server fails now and then.
    async fn tried(
        &self,
        outgoing: &Outgoing,
        counted_for: Option<&KeyState>,
        connections: Connections,
        is_silent: bool,
    ) -> Result<Answer, Fault> {
        let mut answered = match is_silent {
            // It was waited for twice already, while others were answered.
            true => self.exchange(outgoing, counted_for, connections).await,
            false => self.exchange_in_a_crowd(outgoing, counted_for, connections).await,
        };
        for _ in 1..MOST_TRIES {
            if !answered.as_ref().is_ok_and(Answer::faltered) {
                break;
            }
            answered = self.exchange(outgoing, counted_for, connections).await.or(answered);
        }
        answered
    }

    /// Why a request that was `asked` then has no answer, where that says anything of what was asked.
    async fn without_an_answer(&self, fault: Fault, key: &KeyState, asked: Instant) -> Result<String, Gap> {
        if let Fault::Unsendable(_) = fault {
            return Err(Gap::Skipped(fault.to_string()));
        }
        self.is_there(key).await?;
        if self.run.is_crowded() && self.environment.clock.now() - asked > PROMPT {
            let what = format!("the target is crowded, and a request got no answer: {fault}");
            return Err(Gap::Inconclusive(what));
        }
        Ok(fault.to_string())
    }

    /// The session that a step names, or else the one of all batches.
    fn session_of(&mut self, send: &Send) -> String {
        let Some(name) = &send.session else { return self.session.clone() };
        let named = || Session { id: random_session(), began: None };
        self.sessions.entry(name.value.clone()).or_insert_with(named).id.clone()
    }

    /// The command, where it can be run after the run: a workspace is gone by then, but the mock has keys of its own. Of the
    /// mock in this process nothing is left.
    fn shown_again(&self, curl: &str) -> String {
        match self.run.target.built_in {
            true => String::new(),
            false => curl.replace(&self.environment.base_url, &self.run.target.base_url),
        }
    }

    /// Makes sure that the target still answers, when a request got no answer.
    async fn is_there(&self, key: &KeyState) -> Result<(), Gap> {
        let mut granted = granted(&self.run.suite.requests, &key.key.scopes);
        let Some((_, def)) = granted.find(|(name, _)| !self.run.learned.lock().is_silent(name)) else {
            return Ok(());
        };
        let recipe = Recipe::plain(def, &key.key, &self.session, self.run.envelope());
        let outgoing = self.make(&recipe)?;
        let heard = self.run.answers();
        let Err(fault) = self.exchange_in_a_crowd(&outgoing, Some(key), Connections::Fresh).await else {
            return Ok(());
        };
        let why = format!("no answer came from {}: {fault}", outgoing.url);
        if self.run.answers() > heard {
            return Err(Gap::Inconclusive(why));
        }
        if fault.is_unreachable() {
            self.run.learned.lock().unreachable.get_or_insert_with(|| why.clone());
        }
        Err(Gap::Blocked(why))
    }
}
