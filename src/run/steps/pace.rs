//! Requests sent evenly over a time.

use std::time::Duration;

use crate::run::judge::Finding;
use crate::run::player::{Player, Stop};
use crate::run::suspicion::Suspicion;
use crate::run::wire::Connections;
use crate::scenario::model::{Pace, Step};

impl Player<'_> {
    /// Sends `count` requests one after the other, each when its turn has come, and judges them.
    pub(super) async fn pace(&mut self, pace: &Pace, step: &Step, line: u32) -> Result<(), Stop> {
        let key = self.key(pace.key.as_ref())?;
        let def = self.request(&pace.request)?;
        let limit = key.limits.requests;
        let count = pace.count.map_or(0, |count| count.resolve(limit, limit));
        let over = pace.over.map_or(Duration::ZERO, |over| over.duration());
        let start = self.stage.clock.now();
        let mut answers = Vec::new();
        let batches = vec![pace.batch.unwrap_or(0); count as usize];
        for (place, outgoing) in self.batches(def, &key, &batches, None, None)?.iter().enumerate() {
            let due = start + over.mul_f64(place as f64 / f64::from(count));
            self.stage.clock.wait_until(due).await?;
            match self.exchange(outgoing, Some(&key), Connections::Fresh).await {
                Ok(answer) => answers.push((place, answer)),
                Err(fault) => {
                    let what = format!("a paced request got no answer: {fault}");
                    return Err(Stop::Suspect(Suspicion::Noise(what), Vec::new()));
                }
            }
        }
        let Some(expect) = &step.expect else { return Ok(()) };
        let tally = |wanted: &dyn Fn(u16) -> bool| {
            u32::try_from(answers.iter().filter(|(_, answer)| wanted(answer.status)).count())
                .unwrap_or(u32::MAX)
        };
        let admitted = tally(&|status| (200..300).contains(&status));
        let limited = tally(&|status| status == 429);
        let wrong = |wanted: Option<crate::scenario::words::Amount>, seen| {
            wanted.is_some_and(|wanted| wanted.resolve(limit, count) != seen)
        };
        if wrong(expect.admitted, admitted) || wrong(expect.limited, limited) {
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
            let failures = vec![self.failure(line, finding)];
            let silence = self.silence;
            let suspicion = if wrong(expect.limited, limited) && admitted > 0 {
                let to = self.stage.clock.now();
                Suspicion::TooMany { admitted: limit + admitted, limit, from: self.spending_since, to }
            } else {
                Suspicion::Limited { silence }
            };
            return Err(Stop::Suspect(suspicion, failures));
        }
        if expect.promise_moves_at_most.is_some() && admitted > 0 {
            // The window ended meanwhile; the next try begins right after that and has a whole minute.
            let what = "quota came back between the requests, and a promise may move with it";
            return Err(Stop::Suspect(Suspicion::Noise(what.to_owned()), Vec::new()));
        }
        self.judge_each_429(expect, &answers, line)
    }
}
