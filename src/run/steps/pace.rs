//! Requests sent evenly over a time.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinError, JoinHandle};

use super::{Names, Step, Use};
use crate::client::{Connections, Content, Fault, Outgoing};
use crate::report::Event;
use crate::run::environment::variables;
use crate::run::evidence::{Answer, Gap, Paced};
use crate::run::instant::Instant;
use crate::run::keys::KeyState;
use crate::run::limiters;
use crate::run::runner::Runner;
use crate::run::trace::{Keep, Message};
use crate::run::walk::{ALONE, Walk};
use crate::scenario::model::Pace;

/// How long the clock of a mock stands still for an answer. A request has got there by then, though its answer may
/// be slow; one that has not is judged by when its answer came, so nothing depends on it.
const ON_ITS_WAY: Duration = Duration::from_millis(40);

/// A request that is over: when it left, when it was over, and what came of it.
type Over = (Instant, Instant, Result<Message, Fault>);

/// A request that left.
enum Sent {
    Over(Box<Over>),
    UnderWay(JoinHandle<Over>),
}

impl Step for Pace {
    fn names(&self) -> Option<Names<'_>> {
        Some((&self.key, &self.request))
    }

    fn usage(&self) -> Use {
        Use::Waits
    }

    fn sends_many(&self) -> bool {
        true
    }

    fn cost(&self, walk: &mut Walk<'_>) {
        let Some(name) = self.key() else { return };
        let Some(limit) = walk.keys.get(name).map(|key| key.limits.requests) else { return };
        let over = self.over.duration();
        let count = match (self.share, self.count) {
            (Some(share), _) => share.over(limit, over),
            (None, count) => count.map_or(0, |count| count.resolve(limit, limit, limit)),
        };
        let begun = walk.now;
        for place in 0..count {
            walk.now = walk.now.max(begun + over.mul_f64(f64::from(place) / f64::from(count)));
            walk.requests(name, self.request(), 1, None, None, ALONE);
        }
    }
}

impl Runner<'_> {
    /// Sends requests, each when its turn has come.
    pub(in crate::run) async fn pace(&mut self, pace: &Pace) -> Result<Paced, Gap> {
        let key = self.key(pace.key.as_ref())?;
        self.run.burst_is_welcome()?;
        let (_, def) = self.measured_request(pace.request.as_ref(), pace.key.as_ref())?;
        let limit = self.limits(&key).requests;
        let over = pace.over.duration();
        let count = match (pace.share, pace.count) {
            (Some(share), _) => share.over(limit, over),
            (None, count) => count.map_or(0, |count| count.resolve(limit, limit, limit)),
        };
        let before = key.remembered();
        let requests = self.batches(def, &key, &vec![pace.batch.unwrap_or(0); count as usize])?;
        let answers = self.send_evenly(&key, requests, over).await?;
        let private = self.is_private();
        Ok(Paced { key: self.key_name(pace.key.as_ref()), answers, before, private })
    }

    /// Sends `requests` over a time.
    pub(super) async fn send_evenly(
        &self,
        key: &KeyState,
        requests: Vec<Arc<Outgoing>>,
        over: Duration,
    ) -> Result<Vec<Answer>, Gap> {
        let clock = &self.environment.clock;
        let start = clock.now();
        let count = requests.len() as f64;
        if !clock.is_virtual() {
            let (id, what) = (self.name.to_owned(), "requests at an even pace".to_owned());
            self.run.emit(Event::Waiting { id, keys: variables(self.bindings), what, how_long: over });
        }
        let mut sent: Vec<Sent> = Vec::with_capacity(requests.len());
        for (place, outgoing) in requests.iter().enumerate() {
            clock.wait_until(start + over.mul_f64(place as f64 / count)).await?;
            self.count_requests(1);
            let connections = self.run.connections(Connections::Fresh);
            let (client, clock, outgoing) =
                (self.run.client.clone(), Arc::clone(clock), Arc::clone(outgoing));
            let mut under_way = tokio::spawn(async move {
                let left = clock.now();
                let outcome = client.exchange(&outgoing, connections, &clock).await;
                (left, clock.now(), outcome)
            });
            let waits = if self.environment.clock.skips_waits() { ON_ITS_WAY } else { Duration::ZERO };
            sent.push(match tokio::time::timeout(waits, &mut under_way).await {
                Ok(Ok(over)) => Sent::Over(Box::new(over)),
                Ok(Err(lost)) => return Err(broke_down(&lost)),
                Err(_) => Sent::UnderWay(under_way),
            });
        }
        let mut answers = Vec::with_capacity(sent.len());
        let mut noise = None;
        for (place, sent) in sent.into_iter().enumerate() {
            let (left, back, outcome) = match sent {
                Sent::Over(over) => *over,
                Sent::UnderWay(under_way) => under_way.await.map_err(|lost| broke_down(&lost))?,
            };
            let outgoing = &requests[place];
            match outcome {
                Ok(message) => {
                    let events = outgoing.body.as_ref().map_or(0, Content::events);
                    answers.push(self.record(outgoing, &message, Some(key), events, Keep::Refusals));
                }
                Err(fault) => {
                    key.note_lost(left, back);
                    self.run.note_lost_answer(outgoing, &fault);
                    noise.get_or_insert(limiters::no_answer(&fault));
                }
            }
        }
        if !clock.is_virtual() {
            self.run.emit(Event::Resumed { id: self.name.to_owned(), keys: variables(self.bindings) });
        }
        noise.map_or(Ok(answers), |what| Err(Gap::Noise(what)))
    }
}

fn broke_down(lost: &JoinError) -> Gap {
    Gap::Inconclusive(format!("a fault in trenchcheck: {lost}"))
}
