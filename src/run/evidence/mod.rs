//! What was sent and what came back: what experiments leave behind, and all that checks ever read.
//!
//! Everything here can be saved and read again, as part of a [`Recording`](super::Recording); a verdict depends on nothing
//! else. Times are whole nanoseconds there, instants counted from the beginning of the run.

mod answer;
mod burst;

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::admissions::Most;
use super::finding::Finding;
use super::instant::{Instant, nanoseconds};
use super::learned::Learned;
use super::limiters::{SOON, WINDOW};
use crate::contract::{Limits, Tier};
use crate::scenario::model::Rule;

pub(crate) use answer::{Answer, Look, Request, Sent};
pub(crate) use burst::{Burst, Fresh};

/// Requests at an even pace.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Paced {
    /// The key, by the name its case has for it.
    pub(crate) key: String,
    /// The answers, in the order of their requests.
    pub(crate) answers: Vec<Answer>,
    /// What the limiter may have remembered when they began: when each request left and was answered.
    pub(crate) before: Vec<(Instant, Instant)>,
    /// Whether others cannot have used the key.
    pub(crate) private: bool,
}

/// What came of asking a used-up key again and again.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Polled {
    /// The key, by the name its case has for it.
    pub(crate) key: String,
    /// For how long nothing should have come back.
    #[serde(with = "nanoseconds")]
    #[schemars(with = "u64")]
    pub(crate) over: Duration,
    /// When the window began.
    pub(crate) began: Instant,
    /// What came back too early, where something did.
    pub(crate) early: Option<Early>,
    /// The refusals after that.
    pub(crate) refusals: Vec<Answer>,
    /// The status of the last answer, and how long before the promised instant its request left.
    #[serde(with = "nanoseconds::of_a_status")]
    #[schemars(with = "Option<(u16, u64)>")]
    pub(crate) last: Option<(u16, Duration)>,
}

/// What came back before a minute was over.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Early {
    /// After the one instant, and at the other at the latest.
    pub(crate) at: (Instant, Instant),
    /// How many requests came back.
    pub(crate) whole: u32,
    /// When they had been used up again, and what came back meanwhile. Not in evidence of the first form.
    #[serde(default)]
    pub(crate) until: Option<Instant>,
    /// When the same happened once more in less than a minute.
    pub(crate) again: Option<(Instant, Instant)>,
}

impl Early {
    /// When a clock's minute began, if that is why it came back: a counter that weighs in the minute before has room for one
    /// more soon after that, and gives no more than `limit` back in a minute.
    pub(crate) fn span(&self, limit: u32) -> (Instant, Instant) {
        /// Some count by the second.
        const GRAIN: Duration = Duration::from_secs(1);
        let from = Instant(self.at.0.0.saturating_sub(SOON));
        let by = self.until.map_or(self.at.1, |until| {
            let takes = WINDOW.mul_f64(f64::from(self.whole) / f64::from(limit.max(1)));
            Instant(until.0.saturating_sub(takes)) + GRAIN
        });
        (from, by.clamp(from, self.at.1))
    }
}

/// Why a step left no evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Gap {
    /// The deployment stands in the way, and another check names how.
    Blocked(String),
    /// The key is not admitted where its requests are to be counted.
    NotAdmitted(String),
    /// Something is not there that it needs.
    Skipped(String),
    /// Nothing follows from what was seen.
    Inconclusive(String),
    /// Something went wrong that may pass.
    Noise(String),
    /// The key was never limited.
    NeverLimited(String),
    /// Quota came back so fast that the key could not be held used up.
    NotHeld(String),
}

impl Gap {
    /// The reason, for people.
    pub(crate) fn why(&self) -> &str {
        let (Self::Blocked(why)
        | Self::NotAdmitted(why)
        | Self::Skipped(why)
        | Self::Inconclusive(why)
        | Self::Noise(why)
        | Self::NeverLimited(why)
        | Self::NotHeld(why)) = self;
        why
    }
}

/// What came of a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Observation {
    /// Nothing to read: it waits.
    Nothing,
    /// It could not be done.
    Missing(Gap),
    /// One answer.
    Answer(Box<Sent>),
    /// Those to a burst.
    Burst(Box<Burst>),
    /// Those to requests at an even pace.
    Paced(Box<Paced>),
    /// Those to a poll.
    Polled(Box<Polled>),
    /// The refusals of a key that is used up.
    UsedUp(Vec<Answer>),
    /// Whether a session is in the list.
    Listed {
        /// The session.
        session: String,
        /// Whether it is.
        found: bool,
    },
    /// What a limiter looks like.
    Limiter(String),
}

