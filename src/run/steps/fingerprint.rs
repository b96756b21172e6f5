//! Telling limiters apart by when quota comes back, and how much of it.

use std::fmt;
use std::time::Duration;

use super::{Names, Step, Use};
use crate::client::Connections;
use crate::run::evidence::{Answer, Gap};
use crate::run::keys::KeyState;
use crate::run::limiters::{Span, WINDOW};
use crate::run::runner::Runner;
use crate::run::walk::{ALONE, TOGETHER, Walk};
use crate::scenario::model::{Fingerprint, RequestDef};

/// Between the first half of the quota and the rest.
pub(in crate::run) const APART: Duration = Duration::from_secs(20);

/// The limiter is not met at an instant it chose itself: who begins at a promise cannot tell a clock's minute from one
/// that begins with the first request.
pub(in crate::run) const OFF_THE_CLOCK: Duration = Duration::from_secs(7);

/// How often a used-up key is asked whether something came back.
pub(in crate::run) const EVERY: Duration = Duration::from_secs(1);

/// A burst that is forgotten request by request is forgotten after this.
pub(in crate::run) const SETTLED: Duration = Duration::from_secs(3);

/// How many requests more than the limit are sent, so that some are refused.
pub(in crate::run) const OVER: u32 = 10;

/// How much earlier or later than a minute after the first request still counts as that.
const ABOUT: Duration = Duration::from_secs(2);

/// What the limiter seems to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Algorithm {
    Anchored,
    Aligned,
    Sliding,
    Weighed,
    NotAsDocumented,
    NeverBack,
}

impl Algorithm {
    /// From how long after the first half quota came back, how long that was after the window's first request, and how much
    /// came back.
    fn of(after: Option<(Duration, Duration)>, came_back: u32, limit: u32) -> Self {
        let Some((after, since_first)) = after else { return Self::NeverBack };
        let about_a_minute = |after: Duration| after + ABOUT >= WINDOW && after <= WINDOW + ABOUT;
        let (whole, half) = (came_back >= limit, came_back * 4 >= limit);
        match (whole, half) {
            (true, _) if about_a_minute(since_first) => Self::Anchored,
            (true, _) if after < WINDOW => Self::Aligned,
            (false, true) if about_a_minute(after) => Self::Sliding,
            (false, false) => Self::Weighed,
            _ => Self::NotAsDocumented,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Anchored => "a fixed window that begins with the key's first request",
            Self::Aligned => "a fixed window that begins with the minutes of the server's clock",
            Self::Sliding => "a sliding window, which forgets each request a minute after it came",
            Self::Weighed => "a sliding estimate, or a bucket that refills: quota comes back bit by bit",
            Self::NotAsDocumented => "none of the usual limiters",
            Self::NeverBack => "one that also counts the requests it refuses",
        })
    }
}

impl Step for Fingerprint {
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
        let (Some(name), request) = (self.key(), self.request()) else { return };
        let Some(limit) = walk.keys.get(name).map(|key| key.limits.requests) else { return };
        walk.wait_until(walk.now + OFF_THE_CLOCK);
        let first = walk.now;
        walk.requests(name, request, limit / 2, None, None, TOGETHER);
        walk.wait_until(first + APART);
        walk.requests(name, request, limit + OVER, None, None, TOGETHER);
        while walk.now < first + WINDOW {
            walk.wait_until(walk.now + EVERY);
            walk.requests(name, request, 1, None, None, ALONE);
        }
        walk.wait_until(walk.now + SETTLED);
        walk.requests(name, request, limit, None, None, TOGETHER);
    }
}

