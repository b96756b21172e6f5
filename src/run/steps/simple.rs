//! Steps of a few lines: waiting, revoking, reviewing.

use std::time::Duration;

use crate::run::clock::Moment;
use crate::run::ledger::{KeyState, WINDOW};
use crate::run::plan::obstacle::CANNOT_REVOKE;
use crate::run::player::{Player, Stop};
use crate::run::suspicion;
use crate::scenario::model::{Review, Step};
use crate::scenario::span::Spanned;
use crate::scenario::words::WaitFor;

impl Player<'_> {
    /// Waits for a promise, a time, or a silent window of every key.
    pub(super) async fn wait(&mut self, wait: WaitFor) -> Result<(), Stop> {
        let now = self.stage.clock.now();
        self.held_used_up = None;
        match wait {
            WaitFor::For(time) => self.wait_until(now + time, "the time the scenario asks for").await,
            WaitFor::SilentWindow => {
                let mut until = now;
                for key in self.cast.values() {
                    let silence = key.silence().unwrap_or(WINDOW).max(WINDOW);
                    until = until.max(key.last_answer().map_or(now, |last| last + silence));
                }
                // What comes next should lie apart from what made a try before this one suspicious.
                until = until + suspicion::shift(&self.tries, until);
                self.wait_until(until, "a silent window").await?;
                self.spend_anew();
                Ok(())
            }
            WaitFor::Promise { early } => {
                let promise = self.readable(|key| key.promise())?;
                let until = Moment(promise.0.saturating_sub(early));
                self.wait_until(until, "the promise of a 429").await?;
                self.on_promise = early.is_zero();
                Ok(())
            }
            WaitFor::FirstPromise => {
                let promise = self.readable(|key| key.first_promise())?;
                self.wait_until(promise, "the first promise of a 429").await?;
                self.on_promise = true;
                Ok(())
            }
        }
    }

    fn readable(&self, promised: fn(&KeyState) -> Option<Moment>) -> Result<Moment, Stop> {
        const LONGEST: Duration = Duration::from_secs(WINDOW.as_secs() + 1);
        let promise = self.cast.values().filter_map(|key| promised(key)).min();
        let Some(promise) = promise else {
            return Err(Stop::Blocked(
                "no 429 carried a Retry-After that can be read; the checks of it name the cause".to_owned(),
            ));
        };
        let wait = promise - self.stage.clock.now();
        if wait > LONGEST {
            return Err(Stop::Blocked(format!(
                "the 429s promise a retry in {} s only; limit.retry-after-range names that",
                wait.as_secs()
            )));
        }
        Ok(promise)
    }

    /// Revokes a key where the target can.
    pub(super) async fn revoke(&mut self, name: &Spanned<String>) -> Result<(), Stop> {
        let key = self.key(Some(name))?;
        match (&self.stage.workspace, &key.key.mock_id) {
            (Some(workspace), Some(id)) => Ok(workspace.revoke(id).await?),
            _ => Err(Stop::Skipped(CANNOT_REVOKE.to_owned())),
        }
    }

    /// Holds every answer of the run against a rule.
    pub(super) fn review(&mut self, rule: Review, step: &Step, line: u32) -> Result<(), Stop> {
        if let (Review::Every429, Some(expect)) = (rule, &step.expect) {
            let limited: Vec<_> = self.run.trace.limited().into_iter().enumerate().collect();
            return self.judge_each_429(expect, &limited, line);
        }
        let (count, findings) = if rule == Review::TwoQuotasAMinute {
            self.most_together();
            let beyond = self.run.trace.admissions.beyond_two_quotas();
            (beyond.len() as u64, beyond)
        } else {
            self.run.trace.breaches(rule)
        };
        if findings.is_empty() {
            return Ok(());
        }
        let mut failures: Vec<_> = findings.into_iter().map(|finding| self.failure(line, finding)).collect();
        if let Some(first) = failures.first_mut() {
            let of = if rule == Review::TwoQuotasAMinute { "keys" } else { "answers" };
            first.facts.push(format!("{count} {of} of this run break this rule"));
        }
        Err(Stop::Broken(failures))
    }

    fn most_together(&mut self) {
        if let Some(most) = self.run.trace.admissions.most().first() {
            self.fact(format!(
                "the most that was admitted within a minute in this run: {} requests where {} a minute are the limit ({})",
                most.admitted, most.limit, most.variable
            ));
        }
    }
}