/// The bursts among what was seen.
pub(crate) fn bursts(seen: &[Observation]) -> impl DoubleEndedIterator<Item = &Burst> {
    seen.iter().filter_map(|seen| match seen {
        Observation::Burst(burst) => Some(&**burst),
        _ => None,
    })
}

/// A key as a case uses it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyInfo {
    /// The variable that holds it.
    pub(crate) variable: String,
    /// Its tier, where that is known.
    pub(crate) tier: Option<Tier>,
    /// The limits by which its bursts were measured out.
    #[serde(with = "limits")]
    #[schemars(with = "(u32, Option<u32>)")]
    pub(crate) limits: Limits,
    /// The documented ones, or those of the target file.
    #[serde(with = "limits")]
    #[schemars(with = "(u32, Option<u32>)")]
    pub(crate) documented: Limits,
}

/// One play of a case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Play {
    /// The experiment.
    pub(crate) experiment: String,
    /// The row of its table.
    pub(crate) row: Vec<(String, String)>,
    /// The keys, by the names its steps have for them.
    pub(crate) keys: BTreeMap<String, KeyInfo>,
    /// How long keys were made to be silent before windows, where an earlier play left a doubt.
    #[serde(with = "nanoseconds::optional")]
    #[schemars(with = "Option<u64>")]
    pub(crate) silence: Option<Duration>,
    /// What came of its steps, as far as it was played.
    pub(crate) seen: Vec<Observation>,
    /// How many requests were sent.
    pub(crate) requests: u64,
    /// Wall time.
    #[serde(with = "nanoseconds")]
    #[schemars(with = "u64")]
    pub(crate) took: Duration,
}

impl Play {
    /// Whether nothing before a window of this key, by the name its case has for it, was weighed in, so that none of the `whole`
    /// that came back can be for that. Where a quota of `limit` was there at once, nothing was, but for what was sent just before.
    pub(crate) fn begins_rested(&self, key: &str, limit: u32, whole: u32) -> bool {
        /// Within so long a time, hardly anything that was weighed in would be weighed in no longer.
        const AT_ONCE: Duration = Duration::from_secs(5);
        bursts(&self.seen).filter(|burst| burst.key == key).any(|burst| {
            let had_all = burst.spent.0 + burst.admitted() >= limit && burst.took() <= AT_ONCE;
            burst.is_rested() || had_all && burst.limited() > 0 && whole > burst.spent.0 + 2
        })
    }

    /// How many a burst of this play was let in beyond a quota of `limit` because that refills all the time.
    pub(crate) fn refilled(&self, burst: &Burst, limit: u32) -> u32 {
        burst.refilled(limit, self.came_back_in_part())
    }

    /// Whether less than a quota of requests came back before a minute was over.
    pub(crate) fn came_back_in_part(&self) -> bool {
        self.seen.iter().any(|seen| match seen {
            Observation::Polled(polled) => {
                let limit = self.keys.get(&polled.key).map_or(0, |key| key.limits.requests);
                polled.early.is_some_and(|early| early.whole < limit)
            }
            _ => false,
        })
    }
}

/// A case that was not played, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NotPlayed {
    /// The experiment.
    pub(crate) experiment: String,
    /// The row of its table.
    pub(crate) row: Vec<(String, String)>,
    /// Why.
    pub(crate) why: Gap,
}

/// What is under test, as far as verdicts depend on it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Deployment {
    /// Its base URL.
    pub(crate) base_url: String,
    /// Whether error bodies may have more members than the page shows.
    pub(crate) extra_members_allowed: bool,
    /// Whether waits advanced its clock instead of taking real time.
    pub(crate) virtual_time: bool,
    /// Whether it was the reference in trenchcheck's own process, which nobody can ask again by its URL.
    pub(crate) built_in: bool,
}

/// What holds of all answers of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunWide {
    /// The breaches of each rule: how many there were, and the first of them.
    pub(crate) breaches: BTreeMap<Rule, (u64, Vec<Finding>)>,
    /// Answers of 429, of those that look alike one.
    pub(crate) limited: Vec<Answer>,
    /// How many answers there were.
    pub(crate) answers: u64,
    /// For every key the most that was admitted together.
    pub(crate) most: Vec<Most>,
}

