//! One request.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::payload::random_session;
use crate::report::{Exchange, Failure};
use crate::run::credentials::counts_against_key;
use crate::run::fault::Fault;
use crate::run::judge::{Finding, Rules, describe, judge_answer};
use crate::run::ledger::KeyState;
use crate::run::message::{Answer, Content, Outgoing};
use crate::run::player::{Player, Session, Stop};
use crate::run::request::Recipe;
use crate::run::steps::exhaust::GIVES_BACK;
use crate::run::steps::seen::Sent;
use crate::run::suspicion::Suspicion;
use crate::run::wire::Connections;
use crate::scenario::model::{Send, Step};
use crate::scenario::span::Spanned;
use crate::scenario::words::StatusPattern;

/// How long the body waits for an answer to the header when a request is sent again because no answer came for a
/// reason that may pass.
const PATIENCE: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(2)];

/// How often a request is sent that gets no answer while others do.
const MOST_KNOCKS: u32 = 4;

/// A target that takes so long for what it answers is crowded, and a request without an answer says nothing.
const PROMPT: Duration = Duration::from_secs(5);

/// How often a request is sent to a key that should be used up.
const MOST_SENDS_ON_USED_UP: usize = 5;

impl Player<'_> {
    /// Sends one request and judges its answer. One that must find the key used up is sent again when it was let in,
    /// for the window may have ended, or a sliding limiter given a little back, since the last 429.
    pub(super) async fn send(&mut self, send: &Send, step: &Spanned<Step>) -> Result<(), Stop> {
        let mut gives_back = false;
        for _ in 0..MOST_SENDS_ON_USED_UP {
            let outcome = self.send_once(send, step).await;
            let (Err(Stop::Suspect(Suspicion::TooMany { .. }, _)), Some((request, batch))) =
                (&outcome, self.held_used_up.clone())
            else {
                return outcome;
            };
            let key = self.key(send.key.as_ref())?;
            let (limited, let_in) = self.limited_alone(&key, self.request(&request)?, batch).await?;
            if limited.is_none() {
                return outcome;
            }
            gives_back |= let_in > 0;
            if let Some(name) = &send.session {
                self.sessions.remove(name.as_str());
            }
        }
        if gives_back {
            return Err(Stop::Inconclusive(GIVES_BACK.to_owned()));
        }
        self.send_once(send, step).await
    }

    async fn send_once(&mut self, send: &Send, step: &Spanned<Step>) -> Result<(), Stop> {
        let sent = self.send_one(send, step.at.line).await?;
        self.judge_sent(&sent, step, step.at.line)
    }

    /// Sends one request.
    pub(super) async fn send_one(&mut self, send: &Send, line: u32) -> Result<Sent, Stop> {
        let key = self.key(send.key.as_ref())?;
        let session = match &send.session {
            Some(name) => {
                let named = || Session { id: random_session(), began: None };
                self.sessions.entry(name.value.clone()).or_insert_with(named).id.clone()
            }
            None => self.session.clone(),
        };
        let recipe = Recipe {
            def: self.request(&send.request)?,
            method: send.method.as_ref().map(|method| method.as_str()),
            path: send.path,
            http: None,
            query: &send.query,
            headers: &send.headers,
            body: send.body.as_ref(),
            credentials: send.credentials.as_ref(),
            key: &key.key,
            session: &session,
            envelope: self.run.envelope(),
        };
        let outgoing = recipe
            .make(&self.stage.base_url, &self.run.target, &self.run.payloads)
            .map_err(|unfit| Stop::Skipped(unfit.to_string()))?;
        if let Some(named) = send.session.as_ref().and_then(|name| self.sessions.get_mut(name.as_str())) {
            named.began = outgoing.body.as_ref().and_then(Content::began);
        }
        let counted = counts_against_key(send.credentials.as_ref());
        let connections = if send.used_connection { Connections::Reused } else { Connections::Fresh };
        let answer = match self.exchange_in_a_crowd(&outgoing, counted.then_some(&*key), connections).await {
            Ok(answer) => answer,
            Err(fault @ Fault::Unsendable(_)) => return Err(Stop::Skipped(fault.to_string())),
            Err(fault) => return Err(self.no_answer(fault, &outgoing, &recipe, &key, line).await),
        };
        let curl = recipe.curl(&outgoing);
        Ok(Sent { outgoing, answer, curl, key, counted })
    }

    /// Judges the answer to one request.
    pub(super) fn judge_sent(&mut self, sent: &Sent, step: &Step, line: u32) -> Result<(), Stop> {
        let Sent { outgoing, answer, curl, key, counted } = sent;
        let Some(send) = &step.send else { return Ok(()) };
        if let Some(text) = &step.observe {
            let fact = fill(text, answer, key.limits.requests);
            self.fact(fact);
        }
        if let Some(given) = step.given.as_ref().filter(|given| !given.contains(answer.status)) {
            return Err(Stop::Skipped(format!(
                "it takes for granted that a request is answered {}, and it was answered {}",
                describe(given),
                answer.status
            )));
        }
        let Some(expect) = &step.expect else { return Ok(()) };

        let rules = Rules {
            fixtures: &self.run.suite.fixtures,
            extra_members_allowed: self.run.target.extra_members_allowed,
            head: outgoing.method == http::Method::HEAD,
        };
        let mut judgement = judge_answer(expect, answer, rules);
        if let (Some(name), false) = (&expect.same_body_as, rules.head) {
            judgement.findings.extend(self.run.differs_from_first(&self.check.id, name, answer));
        }
        if judgement.findings.is_empty() {
            self.on_promise = false;
            return judgement.nothing_to_judge.map_or(Ok(()), |why| Err(Stop::Blocked(why)));
        }
        let offered = self.run.offered(&send.request).is_some_and(|status| status < 300);
        let optional = self.request(&send.request)?.optional;
        if optional && matches!(answer.status, 404 | 405 | 501) && !offered {
            let name = &*send.request;
            return Err(Stop::Skipped(format!(
                "the deployment does not seem to offer {name}: {}",
                answer.status
            )));
        }
        let failures: Vec<Failure> = judgement
            .findings
            .into_iter()
            .map(|finding| {
                let mut failure = self.failure(line, finding);
                failure.facts = self.timing(answer, key);
                failure.exchange = Some(shown(outgoing, Ok(answer)));
                failure.curl = Some(curl.clone());
                failure
            })
            .collect();
        let wanted = expect.status.as_ref();
        let wants_429 =
            wanted.is_some_and(|wanted| wanted.0.iter().all(|pattern| *pattern == StatusPattern::Exact(429)));
        let wants_refusal =
            wanted.is_some_and(|wanted| wanted.contains(429) && !wanted.contains(answer.status));
        if *counted && answer.status == 429 && !wants_429 && !self.on_promise {
            let silence = self.silence;
            return Err(Stop::Suspect(Suspicion::Limited { silence }, failures));
        }
        if *counted && answer.admitted() && wants_refusal {
            let limit = key.limits.requests;
            let suspicion = Suspicion::TooMany {
                admitted: limit.saturating_add(1),
                limit,
                from: self.spending_since,
                to: answer.done,
            };
            return Err(Stop::Suspect(suspicion, failures));
        }
        Err(Stop::Broken(failures))
    }

    /// Sends a request, again where it gets no answer while others do: it may be waiting at a crowded door.
    pub(super) async fn exchange_in_a_crowd(
        &self,
        outgoing: &Outgoing,
        counted: Option<&KeyState>,
        connections: Connections,
    ) -> Result<Answer, Fault> {
        let answers = || self.run.answers.load(Ordering::Relaxed);
        for _ in 1..MOST_KNOCKS {
            let heard = answers();
            match self.exchange(outgoing, counted, connections).await {
                Err(fault) if fault.is_unreachable() && answers() > heard => self.run.note_crowd(),
                other => return other,
            }
        }
        self.exchange(outgoing, counted, connections).await
    }

    /// Sends a request, again where that may help, and takes note of the answer.
    pub(in crate::run) async fn exchange(
        &self,
        outgoing: &Outgoing,
        counted: Option<&KeyState>,
        connections: Connections,
    ) -> Result<Answer, Fault> {
        let mut patience = PATIENCE.into_iter();
        let mut connections = self.run.connections(connections);
        loop {
            if !self.stage.clock.is_virtual() {
                self.run.right_of_way.give().await;
            }
            self.count_requests(1);
            let left = self.stage.clock.now();
            let outcome = self.run.wire.exchange(outgoing, connections, &self.stage.clock).await;
            self.tell(|| shown(outgoing, outcome.as_ref()));
            match outcome {
                Ok(answer) => {
                    if let Some(key) = counted {
                        key.note(&answer);
                    }
                    self.record(outgoing, &answer, counted);
                    return Ok(answer);
                }
                Err(fault) => {
                    if let Some(key) = counted {
                        key.note_lost(left, self.stage.clock.now());
                    }
                    self.run.note_lost_answer(outgoing, &fault);
                    match patience.next() {
                        Some(pause) if fault.worth_another_try() => connections = Connections::Patient(pause),
                        _ => return Err(fault),
                    }
                }
            }
        }
    }

    /// Holds an answer against what is true of every answer, and remembers what was admitted to which key.
    pub(super) fn record(&self, outgoing: &Outgoing, answer: &Answer, counted: Option<&KeyState>) {
        self.run.answers.fetch_add(1, Ordering::Relaxed);
        self.run.trace.record(outgoing, answer, self.cast.values().map(|key| &key.key.secret));
        if let Some(key) = counted.filter(|_| answer.admitted()) {
            let seen = (answer.sent, answer.done);
            let admissions = &self.run.trace.admissions;
            admissions.note(&self.stage.base_url, &key.key.variable, key.limits.requests, seen);
        }
    }

    /// No answer came: the target's fault if the positive control still gets one, else the target is gone.
    async fn no_answer(
        &self,
        fault: Fault,
        outgoing: &Outgoing,
        recipe: &Recipe<'_>,
        key: &KeyState,
        line: u32,
    ) -> Stop {
        let asked = self.stage.clock.now();
        if let Err(stop) = self.control_again(key).await {
            return stop;
        }
        if self.run.is_crowded() && self.stage.clock.now() - asked > PROMPT {
            return Stop::Inconclusive(format!(
                "the target is crowded, and a request got no answer: {fault}"
            ));
        }
        let finding = Finding {
            what: format!("no answer: {fault}"),
            expected: "an answer".to_owned(),
            actual: fault.to_string(),
        };
        let mut failure = self.failure(line, finding);
        failure.facts.push("the positive control was answered right after it".to_owned());
        failure.exchange = Some(shown(outgoing, Err(&fault)));
        failure.curl = Some(recipe.curl(outgoing));
        Stop::Broken(vec![failure])
    }

    fn timing(&self, answer: &Answer, key: &KeyState) -> Vec<String> {
        let mut facts = vec![format!(
            "sent at {}, answered {} ms later",
            answer.sent,
            (answer.answered - answer.sent).as_millis()
        )];
        if self.on_promise
            && let Some(promise) = key.promise()
        {
            facts
                .push(format!("after waiting exactly until a 429's promise; this answer promises {promise}"));
        }
        facts
    }

    /// Keeps a fact, with the row it belongs to.
    pub(in crate::run) fn fact(&mut self, fact: String) {
        let row = self.row();
        self.facts.push(if row.is_empty() { fact } else { format!("{row}: {fact}") });
    }
}

