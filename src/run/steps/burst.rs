//! Many requests, released together, and their counts.

use std::sync::Arc;
use std::time::Duration;

use crate::report::Failure;
use crate::run::credentials::counts_against_key;
use crate::run::judge::{Finding, Rules, judge_answer, spread};
use crate::run::ledger::{KeyState, WINDOW};
use crate::run::message::{Answer, Outgoing};
use crate::run::player::{Player, Spent, Stop};
use crate::run::steps::exhaust::CROWDED;
use crate::run::steps::seen::Fired;
use crate::run::steps::send::shown;
use crate::run::steps::ways::Way;
use crate::run::suspicion::{Suspicion, too_slow};
use crate::run::volley::{self, Volley};
use crate::run::wire::Connections;
use crate::scenario::model::{Burst, Expect, RequestDef, Step};

/// How many requests are under way at once unless the scenario says otherwise.
pub(in crate::run) const IN_FLIGHT: u32 = 32;

/// A burst that took so long cannot be told from one that met a reset.
pub(super) const TOO_LONG: Duration = Duration::from_secs(WINDOW.as_secs() - 1);

impl Player<'_> {
    /// Sends a burst.
    pub(super) async fn burst(&mut self, burst: &Burst) -> Result<Fired, Stop> {
        let key = self.key(burst.key.as_ref())?;
        self.run.burst_is_welcome()?;
        let (limit, batches) = match (burst.events, burst.count) {
            (Some(events), _) => {
                let limit = key.limits.events.ok_or_else(|| {
                    Stop::Skipped(format!("no limit on events is stated for {}", key.key.variable))
                })?;
                (limit, split(events.resolve(limit, limit), burst.batch.unwrap_or(1)))
            }
            (None, Some(count)) => {
                let limit = key.limits.requests;
                (limit, vec![burst.batch.unwrap_or(0); count.resolve(limit, limit) as usize])
            }
            (None, None) => return Err(Stop::Blocked("the burst has no count".to_owned())),
        };
        let ways = self.ways(burst, &key).await?;
        let requests = self.in_turn(&ways, &key, &batches, burst.padding, burst.credentials.as_ref())?;
        let counted = counts_against_key(burst.credentials.as_ref());
        let silent_since = key.last_answer();
        let connections = if burst.fresh_connections { Connections::Fresh } else { self.connections };
        let in_flight = burst.in_flight.unwrap_or(IN_FLIGHT);
        // A burst that is about many at once stays one, however crowded the target is, unless it shall be none at all.
        let least = if in_flight > IN_FLIGHT && self.most_in_flight > 1 { IN_FLIGHT } else { 1 };
        let in_flight = in_flight.min(self.most_in_flight.max(least));
        let sent = requests.len();
        let volley = self.fire(counted.then_some(&*key), requests, in_flight, connections).await;
        self.run.note_burst(&self.check.id, sent, volley.left_within);
        if counted {
            // What this try sent before belongs to the window that is being counted.
            if let Some(last) = silent_since.filter(|last| *last < self.spending_since) {
                self.silence = volley.from - last;
            }
            let spent = self.spent.entry(key.key.variable.clone());
            spent.or_insert(Spent { from: volley.from, admitted: 0 }).admitted += volley.admitted();
            if volley.admitted() > 0 && burst.in_turn_with.is_empty() {
                self.run.note_admitted(&key.key.variable, &burst.request);
            }
        }
        Ok(Fired { volley, batches, limit, key })
    }

    /// Makes sure that a burst at the beginning of a window was admitted anything at all, also where nothing is expected
    /// of it: else the window was none, and what follows would be seen in the middle of another one.
    pub(super) fn window_is_there(&self, fired: &Fired, step: &Step, line: u32) -> Result<(), Stop> {
        let Fired { volley, limit, key, .. } = fired;
        let judged = step
            .expect
            .as_ref()
            .is_some_and(|expect| expect.admitted.or(expect.accepted).or(expect.accepted_at_most).is_some());
        if judged || volley.admitted() > 0 || volley.limited() == 0 {
            return Ok(());
        }
        let finding = Finding {
            what: format!("nothing was admitted when {} should have had a fresh window", key.key.variable),
            expected: "some requests admitted".to_owned(),
            actual: format!("limited: {}", volley.limited()),
        };
        let suspicion = Suspicion::TooFew {
            admitted: 0,
            expected: *limit,
            silence: self.silence,
            trickles: None,
            private: self.stage.workspace.is_some(),
        };
        Err(Stop::Suspect(suspicion, vec![self.failure(line, finding)]))
    }

    /// Judges the counts of a burst.
    pub(super) fn judge_burst(&mut self, fired: &Fired, step: &Step, line: u32) -> Result<(), Stop> {
        if let Some(text) = &step.observe {
            self.fact(fill(text, &fired.volley, fired.key.limits.requests));
        }
        let Some(expect) = &step.expect else { return Ok(()) };
        self.judge_counts(expect, fired, line)?;
        self.judge_accepted(expect, fired, line)
    }

    /// The same request as often as there are `batches`; see [`Player::in_turn`].
    pub(in crate::run) fn batches(
        &self,
        def: &RequestDef,
        key: &KeyState,
        batches: &[u32],
    ) -> Result<Vec<Arc<Outgoing>>, Stop> {
        self.in_turn(&[Way { def, http: None }], key, batches, None, None)
    }

    /// Sends requests together and takes note of every answer, for the key that they were counted for.
    pub(in crate::run) async fn fire(
        &self,
        key: Option<&KeyState>,
        requests: Vec<Arc<Outgoing>>,
        in_flight: u32,
        connections: Connections,
    ) -> Volley {
        self.count_requests(requests.len());
        let sent = requests.clone();
        let connections = self.run.connections(connections);
        let turn =
            if self.stage.clock.is_virtual() { None } else { Some(self.run.right_of_way.turn().await) };
        let clock = &self.stage.clock;
        let volley =
            volley::fire(&self.run.wire, clock, requests, in_flight as usize, connections, turn).await;
        for (place, answer) in &volley.answers {
            self.record(&sent[*place], answer, key);
        }
        if volley.took() > CROWDED && volley.is_crowded() {
            self.run.note_crowd();
        }
        for fault in &volley.faults {
            if let Some(outgoing) = sent.first() {
                self.run.note_lost_answer(outgoing, fault);
            }
        }
        let Some(key) = key else { return volley };
        volley.answers.iter().for_each(|(_, answer)| key.note(answer));
        volley.faults.iter().for_each(|_| key.note_lost(volley.from, volley.to));
        if volley.limited() > 0 {
            key.mark_used_up();
        }
        // Which of the 429s belong to the window that is open now cannot be told from answers that overlap.
        key.forget_promise();
        volley
    }

    fn judge_counts(&self, expect: &Expect, fired: &Fired, line: u32) -> Result<(), Stop> {
        let Fired { volley, limit, key, .. } = fired;
        self.judge_each_429(expect, &volley.answers, line)?;
        let all = u32::try_from(volley.answers.len() + volley.faults.len()).unwrap_or(u32::MAX);
        let (admitted, limited, other) = (volley.admitted(), volley.limited(), volley.other());
        let wrong = [
            ("admitted", expect.admitted, admitted),
            ("limited", expect.limited, limited),
            ("other", expect.other, other),
        ]
        .into_iter()
        .any(|(_, wanted, seen)| {
            wanted.is_some_and(|wanted| wanted.resolve(key.limits.requests, all) != seen)
        });
        if !wrong {
            // A burst that is none proves nothing: a reset lies inside it.
            let is_none = volley.took() >= TOO_LONG && expect.limited.is_some();
            return if is_none { Err(Stop::Inconclusive(too_slow(volley.took()))) } else { Ok(()) };
        }
        let finding = counts_finding(expect, volley, key.limits.requests, all);
        let mut failure = self.failure(line, finding);
        failure.facts = vec![
            format!("{all} requests left within {} ms", volley.left_within.as_millis()),
            format!("the last answer came {} ms after the first request left", volley.took().as_millis()),
            format!("the key had been silent for {:.1} s", self.silence.as_secs_f64()),
        ];
        let failures = vec![failure];
        if !volley.faults.is_empty() {
            let what =
                format!("{} of {all} requests got no answer: {}", volley.faults.len(), volley.faults[0]);
            return Err(Stop::Suspect(Suspicion::Noise(what), failures));
        }
        let wanted = expect.admitted.map(|wanted| wanted.resolve(key.limits.requests, all));
        if other > 0 && expect.other.is_some() {
            // A server may answer oddly on a connection it did not read to the end; on one of its own it has no excuse.
            return Err(if self.connections == Connections::Reused {
                Stop::Suspect(
                    Suspicion::Noise(format!("{other} of {all} answers were neither 2xx nor 429")),
                    failures,
                )
            } else {
                Stop::Broken(failures)
            });
        }
        match wanted {
            Some(wanted) if admitted > wanted && wanted < all => {
                let spent = self.spent.get(&key.key.variable).copied();
                let Spent { from, admitted } = spent.unwrap_or(Spent { from: volley.from, admitted });
                let most = if *limit == key.limits.requests { *limit } else { u32::MAX / 2 };
                Err(Stop::Suspect(
                    Suspicion::TooMany { admitted, limit: most, from, to: volley.to },
                    failures,
                ))
            }
            _ if volley.took() >= TOO_LONG => Err(Stop::Suspect(Suspicion::TooSlow(volley.took()), failures)),
            Some(wanted) if admitted < wanted => {
                let silence = self.silence;
                let private = self.stage.workspace.is_some();
                Err(Stop::Suspect(
                    Suspicion::TooFew { admitted, expected: wanted, silence, trickles: None, private },
                    failures,
                ))
            }
            _ => Err(Stop::Broken(failures)),
        }
    }

    /// Judges every 429 among the answers, and how far their promises lie apart.
    pub(super) fn judge_each_429(
        &self,
        expect: &Expect,
        answers: &[(usize, Answer)],
        line: u32,
    ) -> Result<(), Stop> {
        let limited: Vec<&Answer> =
            answers.iter().map(|(_, answer)| answer).filter(|answer| answer.status == 429).collect();
        if let Some(most) = expect.promise_moves_at_most {
            let owned: Vec<Answer> = limited.iter().map(|answer| (*answer).clone()).collect();
            if let Some(spread) = spread(&owned)
                && spread > most.duration()
            {
                let finding = Finding {
                    what: format!("the promised instant moves by {:.1} s", spread.as_secs_f64()),
                    expected: format!("promises at most {:.1} s apart", most.duration().as_secs_f64()),
                    actual: promises(&limited),
                };
                return Err(Stop::Broken(vec![self.failure(line, finding)]));
            }
        }
        let Some(each) = &expect.each_429 else { return Ok(()) };
        let rules = Rules {
            fixtures: &self.run.suite.fixtures,
            extra_members_allowed: self.run.target.extra_members_allowed,
            head: false,
        };
        let judged: Vec<_> =
            limited.iter().map(|answer| (*answer, judge_answer(each, answer, rules))).collect();
        let broken = judged.iter().filter(|(_, judgement)| !judgement.findings.is_empty()).count();
        let first = judged.iter().find(|(_, judgement)| !judgement.findings.is_empty());
        if let Some((answer, judgement)) = first {
            let failures: Vec<Failure> = judgement
                .findings
                .iter()
                .map(|finding| {
                    let mut failure = self.failure(line, finding.clone());
                    failure.facts.push(format!("so it is with {broken} of {} answers of 429", judged.len()));
                    failure.exchange = Some(shown_answer(answer));
                    failure
                })
                .collect();
            return Err(Stop::Broken(failures));
        }
        let unjudged = judged.iter().filter_map(|(_, judgement)| judgement.nothing_to_judge.clone());
        match unjudged.clone().next() {
            Some(why) if unjudged.count() == judged.len() => Err(Stop::Blocked(why)),
            _ => Ok(()),
        }
    }
}