/// All that a run has seen.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Evidence {
    /// What was under test.
    pub(crate) deployment: Deployment,
    /// How answers looked.
    pub(crate) looks: Vec<Look>,
    /// The plays of all cases, in the order in which they ended.
    pub(crate) plays: Vec<Play>,
    /// The cases that were not played.
    pub(crate) not_played: Vec<NotPlayed>,
    /// What holds of all answers.
    pub(crate) run: RunWide,
    /// What was learned of the deployment.
    pub(crate) learned: Learned,
}

impl Evidence {
    /// Why a case was not played, or not once more.
    pub(crate) fn not_played_of(&self, experiment: &str, row: &[(String, String)]) -> Option<&Gap> {
        let of_case = |left: &&NotPlayed| left.experiment == experiment && left.row == row;
        self.not_played.iter().rfind(of_case).map(|left| &left.why)
    }

    /// The plays of a case, the first first.
    pub(crate) fn plays_of<'a>(
        &'a self,
        experiment: &'a str,
        row: &'a [(String, String)],
    ) -> impl Iterator<Item = &'a Play> {
        self.plays.iter().filter(move |play| play.experiment == experiment && play.row == row)
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
/// [`Limits`] as a pair of numbers.
mod limits {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::contract::Limits;

    pub(super) fn serialize<S: Serializer>(limits: &Limits, serializer: S) -> Result<S::Ok, S::Error> {
        (limits.requests, limits.events).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Limits, D::Error> {
        let (requests, events) = Deserialize::deserialize(deserializer)?;
        Ok(Limits { requests, events })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(milliseconds: u64) -> Instant {
        Instant(Duration::from_millis(milliseconds))
    }

    #[test]
    fn what_refills_all_the_time_came_back_from_the_burst_on_however_late_that_is_seen() {
        let early = Early { at: (at(0), at(28_000)), whole: 26, until: Some(at(28_300)), again: None };
        assert_eq!(early.span(60), (at(0), at(3_300)));
        assert_eq!(Early { until: None, ..early }.span(60), (at(0), at(28_000)));
    }

    proptest! {
        /// A counter that weighs in the minute before gives back what it counted there, from its clock's minute on.
        #[test]
        fn a_clocks_minute_lies_within_the_span(
            refused in 0_u64..50_000, until_back in 0_u64..9_000, later in 0_u64..5_000, counted in 1_u64..=300,
            begins in 0.0..1.0_f64,
        ) {
            let back = refused + until_back;
            // It may have begun before the last refusal, as long as less than one had come back.
            let soonest = refused.saturating_sub(60_000 / counted.max(30));
            let begins = soonest + ((back - soonest) as f64 * begins) as u64;
            let until = back + later;
            let whole = u32::try_from(counted * (until - begins) / 60_000).unwrap();
            let early = Early { at: (at(refused), at(back)), whole, until: Some(at(until)), again: None };
            let (from, by) = early.span(300);
            prop_assert!(from <= at(begins) && at(begins) <= by, "{from} to {by}");
        }
    }

    fn answer(status: u16, accepted: Option<u32>) -> Answer {
        let now = Instant::default();
        let limited = status == 429;
        Answer { look: 0, status, limited, accepted, promise: None, sent: now, answered: now, done: now }
    }

    fn burst(answers: &[(u16, Option<u32>)]) -> Burst {
        let answers =
            answers.iter().map(|(status, accepted)| answer(*status, *accepted)).enumerate().collect();
        Burst { answers, batches: vec![500, 400, 300], ..Burst::default() }
    }

    #[test]
    fn a_batch_counts_whole_unless_its_answer_says_that_fewer_were_accepted() {
        let three = burst(&[(200, None), (201, Some(100)), (429, None)]);
        assert_eq!((three.all(), three.admitted(), three.limited()), (3, 2, 1));
        assert_eq!((three.events_let_in(), three.accepted()), (900, 600));
        let boastful = burst(&[(200, Some(100_000))]);
        assert_eq!(boastful.accepted(), 500);
    }

    #[test]
    fn a_request_without_an_answer_was_sent_all_the_same() {
        let lost = Burst { faults: vec!["lost".to_owned()], ..burst(&[(200, None), (500, None)]) };
        assert_eq!((lost.all(), lost.admitted(), lost.limited()), (3, 1, 0));
    }
}
