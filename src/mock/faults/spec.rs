//! What may be asked of a fault, as it stands in a configuration or in a call to the control API.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Damage, Instead};
use crate::mock::behaviour::Behaviour;
use crate::mock::deviations::{Entry, UnknownDeviation, find};

/// The longest a fault holds an answer back, in milliseconds.
const LONGEST_MS: u64 = 10 * 60 * 1_000;

/// The longest body of an answer a fault gives, in bytes.
const MOST_BODY: usize = 65_536;

/// A fault: which requests, which of those, and what happens to them. Exactly one of `latency_ms`, `status`, `reset`,
/// `truncate`, `slow_body_ms` and `deviate` says what happens.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FaultSpec {
    /// Only requests of the key with this id or name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Only requests with this method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Only requests of this path; a `*` at the end stands for anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Only the first so many of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<u64>,
    /// Only each so-many-th of them, 1 or more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<u64>,
    /// Only this share of them, 0.0 to 1.0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
    /// Decides which ones a share is, and how latencies vary: the same seed, the same ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// It ends after so many milliseconds of the workspace's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub for_ms: Option<u64>,
    /// The answer is held back so many milliseconds, at most ten minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<u64>,
    /// How far latencies lie around `latency_ms`: the most of a uniform, the standard deviation of a normal one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spread_ms: Option<u64>,
    /// How latencies vary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distribution: Option<Distribution>,
    /// The client gets this status, 200 to 599, and the API never hears of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// With a status: its `Retry-After`, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// With a status: its body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The connection is reset without an answer; over HTTP/2 only the stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reset: Option<ResetWhen>,
    /// The connection is cut after so many bytes of the answer's body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub truncate: Option<u32>,
    /// The answer's body takes so many milliseconds, at most ten minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slow_body_ms: Option<u64>,
    /// The API decides with these deviations of the catalogue, on top of those of the workspace. Requests that meet them
    /// are counted apart: in windows that begin with the fault, and that are forgotten with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deviate: Option<Vec<String>>,
}

/// How latencies vary.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Distribution {
    /// Not at all.
    #[default]
    Fixed,
    /// Evenly, `spread_ms` less to `spread_ms` more.
    Uniform,
    /// Like a normal distribution with the standard deviation `spread_ms`.
    Normal,
}

/// When a connection is reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ResetWhen {
    /// Before the API hears of the request.
    Before,
    /// After it has done what was asked, so that only the answer is lost.
    After,
}

/// What is wrong with a fault that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadFault {
    /// Nothing happens.
    #[error("a fault needs one of latency_ms, status, reset, truncate, slow_body_ms and deviate")]
    Nothing,
    /// Two things happen at once.
    #[error("`{0}` and `{1}` exclude each other; make two faults")]
    Both(&'static str, &'static str),
    /// A field lies outside its range.
    #[error("`{0}` is {1}")]
    Range(&'static str, &'static str),
    /// A field means nothing without another.
    #[error("`{0}` means nothing without `{1}`")]
    Alone(&'static str, &'static str),
    /// There is no such deviation.
    #[error("`deviate`: {0}")]
    Unknown(#[from] UnknownDeviation),
    /// A deviation that has to be there before keys are made, since only a hash of them is kept.
    #[error(
        "`deviate`: {0} takes keys in another form, which must be known when they are made; set it for a workspace"
    )]
    NotForAWhile(&'static str),
}

/// How long answers are held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Latency {
    pub(super) ms: u64,
    pub(super) spread_ms: u64,
    pub(super) distribution: Distribution,
    pub(super) seed: u64,
}

/// What a fault does.
#[derive(Debug, Clone)]
pub(super) enum Effect {
    Latency(Latency),
    Instead(Instead),
    Damage(Damage),
    Deviate(Vec<&'static Entry>),
}

/// The deviation of this name, if it can come and go while there are keys.
fn for_a_while(name: &str) -> Result<&'static Entry, BadFault> {
    let entry = find(name)?;
    let mut behaviour = Behaviour::default();
    entry.apply(&mut behaviour);
    if behaviour.forms.is_empty() { Ok(entry) } else { Err(BadFault::NotForAWhile(entry.name)) }
}

