//! Asking a used-up key again and again, whatever its 429s promise.

use std::sync::Arc;
use std::time::Duration;

use crate::run::clock::Moment;
use crate::run::judge::{Finding, broken_promise, excerpt};
use crate::run::ledger::KeyState;
use crate::run::message::Answer;
use crate::run::player::{Player, Spent, Stop};
use crate::run::steps::burst::IN_FLIGHT;
use crate::run::suspicion::Suspicion;
use crate::run::wire::Connections;
use crate::scenario::model::{Poll, RequestDef, Step};

/// How long after a poll a 429 of the window's last second is asked for.
const LAST_SECOND: Duration = Duration::from_millis(500);

/// What a poll goes by.
#[derive(Clone, Copy)]
struct Watch<'a> {
    key: &'a KeyState,
    def: &'a RequestDef,
    every: Duration,
    over: Duration,
}

/// When quota came back: after the one moment, at the other at the latest.
type Between = (Moment, Moment);

/// What a poll found.
#[derive(Debug)]
pub(in crate::run) struct Polled {
    key: Arc<KeyState>,
    /// For how long nothing should have come back.
    over: Duration,
    /// When the window began.
    began: Moment,
    /// What came back too early, where something did.
    early: Option<Early>,
    /// The 429s after that.
    refusals: Vec<(usize, Answer)>,
    /// The last answer, and how long before the promised instant its request left.
    last: Option<(u16, Duration)>,
}

/// What came back before a minute was over.
#[derive(Debug, Clone, Copy)]
struct Early {
    at: Between,
    /// How much of it.
    whole: u32,
    /// When the same happened once more in less than a minute.
    again: Option<Between>,
}

