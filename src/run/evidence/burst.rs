//! Many requests and their answers.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::answer::Answer;
use super::{Observation, Play};
use crate::run::clock::{Instant, nanoseconds};
use crate::run::limiters::LONG_SILENCE;

/// What begins a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Fresh {
    /// The run had not used the key, or hardly.
    Unused,
    /// The key was used up for it, and a promise waited for.
    Promise,
    /// The case waits for a promise here, to see the next window after one that was used up.
    Next,
    /// The key was silent.
    Silence,
}

/// Many requests and their answers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Burst {
    /// The key, by the name its case has for it.
    pub(crate) key: String,
    /// The answers, with the place of their request.
    pub(crate) answers: Vec<(usize, Answer)>,
    /// Why requests got no answer.
    pub(crate) faults: Vec<String>,
    /// How many events each request held; zero where it was no batch.
    pub(crate) batches: Vec<u32>,
    /// When the first request left.
    pub(crate) from: Instant,
    /// When the last answer was complete or given up.
    pub(crate) to: Instant,
    /// From the first request leaving to the last one leaving.
    #[serde(with = "nanoseconds")]
    #[schemars(with = "u64")]
    pub(crate) left_within: Duration,
    /// Whether the key itself was sent, so that its quota was used.
    pub(crate) counted: bool,
    /// Whether it is about many requests at once, and not about their number alone.
    pub(crate) together: bool,
    /// How many requests were under way at once.
    pub(crate) in_flight: u32,
    /// How the window began, where this burst is the first that uses much of it.
    pub(crate) fresh: Option<Fresh>,
    /// When the quota began to be spent.
    pub(crate) since: Instant,
    /// What had been admitted of the window's quota before: requests and events.
    pub(crate) spent: (u32, u32),
    /// How long the key had been silent before the window, at the least.
    #[serde(with = "nanoseconds")]
    #[schemars(with = "u64")]
    pub(crate) silence: Duration,
    /// Whether quota trickled back, where little of it had been there.
    pub(crate) trickles: Option<bool>,
    /// Whether others cannot have used the key.
    pub(crate) private: bool,
    /// What could not be sent as asked, for people.
    pub(crate) notes: Vec<String>,
}

impl Burst {
    /// How many were let through.
    pub(crate) fn admitted(&self) -> u32 {
        self.count(Answer::admitted)
    }

    /// How many were told that the key is over its limit.
    pub(crate) fn limited(&self) -> u32 {
        self.count(|answer| answer.limited)
    }

    /// To how many the server failed to give a proper answer.
    pub(crate) fn faltered(&self) -> u32 {
        self.count(Answer::faltered)
    }

    /// How many were admitted beyond a quota of `limit` a minute, where that is no more than refills while the burst lasts,
    /// and where quota was seen to come back right after a refusal: a limiter that refills all the time is another fault
    /// than a wrong number.
    pub(crate) fn refilled(&self, limit: u32, play: &Play) -> u32 {
        let answers = || self.answers.iter().map(|(_, answer)| answer);
        let Some(first) = answers().filter(|answer| answer.limited).map(|answer| answer.done).min() else {
            return 0;
        };
        let came_back = answers().any(|answer| answer.admitted() && answer.sent >= first)
            || play.seen.iter().any(|seen| match seen {
                Observation::Polled(polled) => polled.early.is_some_and(|early| early.whole < limit),
                _ => false,
            });
        let beyond = (self.spent.0 + self.admitted()).saturating_sub(limit);
        let refills = |from: Instant| f64::from(limit) * (self.to - from).as_secs_f64() / 60.0;
        // What passes by count instead of by time comes too often after the first refusal.
        let after = self.count(|answer| answer.admitted() && answer.sent >= first);
        let slowly = f64::from(beyond) <= refills(self.since) && f64::from(after) <= refills(first) + 1.0;
        if came_back && slowly { beyond } else { 0 }
    }

    /// Whether the key had all of its quota even where the limiter slides: what comes back at a promise is only what the
    /// first requests of the window before had taken.
    pub(crate) fn is_rested(&self) -> bool {
        matches!(self.fresh, Some(Fresh::Unused | Fresh::Silence)) && self.silence >= LONG_SILENCE
    }

