//! Telling limiters apart by when quota comes back, and how much of it.

use std::fmt;
use std::time::Duration;

use crate::run::ledger::WINDOW;
use crate::run::player::{Player, Stop};
use crate::run::steps::burst::IN_FLIGHT;
use crate::run::wire::Connections;
use crate::scenario::model::Fingerprint;

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
    /// From how long after the first request quota came back, and how much of it.
    fn of(after: Option<Duration>, came_back: u32, limit: u32) -> Self {
        let Some(after) = after else { return Self::NeverBack };
        let about_a_minute = after + ABOUT >= WINDOW && after <= WINDOW + ABOUT;
        let (whole, half) = (came_back >= limit, came_back * 4 >= limit);
        match (whole, half, about_a_minute) {
            (true, _, true) => Self::Anchored,
            (true, _, false) if after < WINDOW => Self::Aligned,
            (false, true, true) => Self::Sliding,
            (false, false, _) => Self::Weighed,
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

impl Player<'_> {
    /// Uses a quota in two halves and watches it come back.
    pub(super) async fn fingerprint(&mut self, fingerprint: &Fingerprint) -> Result<(), Stop> {
        let key = self.key(fingerprint.key.as_ref())?;
        self.run.burst_is_welcome()?;
        let def = self.request(&fingerprint.request)?;
        let limit = key.limits.requests;
        let half = limit / 2;
        self.wait_until(self.stage.clock.now() + OFF_THE_CLOCK, "an instant that no limiter chose").await?;

        let in_flight = IN_FLIGHT.min(self.most_in_flight);
        let fire = |count: u32| self.batches(def, &key, &vec![0; count as usize]);
        let first = self.fire(Some(&key), fire(half)?, in_flight, self.connections).await;
        self.wait_until(first.from + APART, "the second half of the quota").await?;
        let second = self.fire(Some(&key), fire(limit + OVER)?, in_flight, self.connections).await;
        let used = first.admitted() + second.admitted();
        if used < limit || second.limited() == 0 {
            return Err(Stop::Inconclusive(format!(
                "{used} of {limit} requests were admitted in two halves, so nothing can be told from what comes back"
            )));
        }
        // A clock's minute may have begun between the halves; then the next one is what is seen to come back.
        let crossed = used > limit;
        let asked = self.batches(def, &key, &[0])?;
        let mut came_back = (None, 0);
        while let Some(outgoing) = asked.first() {
            let next = self.stage.clock.now() + EVERY;
            if next - first.from > 2 * WINDOW + ABOUT {
                break;
            }
            self.wait_until(next, "quota to come back").await?;
            let answer = self.exchange(outgoing, Some(&key), Connections::Fresh).await;
            if answer.as_ref().is_ok_and(|answer| answer.admitted()) {
                let after = self.stage.clock.now() - first.from;
                self.wait_until(self.stage.clock.now() + SETTLED, "all that comes back").await?;
                let rest = self.fire(Some(&key), fire(limit)?, in_flight, self.connections).await;
                came_back = (Some(after), rest.admitted() + 1);
                break;
            }
        }
        let (after, number) = came_back;
        let algorithm = match Algorithm::of(after, number, limit) {
            Algorithm::NotAsDocumented if crossed && number >= limit => Algorithm::Aligned,
            other => other,
        };
        let seen = after.map_or_else(String::new, |after| {
            format!(": {number} of {limit} requests came back {:.0} s after the first", after.as_secs_f64())
        });
        self.fact(format!("the limiter looks like {algorithm}{seen}"));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limiters_are_told_apart_by_what_comes_back_when() {
        let of = |after: u64, number: u32| Algorithm::of(Some(Duration::from_secs(after)), number, 60);
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