impl Player<'_> {
    /// Polls. What comes back is used up again, and from there on the time counts anew.
    pub(super) async fn poll(&mut self, poll: &Poll) -> Result<Polled, Stop> {
        let key = self.key(poll.key.as_ref())?;
        let span = |span: Option<crate::scenario::words::Span>| span.map_or(Duration::ZERO, |span| span.0);
        let watch = Watch {
            key: &key,
            def: self.request(&poll.request)?,
            every: span(poll.every),
            over: span(poll.over),
        };
        let now = self.stage.clock.now();
        let spent = self.spent.get(&key.key.variable).copied();
        let began = spent.unwrap_or(Spent { from: now, admitted: 0 }).from;
        let mut found = Polled {
            key: Arc::clone(&key),
            over: watch.over,
            began,
            early: None,
            refusals: Vec::new(),
            last: None,
        };
        let Some(at) = self.watch(watch, began, &mut found).await? else { return Ok(found) };
        let whole = self.use_up_again(watch).await?;
        found.refusals.clear();
        let again = match whole {
            whole if whole < key.limits.requests => None,
            _ => self.watch(watch, at.0, &mut found).await?,
        };
        found.early = Some(Early { at, whole, again });
        if again.is_some() || whole < key.limits.requests {
            self.ask_around(watch).await?;
        }
        Ok(found)
    }

    /// Uses the key up once more and asks at several phases of a second, so that there are promises to go by.
    async fn ask_around(&self, watch: Watch<'_>) -> Result<(), Stop> {
        const ASKS: u32 = 9;
        const WITHIN: Duration = Duration::from_secs(3);
        self.use_up(watch.key, watch.def, 1, None).await?;
        let requests = self.batches(watch.def, watch.key, &[0; ASKS as usize])?;
        self.send_evenly(watch.key, requests, WITHIN).await?;
        self.use_up(watch.key, watch.def, 1, None).await?;
        Ok(())
    }

    /// Judges what a poll found.
    ///
    /// A limiter that counts from a key's first request gives nothing back before a minute is over. One that counts by
    /// the minutes of its clock gives everything back once, wherever its minute begins, and then not for a minute. One
    /// that weighs in the minute before gives quota back bit by bit after its clock's minute began, which looks like a
    /// bucket that refills; but only the clock's minute comes at the same instant in every try.
    pub(super) fn judge_poll(&mut self, found: &Polled, step: &Step, line: u32) -> Result<(), Stop> {
        let limit = found.key.limits.requests;
        if let (Some(text), Some((status, before))) = (&step.observe, found.last) {
            let seconds = format!("{:.1}", before.as_secs_f64());
            self.fact(text.replace("<status>", &status.to_string()).replace("<seconds>", &seconds));
        }
        let Some(expect) = &step.expect else { return Ok(()) };
        self.judge_each_429(expect, &found.refusals, line)?;
        let refusals = found.refusals.iter().map(|(_, answer)| answer);
        if expect.promises_kept == Some(true)
            && let Some((promise, answer)) = broken_promise(refusals)
        {
            let finding = Finding {
                what: "refused after the instant that a later 429 had moved forward".to_owned(),
                expected: format!("let in from {promise} on, as Retry-After had promised"),
                actual: format!("sent at {}, answered 429\n{}", answer.sent, excerpt(answer)),
            };
            return Err(Stop::Broken(vec![self.failure(line, finding)]));
        }
        let Some(early) = found.early.filter(|_| expect.admitted.is_some()) else { return Ok(()) };
        let after = (early.at.1 - found.began).as_secs_f64();
        if early.whole < limit {
            let what = format!(
                "{} of {limit} requests came back {after:.1} s after a quota was used up",
                early.whole
            );
            let suspicion = Suspicion::CameBack { began: found.began, back: early.at.1 };
            return Err(Stop::Suspect(suspicion, vec![self.too_early(line, what, found)]));
        }
        let Some(again) = early.again else {
            self.fact(format!(
                "the whole quota came back {after:.0} s after the key's first request, and not again within a minute of that"
            ));
            return Ok(());
        };
        // No lawful clock has two minutes begin so close to each other.
        let what = format!(
            "the whole quota came back twice: at {} and at {}, {:.1} s later",
            early.at.1,
            again.1,
            (again.1 - early.at.1).as_secs_f64()
        );
        Err(Stop::Broken(vec![self.too_early(line, what, found)]))
    }

    fn too_early(&self, line: u32, what: String, found: &Polled) -> crate::report::Failure {
        let expected = format!(
            "429 for {} s after the {} requests of a window",
            found.over.as_secs(),
            found.key.limits.requests
        );
        self.failure(line, Finding { what, expected, actual: "admitted before that".to_owned() })
    }

    /// Asks until something is admitted too early: gives when, at the earliest and at the latest, it had come back.
    async fn watch(
        &self,
        watch: Watch<'_>,
        since: Moment,
        found: &mut Polled,
    ) -> Result<Option<Between>, Stop> {
        let end = since + watch.over;
        let requests = self.batches(watch.def, watch.key, &[0])?;
        let Some(outgoing) = requests.first() else { return Ok(None) };
        let mut refused = since;
        let mut due = self.stage.clock.now();
        let mut promised = watch.key.promise();
        while due < end {
            self.wait_until(due, "the next poll").await?;
            let answer = self.exchange(outgoing, Some(watch.key), Connections::Fresh).await;
            let answer = answer.map_err(|fault| {
                Stop::Suspect(Suspicion::Noise(format!("a poll got no answer: {fault}")), Vec::new())
            })?;
            if let Some(promise) = promised {
                found.last = Some((answer.status, promise - answer.sent));
            }
            if answer.admitted() {
                // By then a lawful minute may have been over.
                return Ok((answer.done < end).then_some((refused, answer.done)));
            }
            let (sent, done) = (answer.sent, answer.done);
            if answer.status == 429 {
                refused = sent;
                found.refusals.push((found.refusals.len(), answer));
            }
            let regular = due + watch.every;
            promised = watch.key.promise().filter(|promise| *promise > self.stage.clock.now());
            due = promised.map_or(regular, |promise| promise.min(regular)).max(done);
        }
        // What is told in a window's last second is judged with every other 429 of the run; being let in is lawful.
        self.wait_until(end + LAST_SECOND, "the last second of the window").await?;
        let _ = self.exchange(outgoing, Some(watch.key), Connections::Fresh).await;
        Ok(None)
    }

    /// Uses up what came back: how many requests that were, with the one that found it.
    async fn use_up_again(&self, watch: Watch<'_>) -> Result<u32, Stop> {
        let limit = watch.key.limits.requests;
        let requests = self.batches(watch.def, watch.key, &vec![0; limit as usize])?;
        let in_flight = IN_FLIGHT.min(self.most_in_flight);
        let volley = self.fire(Some(watch.key), requests, in_flight, self.connections).await;
        if let Some(fault) = volley.faults.first() {
            let what = format!("a request got no answer: {fault}");
            return Err(Stop::Suspect(Suspicion::Noise(what), Vec::new()));
        }
        Ok(volley.admitted() + 1)
    }
}
