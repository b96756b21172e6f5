//! The positive control: a check whose key does not work at all is blocked, not failed.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::contract::Scope;
use crate::run::fault::Fault;
use crate::run::ledger::KeyState;
use crate::run::message::{Answer, Outgoing};
use crate::run::player::{Player, Stop};
use crate::run::request::Recipe;
use crate::run::wire::Connections;
use crate::scenario::model::{Credentials, RequestDef, Step};
use crate::target::Envelope;

/// How long a control stays good.
const GOOD_FOR: Duration = Duration::from_secs(30);

/// The requests that show that a key works, the cheapest first.
const READS: [&str; 3] = ["list-sessions", "overview", "tools"];
const WRITES: [&str; 1] = ["post-events"];

impl Player<'_> {
    /// Makes sure that a key works, unless it was seen to work just now. A key that the target knows and refuses
    /// for its scope works well enough: the check itself will name that fault.
    pub(in crate::run) async fn control(&self, key: &KeyState) -> Result<(), Stop> {
        let now = self.stage.clock.now();
        if key.used_up_at(now) || key.worked_at().is_some_and(|worked| now - worked < GOOD_FOR) {
            return Ok(());
        }
        self.is_reachable()?;
        // Who is about to use the key up may be told so at once: a 429 shows as well that the key works.
        if !self.measures_itself() {
            self.make_room(key, 2).await?;
        }
        self.control_again(key).await
    }

    /// Makes sure that a key works now.
    pub(in crate::run) async fn control_again(&self, key: &KeyState) -> Result<(), Stop> {
        let mut seen = Vec::new();
        for (scope, names) in [(Scope::ReadAnalytics, &READS[..]), (Scope::WriteEvents, &WRITES[..])] {
            if !key.key.scopes.contains(&scope) {
                continue;
            }
            for name in names {
                let Some(def) = self.run.suite.requests.get(*name) else { continue };
                let answer = self.probe(key, &def.value).await?;
                if answer.admitted() {
                    self.run.note_admitted(&key.key.variable, name);
                }
                if answer.admitted() || answer.status == 429 {
                    key.worked(answer.answered);
                    return Ok(());
                }
                seen.push((*name, answer.status));
            }
        }
        if seen.iter().any(|(_, status)| matches!(status, 400 | 403 | 422)) {
            key.worked(self.stage.clock.now());
            return Ok(());
        }
        if self.is_about_being_let_in() || self.works_in_another_spelling(key).await? {
            return Ok(());
        }
        let seen: Vec<String> = seen.iter().map(|(name, status)| format!("{name}: {status}")).collect();
        Err(Stop::Blocked(format!(
            "the positive control failed: {} opens nothing ({})",
            key.key.variable,
            seen.join(", ")
        )))
    }

    /// Whether all this case asks is that a key, sent as it should be, is let in: then it is the case that names the
    /// fault, and it is every other check that is blocked.
    fn is_about_being_let_in(&self) -> bool {
        self.case.steps.iter().all(|step| {
            let expects_it = step.expect.as_ref().and_then(|expect| expect.status.as_ref());
            step.send.as_ref().is_some_and(|send| send.credentials.is_none())
                && expects_it.is_some_and(|status| status.contains(200))
        })
    }

    /// Whether this case is about the spelling of the header's name and the key works in the page's own spelling:
    /// then it is the case that names the fault.
    async fn works_in_another_spelling(&self, key: &KeyState) -> Result<bool, Stop> {
        let about_spelling = self.case.steps.iter().any(|step| {
            let credentials = step.send.as_ref().and_then(|send| send.credentials.as_ref());
            credentials.is_some_and(|credentials| credentials.spelled.is_some())
        });
        if !about_spelling {
            return Ok(false);
        }
        let credentials = Credentials { spelled: Some("X-API-Key".to_owned()), ..Credentials::default() };
        let mut recipe = Recipe::plain(self.request(READS[0])?, &key.key, &self.session, self.run.envelope());
        recipe.credentials = Some(&credentials);
        let outgoing = recipe
            .make(&self.stage.base_url, &self.run.target, &self.run.payloads)
            .map_err(|unfit| Stop::Skipped(unfit.to_string()))?;
        let answer = self.exchange(&outgoing, Some(key), Connections::Fresh).await;
        Ok(answer.is_ok_and(|answer| answer.admitted()))
    }

    /// Nothing more is sent, and no room is waited for, where nobody answers.
    fn is_reachable(&self) -> Result<(), Stop> {
        self.run.unreachable().map_or(Ok(()), |why| Err(Stop::Blocked(why)))
    }

    /// Sends a request with the key as it should be sent; batches in the envelope that the target takes.
    pub(in crate::run) async fn probe(&self, key: &KeyState, def: &RequestDef) -> Result<Answer, Stop> {
        self.is_reachable()?;
        let envelopes: &[Envelope] = match (self.run.target.envelope, self.run.envelope_found()) {
            (_, Some(Envelope::Wire)) | (Envelope::Wire, _) => &[Envelope::Wire],
            (Envelope::Documented, _) | (_, Some(_)) => &[Envelope::Documented],
            (Envelope::Auto, None) => &[Envelope::Documented, Envelope::Wire],
        };
        let posts_events = def.posts_events();
        let mut last = None;
        for envelope in envelopes {
            let recipe = Recipe::plain(def, &key.key, &self.session, *envelope);
            let outgoing = recipe
                .make(&self.stage.base_url, &self.run.target, &self.run.payloads)
                .map_err(|unfit| Stop::Skipped(unfit.to_string()))?;
            let answer = self.answer_in_a_crowd(key, &outgoing).await?;
            if answer.admitted() && posts_events {
                self.run.found_envelope(*envelope);
            }
            let other_envelope_may_help = posts_events && matches!(answer.status, 400 | 422);
            last = Some(answer);
            if !other_envelope_may_help {
                break;
            }
        }
        last.ok_or_else(|| Stop::Blocked("no event envelope is left to try".to_owned()))
    }

    /// The answer to a control.
    async fn answer_in_a_crowd(&self, key: &KeyState, outgoing: &Outgoing) -> Result<Answer, Stop> {
        let heard = self.run.answers.load(Ordering::Relaxed);
        let fault = match self.exchange_in_a_crowd(outgoing, Some(key), Connections::Fresh).await {
            Ok(answer) => return Ok(answer),
            Err(fault) => fault,
        };
        if fault.is_unreachable() && self.run.answers.load(Ordering::Relaxed) > heard {
            return Err(Stop::Inconclusive(format!(
                "the positive control got no answer from {}, while other requests got theirs: {fault}",
                outgoing.url
            )));
        }
        Err(self.unreachable(&fault, &outgoing.url))
    }

    fn unreachable(&self, fault: &Fault, url: &str) -> Stop {
        let why = format!("the positive control got no answer from {url}: {fault}");
        if fault.is_unreachable() {
            self.run.set_unreachable(&why);
        }
        Stop::Blocked(why)
    }

    /// Finds out how events are written before a case posts some with a key that may: a batch in the other envelope
    /// would be refused for its words, and that is not what the case is about.
    pub(in crate::run) async fn find_envelope(&self) -> Result<(), Stop> {
        if self.run.target.envelope != Envelope::Auto {
            return Ok(());
        }
        for send in self.case.steps.iter().filter_map(|step| step.send.as_ref()) {
            let (def, key) = (self.request(&send.request)?, self.key(send.key.as_ref())?);
            let posts_events = def.posts_events();
            let may = send.credentials.is_none() && key.key.scopes.contains(&Scope::WriteEvents);
            if posts_events && may && self.run.envelope_found().is_none() {
                self.make_room(&key, 1).await?;
                self.probe(&key, def).await?;
            }
        }
        Ok(())
    }

    /// Finds out whether the target offers a request, and how events are written to it.
    pub(in crate::run) async fn scout(&self, name: &str) -> Result<(), Stop> {
        let (def, key) = (self.request(name)?, self.key(None)?);
        self.is_offered_to(&key, name, def).await?;
        if def.posts_events()
            && self.run.envelope_is_unknown()
            && key.key.scopes.contains(&Scope::WriteEvents)
        {
            self.probe(&key, def).await?;
        }
        Ok(())
    }

    /// Tries what the bursts of this case will send, before any window is aligned: a control inside a window would
    /// spend a part of the quota that is being counted, and so hide a limit that is one too high.
    pub(in crate::run) async fn control_bursts(&self) -> Result<(), Stop> {
        for burst in self.case.steps.iter().filter_map(|step| step.burst.as_ref()) {
            let key = self.key(burst.key.as_ref())?;
            for name in burst.requests() {
                let is_own = *name == burst.request;
                if burst.credentials.is_none()
                    && !self.run.was_admitted(&key.key.variable, name)
                    && (is_own || self.is_offered_to(&key, name, self.request(name)?).await?)
                {
                    self.run.burst_is_welcome()?;
                    self.make_room(&key, 1).await?;
                    self.control_on(&key, name).await?;
                }
            }
        }
        Ok(())
    }

    /// Quota can be measured only with a request that is admitted at all.
    pub(in crate::run) async fn control_on(&self, key: &KeyState, name: &str) -> Result<(), Stop> {
        if key.used_up_at(self.stage.clock.now()) || self.run.was_admitted(&key.key.variable, name) {
            return Ok(());
        }
        let def = self.request(name)?;
        let answer = self.probe(key, def).await?;
        if answer.admitted() {
            self.run.note_admitted(&key.key.variable, name);
            return Ok(());
        }
        if answer.status == 429 {
            return Ok(());
        }
        Err(Stop::Blocked(format!(
            "{name} with {} is answered {}, so no quota can be measured with it",
            key.key.variable, answer.status
        )))
    }

    /// Waits until `more` requests fit into what the key has left, so that a check about something else does not
    /// run into the limit.
    pub(in crate::run) async fn make_room(&self, key: &KeyState, more: u32) -> Result<(), Stop> {
        if self.stage.clock.is_virtual() && !key.used_up_at(self.stage.clock.now()) {
            return Ok(());
        }
        let room = key.room_for(more, self.stage.clock.now());
        self.wait_until(room, &format!("quota of {}", key.key.variable)).await
    }

    /// Makes sure that the deployment offers the endpoints of this case that the contract does not demand.
    pub(in crate::run) async fn check_offers(&self) -> Result<(), Stop> {
        for name in self.case.steps.iter().filter_map(|step| request_of(step)) {
            let def = self.request(name)?;
            if !def.optional {
                continue;
            }
            let scope = super::endpoint_scope(def);
            let Some(key) =
                self.cast.values().find(|key| scope.is_none_or(|scope| key.key.scopes.contains(&scope)))
            else {
                continue;
            };
            if !self.is_offered_to(key, name, def).await? {
                let status = self.run.offered(name).unwrap_or_default();
                return Err(Stop::Skipped(format!("the deployment does not offer {name}: {status}")));
            }
        }
        Ok(())
    }
}

fn request_of(step: &Step) -> Option<&str> {
    let send = step.send.as_ref().map(|send| &send.request);
    let burst = step.burst.as_ref().map(|burst| &burst.request);
    let pace = step.pace.as_ref().map(|pace| &pace.request);
    let exhaust = step.exhaust.as_ref().map(|exhaust| &exhaust.request);
    send.or(burst).or(pace).or(exhaust).map(|name| name.as_str())
}
