//! What was sent and what came back: what experiments leave behind, and all that checks ever read.
//!
//! Everything here can be saved and read again, as part of a [`Recording`](super::Recording); a verdict depends on nothing
//! else. Times are whole nanoseconds there, instants counted from when the environment of their play was set up.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::clock::{Instant, nanoseconds};
use super::learned::Learned;
use super::trace::RunWide;
use crate::contract::{Limits, Tier};

/// How an answer looks; answers that look alike share one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Look {
    /// The status.
    pub(crate) status: u16,
    /// Header fields, names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    /// The body, as far as it is text.
    pub(crate) body: String,
    /// Whether it is not: U+FFFD stands for what is no UTF-8.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) garbled: bool,
    /// Whether it came compressed, although nobody had asked for that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) compressed: bool,
    /// Bodies that differ in nothing but keys are the same once these are masked: which of them this one is. The first of
    /// them, and whatever has no such others, is 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) alike: u32,
}

impl Look {
    /// The values of a header's lines.
    pub(crate) fn lines<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let wanted = move |(own, _): &&(String, String)| own.eq_ignore_ascii_case(name);
        self.headers.iter().filter(wanted).map(|(_, value)| value.as_str())
    }

    /// The seconds of a single, well-written Retry-After.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        let mut lines = self.lines("retry-after");
        let line = lines.next()?;
        if lines.next().is_some() || line.is_empty() || !line.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        line.parse().ok().map(Duration::from_secs)
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Result<serde_json::Value, serde_json::Error> {
        if self.garbled {
            return Err(serde::de::Error::custom("invalid UTF-8"));
        }
        serde_json::from_str(&self.body)
    }
}

/// An answer: when, and how it looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Answer {
    /// Its look, by its place among the looks.
    pub(crate) look: usize,
    /// The status.
    pub(crate) status: u16,
    /// Whether the key was told that it is over its limit, in whatever words.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) limited: bool,
    /// How many events the answer says were accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) accepted: Option<u32>,
    /// What its Retry-After promises, where that can be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) promise: Option<Instant>,
    /// When the request left.
    pub(crate) sent: Instant,
    /// When the answer's header arrived. A promise of seconds counts from here.
    pub(crate) answered: Instant,
    /// When the body was complete.
    pub(crate) done: Instant,
}

impl Answer {
    /// Whether the request was let through.
    pub(crate) fn admitted(&self) -> bool {
        (200..300).contains(&self.status) && !self.limited
    }
}

/// A request, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    /// The method.
    pub(crate) method: String,
    /// The whole URL.
    pub(crate) url: String,
    /// Header fields sent.
    pub(crate) headers: Vec<(String, String)>,
    /// A command that sends it again, with a variable for the key.
    pub(crate) curl: String,
}

/// One request and its answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sent {
    /// The request.
    pub(crate) request: Request,
    /// The name of the request in `requests.yaml`.
    pub(crate) name: String,
    /// The answer, or why there is none.
    pub(crate) outcome: Result<Answer, String>,
    /// The key, by the name its case has for it.
    pub(crate) key: String,
    /// Whether it was counted against the key.
    pub(crate) counted: bool,
    /// Whether it was sent at the instant that a 429 had promised.
    pub(crate) on_promise: bool,
    /// How long the key had been silent before, at the least.
    #[serde(with = "nanoseconds")]
    #[schemars(with = "u64")]
    pub(crate) silence: Duration,
    /// When the quota began to be spent.
    pub(crate) since: Instant,
    /// How often it was let in although the key was used up right before and right after; then this is the last such answer.
    pub(crate) let_in_while_used_up: u32,
    /// Whether the key could not be held used up, because the limiter gives quota back all the time.
    pub(crate) gives_back: bool,
}

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
        let most = f64::from(limit) * (self.to - self.since).as_secs_f64() / 60.0;
        if came_back && f64::from(beyond) <= most { beyond } else { 0 }
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
    /// When the same happened once more in less than a minute.
    pub(crate) again: Option<(Instant, Instant)>,
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
}

impl Gap {
    /// The reason, for people.
    pub(crate) fn why(&self) -> &str {
        let (Self::Blocked(why)
        | Self::NotAdmitted(why)
        | Self::Skipped(why)
        | Self::Inconclusive(why)
        | Self::Noise(why)
        | Self::NeverLimited(why)) = self;
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
fn is_zero(number: &u32) -> bool {
    *number == 0
}

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
    use super::*;

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