/// Sizes of the batches that carry `events` in all.
fn split(events: u32, batch: u32) -> Vec<u32> {
    let mut batches = vec![batch; (events / batch) as usize];
    if !events.is_multiple_of(batch) {
        batches.push(events % batch);
    }
    batches
}

fn counts_finding(expect: &Expect, volley: &Volley, limit: u32, all: u32) -> Finding {
    let (admitted, limited, other) = (volley.admitted(), volley.limited(), volley.other());
    let line = |name: &str, wanted: Option<crate::scenario::words::Amount>| {
        wanted.map(|wanted| format!("{name}: {}", wanted.resolve(limit, all)))
    };
    let expected: Vec<String> =
        [line("admitted", expect.admitted), line("limited", expect.limited), line("other", expect.other)]
            .into_iter()
            .flatten()
            .collect();
    let mut actual =
        vec![format!("admitted: {admitted}"), format!("limited: {limited}"), format!("other: {other}")];
    if other > 0 {
        let mut statuses = std::collections::BTreeMap::new();
        for (_, answer) in
            volley.answers.iter().filter(|(_, answer)| !answer.admitted() && answer.status != 429)
        {
            *statuses.entry(answer.status).or_insert(0_u32) += 1;
        }
        let shown: Vec<String> =
            statuses.iter().map(|(status, count)| format!("{count} × {status}")).collect();
        actual.push(format!("  of these: {}", shown.join(", ")));
    }
    Finding {
        what: format!("of {all} requests {admitted} were admitted and {limited} answered 429"),
        expected: expected.join("\n"),
        actual: actual.join("\n"),
    }
}

fn promises(limited: &[&Answer]) -> String {
    let line = |answer: &&Answer| {
        answer
            .promise()
            .map(|promise| format!("answered at {}, Retry-After promises {promise}", answer.answered))
    };
    limited.iter().filter_map(line).collect::<Vec<_>>().join("\n")
}

/// An answer whose request is one of many.
fn shown_answer(answer: &Answer) -> crate::report::Exchange {
    let outgoing = Outgoing {
        method: http::Method::GET,
        url: "(one of the burst)".to_owned(),
        headers: Vec::new(),
        body: None,
        spelled: None,
        http: None,
    };
    shown(&outgoing, Ok(answer))
}

fn fill(text: &str, volley: &Volley, limit: u32) -> String {
    text.replace("<admitted>", &volley.admitted().to_string())
        .replace("<limited>", &volley.limited().to_string())
        .replace("<other>", &volley.other().to_string())
        .replace("<limit>", &limit.to_string())
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn batches_carry_every_event_once() {
        assert_eq!(split(2_500, 1_000), [1_000, 1_000, 500]);
        assert_eq!(split(100_000, 1_000).len(), 100);
        assert_eq!(split(0, 10), [0_u32; 0]);
    }
}