/// The message of an error body.
fn message(answer: &Answer) -> String {
    let json = answer.json().unwrap_or_default();
    json.pointer("/error/message").and_then(|text| text.as_str()).unwrap_or("(no message)").to_owned()
}

/// Fills what was seen into the text of an `observe`.
fn fill(text: &str, answer: &Answer, limit: u32) -> String {
    let seconds = answer.retry_after().map_or_else(|| "no".to_owned(), |wait| wait.as_secs().to_string());
    let mut filled = text
        .replace("<status>", &answer.status.to_string())
        .replace("<message>", &message(answer))
        .replace("<seconds>", &seconds)
        .replace("<limit>", &limit.to_string());
    while let Some(open) = filled.find("<header ") {
        let Some(close) = filled[open..].find('>') else { break };
        let name = &filled[open + "<header ".len()..open + close];
        let value =
            answer.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let value = value.unwrap_or_else(|| "(none)".to_owned()).replace('<', "(");
        filled.replace_range(open..=open + close, &value);
    }
    filled
}

/// An exchange as people read it.
pub(in crate::run) fn shown(outgoing: &Outgoing, outcome: Result<&Answer, &Fault>) -> Exchange {
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    Exchange {
        request: format!("{} {}", outgoing.method, outgoing.url),
        request_headers: outgoing
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), text(value)))
            .collect(),
        outcome: match outcome {
            Ok(answer) => format!("status {}", answer.status),
            Err(fault) => fault.to_string(),
        },
        response_headers: outcome
            .map(|answer| {
                answer.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect()
            })
            .unwrap_or_default(),
        body: outcome.map(crate::run::judge::excerpt).unwrap_or_default(),
        took: outcome.map(|answer| answer.done - answer.sent).unwrap_or_default(),
    }
}
