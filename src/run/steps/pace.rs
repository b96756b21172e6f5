//! Requests sent evenly over a time.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinError, JoinHandle};

use crate::report::Event;
use crate::run::clock::Moment;
use crate::run::fault::Fault;
use crate::run::judge::Finding;
use crate::run::lawful::{Seen, may_refuse};
use crate::run::ledger::{KeyState, WINDOW};
use crate::run::message::{Answer, Outgoing};
use crate::run::player::{Player, Stop};
use crate::run::stage::variables;
use crate::run::steps::seen::Paced;
use crate::run::steps::send::shown;
use crate::run::suspicion::Suspicion;
use crate::run::wire::Connections;
use crate::scenario::model::{Expect, Pace, Step};
use crate::scenario::words::Amount;

/// How long the clock of a mock stands still for an answer. A request has got there by then, though its answer may
/// be slow; one that has not is judged by when its answer came, so nothing depends on it.
const ON_ITS_WAY: Duration = Duration::from_millis(20);

/// A request that is over: when it left, when it was over, and what came of it.
type Over = (Moment, Moment, Result<Answer, Fault>);

/// A request that left.
enum Sent {
    Over(Box<Over>),
    UnderWay(JoinHandle<Over>),
}

impl Player<'_> {
    /// Sends requests, each when its turn has come.
    pub(super) async fn pace(&mut self, pace: &Pace) -> Result<Paced, Stop> {
        let key = self.key(pace.key.as_ref())?;
        self.run.burst_is_welcome()?;
        let def = self.request(&pace.request)?;
        let limit = key.limits.requests;
        let over = pace.over.map_or(Duration::ZERO, |over| over.duration());
        let count = match (pace.share, pace.count) {
            (Some(share), _) => share.over(limit, over),
            (None, count) => count.map_or(0, |count| count.resolve(limit, limit)),
        };
        let before = key.remembered();
        let requests = self.batches(def, &key, &vec![pace.batch.unwrap_or(0); count as usize])?;
        let answers = self.send_evenly(&key, requests, over).await?;
        Ok(Paced { answers, before, key })
    }

    /// Judges requests at an even pace.
    pub(super) fn judge_pace(&mut self, paced: &Paced, step: &Step, line: u32) -> Result<(), Stop> {
        if let Some(text) = &step.observe {
            self.fact(filled(text, &paced.answers, paced.key.limits.requests));
        }
        let Some(expect) = &step.expect else { return Ok(()) };
        self.judge_paced(expect, &paced.answers, &paced.before, &paced.key, line)
    }

    /// Sends `requests` over a time; the answers come with the place of their request.
    pub(super) async fn send_evenly(
        &self,
        key: &KeyState,
        requests: Vec<Arc<Outgoing>>,
        over: Duration,
    ) -> Result<Vec<(usize, Answer)>, Stop> {
        let clock = &self.stage.clock;
        let start = clock.now();
        let count = requests.len() as f64;
        self.tell_pace(over);
        let mut sent: Vec<Sent> = Vec::with_capacity(requests.len());
        for (place, outgoing) in requests.iter().enumerate() {
            clock.wait_until(start + over.mul_f64(place as f64 / count)).await?;
            self.count_requests(1);
            let connections = self.run.connections(Connections::Fresh);
            let (wire, clock, outgoing) = (self.run.wire.clone(), Arc::clone(clock), Arc::clone(outgoing));
            let mut under_way = tokio::spawn(async move {
                let left = clock.now();
                let outcome = wire.exchange(&outgoing, connections, &clock).await;
                (left, clock.now(), outcome)
            });
            let waits = if self.stage.clock.is_virtual() { ON_ITS_WAY } else { Duration::ZERO };
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
            self.tell(|| shown(outgoing, outcome.as_ref()));
            match outcome {
                Ok(answer) => {
                    key.note(&answer);
                    self.record(outgoing, &answer, Some(key));
                    answers.push((place, answer));
                }
                Err(fault) => {
                    key.note_lost(left, back);
                    self.run.note_lost_answer(outgoing, &fault);
                    noise.get_or_insert(format!("a paced request got no answer: {fault}"));
                }
            }
        }
        if over > Duration::ZERO && !self.stage.clock.is_virtual() {
            self.run.emit(Event::Resumed { id: self.check.id.clone(), keys: variables(self.cast) });
        }
        match noise {
            Some(what) => Err(Stop::Suspect(Suspicion::Noise(what), Vec::new())),
            None => Ok(answers),
        }
    }

    fn tell_pace(&self, over: Duration) {
        if !self.stage.clock.is_virtual() {
            let (id, what) = (self.check.id.clone(), "requests at an even pace".to_owned());
            self.run.emit(Event::Waiting { id, keys: variables(self.cast), what, how_long: over });
        }
    }

    fn judge_paced(
        &mut self,
        expect: &Expect,
        answers: &[(usize, Answer)],
        before: &[Seen],
        key: &KeyState,
        line: u32,
    ) -> Result<(), Stop> {
        let limit = key.limits.requests;
        let count = number(answers, |_| true);
        let admitted = number(answers, Answer::admitted);
        let limited = number(answers, |answer| answer.status == 429);
        let wrong = |wanted: Option<Amount>, seen| {
            wanted.is_some_and(|wanted: Amount| wanted.resolve(limit, count) != seen)
        };
        let (too_few, not_limited) = (wrong(expect.admitted, admitted), wrong(expect.limited, limited));
        if too_few || not_limited {
            let finding = Finding {
                what: format!(
                    "of {count} paced requests {admitted} were admitted and {limited} answered 429"
                ),
                expected: match (expect.admitted, expect.limited) {
                    (Some(_), _) => format!("admitted: {count}"),
                    _ => format!("limited: {count}"),
                },
                actual: format!("admitted: {admitted}\nlimited: {limited}"),
            };
            let mut failure = self.failure(line, finding);
            let suspicion = match answers.iter().position(|(_, answer)| answer.status == 429) {
                Some(first) if too_few => {
                    let (fact, suspicion) = self.refused_in_pace(first, answers, before, key);
                    failure.facts.push(fact);
                    suspicion
                }
                _ if not_limited && admitted > 0 => {
                    let to = self.stage.clock.now();
                    Suspicion::TooMany { admitted: limit + admitted, limit, from: self.spending_since, to }
                }
                _ => Suspicion::Noise(format!(
                    "{} of {count} answers were neither 2xx nor 429",
                    count - admitted - limited
                )),
            };
            return Err(Stop::Suspect(suspicion, vec![failure]));
        }
        if expect.promise_moves_at_most.is_some() && admitted > 0 {
            // The window ended meanwhile; the next try begins right after that and has a whole minute.
            let what = "quota came back between the requests, and a promise may move with it";
            return Err(Stop::Suspect(Suspicion::Noise(what.to_owned()), Vec::new()));
        }
        self.judge_each_429(expect, answers, line)
    }

    /// What to make of the first 429 at a pace that should be admitted.
    fn refused_in_pace(
        &self,
        first: usize,
        answers: &[(usize, Answer)],
        before: &[Seen],
        key: &KeyState,
    ) -> (String, Suspicion) {
        let seen = |answer: &Answer| (answer.sent, answer.done);
        let refused = seen(&answers[first].1);
        let others = answers.iter().enumerate().filter(|(place, _)| *place != first);
        let others: Vec<Seen> =
            before.iter().copied().chain(others.map(|(_, (_, answer))| seen(answer))).collect();
        let limit = key.limits.requests;
        let in_a_minute =
            others.iter().filter(|other| other.0 <= refused.1 && other.1 + WINDOW >= refused.0).count();
        let fact = format!(
            "the first 429 came after {first} requests, when {in_a_minute} had been sent within a minute, of {limit}"
        );
        if may_refuse(&others, refused, limit) {
            let what = "the requests came so close together that a lawful limiter may refuse one";
            return (fact, Suspicion::Noise(what.to_owned()));
        }
        // Whatever lies before this is in the reckoning already, and so is every way in which quota may trickle back.
        let suspicion = Suspicion::TooFew {
            admitted: u32::try_from(first).unwrap_or(u32::MAX),
            expected: u32::try_from(answers.len()).unwrap_or(u32::MAX),
            silence: self.silence.max(WINDOW),
            trickles: Some(false),
            private: self.stage.workspace.is_some(),
        };
        (fact, suspicion)
    }
}

fn broke_down(lost: &JoinError) -> Stop {
    Stop::Inconclusive(format!("a fault in trenchcheck: {lost}"))
}

fn number(answers: &[(usize, Answer)], wanted: impl Fn(&Answer) -> bool) -> u32 {
    u32::try_from(answers.iter().filter(|(_, answer)| wanted(answer)).count()).unwrap_or(u32::MAX)
}

fn filled(text: &str, answers: &[(usize, Answer)], limit: u32) -> String {
    let (admitted, limited) =
        (number(answers, Answer::admitted), number(answers, |answer| answer.status == 429));
    text.replace("<admitted>", &admitted.to_string())
        .replace("<limited>", &limited.to_string())
        .replace("<limit>", &limit.to_string())
}
