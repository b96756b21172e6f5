//! One answer, and how answers look.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::contract::retry_after;
use crate::run::instant::{Instant, nanoseconds};

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
        retry_after(self.lines("retry-after").map(str::as_bytes)).ok()
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Result<serde_json::Value, serde_json::Error> {
        if self.garbled {
            return Err(serde::de::Error::custom("invalid UTF-8"));
        }
        serde_json::from_str(&self.body)
    }

    /// The beginning of the body, for people.
    pub(crate) fn excerpt(&self) -> String {
        const MOST_CHARACTERS: usize = 1_000;
        let mut shown: String = self.body.chars().take(MOST_CHARACTERS).collect();
        if shown.len() < self.body.len() {
            shown.push_str(&format!("… ({} bytes in all)", self.body.len()));
        }
        shown
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

    /// Whether the server failed, so that nothing is known of what it would have answered.
    pub(crate) fn faltered(&self) -> bool {
        matches!(self.status, 500 | 502..=504) && !self.limited
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

impl Sent {
    /// Let in so often while the key was used up right before and right after, no reset explains it, and nothing more has to be
    /// sent.
    pub(crate) const OFTEN_ENOUGH: u32 = 5;
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}
