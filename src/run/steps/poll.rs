//! Asking a used-up key again and again, whatever its 429s promise.

use std::time::Duration;

use super::burst_end::filling;
use super::{Names, Step, Use};
use crate::client::Connections;
use crate::run::evidence::{Answer, Early, Gap, Polled};
use crate::run::instant::Instant;
use crate::run::keys::KeyState;
use crate::run::limiters;
use crate::run::runner::Runner;
use crate::run::walk::{ALONE, Walk};
use crate::scenario::model::{Poll, RequestDef};

/// How long after a poll a refusal of the window's last second is asked for.
const LAST_SECOND: Duration = Duration::from_millis(500);

/// What a poll goes by.
#[derive(Clone, Copy)]
struct Watch<'a> {
    key: &'a KeyState,
    def: &'a RequestDef,
    every: Duration,
    over: Duration,
}

/// How a poll ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The key is still used up.
    Refused,
    /// It was let in when the time was over, as it may be.
    LetIn,
    /// It was let in too early: quota came back between these instants.
    CameBack((Instant, Instant)),
}

impl End {
    fn came_back(self) -> Option<(Instant, Instant)> {
        match self {
            Self::CameBack(at) => Some(at),
            Self::Refused | Self::LetIn => None,
        }
    }
}

/// How long after one request the next one is due, where so much of the time is `left`: at its end often, so that a window that
/// is a little too short is seen to be, from one of its ends to the next.
fn spacing(every: Duration, left: Duration) -> Duration {
    const LAST: Duration = Duration::from_secs(6);
    const OFTEN: Duration = Duration::from_millis(500);
    if left <= LAST { every.min(OFTEN) } else { every }
}

impl Step for Poll {
    fn names(&self) -> Option<Names<'_>> {
        Some((&self.key, &self.request))
    }

    fn usage(&self) -> Use {
        Use::Waits
    }

    fn cost(&self, walk: &mut Walk<'_>) {
        let Some(name) = self.key() else { return };
        // Counted from when the window began.
        let began = walk.keys.get(name).map_or(walk.now, |key| key.began(walk.now));
        let end = began + self.over.duration();
        while walk.now < end {
            let next = walk.now + spacing(self.every.duration(), end - walk.now);
            walk.requests(name, self.request(), 1, None, None, ALONE);
            walk.wait_until(next.min(end));
        }
    }
}