    /// Whether the key had as much as another key that was used up in this play before it: then each has a quota of its own,
    /// whatever its size.
    pub(crate) fn had_as_much_as_another(&self, seen: &[Observation]) -> bool {
        seen.iter().any(|seen| match seen {
            Observation::Burst(other) => {
                let total = |burst: &Self| burst.spent.0 + burst.admitted();
                let alike = total(self).abs_diff(total(other)) <= self.spent.0.max(other.spent.0);
                other.key != self.key && other.limited() > 0 && self.limited() > 0 && alike
            }
            _ => false,
        })
    }

    /// Whether one of the first requests was told already that the key is over its limit: who has a quota of its own, of
    /// whatever size, gets some of it first.
    pub(crate) fn is_refused_from_the_first(&self) -> bool {
        const FIRST: usize = 3;
        self.answers.iter().any(|(place, answer)| *place < FIRST && answer.limited)
    }

    /// How many requests there were.
    pub(crate) fn all(&self) -> u32 {
        u32::try_from(self.answers.len() + self.faults.len()).unwrap_or(u32::MAX)
    }

    /// The events of the batches that were let in, as far as their answers do not say that some were rejected.
    pub(crate) fn accepted(&self) -> u32 {
        self.let_in().map(|(size, said)| size.min(said.unwrap_or(u32::MAX))).sum()
    }

    /// The events of the batches that were let in.
    pub(crate) fn events_let_in(&self) -> u32 {
        self.let_in().map(|(size, _)| size).sum()
    }

    /// Whether it should have begun a window, and was refused as a whole. A promise brings back what the first requests of the
    /// window before had taken: one request, perhaps, and that is spent.
    pub(crate) fn met_no_window(&self) -> bool {
        self.fresh.is_some() && self.admitted() + self.spent.0 == 0 && self.limited() > 0
    }

    /// How many events the smallest batch held that was told that the key is over its limit.
    pub(crate) fn smallest_refused(&self) -> Option<u32> {
        let refused = self.answers.iter().filter(|(_, answer)| answer.limited);
        refused.filter_map(|(place, _)| self.batches.get(*place).copied()).min()
    }

    /// How many events the window holds by what was accepted: at least, and at the most where a batch of so many was refused.
    pub(crate) fn told_of_events(&self) -> (u32, u32) {
        let least = self.spent.1 + self.accepted();
        (least, least + self.smallest_refused().unwrap_or(1) - 1)
    }

    /// Whether its window is one that a promise was waited for.
    pub(crate) fn was_promised(&self) -> bool {
        matches!(self.fresh, Some(Fresh::Promise | Fresh::Next))
    }

    /// How long it took.
    pub(crate) fn took(&self) -> Duration {
        self.to - self.from
    }

    fn let_in(&self) -> impl Iterator<Item = (u32, Option<u32>)> + '_ {
        let admitted = self.answers.iter().filter(|(_, answer)| answer.admitted());
        admitted.map(|(place, answer)| (self.batches.get(*place).copied().unwrap_or(0), answer.accepted))
    }

    fn count(&self, wanted: impl Fn(&Answer) -> bool) -> u32 {
        u32::try_from(self.answers.iter().filter(|(_, answer)| wanted(answer)).count()).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many requests one after the other within `ms`, of which those in `refused` were.
    fn burst(all: usize, ms: u64, refused: impl Fn(usize) -> bool) -> Burst {
        let at = |place: usize| Instant(Duration::from_micros(ms * 1_000 * place as u64 / all as u64));
        let answer = |place: usize| {
            let limited = refused(place);
            let (sent, answered, done) = (at(place), at(place + 1), at(place + 1));
            let status = if limited { 429 } else { 200 };
            (place, Answer { look: 0, status, limited, accepted: None, promise: None, sent, answered, done })
        };
        Burst { answers: (0..all).map(answer).collect(), to: at(all), ..Burst::default() }
    }

    #[test]
    fn what_passes_by_time_was_refilled_and_what_passes_by_count_was_not() {
        let play = Play {
            experiment: "two-windows".to_owned(),
            row: Vec::new(),
            keys: std::collections::BTreeMap::new(),
            silence: None,
            seen: Vec::new(),
            requests: 0,
            took: Duration::ZERO,
        };
        // 300 a minute are one each 200 ms, which are 66 requests here.
        let refills = burst(400, 1_200, |place| place > 303 && place % 66 != 5);
        assert_eq!(refills.refilled(300, &play), refills.admitted() - 300);
        let leaks = burst(400, 1_200, |place| place >= 300 && place % 20 != 0);
        assert_eq!((leaks.admitted(), leaks.refilled(300, &play)), (305, 0));
    }
}