impl Runner<'_> {
    /// Uses a quota in two halves and watches it come back: what the limiter looks like.
    pub(in crate::run) async fn fingerprint(&mut self, fingerprint: &Fingerprint) -> Result<String, Gap> {
        let key = self.key(fingerprint.key.as_ref())?;
        self.run.burst_is_welcome()?;
        let (_, def) = self.measured_request(fingerprint.request.as_ref(), fingerprint.key.as_ref())?;
        let limit = self.limits(&key).requests;
        let spent = self.spent(&key);
        let before = spent.requests;
        let half = (limit / 2).saturating_sub(before);
        self.wait_until(self.environment.clock.now() + OFF_THE_CLOCK, "an instant that no limiter chose")
            .await?;

        let (first, admitted_first, _) = self.volley_of(&key, def, half).await?;
        self.wait_until(first.0 + APART, "the second half of the quota").await?;
        let (_, admitted_second, limited) = self.volley_of(&key, def, limit + OVER).await?;
        let used = before + admitted_first + admitted_second;
        if used < limit || limited == 0 {
            return Err(Gap::Inconclusive(format!(
                "{used} requests were admitted where the quota of {limit} was used up in two halves, so nothing can be told \
                 from what comes back"
            )));
        }
        // A clock's minute may have begun between the halves; then the next one is what is seen to come back.
        let crossed = used > limit;
        // What was asked before opened the window, where the key's first request does.
        let opened = if before > 0 { spent.since } else { first.0 };
        let asked = self.batches(def, &key, &[0])?;
        let mut came_back = (None, 0);
        while let Some(outgoing) = asked.first() {
            let next = self.environment.clock.now() + EVERY;
            if next - first.0 > 2 * WINDOW + ABOUT {
                break;
            }
            self.wait_until(next, "quota to come back").await?;
            let answer = self.exchange(outgoing, Some(&key), Connections::Fresh).await;
            if answer.as_ref().is_ok_and(Answer::admitted) {
                let now = self.environment.clock.now();
                let after = (now - first.0, now - opened);
                self.wait_until(self.environment.clock.now() + SETTLED, "all that comes back").await?;
                let (_, admitted, _) = self.volley_of(&key, def, limit).await?;
                came_back = (Some(after), admitted + 1);
                // Else a log forgets what was asked before the first half.
                if admitted + 1 > before {
                    break;
                }
            }
        }
        let (after, number) = came_back;
        let algorithm = match Algorithm::of(after, number, limit) {
            Algorithm::NotAsDocumented if crossed && number >= limit => Algorithm::Aligned,
            other => other,
        };
        let seen = after.map_or_else(String::new, |(_, since_first)| {
            format!(
                ": {number} of {limit} requests came back {:.0} s after the first",
                since_first.as_secs_f64()
            )
        });
        Ok(format!("the limiter looks like {algorithm}{seen}"))
    }

    /// Sends so many requests: when they left and were answered, and how many were admitted and refused.
    async fn volley_of(&self, key: &KeyState, def: &RequestDef, count: u32) -> Result<(Span, u32, u32), Gap> {
        let batches = vec![0; count as usize];
        let requests = self.batches(def, key, &batches)?;
        let in_flight = self.in_flight(None, requests.len(), def);
        let (burst, answers) = self.fire(Some(key), requests, &batches, in_flight, Connections::Reused).await;
        let number = |wanted: fn(&Answer) -> bool| {
            u32::try_from(answers.iter().filter(|(_, answer)| wanted(answer)).count()).unwrap_or(u32::MAX)
        };
        Ok(((burst.from, burst.to), number(Answer::admitted), number(|answer| answer.limited)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limiters_are_told_apart_by_what_comes_back_when() {
        let since =
            |after: u64, before: u64| Some((Duration::from_secs(after), Duration::from_secs(after + before)));
        let of = |after: u64, number: u32| Algorithm::of(since(after, 0), number, 60);
        // The window was opened by requests 15 s before the first half.
        assert_eq!(Algorithm::of(since(45, 15), 60, 60), Algorithm::Anchored);
        assert_eq!(Algorithm::of(since(35, 15), 60, 60), Algorithm::Aligned);
        assert_eq!(Algorithm::of(since(60, 15), 30, 60), Algorithm::Sliding);
        assert_eq!(of(60, 60), Algorithm::Anchored);
        assert_eq!(of(61, 60), Algorithm::Anchored);
        assert_eq!(of(43, 60), Algorithm::Aligned);
        assert_eq!(of(60, 30), Algorithm::Sliding);
        assert_eq!(of(60, 31), Algorithm::Sliding);
        assert_eq!(of(35, 2), Algorithm::Weighed);
        assert_eq!(of(90, 60), Algorithm::NotAsDocumented);
        assert_eq!(Algorithm::of(None, 0, 60), Algorithm::NeverBack);
    }
}
