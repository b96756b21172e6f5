//! Asking a used-up key again and again, whatever its 429s promise.

use std::time::Duration;

use crate::run::clock::Moment;
use crate::run::judge::Finding;
use crate::run::ledger::KeyState;
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

impl Player<'_> {
    /// Polls, and judges what was admitted.
    ///
    /// A limiter that counts from a key's first request gives nothing back before a minute is over. One that counts by
    /// the minutes of its clock gives everything back once, wherever its minute begins, and then not for a minute. One
    /// that weighs in the minute before gives quota back bit by bit after its clock's minute began, which looks like a
    /// bucket that refills; but only the clock's minute comes at the same instant in every try.
    pub(super) async fn poll(&mut self, poll: &Poll, step: &Step, line: u32) -> Result<(), Stop> {
        let key = self.key(poll.key.as_ref())?;
        let span = |span: Option<crate::scenario::words::Span>| span.map_or(Duration::ZERO, |span| span.0);
        let watch = Watch {
            key: &key,
            def: self.request(&poll.request)?,
            every: span(poll.every),
            over: span(poll.over),
        };
        let limit = key.limits.requests;
        let now = self.stage.clock.now();
        let spent = self.spent.get(&key.key.variable).copied();
        let began = spent.unwrap_or(Spent { from: now, admitted: 0 }).from;

        let Some(first) = self.watch(watch, began).await? else { return Ok(()) };
        let whole = self.use_up_again(watch).await?;
        let Some(expect) = &step.expect else {
            let after = (first.1 - began).as_secs_f64();
            self.fact(format!("{whole} of {limit} requests came back {after:.0} s after the window began"));
            return Ok(());
        };
        debug_assert!(expect.admitted.is_some());
        if whole < limit {
            let what = format!(
                "{whole} of {limit} requests came back {:.1} s after a quota was used up",
                (first.1 - began).as_secs_f64()
            );
            let suspicion = Suspicion::CameBack { began, back: first.1 };
            return Err(Stop::Suspect(suspicion, vec![self.too_early(line, what, watch)]));
        }
        let Some(second) = self.watch(watch, first.0).await? else {
            self.fact(format!(
                "the whole quota came back {:.0} s after the key's first request, and not again within a minute of that",
                (first.1 - began).as_secs_f64()
            ));
            return Ok(());
        };
        // No lawful clock has two minutes begin so close to each other.
        let what = format!(
            "the whole quota came back twice: at {} and at {}, {:.1} s later",
            first.1,
            second.1,
            (second.1 - first.1).as_secs_f64()
        );
        Err(Stop::Broken(vec![self.too_early(line, what, watch)]))
    }

    fn too_early(&self, line: u32, what: String, watch: Watch<'_>) -> crate::report::Failure {
        let over = watch.over.as_secs();
        let expected =
            format!("429 for {over} s after the {} requests of a window", watch.key.limits.requests);
        self.failure(line, Finding { what, expected, actual: "admitted before that".to_owned() })
    }

    /// Asks until something is admitted too early: gives when, at the earliest and at the latest, it had come back.
    async fn watch(&self, watch: Watch<'_>, since: Moment) -> Result<Option<Between>, Stop> {
        let end = since + watch.over;
        let requests = self.batches(watch.def, watch.key, &[0])?;
        let Some(outgoing) = requests.first() else { return Ok(None) };
        let mut refused = since;
        let mut due = self.stage.clock.now();
        while due < end {
            self.wait_until(due, "the next poll").await?;
            let answer = self.exchange(outgoing, Some(watch.key), Connections::Fresh).await;
            let answer = answer.map_err(|fault| {
                Stop::Suspect(Suspicion::Noise(format!("a poll got no answer: {fault}")), Vec::new())
            })?;
            if answer.admitted() {
                // By then a lawful minute may have been over.
                return Ok((answer.done < end).then_some((refused, answer.done)));
            }
            if answer.status == 429 {
                refused = answer.sent;
            }
            let regular = due + watch.every;
            let promised = watch.key.promise().filter(|promise| *promise > self.stage.clock.now());
            due = promised.map_or(regular, |promise| promise.min(regular)).max(answer.done);
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