impl Runner<'_> {
    /// Polls. What comes back is used up again, and from there on the time counts anew.
    pub(in crate::run) async fn poll(&mut self, poll: &Poll) -> Result<Polled, Gap> {
        let key = self.key(poll.key.as_ref())?;
        let watch = Watch {
            key: &key,
            def: self.measured_request(poll.request.as_ref(), poll.key.as_ref())?.1,
            every: poll.every.duration(),
            over: poll.over.duration(),
        };
        let spent = self.spent(&key);
        let began = spent.since;
        // What was never refused does not come back.
        let was_used_up = key.used_up_at(began);
        let mut found =
            Polled { key: self.key_name(poll.key.as_ref()), over: watch.over, began, ..Polled::default() };
        let limits = self.limits(&key);
        let (limit, spent, batches) = match (poll.batch, limits.events) {
            (Some(batch), Some(events)) => (events, spent.events, filling(events, batch)),
            _ => (limits.requests, spent.requests, vec![0; limits.requests as usize]),
        };
        // What a batch that was refused had left does not come back.
        let mut rest = poll.batch.unwrap_or(0);
        let (mut ended, mut came) = (self.watch(watch, began, &mut found).await?, 0);
        while matches!(ended, End::CameBack(_)) {
            came = self.use_up_again(watch.key, watch.def, &batches).await? + 1;
            if came >= std::mem::take(&mut rest) {
                break;
            }
            ended = self.watch(watch, began, &mut found).await?;
        }
        if let End::CameBack(at) = ended {
            // What was let in beyond a quota before that came back, too.
            let whole = came + spent.saturating_sub(limit);
            let until = Some(self.environment.clock.now());
            if whole >= limit {
                // From here on it is another window.
                found.refusals.clear();
                ended = self.watch(watch, at.0, &mut found).await?;
            } else if was_used_up && limiters::is_part(whole, spent, limit) {
                self.run.learned.lock().slides = true;
            }
            let again = if whole < limit { None } else { ended.came_back() };
            found.early = Some(Early { at, whole, until, again });
        }
        if ended != End::Refused {
            self.ask_around(watch).await?;
        }
        Ok(found)
    }

    /// Uses the key up once more and asks at several phases of a second, so that there are promises to go by.
    async fn ask_around(&self, watch: Watch<'_>) -> Result<(), Gap> {
        const ASKS: usize = 9;
        const WITHIN: Duration = Duration::from_secs(3);
        self.use_up(watch.key, watch.def, 1, None).await?;
        let requests = self.batches(watch.def, watch.key, &[0; ASKS])?;
        self.send_evenly(watch.key, requests, WITHIN).await?;
        self.use_up(watch.key, watch.def, 1, None).await?;
        Ok(())
    }

    /// Asks until the time is over or something is admitted.
    async fn watch(&self, watch: Watch<'_>, since: Instant, found: &mut Polled) -> Result<End, Gap> {
        let end = since + watch.over;
        let requests = self.batches(watch.def, watch.key, &[0])?;
        let Some(outgoing) = requests.first() else { return Ok(End::Refused) };
        let mut refused = since;
        let mut due = self.environment.clock.now();
        let mut promised = watch.key.promise();
        while due < end {
            self.wait_until(due, "the next poll").await?;
            let answer = self.exchange(outgoing, Some(watch.key), Connections::Fresh).await;
            let answer = answer.map_err(|fault| Gap::Noise(limiters::no_answer(fault)))?;
            if let Some(promise) = promised {
                found.last = Some((answer.status, promise - answer.sent));
            }
            if answer.admitted() {
                // By then a conforming minute may have been over.
                let early = answer.done < end;
                return Ok(if early { End::CameBack((refused, answer.done)) } else { End::LetIn });
            }
            if answer.limited {
                refused = answer.sent;
                found.refusals.push(answer);
            }
            let regular = due + spacing(watch.every, end - due);
            promised = watch.key.promise().filter(|promise| *promise > self.environment.clock.now());
            due = promised.map_or(regular, |promise| promise.min(regular)).max(answer.done);
        }
        // What is told in a window's last second is judged with every other 429 of the run; being let in is conforming.
        self.wait_until(end + LAST_SECOND, "the last second of the window").await?;
        let last = self.exchange(outgoing, Some(watch.key), Connections::Fresh).await;
        Ok(if last.is_ok_and(|answer| answer.admitted()) { End::LetIn } else { End::Refused })
    }

    /// Uses up what came back, at most a quota: how many requests that were, or events where these are batches.
    pub(super) async fn use_up_again(
        &self,
        key: &KeyState,
        def: &RequestDef,
        batches: &[u32],
    ) -> Result<u32, Gap> {
        let requests = self.batches(def, key, batches)?;
        let in_flight = self.in_flight(None, requests.len(), def);
        let (burst, answers) = self.fire(Some(key), requests, batches, in_flight, Connections::Reused).await;
        key.forget_promise();
        if let Some(fault) = burst.faults.first() {
            return Err(Gap::Noise(limiters::no_answer(fault)));
        }
        let admitted = answers.iter().filter(|(_, answer)| answer.admitted());
        let amount = |(place, answer): &(usize, Answer)| {
            let size = batches.get(*place).copied().unwrap_or_default();
            size.min(answer.accepted.unwrap_or(u32::MAX)).max(1)
        };
        Ok(admitted.map(amount).sum())
    }
}
