//! How a case in play sends: one request or many, again where that may help, every answer kept.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::burst_result::{self, BurstResult};
use super::evidence::Answer;
use super::keys::KeyState;
use super::runner::Runner;
use super::trace::{Keep, Message};
use crate::client::{Connections, Content, Fault, Outgoing};
use crate::report::{Event, Exchange};
use crate::scenario::model::RequestDef;

/// A burst that took so long met a crowded target: the next one goes out with fewer requests at once.
const CROWDED: Duration = Duration::from_secs(10);

/// How long a burst may take that is about numbers and not about many at once.
const LONGEST_BURST: Duration = Duration::from_secs(4);

impl Runner<'_> {
    /// As few at once as do for `count` of these requests to be over in some seconds; at most what a step asks for.
    pub(super) fn in_flight(&self, asked: Option<u32>, count: usize, request: &RequestDef) -> u32 {
        const MOST: u32 = 64;
        /// A window's quota that takes so long to send, one after the other, leaves time enough to look at the rest.
        const LONGEST_ALONE: Duration = Duration::from_secs(40);
        let all = self.run.latency_of(request) * u32::try_from(count).unwrap_or(u32::MAX);
        let patient = self.run.loses_answers();
        // One after the other is meant as far as a window's quota leaves in a few seconds like that.
        let asked = asked.filter(|asked| *asked > 1);
        if asked.is_none() && self.attempt.before > 0 && all < LONGEST_ALONE && !patient {
            // Whatever went wrong when some were under way at once goes wrong no more.
            return 1;
        }
        let wanted = asked.unwrap_or_else(|| {
            u32::try_from(all.as_millis().div_ceil(LONGEST_BURST.as_millis())).unwrap_or(MOST).clamp(1, MOST)
        });
        // A burst that is about many at once stays one, however crowded the target is.
        let least = if asked.is_some_and(|asked| asked > 32) { 32 } else { 1 };
        wanted.min(self.most_in_flight.max(least))
    }

    /// Sends requests together and keeps every answer, for the key that they were counted for. `batches` are their events.
    pub(super) async fn fire(
        &self,
        key: Option<&KeyState>,
        requests: Vec<Arc<Outgoing>>,
        batches: &[u32],
        in_flight: u32,
        connections: Connections,
    ) -> (BurstResult, Vec<(usize, Answer)>) {
        self.count_requests(requests.len());
        let sent = requests.clone();
        let connections = self.run.connections(connections);
        let permit =
            if self.environment.clock.is_virtual() { None } else { Some(self.run.burst_gate.enter().await) };
        let clock = &self.environment.clock;
        let mut burst = burst_result::send_all(
            &self.run.client,
            clock,
            requests,
            in_flight as usize,
            connections,
            permit,
        )
        .await;
        let mut answers = Vec::with_capacity(burst.answers.len());
        // Whoever wants to see every exchange wants to see all of it.
        let keep = if self.run.options.verbose { Keep::All } else { Keep::Refusals };
        for (place, message) in std::mem::take(&mut burst.answers) {
            let events = batches.get(place).copied().unwrap_or(0);
            answers.push((place, self.record(&sent[place], &message, key, events, keep)));
        }
        let took = |answer: &Answer| answer.done - answer.sent;
        if burst.took() > CROWDED && burst_result::is_crowded(answers.iter().map(|(_, answer)| took(answer)))
        {
            self.run.note_crowd();
        }
        for fault in &burst.faults {
            if let Some(outgoing) = sent.first() {
                self.run.note_lost_answer(outgoing, fault);
            }
        }
        if let Some(key) = key {
            burst.faults.iter().for_each(|_| key.note_lost(burst.from, burst.to));
            if answers.iter().any(|(_, answer)| answer.limited) {
                key.mark_used_up();
            }
        }
        (burst, answers)
    }

    /// Sends a request, again where that may help, and keeps the answer.
    pub(super) async fn exchange(
        &self,
        outgoing: &Outgoing,
        counted: Option<&KeyState>,
        connections: Connections,
    ) -> Result<Answer, Fault> {
        /// How long the body waits for an answer to the header when a request is sent again because no answer came for
        /// a reason that may pass.
        const PATIENCE: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(2)];
        let mut patience = PATIENCE.into_iter();
        let mut connections = self.run.connections(connections);
        loop {
            if !self.environment.clock.is_virtual() {
                self.run.burst_gate.let_pass().await;
            }
            self.count_requests(1);
            let left = self.environment.clock.now();
            match self.run.client.exchange(outgoing, connections, &self.environment.clock).await {
                Ok(message) => {
                    let events = outgoing.body.as_ref().map_or(0, Content::events);
                    self.run.note_latency(message.done - message.sent);
                    return Ok(self.record(outgoing, &message, counted, events, Keep::All));
                }
                Err(fault) => {
                    if self.run.options.verbose {
                        self.tell(super::render::exchange_without_answer(outgoing, &fault));
                    }
                    if let Some(key) = counted {
                        key.note_lost(left, self.environment.clock.now());
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

    /// Sends a request, again where it gets no answer while others do: it may be waiting in a crowded queue.
    pub(super) async fn exchange_in_a_crowd(
        &self,
        outgoing: &Outgoing,
        counted: Option<&KeyState>,
        connections: Connections,
    ) -> Result<Answer, Fault> {
        /// How often a request is sent that gets no answer while others do.
        const MOST_KNOCKS: u32 = 4;
        for _ in 1..MOST_KNOCKS {
            let heard = self.run.answers();
            match self.exchange(outgoing, counted, connections).await {
                Err(fault) if fault.is_unreachable() && self.run.answers() > heard => self.run.note_crowd(),
                other => return other,
            }
        }
        self.exchange(outgoing, counted, connections).await
    }

    /// Keeps an answer: holds it against what is true of every answer, and remembers what was admitted to which key.
    pub(super) fn record(
        &self,
        outgoing: &Outgoing,
        message: &Message,
        counted: Option<&KeyState>,
        events: u32,
        keep: Keep,
    ) -> Answer {
        let refusal = self.run.learned.lock().refusal;
        let secrets = self.bindings.values().map(|key| &key.key.secret);
        let answer = self.run.trace.record(outgoing, message, refusal, secrets, keep);
        if message.compressed {
            self.run.learned.lock().compressed = true;
        }
        if let Some(key) = counted {
            key.note(&answer, events);
            if answer.admitted() {
                let seen = (answer.sent, answer.done);
                let (environment, variable) = (&self.environment.base_url, &key.key.variable);
                self.run.trace.admissions.note(
                    environment,
                    variable,
                    key.key.tier,
                    key.limits.requests,
                    seen,
                );
            }
        }
        if self.run.options.verbose
            && let Some(look) = self.run.trace.look(answer.look)
        {
            self.tell(super::render::exchange(
                &super::render::request(outgoing, String::new()),
                &answer,
                &look,
            ));
        }
        answer
    }

    /// Shows an exchange to those who want to see every one.
    fn tell(&self, exchange: Exchange) {
        self.run.emit(Event::Exchange { id: self.name.to_owned(), exchange });
    }

    /// Counts requests that left.
    pub(super) fn count_requests(&self, how_many: usize) {
        let how_many = u64::try_from(how_many).unwrap_or(u64::MAX);
        self.sent.fetch_add(how_many, Ordering::Relaxed);
        self.run.requests.fetch_add(how_many, Ordering::Relaxed);
    }
}