impl FaultSpec {
    /// Says what is wrong with it.
    ///
    /// # Errors
    /// [`BadFault`] names the field and its range.
    pub fn check(&self) -> Result<(), BadFault> {
        self.effect().map(drop)
    }

    /// What it does.
    pub(super) fn effect(&self) -> Result<Effect, BadFault> {
        let given = [
            ("latency_ms", self.latency_ms.is_some()),
            ("status", self.status.is_some()),
            ("reset", self.reset.is_some()),
            ("truncate", self.truncate.is_some()),
            ("slow_body_ms", self.slow_body_ms.is_some()),
            ("deviate", self.deviate.as_ref().is_some_and(|names| !names.is_empty())),
        ];
        let mut given = given.into_iter().filter(|(_, is_given)| *is_given).map(|(name, _)| name);
        let effect = given.next().ok_or(BadFault::Nothing)?;
        if let Some(other) = given.next() {
            return Err(BadFault::Both(effect, other));
        }
        let companions = [
            ("spread_ms", self.spread_ms.is_some(), "latency_ms"),
            ("distribution", self.distribution.is_some(), "latency_ms"),
            ("retry_after", self.retry_after.is_some(), "status"),
            ("body", self.body.is_some(), "status"),
        ];
        for (name, is_given, wanted) in companions {
            if is_given && effect != wanted {
                return Err(BadFault::Alone(name, wanted));
            }
        }
        self.check_ranges()?;
        if let Some(names) = self.deviate.as_ref().filter(|_| effect == "deviate") {
            let entries = names.iter().map(|name| for_a_while(name)).collect::<Result<_, _>>()?;
            return Ok(Effect::Deviate(entries));
        }
        let seconds = |ms: u64| Duration::from_millis(ms);
        Ok(match (self.status, self.reset, self.truncate, self.slow_body_ms) {
            (Some(status), ..) => Effect::Instead(Instead::Answer {
                status,
                retry_after: self.retry_after,
                body: self.body.clone().unwrap_or_default(),
            }),
            (_, Some(ResetWhen::Before), ..) => Effect::Instead(Instead::Reset),
            (_, Some(ResetWhen::After), ..) => Effect::Damage(Damage::Reset),
            (_, _, Some(bytes), _) => Effect::Damage(Damage::Truncate(bytes as usize)),
            (_, _, _, Some(ms)) => Effect::Damage(Damage::Slow(seconds(ms))),
            _ => Effect::Latency(Latency {
                ms: self.latency_ms.unwrap_or(0),
                spread_ms: self.spread_ms.unwrap_or(0),
                distribution: self.distribution.unwrap_or_default(),
                seed: self.seed.unwrap_or(0),
            }),
        })
    }

    fn check_ranges(&self) -> Result<(), BadFault> {
        let too_long = |ms: Option<u64>| ms.is_some_and(|ms| ms > LONGEST_MS);
        let minutes = "at most ten minutes, 600000";
        let wrong = [
            ("every", self.every == Some(0), "1 or more"),
            ("share", self.share.is_some_and(|share| !(0.0..=1.0).contains(&share)), "0.0 to 1.0"),
            ("status", self.status.is_some_and(|status| !(200..=599).contains(&status)), "200 to 599"),
            ("latency_ms", too_long(self.latency_ms), minutes),
            ("spread_ms", too_long(self.spread_ms), minutes),
            ("slow_body_ms", too_long(self.slow_body_ms), minutes),
            ("body", self.body.as_ref().is_some_and(|body| body.len() > MOST_BODY), "at most 64 KiB"),
        ];
        match wrong.into_iter().find(|(_, is_wrong, _)| *is_wrong) {
            Some((name, _, range)) => Err(BadFault::Range(name, range)),
            None => Ok(()),
        }
    }
}
